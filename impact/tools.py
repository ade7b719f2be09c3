"""What the tools said, minute by minute: which nodes were in trouble, and how badly.

A node's own availability is the lowest that one of its firing signals gives; what stands above it
follows by the map (`enrich.propagate`). Time is cut where a signal starts or ends, so that months
with a thousand signals are a thousand stretches, of which most share their state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from enrich.graph import Graph
from enrich.incident import Episode
from enrich.propagate import propagate

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Grid:
    """Whole minutes from `start` on, `size` of them."""

    start: datetime
    size: int

    @property
    def end(self) -> datetime:
        """The end of the last minute."""
        return self.start + self.size * MINUTE

    def minutes(self, start: datetime, end: datetime) -> slice:
        """The minutes that [start, end) touches, at least one where any of it is inside."""
        first = (start - self.start) // MINUTE
        last = max(-((self.start - end) // MINUTE), first + 1)
        return slice(min(max(first, 0), self.size), min(max(last, 0), self.size))


@dataclass(frozen=True)
class Stretch:
    """Minutes in which nothing changes. Who is in neither mapping is wholly available.

    own: what signals say of the nodes themselves. effective: of them and of all above, 0 to 1.
    """

    minutes: slice
    own: Mapping[str, float]
    effective: Mapping[str, float]


def stretches(
    graph: Graph, episodes: Iterable[Episode], grid: Grid, now: datetime
) -> Iterator[Stretch]:
    """The stretches of the grid in which something fires, oldest first; `now` ends what is open."""
    changes: dict[int, list[tuple[str, float, int]]] = {}
    for episode in episodes:
        at = grid.minutes(episode.started_at, episode.ended_at or now)
        for node in episode.nodes:
            if at.start < at.stop and node in graph:
                changes.setdefault(at.start, []).append((node, episode.availability, 1))
                changes.setdefault(at.stop, []).append((node, episode.availability, -1))
    known: dict[frozenset[tuple[str, float]], Mapping[str, float]] = {}
    firing: dict[str, Counter[float]] = {}
    moments = sorted(changes)
    for moment, following in pairwise((*moments, grid.size)):
        for node, availability, by in changes[moment]:
            _count(firing, node, availability, by)
        own = {node: min(levels) for node, levels in firing.items()}
        if own and moment < following:
            state = frozenset(own.items())
            if state not in known:
                known[state] = propagate(graph, own)
            yield Stretch(slice(moment, following), own, known[state])


def _count(firing: dict[str, Counter[float]], node: str, availability: float, by: int) -> None:
    levels = firing.setdefault(node, Counter())
    levels[availability] += by
    if not levels[availability]:
        del levels[availability]
    if not levels:
        del firing[node]
