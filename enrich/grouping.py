"""Which episodes belong together: the rules by which a signal joins an incident.

In the order in which they are tried, per episode by start:

1. The same fingerprint (of one source) or the same pager incident as an incident that is open or
   cleared less than `TAIL` ago: it joins.
2. It needs the root of an incident, or is on it, and starts within `JOIN` of the root's start: it
   is a symptom and joins. Of several roots the fewest steps away wins, then the nearest in time.
3. Roots need it: it is the cause, found later than its symptoms. It becomes the root, and all
   incidents that began within `JOIN` before it and whose roots need it become one.
4. It and a root need one node that is firing at that moment, and it starts within `JOIN` of that
   root's start: it joins; the nearest in time wins.
5. Otherwise it opens an incident.

Each signal is compared with roots alone, never with other signals, so nothing chains. The root
here is the first signal until rule 3 finds a deeper one; what is reported is `rootcause.rank`'s.

All episodes here take part, are on the map and of one kind: `enrich.correlate` chooses them, and
makes incidents of the groups.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from enrich.graph import Graph
from enrich.incident import Episode
from enrich.life import TAIL

JOIN = timedelta(minutes=10)

_FOREVER = datetime(9999, 1, 1, tzinfo=UTC)  # the end of what has none; leaves room to add to


def grouped(episodes: Iterable[Episode], graph: Graph) -> list[list[Episode]]:
    """The episodes, each in exactly one group, whatever order they are given in.

    Every episode has a node and all its nodes are on the map.
    """
    return [group.members for group in _Sweep(graph).run(episodes)]


def end_of(episode: Episode) -> datetime:
    """The end of an episode; a time that never comes for one that still fires."""
    return _FOREVER if episode.ended_at is None else episode.ended_at


@dataclass(slots=True, eq=False)
class _Group:
    """An incident in the making. Its own root moves only by rule 3."""

    root: Episode
    started_at: datetime
    until: datetime  # its last end so far
    members: list[Episode] = field(default_factory=list)
    part_of: _Group | None = None  # the group that has absorbed this one


class _Sweep:
    """One pass over the episodes of one kind, by start."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._groups: list[_Group] = []
        self._known: dict[tuple[str, ...], _Group] = {}  # by fingerprint and by pager incident
        self._recent: deque[tuple[datetime, _Group]] = deque()  # by start of the root
        self._rooted: dict[str, list[_Group]] = {}  # the recent groups, by node of the root
        self._firing: dict[str, datetime] = {}  # until when each node fires, as far as known

    def run(self, episodes: Iterable[Episode]) -> list[_Group]:
        for episode in sorted(episodes, key=self._rank):
            self._forget(episode.started_at - JOIN)
            group = self._find(episode) or self._open(episode)
            group.members.append(episode)
            end = end_of(episode)
            group.until = max(group.until, end)
            for key in identities(episode):
                self._known[key] = group
            for node in episode.nodes:
                self._firing[node] = max(end, self._firing.get(node, end))
        return [group for group in self._groups if group.part_of is None]

    def _rank(self, episode: Episode) -> tuple[datetime, int, str]:
        # Of those that start together the deepest comes first: causes before their symptoms.
        return episode.started_at, min(len(self._graph.below(n)) for n in episode.nodes), episode.id

    def _find(self, episode: Episode) -> _Group | None:
        for key in identities(episode):
            group = _whole(self._known.get(key))
            if group is not None and episode.started_at < group.until + TAIL:
                return group
        if not self._rooted:
            return None
        return self._cause(episode) or self._effects(episode) or self._sibling(episode)

    def _cause(self, episode: Episode) -> _Group | None:
        """Rule 2."""
        graph = self._graph
        found = [
            (group, root, node)
            for node in episode.nodes
            for root in (*_both({node}, self._rooted), *_both(graph.below(node), self._rooted))
            for group in self._rooted[root]
        ]
        if len(found) > 1:
            found.sort(key=lambda f: (len(graph.path_up(f[1], f[2]) or ()), *_nearest(f[0])))
        return found[0][0] if found else None

    def _effects(self, episode: Episode) -> _Group | None:
        """Rule 3."""
        graph = self._graph
        found = {
            id(group): group
            for node in episode.nodes
            for root in _both(graph.above(node), self._rooted)
            for group in self._rooted[root]
            if episode.started_at - group.started_at <= JOIN
        }
        if not found:
            return None
        first, *others = sorted(found.values(), key=lambda g: (g.started_at, g.members[0].id))
        for other in others:
            self._unroot(other)
            first.members += other.members
            first.until = max(first.until, other.until)
            other.part_of = first
        self._unroot(first)
        first.root = episode
        self._root(first)
        return first

    def _sibling(self, episode: Episode) -> _Group | None:
        """Rule 4."""
        graph, at = self._graph, episode.started_at
        common = {
            lower
            for node in episode.nodes
            for lower in _both(graph.below(node), self._firing)
            if self._firing[lower] > at
        }
        if not common:
            return None
        found = [
            group
            for root, groups in self._rooted.items()
            if not common.isdisjoint(graph.below(root))
            for group in groups
        ]
        return min(found, key=_nearest, default=None)

    def _open(self, episode: Episode) -> _Group:
        group = _Group(episode, episode.started_at, end_of(episode))
        self._groups.append(group)
        self._root(group)
        return group

    def _root(self, group: _Group) -> None:
        self._recent.append((group.root.started_at, group))
        for node in group.root.nodes:
            self._rooted.setdefault(node, []).append(group)

    def _unroot(self, group: _Group) -> None:
        for node in group.root.nodes:
            groups = self._rooted.get(node, [])
            if group in groups:
                groups.remove(group)
                if not groups:
                    del self._rooted[node]

    def _forget(self, before: datetime) -> None:
        while self._recent and self._recent[0][0] < before:
            _, group = self._recent.popleft()
            if group.root.started_at < before:  # else its root has moved on
                self._unroot(group)


def _nearest(group: _Group) -> tuple[float, datetime, str]:
    # Episodes come by start: the nearest root is the one that started last.
    return -group.root.started_at.timestamp(), group.started_at, group.members[0].id


def identities(episode: Episode) -> list[tuple[str, ...]]:
    """By what a signal is known again: its fingerprint at its source, and its pager incident."""
    fingerprint = (episode.source, episode.fingerprint)
    return [fingerprint, (episode.pager,)] if episode.pager else [fingerprint]


def _whole(group: _Group | None) -> _Group | None:
    while group is not None and group.part_of is not None:
        group = group.part_of
    return group


def _both(names: Set[str], known: Mapping[str, object]) -> list[str]:
    """The names that are known, in no order; the shorter of the two is gone through."""
    if len(names) <= len(known):
        return [name for name in names if name in known]
    return [name for name in known if name in names]
