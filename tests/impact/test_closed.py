"""What was lost before the doors closed can only come back after they open."""

import numpy as np
import pytest

import impact
from impact.model import Estimate
from tests.impact.worlds import times, utc

FRIDAY = 32
AT = times(42, 900)


def answer(hours: float, back: float = 0.0) -> Estimate:
    """Friday's last hour lost, as known some hours later; Monday's first hours bring some back."""
    hour = np.arange(len(AT)) / 4 % 24
    day = np.arange(len(AT)) // 96
    open_ = (hour >= 8) & (hour < 18) & (day % 7 < 5)
    values = np.random.default_rng(3).poisson(np.where(open_, 150.0, 0.0)).astype(float)
    values[(day == FRIDAY) & (hour >= 17)] = 0.0
    values[(day == FRIDAY + 3) & (hour >= 8) & (hour < 10)] += back / 8
    end = utc(FRIDAY, 18)
    return impact.estimate(
        AT, values, start=utc(FRIDAY, 17), end=end, as_of=utc(FRIDAY, 18 + hours)
    )


@pytest.mark.parametrize("hours", [1, 14, 48, 61])
def test_nothing_has_come_back_while_the_doors_were_closed(hours: float) -> None:
    found = answer(hours)
    assert found.state == "live"
    assert found.recovered is not None and found.recovered.high == 0
    assert found.lost is not None and found.lost.mid == pytest.approx(600, rel=0.05)
    assert found.lost_forecast is not None and found.lost_forecast.low < 300
    assert any("not settled: closed" in warning for warning in found.warnings)


@pytest.mark.parametrize("back", [0.0, 300.0])
def test_final_has_seen_the_doors_open(back: float) -> None:
    found = answer(62 + 12, back)
    assert found.state == "final" and not found.warnings
    assert found.recovered is not None and found.recovered.mid == pytest.approx(back, abs=60)
    assert found.lost is not None and found.lost.low <= 600 - back <= found.lost.high
