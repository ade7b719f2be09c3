"""Single points of failure: what the loss of each single node does to every process.

One loss is propagated at a time, as `enrich.propagate` does it, but only along what changes: most
of a large map lies beneath few things. A node that one other thing needs, without alternative, does
what the loss of that thing does, so that it is looked at once.

Beside the losses stand the *near misses*: groups that look redundant and are not. Either all their
members are needed (two of two), or members share something beneath, whose loss takes more of them
than can be spared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from types import MappingProxyType
from typing import Literal, NamedTuple

from enrich.graph import Graph
from enrich.model import AtLeast, Hard, Need, Soft, needed
from enrich.propagate import carried

NOTHING: Mapping[str, float] = MappingProxyType({})


class NearMiss(NamedTuple):
    """A group that looks redundant and is not."""

    owner: str  # who has the choice
    needed: int
    of: tuple[str, ...]
    why: Literal["no_spare", "shared"]
    shared: str  # the node beneath that takes too many of them; "" for `no_spare`


@dataclass(frozen=True)
class Losses:
    """What each single loss does: node -> process -> severity above 0, up to 1."""

    severity: Mapping[str, Mapping[str, float]]
    near_misses: Sequence[NearMiss]

    def below(self, share: float) -> dict[str, dict[str, float]]:
        """The nodes whose loss leaves a process with less than `share`, and those processes."""
        found = {
            node: {p: s for p, s in hit.items() if 1.0 - s < share or s >= 1.0}
            for node, hit in self.severity.items()
        }
        return {node: hit for node, hit in found.items() if hit}


def losses(graph: Graph) -> Losses:
    """Every single loss on a map; 100,000 nodes take seconds."""
    return _Losing(graph).all()


class _Losing:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._names = graph.names
        self._rank = graph.ranks()
        self._uses: list[list[tuple[int, Need]]] = [[] for _ in graph.names]
        for upper, name in enumerate(graph.names):
            for need in graph.needs(name):
                for lower in needed(need):
                    self._uses[graph.number(lower)].append((upper, need))
        self._processes = len(graph.map.processes)  # they come first
        self._shared: dict[tuple[int, int], list[int]] = defaultdict(list)
        self._groups: dict[tuple[int, int], AtLeast] = {}

    def all(self) -> Losses:
        known: dict[int, Mapping[str, float]] = {}
        for number in sorted(range(len(self._names)), key=lambda n: -self._rank[n]):
            if number < self._processes:
                known[number] = MappingProxyType({self._names[number]: 1.0})
                continue
            uses = self._uses[number]
            alone = len(uses) == 1 and isinstance(uses[0][1], Hard)
            known[number] = known[uses[0][0]] if alone else self._lose(number)
        severity = {
            name: known[self._graph.number(name)]
            for name in self._graph.map.nodes
            if known[self._graph.number(name)]
        }
        return Losses(severity, self._near_misses())

    def _lose(self, lost: int) -> Mapping[str, float]:
        """Severity by process when one node is lost."""
        effective = {lost: 0.0}
        touched: dict[int, list[tuple[int, Need]]] = {}
        waiting: list[tuple[int, int]] = []
        at: int | None = lost
        hit: dict[str, float] = {}
        while at is not None:
            for upper, need in self._uses[at]:
                if upper not in touched:
                    touched[upper] = []
                    heappush(waiting, (self._rank[upper], upper))
                touched[upper].append((at, need))
            at = None
            while waiting and at is None:
                _, upper = heappop(waiting)
                left = self._left(upper, touched[upper], effective, lost)
                if left < 1.0:
                    effective[upper], at = left, upper
                    if upper < self._processes:
                        hit[self._names[upper]] = 1.0 - left
        return hit or NOTHING

    def _left(
        self,
        upper: int,
        touched: list[tuple[int, Need]],
        effective: Mapping[int, float],
        lost: int,
    ) -> float:
        """Availability of a thing some of whose needs are touched; 1 where they are absorbed."""
        left = 1.0
        groups: dict[int, AtLeast | Soft] = {}
        for below, need in touched:
            if isinstance(need, Hard):
                left *= effective[below]
            else:
                groups[id(need)] = need
        for need in groups.values():
            members = [self._graph.number(n) for n in needed(need)]
            met = carried(need, [effective.get(n, 1.0) for n in members])
            left *= met
            if isinstance(need, AtLeast) and met < 1.0 and lost not in members:
                self._groups[upper, id(need)] = need
                self._shared[upper, id(need)].append(lost)
        return left

    def _near_misses(self) -> list[NearMiss]:
        """In the order of the map; of nested shared nodes only the nearest to the group."""
        found: list[tuple[int, int, NearMiss]] = []
        tie = count()
        for number, name in enumerate(self._names):
            used = number < self._processes or bool(self._uses[number])
            for need in self._graph.needs(name) if used else ():
                if isinstance(need, AtLeast) and need.count == len(need.of):
                    miss = NearMiss(name, need.count, need.of, "no_spare", "")
                    found.append((number, next(tie), miss))
        for (number, which), lost in self._shared.items():
            need = self._groups[number, which]
            if need.count == len(need.of):
                continue  # it has no spare to begin with
            nearest = max(lost, key=lambda n: self._rank[n])
            miss = NearMiss(
                self._names[number], need.count, need.of, "shared", self._names[nearest]
            )
            found.append((number, next(tie), miss))
        return [miss for _, _, miss in sorted(found)]
