"""Thin and short series: their ranges hold the truth about as often as they say."""

from datetime import timedelta

import numpy as np
import pytest

import impact
from impact.calendar import HOUR
from impact.model import Kind
from tests.impact.worlds import times, utc, week_shape

WINDOWS = 30
HOURS = 3


def share_held(an_hour: float, lumps: float, days: int, kind: Kind) -> float:
    """How often the range holds what was lost (60 %) or came on top (twice the usual), LIVE.

    Counts are Poisson, or negative binomial: a variance of m + lumps m^2 around a mean of m.
    """
    rng = np.random.default_rng(int(100 * an_hour) + days)
    at = times(days + 2)
    usual = an_hour * week_shape(at)
    held = []
    for _ in range(WINDOWS):
        mood = rng.gamma(1 / lumps, lumps, len(at)) if lumps else np.ones(len(at))
        values = rng.poisson(usual * mood).astype(float)
        start = utc(days, int(rng.integers(0, 24 - HOURS)))
        first = int(start.timestamp() - at[0].astype(np.int64)) // HOUR
        inside = slice(first, first + HOURS)
        if kind == "flow":
            change = -rng.binomial(values[inside].astype(int), 0.6)
        else:
            change = rng.poisson(2 * usual[inside] * mood[inside])
        values[inside] += change
        end = start + timedelta(hours=HOURS)
        answer = impact.estimate(at, values, start=start, end=end, kind=kind, as_of=end)
        found = answer.gross if kind == "flow" else answer.excess
        assert found is not None
        held.append(found.low - 0.5 <= abs(change.sum()) <= found.high + 0.5)
    return float(np.mean(held))


@pytest.mark.parametrize("kind", ["flow", "load"])
@pytest.mark.parametrize(("an_hour", "lumps"), [(1, 0.0), (2, 0.0), (2, 0.5), (5, 0.5)])
def test_two_an_hour_have_honest_ranges(an_hour: float, lumps: float, kind: Kind) -> None:
    assert share_held(an_hour, lumps, 35, kind) >= 0.8


@pytest.mark.parametrize("kind", ["flow", "load"])
@pytest.mark.parametrize("days", [3, 14])
def test_a_new_process_has_honest_ranges(days: int, kind: Kind) -> None:
    assert share_held(50, 0.1, days, kind) >= 0.8


@pytest.mark.parametrize("kind", ["flow", "load"])
@pytest.mark.parametrize(("hours", "units"), [(3, 1), (6, 1), (6, 3), (3, 10)])
def test_placebos_of_a_few_units_lie_inside(hours: int, units: int, kind: Kind) -> None:
    """Nothing happened in the window: a range of 90 % says so."""
    at = times(44, 900)
    rng = np.random.default_rng(hours * 100 + units)
    values, held = np.zeros(0), []
    for window in range(40):
        if window % 8 == 0:
            values = rng.poisson(units * 900 / (hours * HOUR), len(at)).astype(float)
        start = utc(36 + window % 8, int(rng.integers(0, 24 - hours)))
        end = start + timedelta(hours=hours)
        answer = impact.estimate(at, values, start=start, end=end, kind=kind, as_of=end)
        found = answer.gross if kind == "flow" else answer.excess
        assert found is not None
        held.append(found.low <= 0 <= found.high)
    assert np.mean(held) >= 0.85


def test_a_window_of_a_series_with_hardly_any_units_expects_what_other_days_saw() -> None:
    at = times(44, 900)
    values = np.zeros(len(at))
    values[np.arange(44) * 96 + 40] = 1.0  # one a day, at ten
    start = utc(43, 6)
    end = start + timedelta(hours=6)
    answer = impact.estimate(at, values, start=start, end=end, kind="load", as_of=end)
    assert answer.excess is not None
    assert answer.excess.low <= 0 <= answer.excess.high
    assert (1.0 - answer.draws["excess"]).mean() == pytest.approx(1.0, abs=0.2)
