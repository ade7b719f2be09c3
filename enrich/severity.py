"""How badly incidents hit each process over time, as the map predicts it.

Severity is 1 - availability of a process (`enrich.propagate`), 0 to 1; processes that are not hit
are left out. While signals of an incident fire, a node's own availability is the lowest that one of
them gives; two incidents on one node count like two signals.

When none of its signals fires, an incident *keeps its severity*: it counts with its worst moment,
the one with the largest sum of severities over processes. Who is in effect is the caller's to say:
an effect can begin before the first signal and outlast the last one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

from enrich.graph import Graph
from enrich.incident import Episode, Incident, lowest, on_map
from enrich.propagate import severities

MOMENTS = 256  # so many different moments of an incident are told apart when its worst is sought

Own: TypeAlias = frozenset[tuple[str, float]]  # (node, own availability) of those that are hit


class Worst(NamedTuple):
    """The worst that a set of episodes does."""

    severity: Mapping[str, float]  # by process, each at its own worst moment
    own: Own  # the state of the nodes at the worst moment over all processes


class Severities:
    """Predicted severity by process for any state of the nodes; answers are remembered."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known: dict[Own, Mapping[str, float]] = {}

    def of(self, own: Own) -> Mapping[str, float]:
        """Severity by process when the nodes' own availability is `own` and 1 elsewhere."""
        known = self._known.get(own)
        if known is None:
            known = self._known[own] = severities(self._graph, dict(own))
        return known

    def worst(self, episodes: Iterable[Episode]) -> Worst:
        """The worst over the whole window of one incident."""
        severity: dict[str, float] = {}
        heaviest, weight = Own(), 0.0
        for own in _pooled(list(dict.fromkeys(_peaks(episodes)))):
            hit = self.of(own)
            for process, value in hit.items():
                severity[process] = max(value, severity.get(process, 0.0))
            if sum(hit.values()) > weight:
                heaviest, weight = own, sum(hit.values())
        return Worst(severity, heaviest)


class Predictor:
    """v(S) of attribution: the severity that any set of these incidents predicts at a moment.

    Ask for all sets at one moment before going on to the next: states are kept for one moment.
    """

    def __init__(self, graph: Graph, incidents: Iterable[Incident]) -> None:
        self._severities = Severities(graph)
        self._episodes = {i.id: [on_map(e, graph) for e in i.episodes] for i in incidents}
        self._held: dict[str, Own] = {}
        self._at: datetime | None = None
        self._own: dict[str, Own] = {}  # at that moment

    def at(self, ids: Iterable[str], when: datetime) -> Mapping[str, float]:
        """Severity by process at `when` with only the incidents `ids`, all of them in effect."""
        if when != self._at:
            self._at, self._own = when, {}
        return self._severities.of(_lowest([self._of(i, when) for i in ids]))

    def _of(self, incident_id: str, when: datetime) -> Own:
        own = self._own.get(incident_id)
        if own is None:
            episodes = self._episodes[incident_id]
            own = _active(episodes, when) or self._hold(incident_id, episodes)
            self._own[incident_id] = own
        return own

    def _hold(self, incident_id: str, episodes: Sequence[Episode]) -> Own:
        if incident_id not in self._held:
            self._held[incident_id] = self._severities.worst(episodes).own
        return self._held[incident_id]


def _active(episodes: Iterable[Episode], when: datetime) -> Own:
    firing = (
        e for e in episodes if e.started_at <= when and (e.ended_at is None or when < e.ended_at)
    )
    return Own(lowest(firing).items())


def _lowest(states: Sequence[Own]) -> Own:
    if len(states) == 1:
        return states[0]
    own: dict[str, float] = {}
    for state in states:
        for node, availability in state:
            own[node] = min(availability, own.get(node, 1.0))
    return Own(own.items())


def _peaks(episodes: Iterable[Episode]) -> Iterator[Own]:
    """The states of the nodes just before something gets better: no other can be the worst."""
    firing: dict[str, Counter[float]] = {}
    own: dict[str, float] = {}
    worse = False
    for _, phase, node, availability in sorted(_edges(episodes)):
        at_node = firing.setdefault(node, Counter())
        if phase == _START:
            at_node[availability] += 1
            if availability < own.get(node, 1.0):
                own[node], worse = availability, True
            continue
        at_node[availability] -= 1
        if not at_node[availability]:
            del at_node[availability]
        lowest = min(at_node, default=1.0)
        if lowest > own.get(node, 1.0):
            if worse:
                yield Own(own.items())
                worse = False
            own[node] = lowest
            if lowest == 1.0:
                del own[node]
    if worse:
        yield Own(own.items())


_END, _START, _MOMENTARY = 0, 1, 2  # at one time: ends, then starts, then ends of what just started


def _edges(episodes: Iterable[Episode]) -> Iterator[tuple[datetime, int, str, float]]:
    for episode in episodes:
        for node in episode.nodes:
            yield episode.started_at, _START, node, episode.availability
            if episode.ended_at is not None:
                phase = _END if episode.ended_at > episode.started_at else _MOMENTARY
                yield episode.ended_at, phase, node, episode.availability


def _pooled(states: Sequence[Own]) -> Iterator[Own]:
    # An incident that flaps in thousands of ways is looked at in stretches, each at its worst.
    size = -(-len(states) // MOMENTS)
    for i in range(0, len(states), max(size, 1)):
        yield _lowest(states[i : i + size])
