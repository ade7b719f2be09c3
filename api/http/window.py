"""The time that a question looks back at."""

from __future__ import annotations

from datetime import datetime, timedelta

from ingest.errors import InputError

LONGEST = timedelta(days=400)


def looked_at(
    start: datetime | None, to: datetime | None, now: datetime, usually: timedelta
) -> tuple[datetime, datetime]:
    """[start, end): what was asked for, by default the time `usually` looked at, until now."""
    end = min(to or now, now)
    begin = start or end - usually
    if begin >= end or end - begin > LONGEST:
        raise InputError("`from` must lie before `to` and before now, at most 400 days")
    return begin, end
