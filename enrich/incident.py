"""What an incident is: episodes that belong together, their root, and whom they reach."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from enrich.edits import Response
from ingest.events import Severity, SignalKind

IncidentState = Literal["open", "recovering", "settled"]
IncidentKind = Literal["outage", "maintenance", "business"]
PEOPLE = "people"  # the source of an episode that nobody sent: what an edit says of a node


@dataclass(frozen=True, slots=True)
class Responder:
    """Somebody who works on it, as the pager calls them, since it first said so."""

    person: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Episode:
    """One firing of one fingerprint, from its start to its end: all its signals in one.

    A pure function of all stored signals, in whatever order they came.
    """

    id: str  # derived from source, fingerprint and start: the same on every replay
    source: str
    fingerprint: str
    kind: SignalKind
    severity: Severity
    labels: Mapping[str, str]
    summary: str
    started_at: datetime
    ended_at: datetime | None  # None: still firing as far as known
    stale: bool = False  # past its source's expiry without a word; `ended_at` is the expiry
    availability: float = 0.0  # of its nodes while it fires, 0 to 1
    nodes: tuple[str, ...] = ()  # what it matched on the map; empty: unmapped
    url: str = ""
    pager: str = ""  # the pager's own incident, where the signal names one
    heard_at: datetime | None = None  # when Toll first had word of it; None: not known
    responders: tuple[Responder, ...] = ()  # by when they were first named


@dataclass(frozen=True, slots=True)
class Change:
    """A deployment or another change at or beneath the root, shortly before the start."""

    at: datetime
    node: str
    summary: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node that may be the root cause, with the reason for its rank in words."""

    node: str
    started_at: datetime  # of its first signal in the incident
    explains: tuple[str, ...]  # other firing nodes that need it, by name
    reason: str


@dataclass(frozen=True, slots=True)
class Reached:
    """A process that an incident reaches through the map."""

    process: str
    severity: float  # predicted: 1 - availability of the process at its worst, 0 to 1
    path: tuple[str, ...]  # from the root cause up to the process


@dataclass(frozen=True, slots=True)
class Incident:
    """Signals that belong together. `id` derives from the first of them."""

    id: str
    kind: IncidentKind
    state: IncidentState
    title: str
    started_at: datetime  # the technical window
    ended_at: datetime | None
    root: str  # the node that explains most; "" for a business-first incident
    explanation: str  # the path in words, from cause to process
    episodes: tuple[Episode, ...] = ()
    reached: tuple[Reached, ...] = ()
    trigger: Change | None = None
    map_version: str = ""
    measures: tuple[str, ...] = field(default=())  # business-first: the measures that turned red
    causes: tuple[Candidate, ...] = ()  # every firing node, the likeliest cause first
    red_since: datetime | None = None  # the start of a business-first incident that it explains
    edits: tuple[str, ...] = ()  # ids of the edits that have been taken into it
    merged_into: str = ""  # of one that is gone: the incident it is a part of now
    dismissed: bool = False  # of one that is gone: people say that it was none
    response: Response | None = None  # what people say of the work on it
    unedited: Incident | None = None  # business-first and edited: as it was found, to go on from


def lowest(episodes: Iterable[Episode]) -> dict[str, float]:
    """The lowest availability that any of the episodes gives each of its nodes."""
    own: dict[str, float] = {}
    for episode in episodes:
        for node in episode.nodes:
            own[node] = min(episode.availability, own.get(node, 1.0))
    return own


def on_map(episode: Episode, known: Container[str]) -> Episode:
    """The episode with those of its nodes that a map knows: it may be of an older version."""
    if all(node in known for node in episode.nodes):
        return episode
    return replace(episode, nodes=tuple(node for node in episode.nodes if node in known))
