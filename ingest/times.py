"""Reading times: RFC 3339 with a zone, exactly, as UTC milliseconds since the epoch.

A leap second has no place on the epoch's scale. `23:59:60` UTC, the only moment a leap second can
be, is read as the last millisecond of its minute (`23:59:59.999`), so that the event stays in the
minute in which it happened; any other `:60` is no time at all.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_RFC_3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:\.([0-9]{1,9}))?(?:([Zz])|([+-])([0-9]{2}):([0-9]{2}))"
)
_WITHOUT_ZONE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def rfc3339_ms(text: str) -> int:
    """The moment an RFC 3339 text names, fractions cut to milliseconds; else `ValueError`.

    `T`, `t` or a space may stand between date and time (section 5.6 of the RFC), `Z` or `z` for
    UTC, and up to nine digits behind the point.
    """
    found = _RFC_3339.fullmatch(text)
    if not found:
        raise ValueError("not RFC 3339, such as 2026-11-22T10:15:00.000Z")
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    leap = second == 60
    zone = _zone(found[9], found[10], found[11])
    moment = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=zone)
    milliseconds = int(((found[7] or "") + "000")[:3])
    whole = (moment - _EPOCH) // _MILLISECOND
    if not leap:
        return whole + milliseconds
    if (whole // 60_000) % 1440 != 1439:
        raise ValueError("second 60 exists only at 23:59:60 UTC")
    return whole + 999


def _zone(sign: str | None, hours: str | None, minutes: str | None) -> timezone:
    if sign is None or hours is None or minutes is None:
        return UTC
    if int(hours) > 23 or int(minutes) > 59:
        raise ValueError("the zone offset must be between -23:59 and +23:59")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == "-" else offset)


def lacks_zone(text: str) -> bool:
    """Whether a text is a date and time that says no zone, so that it names no moment."""
    return _WITHOUT_ZONE.fullmatch(text) is not None


def from_ms(milliseconds: int) -> datetime:
    """The UTC moment of so many milliseconds since the epoch."""
    return _EPOCH + milliseconds * _MILLISECOND


def to_ms(moment: datetime) -> int:
    """Milliseconds since the epoch, exactly (a float would round); the moment must have a zone."""
    return (moment - _EPOCH) // _MILLISECOND
