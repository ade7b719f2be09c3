"""Anybody's file as a series: what is understood, and what is said where it is not."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from api.table import Reading, moment_of, read_series
from ingest.errors import InputError

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
ROWS = ["2026-05-12 10:00,5", "2026-05-12 10:05,7", "2026-05-12 10:10,6", "2026-05-12 10:15,9"]


@pytest.fixture
def read(tmp_path):
    def read(text, zone=UTC_ZONE, name="file.csv", **how):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_series(path, Reading(zone, **how))

    return read


def csv(*rows, head="time,orders"):
    return "\n".join([head, *rows]) + "\n"


def walls(first, count, form="%Y-%m-%d %H:%M:%S", **step):
    """So many times on a wall clock, each a step after the one before."""
    start = datetime.fromisoformat(first).replace(tzinfo=UTC)
    return [f"{start + i * timedelta(**step):{form}}" for i in range(count)]


@pytest.mark.parametrize(
    "text",
    [
        csv(*ROWS),
        csv(*reversed(ROWS)),
        "\ufeff" + csv(*ROWS).replace("\n", "\r\n"),
        csv(*ROWS).replace(",", ";"),
        csv(*ROWS).replace(",", "\t"),
        "sep=,\n" + csv(*ROWS),
        "\n".join(ROWS),  # without a header
        csv(*(row.replace(" ", "T").replace(",", "Z,") for row in ROWS)),
        csv(*(row.replace(",", "+00:00,") for row in ROWS)),
        csv(*(row.replace(" 10", "T12").replace(",", ":00.000+0200,") for row in ROWS)),
        csv(*(row.replace("2026-05-12", "12.05.2026") for row in ROWS)),
        csv(*(row.replace("2026-05-12", "2026/05/12") for row in ROWS)),
        csv(*(f'"{row.replace(",", chr(34) + "," + chr(34))}"' for row in ROWS)),
        csv(*(f"{1778580000 + 300 * i},{n}" for i, n in enumerate((5, 7, 6, 9)))),
        csv(*(f"{1000 * (1778580000 + 300 * i)},{n}" for i, n in enumerate((5, 7, 6, 9)))),
        csv(*(row.replace("-", "").replace(" ", "").replace(":", "") for row in ROWS)),
        csv(*(f"shop,{row}," for row in ROWS), head="where,time,orders,remark"),
        csv(*(row.replace(",", ",id-1,") for row in ROWS), head="ts,session,orders"),
    ],
)
def test_one_series_in_many_writings(read, text):
    found = read(text)
    assert found.step_s == 300
    assert found.times[0] == np.datetime64("2026-05-12T10:00:00")
    assert found.values.tolist() == [5, 7, 6, 9]


def test_packed_wide_and_columnar(read):
    assert read(gzip.compress(csv(*ROWS).encode()), name="file.csv.gz").values.sum() == 27
    assert read(csv(*ROWS).encode("utf-16")).values.sum() == 27


def test_parquet(tmp_path):
    times = [datetime(2026, 5, 12, 10, tzinfo=UTC) + timedelta(hours=h) for h in range(4)]
    path = tmp_path / "file.parquet"
    pl.DataFrame({"at": times, "calls": [3, None, 5, 4]}).write_parquet(path)
    found = read_series(path, Reading(UTC_ZONE))
    assert (found.step_s, found.unit) == (3600, "calls")
    assert np.isnan(found.values[1]) and np.nansum(found.values) == 12


def test_an_empty_cell_is_no_data_and_no_zero(read):
    rows = ["2026-05-12 10:00,5", "2026-05-12 10:05,", "2026-05-12 10:10,NaN", "2026-05-12 10:15,0"]
    assert np.isnan(read(csv(*rows)).values).tolist() == [False, True, True, False]


def test_bins_left_out_are_unknown_unless_said_to_be_zero(read):
    text = csv(ROWS[0], ROWS[1], ROWS[3], "2026-05-12 10:20,4")
    found = read(text)
    assert np.isnan(found.values[2])
    assert "1 of 5 bins are not in the file: taken as unknown" in found.notes[0]
    assert read(text, gaps="zero").values.tolist() == [5, 7, 0, 9, 4]


def test_rows_without_numbers_are_events(read):
    times = walls("2026-05-12T10:00:30", 60, seconds=20)
    rows = [f"{t},ok" for i, t in enumerate(times) if not 20 <= i < 30]
    found = read(csv(*rows, head="created_at,status"))
    assert found.unit == "events" and found.step_s == 60
    assert "each row counts as one event" in found.notes[0]
    assert 0 in found.values  # a minute without events, between others, had none
    assert found.times[0] == np.datetime64("2026-05-12T10:01:00")  # the first minute is not whole


def test_events_that_are_rare_are_counted_in_wider_bins(read):
    assert read(csv(*walls("2026-05-01", 400, minutes=17), head="at")).step_s == 300
    assert read(csv(*walls("2026-05-01", 400, minutes=53), head="at")).step_s == 900


def test_seconds_become_minutes(read):
    found = read(csv(*(f"{t},2" for t in walls("2026-05-12T10:00", 60, seconds=10))))
    assert found.step_s == 60 and found.values.tolist() == [12.0] * 10


def test_what_is_counted_is_named_by_its_column(read):
    assert read(csv(*ROWS, head="time,Card_Payments")).unit == "card payments"
    assert read(csv(*ROWS, head="time,value")).unit == "units"


@pytest.mark.parametrize(
    ("text", "how", "said"),
    [
        ("", {}, "is empty"),
        ("time,orders\n", {}, "no rows beneath its header"),
        (csv(*ROWS, "2026-05-12 10:17,3"), {}, "row 5, 2026-05-12 10:17:00+0000, is not on the"),
        (csv(*ROWS, ROWS[1]), {}, "rows 2 and 5 are both for 2026-05-12 10:05:00+0000: --sum"),
        (csv(*ROWS, "soon,3"), {}, "row 5, 'soon', is no time like %Y-%m-%d %H:%M"),
        (csv(*ROWS, ",3"), {}, "row 5 has no time"),
        (csv(*ROWS, "2026-05-12 10:20,many"), {"value": "orders"}, "row 5, 'many', is no number"),
        (csv(*ROWS, "2026-05-12 10:20,-3"), {}, "row 5, -3, cannot be a volume"),
        (csv(*ROWS, "2026-05-12 10:20,inf"), {}, "row 5, inf, cannot be a volume"),
        (csv(*ROWS, "2026-05-12T10:20Z,3"), {}, "differ in whether they carry a zone"),
        (csv(*ROWS), {"value": "order"}, "--value order: no such column"),
        (csv(*ROWS), {"time": "when"}, "--time when: no such column"),
        (csv(*ROWS), {"events": True, "value": "orders"}, "--events counts rows"),
        (csv("a,1", "b,2", head="shop,orders"), {}, "no column holds times: say which by --time"),
        (csv(*(r + ",1" for r in ROWS), head="time,a,b"), {}, "several columns hold numbers"),
        (csv("03/04/2026,1", "04/04/2026,2", "05/04/2026,4"), {}, "say which by --time-format"),
        (csv(*ROWS, "2026-05-12 10:20,1,2"), {}, "is not a table of equal rows"),
        (csv('2026-05-12 10:00,"1,234"', '2026-05-12 10:05,"2,345"'), {}, "write numbers plain"),
        (csv(*ROWS), {"time_format": "%Q"}, "--time-format"),
        (csv("2026-05-12 10:00,1"), {}, "at least two bins"),
        (csv("1971-01-01 00:00,1", "1971-01-01 00:01,1", "2026-01-01 00:00,1"), {}, "too many"),
        (csv("1900-01-01,1", "1900-01-02,1"), {}, "row 1 is not between 1970 and 2200"),
        (csv("12,1", "13,2", head="time,orders"), {}, "are no times since 1970"),
        (csv("2026-01-05,1", "2026-01-12,1", "2026-01-19,1"), {}, "bins of 7 days say nothing"),
        (csv(*(r.split(",")[0] + "," for r in ROWS)), {"value": "orders"}, "all volumes are empty"),
        (b"\x1f\x8b\x08broken", {}, "not a whole gzip file"),
        (b"time,orders\n\xff\xfe\xfd,3\n", {}, "is not UTF-8"),
        (b"PAR1 but nothing else", {}, "is no Parquet file"),
        (b"time,\x00orders\n1,2\n", {}, "holds zero bytes"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(read, text, how, said):
    with pytest.raises(InputError) as error:
        read(text, **how)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_parts_of_one_bin_are_added_up_when_told(read):
    text = csv(*ROWS, "2026-05-12 10:05,3")
    assert read(text, add_up=True).values.tolist() == [5, 10, 6, 9]


def test_days_before_months_where_a_day_shows_it(read):
    found = read(csv("12/04/2026,1", "13/04/2026,2", "14/04/2026,4"))
    assert found.times[0] == np.datetime64("2026-04-12T00:00:00")
    hours = csv("03/04/2026 10:00,1", "03/04/2026 11:00,2")
    told = read(hours, time_format="%m/%d/%Y %H:%M")
    assert told.times[0] == np.datetime64("2026-03-04T10:00:00")


def test_a_decimal_comma_where_commas_separate_nothing_else(read):
    found = read("time;orders\n2026-05-12 10:00;1,5\n2026-05-12 10:05;2,25\n")
    assert found.values.tolist() == [1.5, 2.25]


# -- nights in which clocks change ---------------------------------------------------------------


def local_hours(first, count):
    """Wall clock times of so many hours from a moment on, as an exporter writes them."""
    start = datetime.fromisoformat(first).astimezone(UTC)
    return [(start + timedelta(hours=h)).astimezone(BERLIN) for h in range(count)]


def test_an_hour_told_twice_is_first_summer_then_winter(read):
    times = local_hours("2026-10-24T22:00:00+02:00", 12)
    text = csv(*(f"{t:%Y-%m-%d %H:%M},{i}" for i, t in enumerate(times)))
    for rows in (text, csv(*reversed(text.splitlines()[1:]))):
        found = read(rows, BERLIN)
        assert found.values.tolist() == list(range(12)) and not found.notes


def test_an_hour_told_once_of_two_is_unknown_and_said(read):
    times = local_hours("2026-10-24T22:00:00+02:00", 12)
    once = list(dict.fromkeys(f"{t:%Y-%m-%d %H:%M}" for t in times))
    found = read(csv(*(f"{t},{i}" for i, t in enumerate(once))), BERLIN)
    assert len(found.values) == 12 and np.isnan(found.values).tolist().count(True) == 2
    assert any("do not tell which of the two hours" in note for note in found.notes)
    assert not any(np.isnan(read(csv(*(f"{t},{i}" for i, t in enumerate(once)))).values))


def test_events_in_the_repeated_hour_by_their_order(read):
    start = datetime.fromisoformat("2026-10-25T01:00:00+02:00").astimezone(UTC)
    at = [start + timedelta(minutes=m) for m in range(240)]
    rows = [f"{t.astimezone(BERLIN):%Y-%m-%d %H:%M:%S}" for t in at]
    found = read(csv(*rows, head="at"), BERLIN)
    assert found.values.tolist() == [1.0] * 238
    mixed = read(csv(*sorted(rows), head="at"), BERLIN)  # the order is lost
    assert np.isnan(mixed.values).sum() == 120


def test_the_hour_that_clocks_skip(read):
    rows = [f"{t},{0 if ' 02' in t else 5}" for t in walls("2026-03-29", 6, hours=1)]
    assert len(read(csv(*rows), BERLIN).values) == 5  # a zero for an hour that was not
    wrong = [row.replace(",0", ",5") for row in rows]
    with pytest.raises(InputError, match=r"clocks skip in Europe/Berlin.*--times-in"):
        read(csv(*wrong), BERLIN)


def test_local_days_stay_days_when_clocks_change(read):
    days = walls("2026-03-20", 20, "%Y-%m-%d", days=1)
    found = read(csv(*(f"{d},{i}" for i, d in enumerate(days))), BERLIN)
    assert found.days and found.step_s == 86400 and found.values.tolist() == list(range(20))
    assert found.times[10] == np.datetime64("2026-03-30T00:00:00")


def test_half_days_that_clocks_cut_are_refused(read):
    with pytest.raises(InputError, match="clocks change there: export hours, or times in UTC"):
        read(csv(*(f"{t},1" for t in walls("2026-03-27", 10, hours=12))), BERLIN)


def test_moments_of_the_command_line():
    assert moment_of("2026-05-12T10:00", BERLIN, "--start") == datetime(2026, 5, 12, 8, tzinfo=UTC)
    assert moment_of("2026-05-12T10:00Z", BERLIN, "--start").hour == 10
    for text, said in (
        ("2026-10-25T02:30", "occurs twice in Europe/Berlin: write its offset, .0200 or .0100"),
        ("2026-03-29T02:30", "is skipped by the clocks"),
        ("yesterday", "--start 'yesterday': write it like"),
    ):
        with pytest.raises(InputError, match=said):
            moment_of(text, BERLIN, "--start")


# -- never a stack trace -------------------------------------------------------------------------

NASTY = """\

