"""Local time: which hour of the business's week a moment falls into, and which days are holidays.

Volumes live in local time: the rush at nine stays at nine when clocks change. UTC offsets are
found once per day and, on days on which they change, by bisection to the second, so that both
nights of daylight saving are exact. Weeks begin on Monday, 00:00 local.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays as holiday_library
import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
HOUR, DAY, WEEK = 3600, 86400, 604800
MONDAY = 3 * DAY  # 1970-01-01 was a Thursday: moves the start of weeks to Monday
EPOCH_DAY = date(1970, 1, 1)
SUNDAY = 6
Holidays = str | Collection[date] | None


@dataclass(frozen=True)
class LocalTime:
    """Where moments lie in local time; every array has the shape of the moments."""

    week: IntArray  # number of the local week since the epoch's
    second: IntArray  # of the local week, 0 = Monday 00:00
    day: IntArray  # local days since 1970-01-01


def zone_of(timezone: str) -> ZoneInfo:
    """The zone of an IANA name, or a ValueError naming the argument."""
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"timezone: {timezone!r} is not an IANA time zone") from error


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins by the clocks of a zone, in UTC; where they skip midnight, right then."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def local_time(seconds: IntArray, zone: ZoneInfo) -> LocalTime:
    """Local week, second of the week and day of moments in epoch seconds, in any order."""
    local = seconds + utc_offsets(seconds, zone)
    shifted = local + MONDAY
    return LocalTime(shifted // WEEK, shifted % WEEK, local // DAY)


def utc_offsets(seconds: IntArray, zone: ZoneInfo) -> IntArray:
    """Seconds to add to UTC for local time at each moment."""
    if not len(seconds):
        return np.zeros(0, np.int64)
    first, last = int(seconds.min()) // DAY * DAY, int(seconds.max()) // DAY * DAY + DAY
    marks = np.arange(first, last + DAY, DAY, dtype=np.int64)
    offsets = [_offset(int(mark), zone) for mark in marks]
    starts, values = [first], [offsets[0]]
    for i in range(1, len(marks)):
        if offsets[i] != offsets[i - 1]:
            starts.append(_change(int(marks[i - 1]), int(marks[i]), zone))
            values.append(offsets[i])
    piece = np.searchsorted(np.array(starts, np.int64), seconds, side="right") - 1
    return np.array(values, np.int64)[piece]


@lru_cache(maxsize=20_000)  # the same midnights, over and over
def _offset(second: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(second, UTC).astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def _change(low: int, high: int, zone: ZoneInfo) -> int:
    """The first second with the offset of `high`, between two moments that differ."""
    after = _offset(high, zone)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(middle, zone) == after:
            high = middle
        else:
            low = middle
    return high


def holiday_days(given: Holidays, first_day: int, last_day: int) -> IntArray:
    """Local days (since 1970) in [first_day, last_day] that are holidays.

    `given` is a code of the `holidays` library (`DE`, `US-NY`), or the dates themselves.
    """
    if given is None:
        return np.zeros(0, np.int64)
    first, last = (EPOCH_DAY + timedelta(days=int(d)) for d in (first_day, last_day))
    dates: Collection[date]
    if isinstance(given, str):
        country, _, subdivision = given.partition("-")
        try:
            dates = holiday_library.country_holidays(
                country, subdiv=subdivision or None, years=range(first.year, last.year + 1)
            ).keys()
        except (NotImplementedError, AttributeError) as error:
            raise ValueError(f"holidays: no calendar is known for {given!r}") from error
    else:
        dates = given
    days = sorted((d - EPOCH_DAY).days for d in dates if first <= d <= last)
    return np.array(days, np.int64)


def is_bridge(day: int, holidays: IntArray) -> bool:
    """Whether a local day since 1970 is a working day between a holiday and a day off."""

    def off(number: int) -> bool:
        return (number * DAY + MONDAY) // DAY % 7 >= 5 or number in holidays

    beside = off(day - 1) and off(day + 1)
    return not off(day) and beside and bool(np.isin([day - 1, day + 1], holidays).any())
