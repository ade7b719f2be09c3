"""Which of the firing nodes is the cause, and which change may have set it off.

A node explains another that needs it, directly or not. Candidates are ranked by how many of the
other firing nodes they explain, then by the earliest start, then by name.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from enrich.graph import Graph
from enrich.incident import Candidate, Change, Episode

TRIGGER_WINDOW = timedelta(hours=1)
_NAMED = 3  # so many explained nodes are named in a reason, the rest are counted


def rank(episodes: Iterable[Episode], graph: Graph) -> tuple[Candidate, ...]:
    """The firing nodes of one incident, the likeliest cause first; nodes off the map are left out.

    >>> rank(incident.episodes, graph)[0].node == incident.root
    """
    first: dict[str, datetime] = {}
    for episode in episodes:
        for node in episode.nodes:
            if node in graph:
                first[node] = min(episode.started_at, first.get(node, episode.started_at))
    found = [
        Candidate(node, start, explains, _reason(node, start, explains, first))
        for node, start in first.items()
        for explains in [_explains(node, first, graph)]
    ]
    return tuple(sorted(found, key=lambda c: (-len(c.explains), c.started_at, c.node)))


def trigger(
    changes: Iterable[Episode], root: str, started_at: datetime, graph: Graph
) -> Change | None:
    """The last change at or beneath `root` in the hour before `started_at`, if there was one.

    The hour ends with the incident's first signal: what came later may be the repair.
    """
    if root not in graph:
        return None
    beneath = graph.below(root)
    found = [
        Change(episode.started_at, node, episode.summary, episode.url)
        for episode in changes
        if episode.kind == "change"
        and started_at - TRIGGER_WINDOW <= episode.started_at <= started_at
        for node in episode.nodes
        if node == root or node in beneath
    ]
    # On the root itself rather than beneath it, of changes at the same moment.
    return max(found, key=lambda c: (c.at, c.node == root, c.node, c.summary), default=None)


def _explains(node: str, firing: dict[str, datetime], graph: Graph) -> tuple[str, ...]:
    if len(firing) == 1:
        return ()
    above = graph.above(node)
    return tuple(sorted(other for other in firing if other in above))


def _reason(
    node: str, start: datetime, explains: tuple[str, ...], firing: dict[str, datetime]
) -> str:
    when = f"{start:%H:%M:%S} UTC"
    others = len(firing) - 1
    if not others:
        return f"the only node that fires, since {when}"
    if not explains:
        return f"explains none of the {others} other firing nodes; fires since {when}"
    names = ", ".join(explains[:_NAMED])
    more = f" and {len(explains) - _NAMED} more" if len(explains) > _NAMED else ""
    return (
        f"{len(explains)} of {others} other firing nodes need it ({names}{more}); "
        f"fires since {when}"
    )
