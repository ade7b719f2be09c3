"""How commands look: sparklines, the watched picture, names that complete, eighty columns."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from api.cli import complete, output, show
from api.cli.ask_providers import _print_portfolio, _print_providers
from api.cli.ask_whatif import _print_replay
from api.cli.spark import BLOCKS, GAP, PLAIN, against, in_bins, ramp_of, spark
from api.cli.watch import Draw, frames, watch
from api.http.schemas import Impact, Incident, Sum
from ingest.errors import InputError, UnavailableError
from store.incidents import IncidentVersion
from tests.api.test_cli import running
from tests.api.test_reading import known
from tests.store.rows import NOON


def terminal(encoding: str = "utf-8", *, is_terminal: bool = True) -> Console:
    class File(StringIO):
        @property
        def encoding(self) -> str:  # type: ignore[override]
            return encoding

    return Console(file=File(), force_terminal=is_terminal, width=80, highlight=False)


# sparklines


def test_heights_are_shares_of_the_top():
    assert spark([0, 50, 100], 100.0) == "▁▅█"
    assert spark([0, 50, 100], 100.0, PLAIN) == "_=#"
    assert spark([None, float("nan")], 1.0) == GAP * 2
    assert spark([0, 0], 0.0) == "▁▁"


def test_expected_and_actual_have_one_scale():
    expected, actual = against([100, 20], [100.0, 100.0], terminal())
    assert (expected.plain, actual.plain) == ("██", "█▂")
    assert [str(s.style) for s in actual.spans] == ["green", "bold red"]


def test_of_a_load_more_is_worse():
    _, calls = against([10, 100, 250], [100.0] * 3, terminal(), "load")
    assert [str(s.style) for s in calls.spans] == ["green", "green", "bold red"]


def test_blocks_only_where_they_can_be_shown():
    assert ramp_of(terminal()) == BLOCKS
    assert ramp_of(terminal("latin-1")) == PLAIN
    assert ramp_of(terminal(is_terminal=False)) == PLAIN


@given(st.lists(st.none() | st.floats(0, 1e9), max_size=200), st.integers(1, 40))
def test_bins_add_up(values, bins):
    found = in_bins(values, bins)
    assert len(found) <= bins
    known = [v for v in values if v is not None]
    assert sum(v for v in found if v is not None) == pytest.approx(sum(known))
    assert all(c in BLOCKS + GAP for c in spark(found, 1e9))


# watching


def test_the_last_picture_stays_when_toll_is_gone_and_it_goes_on_when_it_is_back():
    said: list[str | Exception] = ["one", UnavailableError("gone"), "three"]
    clock = iter(datetime(2026, 3, 6, 12, 0, 5 * n, tzinfo=UTC) for n in range(9))

    def look() -> Draw:
        found = said.pop(0)
        if isinstance(found, Exception):
            raise found
        return lambda out, _: out.print(found, style="red")

    shown = frames(look, terminal(), lambda: next(clock))
    first, gone, back = next(shown), next(shown), next(shown)
    assert (first.picture.plain.strip(), first.stale) == ("one", False)
    assert (gone.picture.plain.strip(), gone.stale) == ("one", True)
    assert gone.note == "Toll does not answer. This is from 12:00:00 UTC, 5 s ago."
    assert (back.picture.plain.strip(), back.stale) == ("three", False)
    assert back.whole().plain.startswith("2026-03-06 12:00:10 UTC, every 5 s")


def test_ctrl_c_leaves_the_last_picture(monkeypatch):
    def stop(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", stop)
    out = terminal()
    watch(lambda: lambda paper, _: paper.print("EUR 3,270 so far"), out)
    written = out.file.getvalue()  # type: ignore[attr-defined]
    assert written.rstrip().endswith("EUR 3,270 so far")
    assert written.count("EUR 3,270") == 2  # in the watched picture, and after it


def test_watching_needs_a_terminal_and_the_present(cli, alone):
    with pytest.raises(InputError, match="needs a terminal"):
        watch(lambda: lambda *_: None, terminal(is_terminal=False))
    code, _, err = cli("now --watch --json")
    assert code == 1 and "leave --json and --as-of out" in err


def test_a_toll_that_is_gone_from_the_start_is_an_error():
    def look() -> Draw:
        raise UnavailableError("no Toll answers")

    with pytest.raises(UnavailableError):
        next(frames(look, terminal()))


def incident(number: int) -> Incident:
    """One that burns, the dearer the higher its number."""
    cost = Sum(low=Decimal(80), mid=Decimal(120), high=Decimal(200), currency="EUR")
    return Incident.model_construct(
        id=f"20261122-{number}", title=f"Outage {number}", state="open", cost=cost, impacts=[],
        cost_is="forecast", cost_so_far=cost, per_minute=Decimal(number), explanation="a -> b",
        started_at=datetime(2026, 11, 22, tzinfo=UTC), ended_at=None, summary="",
    )  # fmt: skip


def test_a_window_that_is_too_low_shows_the_dearest_and_how_much_it_hides():
    burning = [incident(number) for number in range(1, 7)]

    def draw(out: Console, brief: bool) -> None:
        show.burning(burning, out, burning[0].started_at, None if brief else {})

    frame = next(frames(lambda: draw, terminal()))
    whole = frame.whole().plain.splitlines()
    assert frame.within(100).plain.splitlines() == whole
    assert len(whole) == 1 + 6 * 6  # the note; a gap, what it is called, four lines about it
    low = frame.within(24).plain.splitlines()
    assert [line for line in low if "Outage" in line] == [
        f"Outage {number}  [open]" for number in (6, 5, 4, 3, 2, 1)
    ]
    assert low[-1] == "18 lines are hidden: a taller window or `toll now` shows them"
    lowest = frame.within(6).plain.splitlines()
    assert len(lowest) == 6 and lowest[1] == "Outage 6  [open]"
    assert lowest[-1].startswith("32 lines are hidden")
    assert len(frame.within(1).plain.splitlines()) == 2  # nothing lower is a window


# as of, and the new questions


@pytest.fixture
def asking(monkeypatch, shop, cli):
    running(monkeypatch, shop.toll)
    return cli


@pytest.mark.engine
def test_as_of_answers_as_was_known(asking, shop):
    code, out, _ = asking(f"incidents --as-of {shop.began.isoformat()}")
    assert (code, out.strip()) == (0, "No incident yet.")
    later = (shop.now + timedelta(minutes=1)).isoformat()
    assert shop.incident in asking(f"incidents --as-of {later}")[1]
    assert asking(f"impact {shop.incident} --as-of {shop.began.isoformat()}")[0] == 4
    out = asking(f"now --as-of {shop.began.isoformat()}")[1]
    assert "as known at" in out and "Nothing is burning." in out
    found = json.loads(asking(f"now --as-of {later} --json")[1])
    assert found.keys() == {"incidents", "silent", "processes"}
    code, _, err = asking("now --as-of yesterday")
    assert code == 2 and "is no moment" in err


@pytest.mark.engine
def test_a_storm_is_shown_whole(monkeypatch, toll, cli):
    running(monkeypatch, toll)
    one = known(toll, started_at=datetime.now(UTC) - timedelta(minutes=12))
    storm = [replace(one, id=f"20261120-b{n:03}") for n in range(104)]
    toll.parts.store.incidents.insert([IncidentVersion(i, NOON, 1) for i in storm])
    assert len(json.loads(cli("now --json")[1])["incidents"]) == 105


@pytest.mark.engine
def test_now_and_process_show_expected_against_actual(asking):
    out = asking("now")[1]
    [payments] = [line for line in out.splitlines() if "Payments" in line]
    assert any(c in payments for c in PLAIN[3:])
    # one line a measure, however long its range; why one has none stands below
    assert re.search(r"Web checkout .* [\d,]+ to [\d,]+ +EUR [\d,]+/h\n", out)
    assert "\nCarts opened: no data yet\n" in out
    lines = asking("process checkout")[1].splitlines()
    at = lines.index("Payments, the last four hours")
    usual, was = (line.split()[1] for line in lines[at + 1 : at + 3])
    assert 23 <= len(usual) <= 25 and set(usual + was) <= set(PLAIN)
    # the outage of this morning, and hours without it
    assert set(was) & set(PLAIN[:4]) and set(was) & set(PLAIN[4:])


@pytest.mark.parametrize(
    ("state", "cost_is", "lines"),
    [
        ("open", "forecast", ["EUR 300 so far, EUR 20 a minute",
                              "if it ended now, would stay lost: EUR 120 (80 to 200)"]),
        ("recovering", "forecast", ["EUR 300 so far, EUR 20 a minute",
                                    "will stay lost: EUR 120 (80 to 200)"]),
        ("settled", "settled", ["cost EUR 120 (80 to 200)"]),
    ],
)  # fmt: skip
def test_what_is_missing_and_what_stays_lost_are_two_sums(state, cost_is, lines):
    so_far = Sum(low=Decimal(250), mid=Decimal(300), high=Decimal(350), currency="EUR")
    stays = Sum(low=Decimal(80), mid=Decimal(120), high=Decimal(200), currency="EUR")
    told = Incident.model_construct(
        state=state, cost=stays, cost_is=cost_is, cost_so_far=so_far,
        per_minute=Decimal(20) if state != "settled" else None,
    )  # fmt: skip
    assert show._cost_lines(told) == lines


@pytest.mark.engine
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("providers", "Stripe"),
        ("portfolio", "Twin saves"),
        ("what-if --set payment.needs='[payments-app, {any: [stripe, adyen]}]'", "would have been"),
        ("what-if --duplicate adyen", "Nothing would have been saved"),
        ("what-if --set payment.needs='[payments-app, stripe, adyen]'", "more ("),
        ("what-if --without stripe --days 2", "EUR 0 would have been left"),
        ("what-if --shorten 10m", "it had lasted 10 min less"),
        ("what-if outage stripe --for 2h --at 'Fri 18:00'", "Web checkout would lose 50%"),
        ("what-if outage checkout", "would stop"),
        ("what-if outage carrier-one", "No process would feel it"),
    ],
)
def test_the_new_questions_fit_eighty_columns(asking, line, expected):
    code, out, err = asking(line)
    assert code == 0, err
    assert expected in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 80 and "\x1b" not in out
    code, out, _ = asking(f"{line} --json")
    assert code == 0 and isinstance(json.loads(out), dict)


@pytest.mark.engine
def test_one_incident_and_another_map(asking, shop, tmp_path):
    assert "one incident" in asking(f"what-if --incident {shop.incident} --shorten 5m")[1]
    out = asking(f"what-if --without {shop.incident}")[1]
    assert f"If {shop.incident} had not been" in out
    code, _, err = asking("what-if --other-map none.yaml")
    assert code == 1 and len(err.splitlines()) == 1
    text = show.__doc__ or ""
    (tmp_path / "other.yaml").write_text(text)
    assert asking("what-if --other-map other.yaml")[0] == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("what-if --days 7", "nothing is supposed"),
        ("what-if --set payment=x", "write NAME.needs="),
        ("what-if --set payment.cost=x", "write NAME.needs="),
    ],
)
def test_what_is_asked_wrongly_is_told_in_a_line(cli, alone, line, said):
    code, _, err = cli(line)
    assert code == 1 and said in err and len(err.splitlines()) == 1


def test_an_incident_without_a_number_says_why_once_and_within_eighty_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    why = "less than a week of history: no baseline yet"
    impact = Impact.model_construct(
        process="checkout", process_title="Web checkout", measure="payments",
        measure_title="Payments", kind="flow", units={}, cost=None, warnings=[why],
    )  # fmt: skip
    told = Incident.model_construct(
        id="20261122-df100291d5", title="Payment: Payments fail", state="open", cost=None,
        started_at=datetime(2026, 11, 22, tzinfo=UTC), ended_at=None, per_minute=None,
        summary=f"Payments: no number ({why})", explanation="Payment (service)", impacts=[impact],
    )  # fmt: skip
    show.incidents([told])
    show.burning([told.model_copy(update={"summary": "reached"})], show.console(), told.started_at)
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert " ".join(out.split()).count(why) == 2  # once in each


def test_what_others_wrote_does_nothing_to_the_terminal(capsys, monkeypatch):
    title = "Payments\x1b[2J\x1b]0;all is well\x07 fail\x9b1A"
    told = incident(1).model_copy(update={"title": title, "summary": "\x1b[31mred"})
    out = output.Output(file=StringIO(), force_terminal=True, highlight=False, width=80)
    show.burning([told], out, told.started_at)
    table = show.new_table("What")
    table.add_row(title)
    out.print(table)
    written = out.file.getvalue()  # type: ignore[attr-defined]
    assert written.count("Payments[2J]0;all is well fail1A") == 2
    assert re.sub(r"\x1b\[[\d;]*m", "", written).isascii()  # nothing is left but Rich's colours
    frame = next(frames(lambda: lambda paper, _: paper.print(title), terminal()))
    assert frame.whole().plain.endswith("Payments[2J]0;all is well fail1A\n")

    output.print_document(f"{title}\n")
    assert capsys.readouterr().out == f"{title}\n"  # in a file it stays as it was
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    output.print_document(f"a\tb\n{title}\n")
    assert capsys.readouterr().out == "a\tb\nPayments[2J]0;all is well fail1A\n"


LONG = "A name that is rather longer than anybody would want to read in a table of the terminal"
SUM = {"low": "-1234567.00", "mid": "12345678.00", "high": "123456789.00", "currency": "EUR"}
UNITS = {"low": -1234567.0, "mid": 12345678.0, "high": 123456789.0}


def test_long_names_and_numbers_fit_eighty_columns(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    measure = {
        "measure": "m",
        "title": LONG,
        "kind": "load",
        "actual": 1e9,
        "expected": UNITS,
        "why": "",
    }
    process = {"process": "p", "title": LONG, "hour_now": SUM, "measures": [measure]}
    line = ([1.0] * 24, [1.0] * 24)
    show.processes([process], show.console(), {("p", "m"): line})
    row = {
        "process": "p", "process_title": LONG, "measure": "m", "measure_title": LONG,
        "part": "delay_hours", "units": UNITS, "saved_units": UNITS, "cost": SUM, "saved": SUM,
        "added": True,
    }  # fmt: skip
    incident = {
        "incident": "i", "title": LONG, "started_at": "2026-03-06T12:00:00Z", "root": "r",
        "cost": SUM, "saved": SUM, "measures": [row],
    }  # fmt: skip
    _print_replay(
        {
            "start": "2026-03-06T12:00:00Z", "end": "2026-03-06T12:00:00Z", "supposed": LONG,
            "incidents_replayed": 1, "cost": SUM, "saved": SUM, "left": SUM,
            "processes": [{"title": LONG, "measures": [row]}], "incidents": [incident] * 11,
            "cannot_say": [LONG], "rests_on": [LONG],
        }
    )  # fmt: skip
    _print_providers(
        {
            "start": "2026-03-06T12:00:00Z", "end": "2026-03-06T12:00:00Z", "currency": "EUR",
            "providers": [
                {
                    "title": LONG, "admitted_minutes": 99999, "lived_minutes": 99999,
                    "allowed_minutes": 99999.0, "kept": False, "sla": 99.95, "lag_s": 99999,
                    "never_admitted": 3, "cost": SUM, "share": {"mid": 0.5}, "incidents": [1],
                    "left_out": [LONG], "lived_incidents": 9, "admitted_incidents": 9,
                    "lived_availability": 99.1, "admitted_availability": 99.2,
                    "units": [{"title": LONG, "part": "lost", "units": UNITS}],
                    "running_cost": "123456.00", "paid_while_down": "1234.00",
                    "parts": [
                        {
                            "part": "delay", "title": LONG, "money": SUM, "hours": None,
                            "added": False, "method": "measured", "rests_on": LONG, "inputs": {},
                        },
                    ],
                }
            ],
        }
    )  # fmt: skip
    _print_portfolio(
        {
            "start": "2026-03-06T12:00:00Z", "end": "2026-03-06T12:00:00Z", "currency": "EUR",
            "quarters": 1.0, "total": 9, "unexplained": SUM, "left_out": [LONG],
            "rests_on": [LONG],
            "nodes": [
                {
                    "title": LONG, "incidents": 123, "expected": SUM, "method": "modelled",
                    "running_cost": "123456789.00", "twin": {"saved": SUM},
                }
            ],
        }
    )  # fmt: skip
    out = capsys.readouterr().out
    assert out.count("and 1 more") == 1
    assert max(map(len, out.splitlines())) <= 80


# completion


@pytest.mark.engine
def test_names_come_from_the_toll_that_runs(monkeypatch, shop, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(httpx2, "get", lambda url, **_: shop.toll.http.get(url))
    assert complete.nodes("strip") == [("stripe", "Stripe")]
    assert complete.processes("") == [
        ("checkout", "Web checkout"), ("fulfilment", "Order fulfilment"),
        ("support", "Customer support"),
    ]  # fmt: skip
    assert [name for name, _ in complete.incidents("")] == [shop.incident]
    assert {"storefront", "stripe"} <= dict(complete.things("s")).keys()
    assert complete.nodes_and_incidents(shop.incident[:6])[0][0] == shop.incident


def test_without_a_toll_nothing_completes_and_nothing_is_said(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise httpx2.ConnectError("refused")

    monkeypatch.setattr(httpx2, "get", refuse)
    assert complete.nodes("") == complete.incidents("") == complete.processes("") == []
    (tmp_path / "toll.toml").write_text("nonsense = 1")
    assert complete.things("") == []
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("said", [[], {}, {"nodes": 7}, {"nodes": [{"node": "a"}]}, [{}], None, 7])
def test_what_answers_and_is_no_toll_completes_nothing(monkeypatch, tmp_path, capsys, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(httpx2, "get", lambda *_, **__: httpx2.Response(200, json=said))
    assert complete.nodes("") == complete.incidents("") == complete.processes("") == []
    assert capsys.readouterr() == ("", "")


def test_the_shell_gets_a_script_that_completes():
    program = Path(sys.executable).with_name("toll")
    done = subprocess.run(
        [program], capture_output=True, text=True, check=False,
        env={"_TOLL_COMPLETE": "complete_bash", "COMP_WORDS": "toll what-", "COMP_CWORD": "1"},
    )  # fmt: skip
    assert done.stdout.split() == ["what-if"]
