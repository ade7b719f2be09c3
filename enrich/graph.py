"""Who needs whom: the map as a graph, with the questions that incidents ask of it.

Trouble runs upwards, from what is needed to what needs it: `above(a)` is whom a failing `a` can
hurt, `below(a)` is what can hurt `a`. Walks are breadth first and cost what they visit, so that a
node with a small reach is cheap on a map of any size; what was walked is remembered within a
budget. A graph is safe to share between threads once built: the caches only ever repeat an answer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from enrich.model import BusinessMap, Need, Node, Process, needed
from enrich.suggest import did_you_mean
from ingest.errors import NotFoundError

CACHED_NAMES = 2_000_000  # names held in remembered answers: about 100 MB at the worst


class Graph:
    """The needs of one map, in both directions. A name may be a process or a node."""

    def __init__(self, business_map: BusinessMap) -> None:
        self.map = business_map
        self._things: dict[str, Process | Node] = {**business_map.processes, **business_map.nodes}
        self._down = {
            name: tuple(dict.fromkeys(n for need in thing.needs for n in needed(need)))
            for name, thing in self._things.items()
        }
        up: dict[str, list[str]] = {name: [] for name in self._things}
        for name, below in self._down.items():
            for node in below:
                up[node].append(name)
        self._up = {name: tuple(names) for name, names in up.items()}
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

    def needs(self, name: str) -> tuple[Need, ...]:
        """What `name` needs, as the map says it."""
        return self.thing(name).needs

    def needed_by(self, name: str) -> tuple[str, ...]:
        """Who needs `name` directly, in the order of the map."""
        self.thing(name)
        return self._up[name]

    def below(self, name: str) -> frozenset[str]:
        """Everything `name` needs, directly or not, without itself."""
        return self._walk(name, self._down, self._below)

    def above(self, name: str) -> frozenset[str]:
        """Everything that needs `name`, directly or not, without itself."""
        return self._walk(name, self._up, self._above)

    def reaches(self, cause: str, hurt: str) -> bool:
        """Whether `cause` failing can hurt `hurt`; everything can hurt itself."""
        self.thing(hurt)
        return cause == hurt or hurt in self.above(cause)

    def processes(self, cause: str) -> tuple[str, ...]:
        """The processes that `cause` reaches, in the order of the map; a process reaches itself."""
        reached = self.above(cause)
        return tuple(p for p in self.map.processes if p == cause or p in reached)

    def path_up(self, cause: str, hurt: str) -> tuple[str, ...] | None:
        """The shortest path from `cause` up to `hurt`, both included; None when there is none.

        Of several shortest paths it is the one that comes first in the map, on every run alike.
        """
        if not self.reaches(cause, hurt):
            return None
        came_from: dict[str, str] = {cause: ""}
        queue = deque([cause])
        while hurt not in came_from:
            at = queue.popleft()
            for name in self._up[at]:
                if name not in came_from:
                    came_from[name] = at
                    queue.append(name)
        path = [hurt]
        while path[-1] != cause:
            path.append(came_from[path[-1]])
        return tuple(reversed(path))

    def _walk(
        self, start: str, edges: Mapping[str, tuple[str, ...]], cache: _Cache
    ) -> frozenset[str]:
        known = cache.get(start)
        if known is not None:
            return known
        self.thing(start)
        seen = {start}
        ring = seen
        while ring:  # whole rings at a time: set algebra is many times faster than a Python loop
            ring = set().union(*map(edges.__getitem__, ring)) - seen
            seen |= ring
        seen.discard(start)
        return cache.put(start, frozenset(seen))


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
