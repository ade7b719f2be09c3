"""The life of an incident: `open -> recovering -> settled`.

An incident is *open* while one of its signals fires and *recovering* when all have ended. It is
*settled* when it has been quiet for `TAIL` (until then a signal may still join it) and the business
has settled too, which the numbers decide: they pass the moment at which the last measure was back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from enrich.incident import Episode, Incident, IncidentState

TAIL = timedelta(minutes=30)  # after its end an incident can still be joined for so long


def state_at(
    ended_at: datetime | None, now: datetime, business_until: datetime | None = None
) -> IncidentState:
    """The state of an incident that ended at `ended_at` (None: has not).

    `business_until` is when its measures have settled; None leaves them out of it.
    """
    if ended_at is None or ended_at > now:
        return "open"
    quiet = ended_at + TAIL
    until = quiet if business_until is None else max(quiet, business_until)
    return "settled" if until <= now else "recovering"


def settle(incident: Incident, now: datetime, business_until: datetime | None) -> Incident:
    """The incident with its state at `now`, the settling of its measures taken into account."""
    return replace(incident, state=state_at(incident.ended_at, now, business_until))


def window(episodes: Iterable[Episode], now: datetime) -> tuple[datetime, datetime | None]:
    """From the first start to the last end of at least one episode; None while one still fires."""
    started: list[datetime] = []
    ended: list[datetime | None] = []
    for episode in episodes:
        started.append(episode.started_at)
        ended.append(episode.ended_at)
    ends = [end for end in ended if end is not None and end <= now]
    return min(started), max(ends) if len(ends) == len(ended) else None


def as_known(incident: Incident, moment: datetime) -> Incident | None:
    """The incident as it stood at an earlier moment; None where it had not begun.

    What had not ended yet is open. Whom it reaches stays what the map says of all its signals.
    """
    if incident.started_at > moment:
        return None
    episodes = tuple(
        replace(e, ended_at=None, stale=False) if e.ended_at and e.ended_at > moment else e
        for e in incident.episodes
        if e.started_at <= moment
    )
    ended = incident.ended_at if incident.ended_at and incident.ended_at <= moment else None
    state = state_at(ended, moment)
    return replace(incident, episodes=episodes, ended_at=ended, state=state)
