"""Outages that nobody told of, at the same hours again and again, are no opening hours."""

import numpy as np
import pytest

import impact
from impact.model import Estimate
from tests.impact.worlds import counts, times, utc

LAST = 57  # a Tuesday, eight weeks in


def struck(days: int, step: int, seed: int) -> tuple[Estimate, float, float]:
    """An outage from ten to twelve, after so many days with one; its truth, and the busiest bin."""
    at = times(LAST + 1, step)
    values = counts(at, 1500 * step / 3600, seed)
    second = np.arange(len(at)) * step
    of = np.random.default_rng(seed).permutation(LAST)[:days]
    hours = (second % 86400 >= 36000) & (second % 86400 < 43200)
    lost = float(values[hours & (second // 86400 == LAST)].sum())
    busiest = float(values.max())
    values[hours & np.isin(second // 86400, [*of, LAST])] = 0.0
    end = utc(LAST, 12)
    return impact.estimate(at, values, start=utc(LAST, 10), end=end, as_of=end), lost, busiest


@pytest.mark.parametrize("step", [3600, 300])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_third_of_the_days_with_hidden_outages_leave_the_loss_as_it_was(
    step: int, seed: int
) -> None:
    answer, lost, _ = struck(20, step, seed)
    assert answer.gross is not None and answer.gross.mid == pytest.approx(lost, rel=0.1)


def test_hidden_outages_at_this_very_time_are_warned_of() -> None:
    assert "in 3 of 8 earlier weeks" in " ".join(struck(20, 3600, 1)[0].warnings)


@pytest.mark.parametrize("step", [3600, 300])
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("days", [40, 54])
def test_the_band_around_stays_where_it_was(days: int, seed: int, step: int) -> None:
    answer, _, busiest = struck(days, step, seed)
    hour = answer.times.astype("datetime64[h]").astype(int) % 24
    around = (hour < 10) | (hour >= 12)
    assert 0 < answer.expected[around].max() <= 1.2 * busiest
    assert answer.expected_high[around].max() < 2 * busiest


def test_days_on_which_a_shop_is_closed_now_and_then_are_still_closed() -> None:
    at = times(64)
    day, hour = np.arange(len(at)) // 24, np.arange(len(at)) % 24
    open_hours = (hour >= 9) & (hour < 18)
    open_days = (day % 7 < 5) | ((day % 7 == 5) & (day // 7 % 4 == 0))  # every fourth Saturday
    values = np.where(open_hours & open_days, 300.0, 0.0)
    saturday = 61
    answer = impact.estimate(at, values, start=utc(saturday, 10), end=utc(saturday, 12))
    assert answer.gross is not None and answer.gross.mid == pytest.approx(0.0, abs=10)
