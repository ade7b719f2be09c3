"""Signals to episodes: one firing of one thing, put together from everything said about it.

A pure function of all statements, in whatever order they came and however often they were repeated:

- One episode per (source, fingerprint, start). A `firing` that is sent again is the same episode; a
  new start of the same fingerprint is a new one. Something that is reopened carries a new start.
- `resolved` ends its episode, wherever it stands in the order of arrival. Of several, the latest
  statement wins. Without a `firing` it makes an episode all the same if it says when it began.
- A `resolved` that does not know the start (its start is its end) ends what is firing by then.
- Severity, labels and texts come from the latest `firing`; a `resolved` speaks only where there is
  none, since many senders leave everything out of it but the identity.
- What is never resolved ends when the same fingerprint starts anew, at the end that maintenance
  announced, or, *stale*, when nothing more was heard: at the end that its last word gave it (an
  alert posted as by Prometheus lives for minutes), else when its source's expiry has passed since.
  A `resolved` without a start that comes later than that is too late.
- Of sources that dedupe (`CONTINUING`) a repeat carries a new start: it goes on with the episode
  that is firing by then, whose start stays. An acknowledgement goes on with one too, never begins
  one, and describes none.
- Of sources whose fingerprint is one window (`REPLANNED`), maintenance that is given another start
  before it has begun is put off: what was planned first did not happen.
- A change happens at a moment: it ends when it begins.

The time of a statement is when Toll received it, else (not stored yet) the end or start it names.
A repeat is a word of its own only if it is kept with its own `received_at`.
Episodes of unmapped signals are kept, with no nodes: coverage lists them, incidents ignore them.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TypeAlias

from enrich.incident import Episode, Responder
from enrich.resolve import Resolver
from ingest.events import (
    ACKNOWLEDGE,
    ACTION_LABEL,
    PAGER_LABEL,
    RESPONDERS_AT_LABEL,
    RESPONDERS_LABEL,
    Severity,
    Signal,
)

AVAILABILITY: Mapping[Severity, float] = MappingProxyType(
    {"critical": 0.0, "major": 0.5, "minor": 0.9, "info": 1.0}
)

DEFAULT_EXPIRY = timedelta(hours=24)
DEFAULT_EXPIRIES: Mapping[str, timedelta] = MappingProxyType(
    {
        # Alertmanager and Grafana repeat what still fires every 4 h unless told otherwise.
        "alertmanager": timedelta(hours=6),
        "grafana": timedelta(hours=6),
        # These speak when something changes and are silent in between.
        "pagerduty": timedelta(days=7),
        "statuspage": timedelta(days=7),
        # What is logged goes on for as long as it is logged.
        "otlp-logs": timedelta(minutes=10),
    }
)
# Families of sources whose repeats do not know when the thing began.
CONTINUING = frozenset({"pagerduty", "otlp-logs"})
# Families of sources in which a maintenance is one window, whenever it is told to be.
REPLANNED = frozenset({"statuspage"})

_Labels: TypeAlias = frozenset[tuple[str, str]]


def episodes(
    signals: Iterable[Signal],
    resolver: Resolver,
    expiries: Mapping[str, timedelta],
    now: datetime,
) -> list[Episode]:
    """All episodes that the signals tell of as known at `now`, by start, then id.

    `expiries` is by source; `statuspage` also covers `statuspage:github`. See `DEFAULT_EXPIRIES`.
    """
    said: dict[tuple[str, str], dict[datetime, list[Signal]]] = {}
    for signal in signals:
        of_thing = said.setdefault((signal.source, signal.fingerprint), {})
        of_thing.setdefault(signal.started_at, []).append(signal)
    nodes: dict[_Labels, tuple[str, ...]] = {}
    found = []
    for (source, _), by_start in said.items():
        expiry, family = expiry_of(source, expiries), source.partition(":")[0]
        if family in CONTINUING:
            by_start = _continued(by_start, expiry)
        if family in REPLANNED and len(by_start) > 1:
            by_start = _as_planned(by_start)
        for told, statements, end, stale in _firings(by_start, expiry, now):
            labels = frozenset(told.labels.items())
            if labels not in nodes:
                nodes[labels] = resolver.nodes(told.labels)
            found.append(_episode(told, statements, end, stale, nodes[labels]))
    return sorted(found, key=lambda e: (e.started_at, e.id))


def expiry_of(source: str, expiries: Mapping[str, timedelta]) -> timedelta:
    """How long a source may be silent about something that fires: exact name, family, default."""
    family = source.partition(":")[0]
    return expiries.get(source) or expiries.get(family) or DEFAULT_EXPIRY


def episode_id(source: str, fingerprint: str, started_at: datetime) -> str:
    """The identity of an episode: 16 hex digits, the same on every replay."""
    text = "\0".join((source, fingerprint, started_at.isoformat()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _continued(
    by_start: Mapping[datetime, list[Signal]], expiry: timedelta
) -> dict[datetime, list[Signal]]:
    """Repeats under a start of their own, put to the start of the firing that they go on with."""
    ends = sorted(_end(s) for said in by_start.values() for s in said if s.status == "resolved")
    found: dict[datetime, list[Signal]] = {}
    first = last = None
    for start in sorted(by_start):
        said = by_start[start]
        if _startless(said):
            found[start] = said
            continue
        if first is not None and last is not None and start <= last + expiry:
            following = bisect_left(ends, first)  # the first end since it began
            if following == len(ends) or ends[following] > start:
                found[first] += [replace(s, started_at=first) for s in said]
                last = max(last, *map(_stated, said))
                continue
        found[start] = list(said)
        if any(not _acknowledges(s) for s in said):
            first, last = start, max(map(_stated, said))
    return found


def _as_planned(by_start: Mapping[datetime, list[Signal]]) -> dict[datetime, list[Signal]]:
    """Without the plans that were put off before they began."""
    last = {start: max(map(_stated, said)) for start, said in by_start.items()}
    return {
        start: said
        for start, said in by_start.items()
        if not all(s.kind == "maintenance" for s in said)
        or not any(last[start] < told < start for told in last.values())
    }


def _firings(
    by_start: Mapping[datetime, list[Signal]], expiry: timedelta, now: datetime
) -> Iterator[tuple[Signal, Sequence[Signal], datetime | None, bool]]:
    """(who describes it, all that was said, end, stale) per firing of one thing."""
    told = {
        start: said
        for start, said in by_start.items()
        if not _startless(said) and not all(map(_acknowledges, said))
    }
    ends = sorted(
        _end(_latest(said)) for said in by_start.values() if _startless(said)
    )  # of resolves that do not know what they end
    starts = sorted(told)
    for i, start in enumerate(starts):
        said = told[start]
        firing = [s for s in said if s.status == "firing" and not _acknowledges(s)]
        resolved = [s for s in said if s.status == "resolved"]
        describes = _latest(firing or resolved)  # one of them: not all are acknowledgements
        if resolved:
            yield describes, said, _end(_latest(resolved)), False
            continue
        if describes.kind == "change":
            yield describes, said, start, False
            continue
        following = starts[i + 1] if i + 1 < len(starts) else None
        deadline, announced = _deadline(describes, said, expiry)
        later = bisect_left(ends, start)  # the first end since it began
        closing = ends[later] if later < len(ends) else None
        end = min(t for t in (deadline, closing, following) if t is not None)
        if end == deadline and deadline > now:
            yield describes, said, None, False
        else:
            stale = end == deadline and not announced and end not in (closing, following)
            yield describes, said, end, stale


def _startless(said: Sequence[Signal]) -> bool:
    return all(s.status == "resolved" and _end(s) <= s.started_at for s in said)


def _acknowledges(signal: Signal) -> bool:
    return signal.status == "firing" and signal.labels.get(ACTION_LABEL) == ACKNOWLEDGE


def _deadline(
    describes: Signal, said: Sequence[Signal], expiry: timedelta
) -> tuple[datetime, bool]:
    """Until when it fires if nothing more is heard, and whether the sender said so itself."""
    last_word = max(_stated(s) for s in said)
    announced = describes.ended_at if describes.kind == "maintenance" else None
    if announced is not None and announced > last_word:
        return announced, True
    return max(_lives_until(s, expiry) for s in said), False


def _lives_until(firing: Signal, expiry: timedelta) -> datetime:
    """How long a statement holds if no other follows: to the end it names, else for the expiry."""
    stated = _stated(firing)
    if firing.ended_at is not None and firing.ended_at > stated:
        return firing.ended_at
    return stated + expiry


def _latest(said: Sequence[Signal]) -> Signal:
    return said[0] if len(said) == 1 else max(said, key=_order)


def _order(signal: Signal) -> tuple[object, ...]:
    # The time decides; the rest only makes the choice between equal times the same every time.
    return (
        _stated(signal),
        signal.id,
        signal.ended_at or signal.started_at,
        signal.kind,
        signal.severity,
        sorted(signal.labels.items()),
        signal.summary,
        signal.url,
        -1.0 if signal.availability is None else signal.availability,
    )


def _stated(signal: Signal) -> datetime:
    if signal.received_at is not None:
        return signal.received_at
    if signal.status == "resolved" and signal.ended_at is not None:
        return signal.ended_at
    return signal.started_at


def _end(resolved: Signal) -> datetime:
    return max(resolved.started_at, resolved.ended_at or _stated(resolved))


def _episode(
    told: Signal,
    said: Sequence[Signal],
    ended_at: datetime | None,
    stale: bool,
    nodes: tuple[str, ...],
) -> Episode:
    heard = [s.received_at for s in said if s.received_at is not None]
    return Episode(
        id=episode_id(told.source, told.fingerprint, told.started_at),
        source=told.source,
        fingerprint=told.fingerprint,
        kind=told.kind,
        severity=told.severity,
        labels=told.labels,
        summary=told.summary,
        started_at=told.started_at,
        ended_at=ended_at,
        stale=stale,
        availability=_availability(told),
        nodes=nodes,
        url=told.url,
        pager=told.labels.get(PAGER_LABEL, ""),
        heard_at=min(heard, default=None),
        responders=_responders(said),
    )


def _responders(said: Sequence[Signal]) -> tuple[Responder, ...]:
    """Everybody who is named by any statement, by the first that does.

    Labels of any sender may be called like the pager's: without a moment they name nobody.
    """
    since: dict[str, datetime] = {}
    for signal in said:
        moment = _moment(signal.labels.get(RESPONDERS_AT_LABEL, ""))
        if moment is not None:
            for person in signal.labels.get(RESPONDERS_LABEL, "").split():
                since[person] = min(moment, since.get(person, moment))
    return tuple(Responder(who, at) for who, at in sorted(since.items(), key=lambda p: p[::-1]))


def _moment(text: str) -> datetime | None:
    """A time with its zone, as the pager's signals write it; None where it is not one."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _availability(told: Signal) -> float:
    own = told.availability
    if own is None or not math.isfinite(own):
        return AVAILABILITY[told.severity]
    return min(1.0, max(0.0, own))
