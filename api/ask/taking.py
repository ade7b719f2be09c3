"""Reads what streams took in, each currency with the rates of its days."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from enrich.model import BusinessMap
from impact.calendar import midnight
from impact.taken import Taken, rate_days
from store.store import Store


def taken_between(
    store: Store, business_map: BusinessMap, streams: Iterable[str], start: datetime, end: datetime
) -> list[Taken]:
    """Units and exact sums of [start, end), summed from one change of rates to the next."""
    names = sorted(set(streams))
    if not names or start >= end:
        return []
    zone = ZoneInfo(business_map.timezone)
    changes = [midnight(day, zone) for day in rate_days(business_map)]
    edges = [start, *(t for t in changes if start < t < end), end]
    return [
        Taken.of(row, business_map.day_of(since))
        for since, until in pairwise(edges)
        for row in store.taken(names, since, until)
    ]
