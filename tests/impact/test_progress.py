from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impact.model import DRAWS
from impact.progress import BINS, PER_PROMISE, Moments, Units, curves, forecast
from tests.bench.lead_time import Look, look
from tests.impact.orders import PROMISES

DAY = 86400.0


def history(quick: float, slow: float, *, hours: int = 8 * 168):
    """Every hour, so many units take a quarter of the promise and so many nine tenths of it."""
    ages = np.zeros((hours, BINS))
    ages[:, PER_PROMISE // 4] = quick
    ages[:, 9 * PER_PROMISE // 10] = slow
    hour = np.arange(hours)
    return curves(ages, hour % 168, hour // 24)


def said(placed, stopped, now: float, *, length: float = 0.2, usual=None) -> np.ndarray:
    """Draws for a window that begins at 0; all times in promises of a day."""
    units = Units(DAY * np.asarray(placed), DAY * np.asarray(stopped), np.zeros(len(placed), int))
    moments = Moments(0.0, DAY * length, DAY * now, DAY)
    found, _ = forecast(units, moments, usual or history(5, 5), np.random.default_rng(0))
    return found


def test_the_usual_curve_counts_who_is_still_under_way():
    usual = history(30, 10)
    assert usual is not None
    assert usual.survival[5, 0] == 1
    assert usual.survival[5, PER_PROMISE // 2] == pytest.approx(0.25, abs=0.01)
    assert usual.survival[5, PER_PROMISE] == pytest.approx(0.0, abs=0.01)
    assert usual.swing == pytest.approx(0.005)


def test_next_to_no_history_gives_no_curve():
    assert history(0.01, 0.01) is None


def test_hours_of_the_week_that_differ_have_curves_of_their_own():
    ages = np.zeros((8 * 168, BINS))
    hour = np.arange(len(ages))
    ages[np.arange(len(ages)), np.where(hour % 24 < 12, 10, 50)] = 100
    usual = curves(ages, hour % 168, hour // 24)
    assert usual is not None
    assert usual.survival[5, 30] < 0.1 < 0.9 < usual.survival[17, 30]


def test_units_that_stand_still_for_as_long_as_they_have_to_spare_become_late():
    # nine tenths of the promise is the usual way; a stop of a fifth makes them all late
    placed = np.repeat(np.linspace(-0.85, -0.05, 40), 5)
    found = said(placed, np.full(200, np.nan), now=0.2)
    assert np.median(found) > 0.35 * 200  # or hands are found to make it good
    assert np.quantile(found, 0.95) > 0.7 * 200


def test_units_that_go_on_as_usual_will_be_in_time():
    placed = np.repeat(np.linspace(-0.85, -0.05, 80), 5)
    done = placed + 0.9
    found = said(placed, np.where(done <= 0.4, done, np.nan), now=0.4)
    assert np.median(found) <= 5  # a stage before the finish may be held up unseen: not all are
    later = said(placed, np.where(done <= 0.7, done, np.nan), now=0.7)
    assert later.max() < found.max()


def test_a_queue_that_is_worked_off_makes_fewer_late_than_a_lasting_delay():
    # finishes stand still for a fifth of the promise; then half as many again as usual, or as usual
    placed = np.repeat(np.linspace(-0.9, 0.19, 110), 5)
    usual = placed + 0.9
    queue = np.maximum(usual, 0.2 + usual / 1.5)
    lasting = usual + 0.2

    def late(done: np.ndarray) -> float:
        return float(said(placed, np.where(done <= 0.45, done, np.nan), now=0.45).mean())

    assert late(queue) < 0.8 * late(lasting)


def test_how_fast_a_queue_is_worked_off_tonight_is_not_told_by_this_afternoon():
    # thousands of units leave no doubt that hands make good three tenths more than usual until now
    placed = np.repeat(np.linspace(-0.9, 0.3, 120), 40)
    done = np.maximum(placed + 0.9, 0.2 + (placed + 0.9) / 1.3)
    now = 0.35
    found = said(placed, np.where(done <= now, done, np.nan), now, usual=history(0, 10))
    low, high = np.quantile(found, [0.05, 0.95])
    assert low < ((done > now) & (done > placed + 1.0)).sum() < high
    assert high - low > 0.5 * np.median(found)


def test_before_anything_could_have_finished_it_is_too_early_to_tell():
    placed = np.full(100, -0.1 * DAY)
    units = Units(placed, np.full(100, np.nan), np.zeros(100, int))
    usual = history(0, 10)
    told = [
        forecast(units, Moments(0.0, DAY * now, DAY * now, DAY), usual, np.random.default_rng(0))[1]
        for now in (0.1, 0.85)
    ]
    assert told == [False, True]


def test_nothing_to_forecast_where_all_are_decided():
    assert not said([-0.5, -0.4], [0.1, 0.2], now=0.3).any()


@given(st.lists(st.tuples(st.floats(-0.95, 0.15), st.floats(0.01, 2.0)), min_size=1, max_size=20))
@settings(max_examples=10, deadline=None)
def test_no_more_are_late_than_are_undecided(units):
    placed = np.array([p for p, _ in units])
    stopped = np.maximum(placed, 0.0) + [took for _, took in units]
    now = 0.5
    seen = np.where(stopped <= now, stopped, np.nan)
    found = said(placed, seen, now)
    undecided = (np.isnan(seen) & (placed + 1.0 > now)).sum()
    assert found.shape == (DRAWS,)
    assert found.min() >= 0 and found.max() <= undecided


@cache
def looks() -> tuple[Look, ...]:
    """A few small worlds, the promises in turn."""
    ages = ("at its end", "6 h after")
    return tuple(
        one
        for n, kind in enumerate(("stop", "queue", "none", "slow", "queue", "stop"))
        for one in look(kind, PROMISES[n % 4], 700 + n, ages)
    )


def test_ranges_hold_the_truth_of_simulated_incidents():
    inside = sum(s.low <= s.truth <= s.high for s in looks())
    assert inside >= len(looks()) - 2


def test_the_forecast_is_not_far_off_in_sum():
    # how fast a queue is worked off cannot be told when the window ends: those are left out here
    held = [s for s in looks() if s.kind != "queue"]
    truth, error = sum(s.truth for s in held), sum(s.mid - s.truth for s in held)
    assert truth > 0
    assert abs(error) < 0.4 * truth
