"""Incidents written into a history: their truth is exact, and the estimator comes close to it."""

from dataclasses import replace

import numpy as np
import pytest

from impact.backtest import AROUND_S, Case, Past, cases, run
from impact.calendar import DAY, HOUR
from impact.scores import score
from tests.impact.worlds import counts, times, utc

STEP_S = 1800
AT = times(63, STEP_S)
FLOW = Past(AT, counts(AT, 60.0), "flow")
LOAD = Past(AT, counts(AT, 60.0, seed=2), "load")


def some(past: Past, count: int = 40, seed: int = 1) -> list[Case]:
    return list(cases(past, count, seed))


@pytest.mark.parametrize("past", [FLOW, LOAD], ids=["flow", "load"])
def test_the_truth_is_what_was_changed(past):
    sign = 1.0 if past.kind == "flow" else -1.0
    for case in some(past):
        change = sign * (past.values - case.values)
        assert change[case.first : case.stop].sum() == pytest.approx(case.live)
        assert change.sum() == pytest.approx(case.final)
        assert np.flatnonzero(change).size == 0 or change[: case.first].any() == 0
        assert not change[case.cut :].any()
        assert (case.values >= 0.0).all()
        if case.scenario == "placebo":
            assert case.live == case.final == 0.0


def test_every_scenario_comes_up_and_some_of_it_comes_back():
    found = some(FLOW)
    assert {c.scenario for c in found} == {"total", "partial", "placebo"}
    back = [c for c in found if c.recovered]
    assert back
    assert all(0.0 < c.recovered < 0.85 * c.live + 1 for c in back if c.recovered)
    assert any(c.recovered is None and c.live > 0 for c in found)
    assert {c.scenario for c in some(LOAD)} == {"spike", "placebo"}


def test_lengths_reach_from_a_bin_to_half_a_day():
    hours = [(c.stop - c.first) * STEP_S / HOUR for c in some(FLOW, 100)]
    assert min(hours) < 1.0
    assert 6.0 < max(hours) <= 12.0


def test_the_same_seed_writes_the_same_incidents():
    one, other = some(FLOW, 5), some(FLOW, 5)
    assert [(c.first, c.live) for c in one] == [(c.first, c.live) for c in other]
    assert [c.first for c in one] != [c.first for c in some(FLOW, 5, seed=2)]


def test_nothing_is_written_near_a_known_incident_or_where_data_are_missing():
    values = FLOW.values.copy()
    values[40 * 48 : 41 * 48] = np.nan
    past = replace(FLOW, values=values, known=((utc(30, 10), utc(30, 14)),))
    near = (30 * DAY + 10 * HOUR - AROUND_S) // STEP_S, (30 * DAY + 14 * HOUR + AROUND_S) // STEP_S
    for case in some(past):
        assert case.stop <= near[0] or case.first >= near[1]
        assert np.isfinite(case.values[case.first : case.stop]).all()


def test_a_history_without_room_has_no_cases():
    assert some(Past(AT[:40], FLOW.values[:40], "flow")) == []
    assert some(replace(FLOW, values=np.full(len(AT), np.nan))) == []


@pytest.mark.parametrize("past", [FLOW, LOAD], ids=["flow", "load"])
def test_the_estimator_comes_close_on_a_steady_measure(past):
    found = [run(past, case) for case in some(past, 30)]
    live, final = score([o.live for o in found]), score([o.final for o in found])
    assert live.wape is not None and live.wape < 0.15
    assert final.wape is not None and final.wape < 0.2
    assert live.coverage is not None and live.coverage > 0.7
    assert (past.kind == "flow") == any(o.forecast is not None for o in found)
