"""Episodes to incidents: what belongs together, and since when nothing has been going on.

Which episodes belong together is `enrich.grouping`'s to say. What takes part:

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
from collections.abc import Iterable, Sequence
from datetime import datetime

from enrich.explain import explain_incident, path_in_words
from enrich.graph import Graph
from enrich.grouping import end_of, grouped
from enrich.incident import PEOPLE, Episode, Incident, IncidentKind, Reached, on_map
from enrich.life import TAIL, state_at, window
from enrich.rootcause import TRIGGER_WINDOW, rank, trigger
from enrich.severity import Severities


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
            known = on_map(episode, graph)
            if known.nodes:
                begun[kind].append(known)
    build = Builder(changes, graph, now)
    found = [
        build.incident(kind, group)
        for kind, of_kind in begun.items()
        for group in grouped(of_kind, graph)
    ]
    return sorted(found, key=lambda i: (i.started_at, i.id))


def quiet_point(episodes: Iterable[Episode], before: datetime) -> datetime:
    """The latest moment up to `before` at which nothing was firing or could still be joined."""
    busy = sorted(
        (e.started_at, end_of(e) + TAIL)
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


class Builder:
    """Makes incidents of groups of episodes: root, trigger, reach, words."""

    def __init__(self, changes: Iterable[Episode], graph: Graph, now: datetime) -> None:
        self.graph, self.now = graph, now
        self._changes = sorted(changes, key=lambda e: (e.started_at, e.id))
        self._change_times = [change.started_at for change in self._changes]
        self._severities = Severities(graph)

    def incident(
        self,
        kind: IncidentKind,
        members: Sequence[Episode],
        *,
        root: str = "",
        span: tuple[datetime, datetime | None] | None = None,
    ) -> Incident:
        """The incident of a group. `root` and `span` take the place of what the signals say."""
        ordered = tuple(sorted(members, key=lambda e: (e.started_at, e.id)))
        heard = [e for e in ordered if e.source != PEOPLE]
        causes = rank(heard, self.graph)
        nodes = list(
            dict.fromkeys([root, *(c.node for c in causes)] if root else [c.node for c in causes])
        )
        cause = nodes[0] if nodes else ""
        started_at, ended_at = span or window(heard, self.now)
        reached = self._reached(ordered, nodes)
        return Incident(
            id=incident_id(first_heard(heard or ordered)),
            kind=kind,
            state=state_at(ended_at, self.now),
            title=_title(ordered, cause, self.graph.thing(cause).title) if cause else "",
            started_at=started_at,
            ended_at=ended_at,
            root=cause,
            explanation=self._explanation(cause, reached),
            episodes=ordered,
            reached=reached,
            trigger=trigger(self._hour_before(started_at), cause, started_at, self.graph),
            map_version=self.graph.map.version,
            causes=causes,
        )

    def _reached(self, episodes: Sequence[Episode], ranked: Sequence[str]) -> tuple[Reached, ...]:
        """Worst first; the path is from the first of the ranked nodes that leads there."""
        severity = self._severities.worst(episodes).severity
        paths: dict[str, tuple[str, ...]] = {}
        for node in ranked:
            missing = [process for process in severity if process not in paths]
            if not missing:
                break
            paths.update(self.graph.paths_up(node, missing))
        found = [
            Reached(process, worst, paths.get(process, (process,)))
            for process, worst in severity.items()
        ]
        return tuple(sorted(found, key=lambda r: (-r.severity, r.process)))

    def _explanation(self, root: str, reached: Sequence[Reached]) -> str:
        if root and not reached and self.graph.processes(root):
            return f"{path_in_words(self.graph, (root,))}: by the map no process is hit"
        return explain_incident(self.graph, root, reached)

    def _hour_before(self, started_at: datetime) -> Sequence[Episode]:
        first = bisect_left(self._change_times, started_at - TRIGGER_WINDOW)
        return self._changes[first : bisect_right(self._change_times, started_at)]


def first_heard(episodes: Iterable[Episode]) -> Episode:
    """The episode that Toll heard of first: the one that gives its incident an id."""
    return min(episodes, key=_heard)


def _heard(episode: Episode) -> tuple[datetime, datetime, str]:
    return episode.heard_at or episode.started_at, episode.started_at, episode.id


def _title(episodes: Sequence[Episode], root: str, title: str) -> str:
    """What the first signal on the root says, or that the root is in trouble."""
    summary = next((e.summary for e in episodes if root in e.nodes and e.summary), "")
    return f"{title}: {summary}" if summary else title
