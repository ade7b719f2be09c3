"""Who needs whom: the map as a graph, with the questions that incidents ask of it.

Trouble runs upwards, from what is needed to what needs it: `above(a)` is whom a failing `a` can
hurt, `below(a)` is what can hurt `a`. Walks are breadth first over sparse matrices, so that the
reach of a node that 100,000 others need takes milliseconds; answers are remembered within a budget.
A graph is safe to share between threads once built: the caches only ever repeat an answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order

from enrich.model import AtLeast, BusinessMap, Hard, Need, Node, Process, Soft, needed
from enrich.suggest import did_you_mean
from ingest.errors import NotFoundError

CACHED_NAMES = 2_000_000  # names held in remembered answers: about 100 MB at the worst


class Graph:
    """The needs of one map, in both directions. A name may be a process or a node."""

    def __init__(self, business_map: BusinessMap) -> None:
        self.map = business_map
        self._things: dict[str, Process | Node] = {**business_map.processes, **business_map.nodes}
        self.names = list(self._things)
        self._index = {name: i for i, name in enumerate(self.names)}
        upper: list[int] = []
        lower: list[int] = []
        for i, thing in enumerate(self._things.values()):
            below = [self._index[name] for need in thing.needs for name in needed(need)]
            upper += [i] * len(below)
            lower += below
        self._down = _Edges(upper, lower, len(self.names))
        self._up = _Edges(lower, upper, len(self.names))
        self._above = _Cache()
        self._below = _Cache()

    def thing(self, name: str) -> Process | Node:
        """The process or node of that name; `NotFoundError` when the map has none."""
        try:
            return self._things[name]
        except KeyError:
            hint = did_you_mean(name, self._things)
            raise NotFoundError(f"the map has no '{name}'{hint}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._things

    def order(self, names: Iterable[str]) -> list[str]:
        """The names in the order of the map, processes first."""
        return sorted(names, key=self._index.__getitem__)

    def needs(self, name: str) -> tuple[Need, ...]:
        """What `name` needs, as the map says it."""
        return self.thing(name).needs

    def needed_by(self, name: str) -> tuple[str, ...]:
        """Who needs `name` directly, in the order of the map."""
        return tuple(self.names[i] for i in self._up.of(self.number(name)))

    def below(self, name: str) -> frozenset[str]:
        """Everything `name` needs, directly or not, without itself."""
        return self._walk(name, self._down, self._below)

    def above(self, name: str) -> frozenset[str]:
        """Everything that needs `name`, directly or not, without itself."""
        return self._walk(name, self._up, self._above)

    def processes(self, cause: str) -> tuple[str, ...]:
        """The processes that `cause` reaches, in the order of the map; a process reaches itself."""
        reached = self.above(cause)
        return tuple(p for p in self.map.processes if p == cause or p in reached)

    def path_up(self, cause: str, hurt: str) -> tuple[str, ...] | None:
        """The shortest path from `cause` up to `hurt`, both included; None when there is none.

        Of several shortest paths it is the one that comes first on the map, on every run alike.
        """
        return self.paths_up(cause, (hurt,)).get(hurt)

    def paths_up(self, cause: str, hurt: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """The shortest path to each of those that `cause` reaches, found in one walk."""
        start = self.number(cause)
        _, came_from = self._up.walk(start)
        paths = {}
        for name in hurt:
            at = self.number(name)
            path = [at]
            while at != start and (at := int(came_from[at])) >= 0:
                path.append(at)
            if path[-1] == start:
                paths[name] = tuple(self.names[i] for i in reversed(path))
        return paths

    def number(self, name: str) -> int:
        """The place of a name in the order of the map, processes first; an index into `names`."""
        self.thing(name)
        return self._index[name]

    def rising(self, numbers: Iterable[int]) -> list[int]:
        """These things and everything above them, each after all that it needs."""
        walks = [self._up.walk(number)[0] for number in numbers]
        if not walks:
            return []
        reached = np.unique(np.concatenate(walks))
        order: list[int] = reached[np.argsort(self._rank[reached])].tolist()
        return order

    def ranks(self) -> list[int]:
        """By number, a rank larger than those of all that the thing needs."""
        ranks: list[int] = self._rank.tolist()
        return ranks

    def rising_names(self, name: str) -> list[str]:
        """Everything above, nearest first."""
        order, _ = self._up.walk(self.number(name))
        return [self.names[i] for i in order[1:].tolist()]

    @cached_property
    def hard_needs(self) -> list[tuple[int, ...]]:
        """By number, the numbers of what each thing needs without alternative."""
        return [
            tuple([self._index[need.node] for need in thing.needs if isinstance(need, Hard)])
            for thing in self._things.values()
        ]

    @cached_property
    def other_needs(self) -> list[tuple[AtLeast | Soft, ...]]:
        """By number, the other needs of each thing."""
        return [
            tuple([need for need in thing.needs if not isinstance(need, Hard)])
            for thing in self._things.values()
        ]

    @cached_property
    def _rank(self) -> NDArray[np.int32]:
        """A number for everything, larger than those of all that it needs (Kahn 1962)."""
        missing = [len(self._down.of(i)) for i in range(len(self.names))]
        ready = [i for i, count in enumerate(missing) if count == 0]
        for at in ready:
            for upper in self._up.of(at):
                missing[upper] -= 1
                if missing[upper] == 0:
                    ready.append(upper)
        if len(ready) < len(missing):
            raise ValueError("the map has a cycle; `enrich.mapfile` refuses such maps")
        rank = np.empty(len(ready), dtype=np.int32)
        rank[ready] = np.arange(len(ready), dtype=np.int32)
        return rank

    def _walk(self, start: str, edges: _Edges, cache: _Cache) -> frozenset[str]:
        known = cache.get(start)
        if known is not None:
            return known
        order, _ = edges.walk(self.number(start))
        return cache.put(start, frozenset([self.names[i] for i in order[1:].tolist()]))


class _Edges:
    """Directed edges between numbered things, in one direction."""

    def __init__(self, starts: list[int], ends: list[int], size: int) -> None:
        # Building a matrix sorts the ends of each start: walks go in the order of the map.
        ones = np.ones(len(starts))
        self._matrix = csr_array((ones, (starts, ends)), shape=(size, size))

    def of(self, start: int) -> list[int]:
        first, last = self._matrix.indptr[start], self._matrix.indptr[start + 1]
        ends: list[int] = self._matrix.indices[first:last].tolist()
        return ends

    def walk(self, start: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """What is reached from `start`, nearest first, and from where each thing was (or < 0)."""
        order, came_from = breadth_first_order(self._matrix, start, directed=True)
        return order, came_from


class _Cache:
    """Remembered sets by name, forgotten all at once when they hold too many names."""

    def __init__(self) -> None:
        self._sets: dict[str, frozenset[str]] = {}
        self._size = 0

    def get(self, name: str) -> frozenset[str] | None:
        return self._sets.get(name)

    def put(self, name: str, found: frozenset[str]) -> frozenset[str]:
        if self._size + len(found) > CACHED_NAMES:
            self._sets, self._size = {}, 0
        self._sets[name] = found
        self._size += len(found) + 1
        return found
