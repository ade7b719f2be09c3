"""Both nights on which clocks change, in hours and in days: worked out by hand."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

import impact
from tests.impact.worlds import local_hours, times

BERLIN = "Europe/Berlin"
SPRING, AUTUMN = datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)


@pytest.mark.parametrize(
    ("night", "hours", "lost"),
    [
        # local 01:00, 03:00, 04:00: 200 + 400 + 500; there is no 02:00
        (SPRING, 3, 1100),
        # local 01:00, 02:00, 02:00, 03:00, 04:00: 200 + 300 + 300 + 400 + 500
        (AUTUMN, 5, 1700),
    ],
)
def test_an_hourly_series_over_the_night(night: datetime, hours: int, lost: int) -> None:
    first = night - timedelta(days=56)
    at = times(58, 3600, first)
    values = 100.0 * (1 + local_hours(at, BERLIN)[1])  # 100 at midnight, 2400 at 23:00
    start = night.astimezone(UTC).replace(hour=0) - timedelta(hours=1 if night == AUTUMN else 0)
    a = int((start - first) / timedelta(hours=1))
    assert values[a : a + hours].sum() == lost
    values[a : a + hours] = 0.0
    end = start + timedelta(hours=hours)
    answer = impact.estimate(at, values, start=start, end=end, timezone=BERLIN)
    assert answer.gross is not None and answer.gross.mid == pytest.approx(lost, rel=0.05)


@pytest.mark.parametrize("night", [SPRING, AUTUMN])
def test_a_daily_series_over_the_night(night: datetime) -> None:
    first = night - timedelta(days=84)
    at = times(88, 86400, first)  # days of UTC, Sundays 600, others 1000
    weekday = (np.arange(88) + first.weekday()) % 7
    values = np.where(weekday == 6, 600.0, 1000.0)
    values[84] -= 450  # three quarters of the Sunday
    end = night + timedelta(days=1)
    answer = impact.estimate(at, values, start=night, end=end, timezone=BERLIN)
    assert answer.gross is not None and answer.gross.low <= 450 <= answer.gross.high
    # one day in ten goes like another weekday, and nothing of this one was seen before
    assert answer.gross.mid == pytest.approx(450, rel=0.15)
