"""`toll estimate`: a file, a window, and what is said, drawn and printed as JSON."""

from __future__ import annotations

import gzip
import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.ask.estimating import Asked, as_dict, ask
from api.charts.shortfall import shortfall
from api.charts.story import headline
from api.cli.show_estimate import sparkline
from api.table import SeriesFile
from ingest.errors import InputError

HOURS = 24 * 7 * 6
FIRST = datetime(2026, 3, 2, tzinfo=UTC)
OUTAGE = "--start 2026-04-06T10:00 --end 2026-04-06T13:00"


def volumes(seed=7):
    """Six weeks of hourly orders around 200, by the hour of the day."""
    hour = np.arange(HOURS) % 24
    mean = 200 * (1 + 0.6 * np.sin((hour - 9) / 24 * 2 * np.pi))
    return np.random.default_rng(seed).poisson(mean).astype(float)


def written(path, values, column="orders", first=FIRST, step=timedelta(hours=1)):
    rows = [
        f"{first + i * step:%Y-%m-%dT%H:%MZ},{'' if np.isnan(v) else f'{v:g}'}"
        for i, v in enumerate(values)
    ]
    path.write_text(f"time,{column}\n" + "\n".join(rows) + "\n")
    return path


@pytest.fixture
def orders(tmp_path):
    """Orders that stop for three hours on Monday, 6 April."""
    values = volumes()
    at = int((datetime(2026, 4, 6, 10, tzinfo=UTC) - FIRST).total_seconds() // 3600)
    values[at : at + 3] = 0
    return written(tmp_path / "orders.csv", values)


def test_the_number_its_range_and_what_it_rests_on(cli, orders):
    code, out, err = cli(f"estimate {orders} {OUTAGE}")
    assert (code, err) == (0, "")
    said = " ".join(out.split())
    # three hours without any of about 200 x (1 + 0.6 sin): 231, 271, 306 expected
    assert "orders lost" in out.splitlines()[0]
    assert 740 < float(out.split()[0].replace(",", "")) < 880
    assert "90 % range" in said and "Mon 6 Apr 2026, 10:00 to 13:00 (UTC)" in said
    assert "came back since 0 " in said and "includes zero" in said
    assert "final, measured, 42 days of history" in said
    assert "▔▔▔" in out and "█" in out
    assert max(map(len, out.splitlines())) <= 80


def test_json_holds_everything(cli, orders):
    code, out, _ = cli(f"estimate {orders} {OUTAGE} --json --timezone Europe/Berlin --times-in UTC")
    found = json.loads(out)
    assert code == 0
    assert (found["start"], found["state"]) == ("2026-04-06T08:00:00Z", "final")  # summer time
    assert set(found["units"]) == {"gross", "recovered", "lost", "lost_forecast"}
    assert all(r["low"] <= r["mid"] <= r["high"] for r in found["units"].values())
    gross, recovered, lost = (found["units"][n]["mid"] for n in ("gross", "recovered", "lost"))
    assert gross - recovered == pytest.approx(lost, abs=0.02)  # each is rounded
    assert found["unit"] == "orders" and found["bin_seconds"] == 3600
    assert {"at", "actual", "expected", "low", "high"} == set(found["bins"][0])


def test_as_it_was_known_then(cli, orders):
    found = json.loads(cli(f"estimate {orders} {OUTAGE} --as-of 2026-04-06T13:00 --json")[1])
    assert (found["state"], found["settling"]) == ("live", None)
    said = cli(f"estimate {orders} {OUTAGE} --as-of 2026-04-06T13:00")[1]
    assert "lost so far" in said and "lost in the end (forecast)" in said


def test_extra_calls(cli, tmp_path):
    values = volumes()
    at = HOURS - 24 * 7 + 10
    values[at : at + 3] += 150
    start = FIRST + timedelta(hours=at)
    window = f"--start {start:%Y-%m-%dT%H:%MZ} --end {start + timedelta(hours=3):%Y-%m-%dT%H:%MZ}"
    calls = written(tmp_path / "calls.csv", values, "calls")
    code, out, _ = cli(f"estimate {calls} {window} --kind load --level 0.8")
    assert code == 0 and "extra calls" in out.splitlines()[0] and "80 % range" in out
    found = json.loads(cli(f"estimate {calls} {window} --kind load --json")[1])
    assert set(found["units"]) == {"excess"}
    assert found["units"]["excess"]["low"] < 450 < found["units"]["excess"]["high"]


def test_nothing_happened_and_it_says_so(cli, orders):
    window = "--start 2026-04-02T10:00 --end 2026-04-02T12:00"
    out = cli(f"estimate {orders} {window} --known-incidents 2026-04-06T10:00/2026-04-06T13:00")[1]
    assert out.startswith("No clear loss of orders") and "includes zero" in out


def test_earlier_incidents_teach_nothing(cli, tmp_path):
    values = volumes()
    starts = [24 * 7 * week + 10 for week in range(5)]  # the same Monday hours, again and again
    for at in starts:
        values[at : at + 3] = 0
    values[24 * 35 + 10 : 24 * 35 + 13] = 0
    path = written(tmp_path / "orders.csv", values)
    spans = [(FIRST + timedelta(hours=at), FIRST + timedelta(hours=at + 3)) for at in starts]
    known = tmp_path / "known.csv"
    known.write_text(
        "start,end\n" + "".join(f"{a.isoformat()},{b.isoformat()}\n" for a, b in spans)
    )
    line = f"estimate {path} {OUTAGE} --json"
    blind = json.loads(cli(line)[1])["units"]["gross"]
    told = json.loads(cli(f"{line} --known-incidents {known}")[1])["units"]["gross"]
    assert blind["mid"] < 300 < 600 < told["mid"]


def test_days_are_local_days(cli, tmp_path):
    rng = np.random.default_rng(2)
    values = rng.poisson(1000, 120).astype(float)
    values[100] = 400
    path = tmp_path / "days.csv"
    first = datetime(2026, 1, 1, tzinfo=UTC)
    days = [f"{first + timedelta(days=i):%Y-%m-%d},{v:g}" for i, v in enumerate(values)]
    path.write_text("date,visits\n" + "\n".join(days))
    zone = "--timezone Europe/Berlin"
    code, out, err = cli(f"estimate {path} --start 2026-04-11 --end 2026-04-12 {zone}")
    assert (code, err) == (0, "")
    assert 500 < float(out.split()[0]) < 700 and "visits lost" in out
    assert "note: bins are days in Europe/Berlin" in out
    assert "Sat 11 Apr 2026, 00:00 to Sun 12 Apr, 00:00 (Europe/Berlin)" in out


def test_little_history_is_a_warning(cli, tmp_path):
    path = written(tmp_path / "short.csv", volumes()[: 24 * 4])
    code, out, _ = cli(f"estimate {path} --start 2026-03-05T10:00 --end 2026-03-05T11:00")
    assert code == 0 and "warning: little history: 3." in out


@pytest.mark.parametrize("form", ["svg", "png", "html"])
def test_it_is_drawn_without_a_network(cli, orders, tmp_path, form):
    code, out, _ = cli(f"estimate {orders} {OUTAGE} --chart {tmp_path}/out.{form}")
    drawn = (tmp_path / f"out.{form}").read_bytes()
    assert code == 0 and f"out.{form}" in out
    if form == "png":
        assert drawn.startswith(b"\x89PNG")
        return
    text = drawn.decode()
    assert "orders lost" in text and "Mon 6 Apr 2026, 10:00 to 13:00 (UTC)" in text
    if form == "svg":
        assert ET.fromstring(text).tag.endswith("svg")
    assert 'src="http' not in text and "@import" not in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--start 2026-04-06T10:00 --end 2026-04-06T09:00", "--end must be after --start"),
        ("--start 2027-04-06T10:00 --end 2027-04-06T11:00", "--start lies outside the file, which"),
        ("--start yesterday --end 2026-04-06T09:00", "--start 'yesterday': write it like"),
        ("--start 0001-01-01T00:00+14:00 --end 2026-04-06T09:00", "is not between 1970 and 2200"),
        (f"{OUTAGE} --as-of 9999-12-31T23:59-14:00", "is not between 1970 and 2200"),
        (f"{OUTAGE} --timezone Berlin", "--timezone Berlin: is no IANA time zone"),
        (f"{OUTAGE} --holidays Atlantis", "no calendar is known for 'Atlantis'"),
        (f"{OUTAGE} --known-incidents may", "no such file, and not START/END"),
        (f"{OUTAGE} --known-incidents 2026-03-02T10:00/2026-03-01", "ends before it begins"),
        (f"{OUTAGE} --as-of 2026-04-06T09:00", "--as-of must be after --start"),
        (f"{OUTAGE} --chart out.pdf", "name it .svg, .png or .html"),
        (f"{OUTAGE} --value price", "--value price: no such column"),
        (f"{OUTAGE} --chart nowhere/out.svg", "No such file or directory"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_1(cli, orders, options, said):
    code, out, err = cli(f"estimate {orders} {options}")
    assert (code, out) == (1, "")
    assert said in err and len(err.splitlines()) == 1


def test_written_wrong_is_exit_code_2(cli, orders):
    assert cli(f"estimate {orders}")[0] == 2
    assert cli(f"estimate {orders} {OUTAGE} --kind both")[0] == 2
    assert cli(f"estimate {orders} {OUTAGE} --level 2")[0] == 2
    assert cli(f"estimate nowhere.csv {OUTAGE}")[0] == 1


def test_packed_files(cli, orders, tmp_path):
    packed = tmp_path / "orders.csv.gz"
    packed.write_bytes(gzip.compress(orders.read_bytes()))
    assert cli(f"estimate {packed} {OUTAGE}")[1] == cli(f"estimate {orders} {OUTAGE}")[1]


def test_a_sparkline_shows_shares_of_the_most():
    assert sparkline(np.array([0.0, 4.0, 8.0, np.nan, 16.0]), 8.0) == " ▄█·█"
    assert sparkline(np.zeros(3), 0.0) == "   "


@given(
    st.sampled_from([60, 420, 3600, 86400]),
    st.integers(2, 400),
    st.sampled_from([0.0, 0.05, 5.0, 200.0]),
    st.sampled_from([0.0, 0.1, 0.95]),
    st.tuples(st.floats(-0.1, 1.1), st.floats(0.001, 1.0)),
    st.sampled_from(["flow", "load"]),
)
@settings(max_examples=15, deadline=None)
def test_any_series_and_window_is_an_answer_or_one_line(step, n, level, holes, window, kind):
    rng = np.random.default_rng(n)
    values = rng.poisson(level, n).astype(float)
    values[rng.random(n) < holes] = np.nan
    times = np.datetime64("2026-03-02T00:00:00") + step * np.arange(n)
    start = FIRST + timedelta(seconds=round(window[0] * n * step))
    end = start + timedelta(seconds=1 + round(window[1] * n * step))
    series = SeriesFile(times.astype("datetime64[s]"), values, step, "orders")
    asked = Asked(series, (start, end), kind, "Europe/Berlin", None, (), None, 0.9)
    try:
        found, what = ask(asked)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert as_dict(asked, found)["units"]
        assert shortfall(what)["description"].startswith(headline(what))
