"""The parts of the simulator: the queue, the till, the small worlds for calibration."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.demo import seeded_runs, seeded_waits
from api.demo.demand import Demand
from api.demo.moments import DAY_MS, MINUTE_MS, NEVER
from api.demo.shoppers import CART_LIFE_MS, FAILED, OK, TillDraws, attempts
from api.demo.warehouse import dispatch

DAY = 20_000


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1439), st.floats(0.05, 9.0)), min_size=1, max_size=60),
    st.floats(0.0, 300.0),
    st.integers(0, 2**31),
)
def test_the_queue_is_first_come_first_served(orders, backlog, seed):
    orders.sort()
    arrived = DAY * DAY_MS + np.array([minute for minute, _ in orders], np.int64) * MINUTE_MS
    work = np.array([w for _, w in orders])
    capacity = np.random.default_rng(seed).uniform(0.1, 2.0, 1440 * 5)
    left, rest = dispatch(DAY, arrived, work, capacity, backlog)

    done = np.concatenate([[0.0], np.cumsum(capacity)])
    free = backlog  # on the clock of work done
    for (minute, w), at in zip(orders, left, strict=True):
        free = max(free, done[minute]) + w
        expected = np.interp(free, done, DAY * DAY_MS + np.arange(len(done)) * MINUTE_MS)
        assert at == pytest.approx(max(expected, DAY * DAY_MS + minute * MINUTE_MS + 1), abs=2)
    assert rest == pytest.approx(max(free - done[1440], 0.0))


def test_a_queue_without_end_is_refused():
    with pytest.raises(ValueError, match="capacities"):
        dispatch(DAY, np.array([DAY * DAY_MS]), np.array([9.0]), np.full(1440, 0.001), 0.0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.0, 1.0))
def test_a_failing_provider_never_gets_a_cart_paid_sooner(seed, share):
    first = np.arange(300, dtype=np.int64) * 10_000
    draws = TillDraws.draw(np.random.default_rng(seed), len(first))
    paid = []
    for failing in (0.0, share):

        def fails(at, chance=failing):
            return np.where(at < 3_000_000, chance, 0.0)

        tried = attempts(first, draws, fails)
        ok = tried.outcome == OK
        assert len(set(tried.cart[ok].tolist())) == ok.sum()  # paid once at most
        assert (tried.at_ms - first[tried.cart] < CART_LIFE_MS).all()
        when = np.full(len(first), np.iinfo(np.int64).max)
        when[tried.cart[ok]] = tried.at_ms[ok]
        paid.append(when)
    at_first_try = paid[0] == first
    assert (paid[1] >= paid[0])[at_first_try].all()


def test_while_everything_fails_nobody_pays_and_some_come_back():
    first = np.zeros(2000, dtype=np.int64)
    draws = TillDraws.draw(np.random.default_rng(1), len(first))
    end = 20 * MINUTE_MS
    tried = attempts(first, draws, lambda at: np.where(at < end, 1.0, 0.0))
    assert (tried.outcome[tried.at_ms < end] == FAILED).all()
    came_back = (tried.outcome == OK).sum() / len(first)
    assert 0.3 < came_back < 0.7


def test_the_less_patient_come_back_less_often():
    paid = []
    for impatience in (0.3, 1.0, 3.0):
        draws = TillDraws.draw(np.random.default_rng(1), 2000, impatience)
        first = np.zeros(2000, dtype=np.int64)
        tried = attempts(first, draws, lambda at: np.where(at < 20 * MINUTE_MS, 1.0, 0.0))
        paid.append(int((tried.outcome == OK).sum()))
    assert paid[0] > 1.3 * paid[1] > 1.3 * 1.5 * paid[2]


def test_demand_is_continuous_across_midnight_and_overdispersed():
    demand = Demand(3, DAY, 10.0)
    smooth = [demand.level(d) * demand.mood(d) * demand.shape(d) for d in range(DAY, DAY + 6)]
    for before, after in pairwise(smooth):
        assert after[0] == pytest.approx(before[-1], rel=0.05)
    noise = demand.intensity(DAY) / (demand.mean * smooth[0])
    assert 0.15 < np.std(noise) < 0.5


def test_runs_are_the_same_for_the_same_seed():
    one, two = list(seeded_runs(3, 5)), list(seeded_runs(3, 5))
    for a, b in zip(one, two, strict=True):
        assert np.array_equal(a.count, b.count) and np.array_equal(a.amount, b.amount)
        assert (a.effect, a.gross, a.lost_money) == (b.effect, b.gross, b.lost_money)
    assert not np.array_equal(one[0].count[:1000], one[1].count[:1000])


def test_the_truth_of_a_run_is_the_difference_of_its_worlds():
    for run in seeded_runs(6, 11, placebo_share=0.0):
        inside = (run.times >= run.effect[0]) & (run.times < run.effect[1])
        missing = run.without_count - run.count
        assert run.gross == missing[inside].sum() > 0
        assert run.recovered == -missing[run.times >= run.effect[1]].sum()
        assert run.lost == run.gross - run.recovered == missing.sum()
        assert not missing[run.times < run.effect[0]].any()
        assert run.lost_money == pytest.approx(run.gross_money - run.recovered_money)
        assert run.signal[0] - run.effect[0] == np.timedelta64(2, "m")
        assert len(run.past) == 3 and all(end < run.effect[0] for _, end in run.past)


def test_after_an_outage_most_shoppers_of_one_world_come_back_and_few_of_another():
    shares = [run.recovered / run.gross for run in seeded_runs(12, 14, placebo_share=0.0)]
    assert min(shares) < 0.2 and max(shares) > 0.6


def test_placebos_cost_nothing():
    for run in seeded_runs(3, 12, placebo_share=1.0):
        assert run.placebo
        assert (run.gross, run.recovered, run.lost, run.gross_money, run.lost_money) == (0,) * 5
        assert np.array_equal(run.count, run.without_count)


def test_runs_have_six_to_eight_weeks_of_minutes_before_the_window():
    for run in seeded_runs(4, 13):
        before = run.effect[0] - run.times[0]
        assert np.timedelta64(35, "D") < before < np.timedelta64(57, "D")
        assert run.times[-1] - run.effect[1] > np.timedelta64(2, "D")
        assert (np.diff(run.times) == np.timedelta64(1, "m")).all()
        assert len(run.times) == len(run.count) == len(run.amount)


def test_warehouse_worlds_tell_what_the_incident_delayed():
    runs = list(seeded_waits(4, 3))
    again = next(iter(seeded_waits(1, 3)))
    assert np.array_equal(again.shipped, runs[0].shipped) and again.signal == runs[0].signal
    assert {run.placebo for run in runs} == {False, True}
    for run in runs:
        kept = run.cancelled == NEVER
        assert (run.shipped[kept] >= run.without[kept]).all()  # no order ships sooner for it
        assert (run.shipped[~kept] == NEVER).all()
        assert run.late == 0 if run.placebo else run.late >= 0
    assert any(run.late > 20 for run in runs)
