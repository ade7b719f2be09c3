import numpy as np
import pytest

from impact.cusum import Watched
from impact.spread import (
    dispersion,
    fading_sums,
    level_before,
    measure_spread,
    rolling_level,
)
from tests.impact.arrays import at, stamp


def test_spread_beyond_counting_is_found():
    rng = np.random.default_rng(0)
    expected = np.tile(np.array([20.0, 200.0, 2000.0]), 2000)
    steady = rng.poisson(expected).astype(float)
    rough = rng.poisson(expected * rng.normal(1.0, 0.1, len(expected)).clip(0)).astype(float)
    assert dispersion(steady, expected) == pytest.approx((1.0, 0.0), abs=0.1)
    assert dispersion(rough, expected)[1] == pytest.approx(0.1, rel=0.2)
    rough[::10] = 0.0  # outages that nobody labelled
    assert dispersion(rough, expected)[1] == pytest.approx(0.1, rel=0.35)


def test_the_level_of_the_hours_before():
    expected = np.full(72, 100.0)
    assert level_before(expected * 1.4, expected, 1.0, 6) == pytest.approx(1.4, abs=0.01)
    broken = expected * 1.4
    broken[30:42] = 0.0  # another outage among those hours
    assert level_before(broken, expected, 1.0, 6) == pytest.approx(1.4, abs=0.01)
    assert level_before(np.full(72, np.nan), expected, 1.0, 6) == 1.0


def test_few_units_say_little_about_the_level():
    expected = np.full(6, 0.5)
    assert level_before(np.zeros(6), expected, 1.0, 6) == pytest.approx(1.0, abs=0.05)


def test_a_rolling_level_follows_within_hours_and_not_at_once():
    expected = np.full(288 * 2, 50.0)
    actual = expected.copy()
    actual[288:] *= 1.5
    level = rolling_level(actual, expected, 1.0, 300)
    assert level[288 + 5] == pytest.approx(1.0, abs=0.01)  # the newest half hour says nothing
    assert level[-1] == pytest.approx(1.5, abs=0.03)


def test_a_drift_of_days_is_not_a_peak_of_the_test():
    rng = np.random.default_rng(0)
    days = 28
    expected = np.full(288 * days, 50.0)
    drift = np.repeat(rng.normal(1.0, 0.08, days), 288)
    times = stamp(at()) + np.arange(len(expected)) * np.timedelta64(300, "s")
    actual = rng.poisson(expected * drift).astype(float)
    spread = measure_spread(Watched(times, actual, expected, np.zeros(len(expected))))
    assert spread.weeks == pytest.approx(4.0)
    assert np.quantile(spread.peaks, 0.9) < 6.0


@pytest.mark.parametrize("fade", [0.5, 0.9, 0.9972, 0.99999])
def test_fading_sums_are_those_of_the_recursion(fade):
    values = np.random.default_rng(1).poisson(20.0, 5000).astype(float)
    held, expected = 0.0, []
    for value in values.tolist():
        held = value + fade * held
        expected.append(held)
    assert np.allclose(fading_sums(values, fade), expected, rtol=1e-12)
    assert fading_sums(values[:0], fade).shape == (0,)
