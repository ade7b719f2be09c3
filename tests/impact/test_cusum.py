from datetime import timedelta

import numpy as np
import pytest

from impact.cusum import THRESHOLD, Watched, calibrate_threshold, excursions, red_intervals
from tests.impact.arrays import at, stamp

DAY = 1440


def day(
    per_minute: float,
    *,
    factor: dict[range, float] | None = None,
    seed: int = 1,
    minutes: int = DAY,
    kind: str = "flow",
) -> Watched:
    """Poisson counts around a flat baseline; `factor` multiplies stretches of minutes."""
    rng = np.random.default_rng(seed)
    truth = np.full(minutes, per_minute)
    for stretch, by in (factor or {}).items():
        truth[stretch.start : stretch.stop] *= by
    times = stamp(at()) + np.arange(minutes) * np.timedelta64(60, "s")
    expected = np.full(minutes, per_minute)
    actual = rng.poisson(truth).astype(float)
    return Watched(times, actual, expected, np.sqrt(expected), kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("per_minute", [10.0, 100.0, 1000.0])
def test_an_outage_is_red_from_start_to_end(per_minute):
    (red,) = red_intervals(day(per_minute, factor={range(600, 660): 0.1}), anchor=at(600))
    assert abs(red.start - at(600)) <= timedelta(minutes=4)
    assert red.end is not None and abs(red.end - at(660)) <= timedelta(minutes=4)


def test_normal_days_are_rarely_red():
    days = [day(50.0, seed=seed) for seed in range(60)]
    assert sum(bool(red_intervals(d)) for d in days) <= 4


def test_a_baseline_that_is_a_little_off_is_not_an_outage():
    assert not red_intervals(day(100.0, factor={range(DAY): 0.97}))


def test_a_load_is_red_when_there_is_too_much():
    watched = day(10.0, factor={range(600, 660): 3.0}, kind="load")
    (red,) = red_intervals(watched, anchor=at(600))
    assert abs(red.start - at(600)) <= timedelta(minutes=5)
    assert not red_intervals(day(10.0, factor={range(600, 660): 0.2}, kind="load"))


def test_minutes_that_were_not_measured_say_nothing():
    watched = day(100.0)
    watched.actual[600:660] = np.nan
    assert not red_intervals(watched)


def test_false_incidents_stay_below_one_a_week_over_all_measures():
    # 40 measures, four weeks of history each to calibrate on, and one new week to judge by
    measures, week = 40, 7 * DAY // 5
    thresholds, alarms = [], 0
    for m in range(measures):
        history = day(50.0, seed=100 + m, minutes=4 * week)
        threshold = calibrate_threshold(excursions(history), 4.0, measures)
        thresholds.append(threshold)
        new = day(50.0, seed=900 + m, minutes=week)
        alarms += len(red_intervals(new, threshold=threshold))
    assert alarms <= 3  # Poisson with mean 1: more than 3 in 2 % of weeks
    assert min(thresholds) >= THRESHOLD


def test_a_business_that_stops_is_found_without_any_signal():
    watched = day(50.0, factor={range(1300, DAY): 0.3})
    found = red_intervals(watched, threshold=12.0)[-1]
    assert found.end is None
    assert abs(found.start - at(1300)) <= timedelta(minutes=2)
    assert not red_intervals(day(50.0), threshold=12.0)


def test_too_little_history_makes_the_test_slow_rather_than_wrong():
    assert calibrate_threshold(np.ones(3), 1.0, 1) == 2 * THRESHOLD
    with pytest.raises(ValueError, match="weeks"):
        calibrate_threshold(np.ones(30), 0.0, 1)
