"""The trust ledger end to end: a past incident is priced, replayed, restated, still readable."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from api.assess.assessor import Assessor
from tests.api.app import Toll, alert, assert_problem, ndjson, opened
from tests.clickhouse_engine import Engine

pytestmark = pytest.mark.engine

WEEKS, USUAL = 6, 12
# The last Tuesday noon that is over: what is estimated from one draw of noise is not to hang on
# the day and hour of the test.
TODAY = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
NOW = TODAY - timedelta(days=(TODAY.weekday() - 2) % 7 + 1)
BEGAN = NOW - timedelta(days=9)
ENDED = BEGAN + timedelta(minutes=45)


def history() -> bytes:
    """Minutes of a shop that lost everything for 45 minutes nine days ago."""
    first = NOW - timedelta(weeks=WEEKS)
    counts = np.random.default_rng(6).poisson(USUAL, WEEKS * 7 * 1440)
    times = [first + timedelta(minutes=m) for m in range(len(counts))]
    events: Iterator[dict[str, Any]] = (
        {"id": f"m{n}", "stream": "payments", "at": at.isoformat(), "count": int(count)}
        for n, (at, count) in enumerate(zip(times, counts, strict=True))
        if count and not BEGAN <= at < ENDED
    )
    return ndjson([{**e, "amount": f"{40 * e['count']}.00", "currency": "EUR"} for e in events])


@pytest.fixture(scope="module")
def past(engine: Engine, tmp_path_factory: pytest.TempPathFactory):
    """A Toll that heard of an incident when it was long over, and has replayed it."""
    with engine.lent() as store, opened(tmp_path_factory.mktemp("past"), store) as toll:
        answer = toll.http.post("/v1/business", content=history(), params={"history": True})
        assert answer.status_code == 202, answer.text
        toll.http.post("/v1/signals/generic", json=[alert(BEGAN), alert(BEGAN, ENDED)])
        toll.ingest()
        toll.assess(NOW)
        yield toll


def lines(toll: Toll, **params: str) -> dict[tuple[str, str], dict[str, Any]]:
    found = toll.ask("/v1/trust", **params)["ledger"]
    return {(x["part"], x["age"]): x for x in found if x["measure"] == "payments"}


def test_a_past_incident_fills_the_ledger_by_a_replay(past):
    found = lines(past)
    for age in ("cleared", "hour_after"):
        line = found["lost", age]
        assert (line["incidents"], line["replayed"], line["enough"]) == (1, 1, False)
        assert abs(line["median_error"]) < 0.45  # nothing was learned yet of what comes back
        assert "too few to tell" in line["says"]


def test_pairs_carry_their_moments(past):
    pairs = past.ask("/v1/trust")["pairs"]
    early = next(p for p in pairs if (p["part"], p["age"]) == ("lost", "cleared"))
    said, final = (datetime.fromisoformat(early[k]) for k in ("said_at", "final_at"))
    assert ENDED < said < ENDED + timedelta(minutes=20)
    assert final >= NOW
    lost = 45 * USUAL
    assert early["live"]["low"] < lost < early["live"]["high"]
    assert early["final"]["mid"] == pytest.approx(lost, rel=0.15)


def test_a_replay_is_nowhere_among_what_was_said(past):
    (incident,) = past.ask("/v1/incidents")
    path = f"/v1/incidents/{incident['id']}"
    assert {i["state"] for i in past.ask(path)["impacts"]} == {"final"}
    before = past.http.get(path, params={"as_of": ENDED.isoformat()})
    assert_problem(before, 404)  # Toll did not know of it then


def test_the_ledger_can_be_narrowed(past):
    assert lines(past, process="checkout", measure="payments")
    assert lines(past, to=BEGAN.isoformat()) == {}
    assert_problem(past.http.get("/v1/trust", params={"process": "chekout"}), 404)
    assert_problem(past.http.get("/v1/trust", params={"measure": "payment"}), 404)


def test_it_says_what_opens_an_incident_without_a_signal(past):
    found = past.ask("/v1/trust")["business_first"]
    assert found["would_have_opened"] <= found["at_most"] <= found["weeks"]
    (payments,) = (m for m in found["measures"] if m["measure"] == "payments")
    assert 0.3 <= payments["hour_needs"] < 0.9
    assert f"in the last {found['weeks']:.0f} weeks" in found["says"]


def test_the_command_prints_it_in_80_columns(past, cli, monkeypatch):
    monkeypatch.setattr("api.cli.trust.connect", lambda _: _Direct(past))
    code, out, _ = cli("trust")
    assert code == 0
    assert "Web checkout: Payments" in out
    assert "lost, forecast" in out
    assert "business-first: threshold" in out
    assert "played through afterwards" in out
    assert max(map(len, out.splitlines())) <= 80
    code, out, _ = cli("trust --json --measure payments")
    assert code == 0
    assert json.loads(out)["ledger"]


def test_late_events_restate_and_the_past_can_still_be_read(past):
    """Half of what was missing turns up two weeks late: the books of before stay readable."""
    (incident,) = past.ask("/v1/incidents")
    path = f"/v1/incidents/{incident['id']}/impact"
    (first,) = (i for i in past.ask(path) if i["measure"] == "payments")
    late = [
        {"id": f"late{m}", "stream": "payments", "at": (BEGAN + timedelta(minutes=m)).isoformat(),
         "count": USUAL, "amount": "480.00", "currency": "EUR"}
        for m in range(0, 45, 2)
    ]  # fmt: skip
    past.post(late, history=True)
    past.ingest()
    later = NOW + timedelta(minutes=30)
    Assessor(past.parts, now=lambda: later).tick()
    (now,) = (i for i in past.ask(path) if i["measure"] == "payments")
    assert now["state"] == "restated"
    assert now["units"]["lost"]["mid"] == pytest.approx(first["units"]["lost"]["mid"] / 2, rel=0.2)
    assert datetime.fromisoformat(now["as_of"]) == later
    between = (NOW + timedelta(minutes=10)).isoformat()
    (then,) = (i for i in past.ask(path, as_of=between) if i["measure"] == "payments")
    assert then == first
    pair = next(p for p in past.ask("/v1/trust")["pairs"] if p["part"] == "lost")
    assert pair["final"]["mid"] == first["units"]["lost"]["mid"]
    assert pair["restated"]["mid"] == now["units"]["lost"]["mid"]
    assert datetime.fromisoformat(pair["restated_at"]) == later


class _Direct:
    """What `connect` gives, over a Toll of the test."""

    def __init__(self, toll: Toll) -> None:
        self._toll = toll

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to give back."""

    def get(self, path: str, **params):
        return self._toll.ask(path, **{k: v for k, v in params.items() if v is not None})


def test_a_backtest_scores_the_own_history(past, cli, monkeypatch):
    monkeypatch.setattr("api.cli.trust.connect", lambda _: _Direct(past))
    code, out, _ = cli("trust --backtest --process checkout --measure payments --cases 10 --json")
    assert code == 0
    found = json.loads(out)
    (line,) = found["measures"]
    assert line["name"] == "checkout/payments"
    assert 6 <= line["live"]["cases"] == line["final"]["cases"] <= 10  # where there was room
    assert 0.0 < line["live"]["wape"] < 0.5
    code, out, _ = cli("trust --backtest --measure payments --cases 10")
    assert code == 0
    assert "LIVE, nothing known after the end" in out
    assert "FINAL, a day or two later" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("which", ["--measure orders", "--measure nothing"])
def test_a_backtest_of_nothing_says_why(past, cli, monkeypatch, which):
    monkeypatch.setattr("api.cli.trust.connect", lambda _: _Direct(past))
    code, _, err = cli(f"trust --backtest {which}")
    assert code == 1
    assert "nothing to test" in err
