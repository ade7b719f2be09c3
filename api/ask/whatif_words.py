"""What is asked by `what-if`, read from what people write; and in words. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from api.ask.replaying import Supposition
from api.words import DAYS, lasted
from enrich import amounts
from enrich.model import BusinessMap
from ingest.errors import InputError

_SLOT = re.compile(r"([a-z]{3})[a-z]*\s+(\d{1,2}):(\d{2})")

RESTS_ON = (
    "What was measured is scaled by what the map predicts with the change and without it; "
    "concurrent incidents share by Shapley values.",
    "It takes for granted that what is left takes over at once and can carry everything; the "
    "range doubts that, and the map, but not the change itself.",
    "Money is what the measures lost. People's time and service credits, which an incident's own "
    "cost holds as well, are not in it.",
)
OUTAGE_RESTS_ON = (
    "Usual volume of those hours of the week times the severity that the map predicts.",
    "Nothing is taken off for customers who come back later.",
    "People's time and service credits are not in it.",
)


def length_of(text: str, what: str) -> timedelta:
    """A length of time such as `20m`, `2h` or `1d`."""
    try:
        return amounts.duration(text)
    except ValueError as error:
        raise InputError(f"{what}: {error}") from error


def moment_of(text: str, now: datetime, timezone: str) -> datetime:
    """A moment: RFC 3339 with its zone, or `Fri 18:00`, the next one of the company's clock."""
    zone = ZoneInfo(timezone)
    slot = _SLOT.fullmatch(text.strip().lower())
    if slot and slot[1].title() in DAYS and int(slot[2]) < 24 and int(slot[3]) < 60:
        local = now.astimezone(zone)
        day = local.date() + timedelta(days=(DAYS.index(slot[1].title()) - local.weekday()) % 7)
        at = datetime.combine(day, time(int(slot[2]), int(slot[3])), zone)
        if at < local:
            at = datetime.combine(day + timedelta(days=7), at.time(), zone)
        return at.astimezone(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not 1970 < moment.year < 2200:
        raise InputError(f"at: '{text}' is no moment; write it like 'Fri 18:00', or with its zone")
    return moment.astimezone(UTC)


def in_words(asked: Supposition, business_map: BusinessMap) -> str:
    """What is supposed, as a clause after *if*."""
    parts = []
    for node in asked.change.twins:
        parts.append(f"{business_map.title(node)} had had a twin")
    for name, needs in asked.change.needs.items():
        parts.append(f"{business_map.title(name)} had needed {needs}")
    if asked.map_text:
        parts.append("the map had been the other one")
    if asked.not_failed:
        parts.append(
            f"{_list([business_map.title(n) for n in sorted(asked.not_failed)])} had not failed"
        )
    if asked.gone:
        parts.append(f"{_list(sorted(asked.gone))} had not been")
    if asked.shorter:
        parts.append(f"it had lasted {lasted(asked.shorter)} less")
    return " and ".join(parts)


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
