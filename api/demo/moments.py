"""Times of the simulator: milliseconds since the epoch, UTC days, and local hours.

Days are UTC days, counted since the epoch, so that they all last 24 hours; what people do follows
local time, daylight saving included.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
DAY_MINUTES = 1440
NEVER = np.int64(2**62)  # later than anything that is simulated

SHOP_ZONE = "Europe/Berlin"
ABROAD_ZONE = "America/New_York"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ms_of(moment: datetime) -> int:
    """Milliseconds since the epoch of an aware datetime, exact."""
    if moment.tzinfo is None:
        raise ValueError("moment must have a zone")
    return (moment - EPOCH) // timedelta(milliseconds=1)


def moment_of(ms: int) -> datetime:
    """The UTC datetime of milliseconds since the epoch."""
    return EPOCH + timedelta(milliseconds=ms)


def day_of(ms: int) -> int:
    """The UTC day, counted since the epoch."""
    return ms // DAY_MS


@lru_cache(maxsize=256)
def local_minutes(day: int, zone: str) -> Ints:
    """Local wall-clock minutes since the epoch for each UTC minute of a UTC day, shape (1440,).

    Zones change their offset on full hours of UTC, so one look per hour is exact.
    """
    tz = ZoneInfo(zone)
    offsets = []
    for hour in range(24):
        offset = moment_of(day * DAY_MS + hour * HOUR_MS).astimezone(tz).utcoffset()
        assert offset is not None  # an aware datetime in a ZoneInfo always has one
        offsets.append(offset // timedelta(minutes=1))
    utc = np.arange(DAY_MINUTES, dtype=np.int64) + day * DAY_MINUTES
    local = utc + np.repeat(np.asarray(offsets, dtype=np.int64), 60)
    local.setflags(write=False)
    return local


def local_parts(day: int, zone: str) -> tuple[Floats, Ints, Ints]:
    """(hour of day as a fraction, weekday with Monday 0, local day) per minute, each (1440,)."""
    local = local_minutes(day, zone)
    local_day = local // DAY_MINUTES
    hour = (local % DAY_MINUTES) / 60.0
    return hour, (local_day + 3) % 7, local_day  # the epoch was a Thursday