NaN
1
-2
1e400
3,5
1.5
"
2026-05-12 10:00
2026-05-12T10:05Z
12/05/2026
1778580000
99999999999999999999
2026-02-30
9999-12-31 23:59
0001-01-01
10:00
2026-05-12 10:00:00+99:99
1778580000000000000
Ä
=1+1""".splitlines()
CELLS = st.one_of(st.sampled_from(NASTY), st.text(max_size=8))
TABLES = st.lists(st.lists(CELLS, min_size=1, max_size=4).map(",".join), max_size=12).map("\n".join)
HOWS = st.fixed_dictionaries(
    {},
    optional={
        "events": st.booleans(),
        "add_up": st.booleans(),
        "gaps": st.sampled_from(["zero", "missing"]),
        "time_format": st.sampled_from(["%Y-%m-%d %H:%M", "%d/%m/%Y", "%", "%H"]),
    },
)


@given(st.one_of(st.binary(max_size=200), TABLES.map(str.encode)), HOWS)
@example(b"PAR1" + b"\0" * 40, {})
@example(b"time,n\n2026-05-12 10:00:00+99:99,1\n2026-05-12 10:05:00+99:99,2\n", {})
@example(b"time,n\n9999-12-31 23:59,1\n9999-12-31 23:58,2\n", {})
@example(b"time,n\n0001-01-01,1\n0001-01-02,2\n", {})
@example(b"time,time\n2026-05-12 10:00,1\n", {})
@example(b'"time\n', {})
@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_file_is_a_series_or_one_line(tmp_path, data, how):
    path = tmp_path / "any.csv"
    path.write_bytes(data)
    for zone in (UTC_ZONE, BERLIN):
        try:
            found = read_series(path, Reading(zone, **how))
        except InputError as error:
            assert "\n" not in str(error)
        else:
            gaps = np.diff(found.times.astype(np.int64))
            assert (gaps == found.step_s).all()
            assert (found.values[np.isfinite(found.values)] >= 0).all()
