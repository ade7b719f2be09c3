"""Episodes to incidents: what belongs together, and since when nothing has been going on.

The rules, in the order in which they are tried, per episode by start:

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

- `info` and `change` take no part: they annotate (`rootcause.trigger`, `beside`).
- Maintenance is correlated apart, by the same rules and whatever its severity.
- Unmapped episodes take no part either: they reach no process, and an incident without a root could
  be joined by nothing. They are listed in coverage.
- An episode that starts after `now` (maintenance that is planned) has not begun and takes no part.

**Ids.** An incident's id derives from the one of its episodes that Toll heard of first, so neither
later signals nor a late one with an earlier start rename it. Only when incidents turn out to be one
does an id disappear; `successors` says which incident it lives on in.

**How to use it at every tick**, without recomputing months. With the incidents of the last tick and
the signals that are new since (often none: time alone makes signals stale and incidents settled),

    first = min((s.started_at for s in new), default=now)
    quiet = quiet_point((e for i in incidents for e in i.episodes), min(first, now))
    read = episodes(<all signals with started_at >= quiet - TRIGGER_WINDOW>, ...)
    fresh = [e for e in read if e.started_at >= quiet or e.kind == "change"]
    incidents = [i for i in incidents if i.started_at < quiet] + correlate(fresh, graph, now)

Incidents before `quiet` stay as they were, because just before it nothing was firing or could still
be joined; the outcome is that of correlating everything. Incidents here are as this module made
them, without people's edits.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from enrich.explain import explain_incident, path_in_words
from enrich.graph import Graph
from enrich.incident import Episode, Incident, IncidentKind, Reached
from enrich.life import TAIL, state_at, window
from enrich.rootcause import TRIGGER_WINDOW, rank, trigger
from enrich.severity import Severities

JOIN = timedelta(minutes=10)

_FOREVER = datetime(9999, 1, 1, tzinfo=UTC)  # the end of what has none; leaves room to add to


def correlate(episodes: Iterable[Episode], graph: Graph, now: datetime) -> list[Incident]:
    """All incidents that the episodes make as known at `now`, by start, then id."""
    changes: list[Episode] = []
    begun: dict[IncidentKind, list[Episode]] = {"outage": [], "maintenance": []}
    for episode in episodes:
        if episode.started_at > now:
            continue
        if episode.kind == "change":
            changes.append(episode)
        elif (kind := _kind(episode)) is not None:
            on_map = _on_map(episode, graph)
            if on_map.nodes:
                begun[kind].append(on_map)
    build = _Builder(changes, graph, now)
    found = [
        build.incident(kind, group.members)
        for kind, of_kind in begun.items()
        for group in _Sweep(graph).run(of_kind)
    ]
    return sorted(found, key=lambda i: (i.started_at, i.id))


def quiet_point(episodes: Iterable[Episode], before: datetime) -> datetime:
    """The latest moment up to `before` at which nothing was firing or could still be joined."""
    busy = sorted(
        (e.started_at, _end(e) + TAIL)
        for e in episodes
        if e.started_at < before and e.nodes and _kind(e) is not None
    )
    quiet = busy_until = before
    for i, (start, end) in enumerate(busy):
        if i == 0 or busy_until <= start:
            quiet, busy_until = start, end
        busy_until = max(busy_until, end)
    return quiet if busy_until > before else before


def incident_id(first: Episode) -> str:
    """The id of the incident whose first signal this is: its UTC day and ten hex digits."""
    return f"{first.started_at:%Y%m%d}-{first.id[:10]}"


def successors(incidents: Iterable[Incident]) -> dict[str, str]:
    """Ids that these incidents may have had before they turned out to be one -> the id of now."""
    return {
        former: incident.id
        for incident in incidents
        for former in map(incident_id, incident.episodes)
        if former != incident.id
    }


def beside(incident: Incident, episodes: Iterable[Episode], graph: Graph) -> list[Episode]:
    """What else happened beside an incident: changes, remarks and maintenance, by start.

    From an hour before it to its end, at or beneath its firing nodes or on what they can hurt.
    """
    nodes = {node for episode in incident.episodes for node in episode.nodes if node in graph}
    near = nodes.union(*(graph.below(n) | graph.above(n) for n in nodes))
    members = {episode.id for episode in incident.episodes}
    found = [
        episode
        for episode in episodes
        if episode.id not in members
        and (episode.severity == "info" or episode.kind in ("change", "maintenance"))
        and (incident.ended_at is None or episode.started_at <= incident.ended_at)
        and (episode.ended_at is None or episode.ended_at >= incident.started_at - TRIGGER_WINDOW)
        and not near.isdisjoint(episode.nodes)
    ]
    return sorted(found, key=lambda e: (e.started_at, e.id))


def _kind(episode: Episode) -> IncidentKind | None:
    if episode.kind == "maintenance":
        return "maintenance"
    if episode.kind == "change" or episode.severity == "info":
        return None
    return "outage"


def _on_map(episode: Episode, graph: Graph) -> Episode:
    # An episode may have been resolved on another version of the map.
    if all(node in graph for node in episode.nodes):
        return episode
    return replace(episode, nodes=tuple(node for node in episode.nodes if node in graph))


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
            end = _end(episode)
            group.until = max(group.until, end)
            for key in _identities(episode):
                self._known[key] = group
            for node in episode.nodes:
                self._firing[node] = max(end, self._firing.get(node, end))
        return [group for group in self._groups if group.part_of is None]

    def _rank(self, episode: Episode) -> tuple[datetime, int, str]:
        # Of those that start together the deepest comes first: causes before their symptoms.
        return episode.started_at, min(len(self._graph.below(n)) for n in episode.nodes), episode.id

    def _find(self, episode: Episode) -> _Group | None:
        for key in _identities(episode):
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
        group = _Group(episode, episode.started_at, _end(episode))
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


def _end(episode: Episode) -> datetime:
    return _FOREVER if episode.ended_at is None else episode.ended_at


def _identities(episode: Episode) -> list[tuple[str, ...]]:
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


class _Builder:
    """Makes incidents of groups: root, trigger, reach, words."""

    def __init__(self, changes: Iterable[Episode], graph: Graph, now: datetime) -> None:
        self._changes = sorted(changes, key=lambda e: (e.started_at, e.id))
        self._change_times = [change.started_at for change in self._changes]
        self._graph = graph
        self._now = now
        self._severities = Severities(graph)

    def incident(self, kind: IncidentKind, members: Sequence[Episode]) -> Incident:
        ordered = tuple(sorted(members, key=lambda e: (e.started_at, e.id)))
        nodes = [candidate.node for candidate in rank(ordered, self._graph)]
        root = nodes[0]
        started_at, ended_at = window(ordered, self._now)
        reached = self._reached(ordered, nodes)
        return Incident(
            id=incident_id(min(ordered, key=_heard)),
            kind=kind,
            state=state_at(ended_at, self._now),
            title=_title(ordered, root, self._graph.thing(root).title),
            started_at=started_at,
            ended_at=ended_at,
            root=root,
            explanation=self._explanation(root, reached),
            episodes=ordered,
            reached=reached,
            trigger=trigger(self._hour_before(started_at), root, started_at, self._graph),
            map_version=self._graph.map.version,
        )

    def _reached(self, episodes: Sequence[Episode], ranked: Sequence[str]) -> tuple[Reached, ...]:
        """Worst first; the path is from the first of the ranked nodes that leads there."""
        severity = self._severities.worst(episodes).severity
        paths: dict[str, tuple[str, ...]] = {}
        for node in ranked:
            missing = [process for process in severity if process not in paths]
            if not missing:
                break
            paths.update(self._graph.paths_up(node, missing))
        found = [Reached(process, worst, paths[process]) for process, worst in severity.items()]
        return tuple(sorted(found, key=lambda r: (-r.severity, r.process)))

    def _explanation(self, root: str, reached: Sequence[Reached]) -> str:
        if not reached and self._graph.processes(root):
            return f"{path_in_words(self._graph, (root,))}: redundancy holds, no process is hit"
        return explain_incident(self._graph, root, reached)

    def _hour_before(self, started_at: datetime) -> Sequence[Episode]:
        first = bisect_left(self._change_times, started_at - TRIGGER_WINDOW)
        return self._changes[first : bisect_right(self._change_times, started_at)]


def _heard(episode: Episode) -> tuple[datetime, datetime, str]:
    return episode.heard_at or episode.started_at, episode.started_at, episode.id


def _title(episodes: Sequence[Episode], root: str, title: str) -> str:
    """What the first signal on the root says, or that the root is in trouble."""
    summary = next((e.summary for e in episodes if root in e.nodes and e.summary), "")
    return f"{title}: {summary}" if summary else title
