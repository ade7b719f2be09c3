"""Incidents that only the business shows: a sustained shortfall that no signal explains.

One per process, opened at what the sequential test says is the start and kept open while a measure
of the process is red. When a technical incident turns up that reaches the process at that time, the
business-first one becomes a part of it: the technical one measures the same shortfall, from the
start that the business-first one had (`api.assess.register`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from enrich.explain import explain_incident
from enrich.graph import Graph
from enrich.incident import Incident
from enrich.model import BusinessMap, Measure
from impact.cusum import JOIN
from impact.effect import LEAD
from impact.shortfall import Shortfall

MOVED = timedelta(hours=2)  # by which the start of a shortfall may be estimated later than before


def business_first(
    graph: Graph,
    before: Mapping[str, Incident],
    shortfalls: Sequence[Shortfall] | None,
    technical: Iterable[Incident],
    now: datetime,
) -> dict[str, Incident]:
    """The business-first incidents at `now`; `before` are those of the last tick, by id.

    What is left out of the answer is explained by something technical after all. That is decided
    by when the measures were red, never by when somebody looked: of an incident that was open at
    the last tick nobody knows the end before its measures have been looked at again.
    """
    business_map, others = graph.map, list(technical)
    if shortfalls is None:  # nobody has looked yet
        return {
            name: incident
            for name, incident in before.items()
            if incident.ended_at is None or not _any_explains(others, incident, business_map)
        }
    found, looked_at = _followed(graph, before, shortfalls)
    alone = {}
    for name, incident in found.items():
        lost = incident.ended_at is None and name not in looked_at
        # nothing says how long it was red: only what was there at its start explains it
        seen = replace(incident, ended_at=incident.started_at) if lost else incident
        if not _any_explains(others, seen, business_map):
            alone[name] = replace(incident, ended_at=now) if lost else incident
    return alone


def _followed(
    graph: Graph, before: Mapping[str, Incident], shortfalls: Sequence[Shortfall]
) -> tuple[dict[str, Incident], Container[str]]:
    """All business-first incidents as shortfalls say they are, and of which these say anything."""
    found, ends = dict(before), dict[str, datetime | None]()
    for shortfall in sorted(shortfalls, key=lambda s: s.start):
        measure = graph.map.measure(shortfall.measure)
        if measure is None:
            continue
        known = next(
            (i for i in found.values() if _continues(i, measure, shortfall, i.id in ends)), None
        )
        if known is None and shortfall.beyond <= 1.0:
            continue  # deep enough to go on with an incident, not to open one
        fresh = known or _opened(graph, measure, shortfall)
        measures = tuple(dict.fromkeys((*fresh.measures, shortfall.measure)))
        end = shortfall.end
        if fresh.id in ends:  # red while any of its measures is
            so_far = ends[fresh.id]
            end = None if so_far is None or end is None else max(so_far, end)
        ends[fresh.id] = end
        found[fresh.id] = replace(fresh, measures=measures, ended_at=end)
    return found, ends


def explained_by(
    business: Incident, technical: Iterable[Incident], business_map: BusinessMap
) -> Incident | None:
    """The first technical incident that reaches a measure of a business-first one at that time."""
    found = (t for t in technical if _explains(t, business, business_map))
    return min(found, key=lambda t: (t.started_at, t.id), default=None)


def _opened(graph: Graph, measure: Measure, shortfall: Shortfall) -> Incident:
    process = graph.map.processes[measure.process]
    kind = "more than usual" if measure.kind == "load" else "fewer than usual"
    seed = f"{measure.process}|{shortfall.start.isoformat()}".encode()
    digest = hashlib.sha256(seed).hexdigest()[:10]
    return Incident(
        id=f"{shortfall.start:%Y%m%d}-{digest}",
        kind="business",
        state="open",
        title=f"{process.title}: {kind} {measure.title.lower()}, and no alert",
        started_at=shortfall.start,
        ended_at=shortfall.end,
        root="",
        explanation=explain_incident(graph, "", ()),
        map_version=graph.map.version,
        measures=(measure.id,),
    )


def _continues(incident: Incident, measure: Measure, shortfall: Shortfall, known: bool) -> bool:
    """Whether a shortfall goes on with an incident of its process.

    known: its end, or that it is red now, is known from shortfalls that began earlier. Without
    that an open one goes on with what began when it did: its start may be estimated anew.
    """
    if not any(name.partition("/")[0] == measure.process for name in incident.measures):
        return False
    if incident.ended_at is not None:
        return shortfall.start <= incident.ended_at + JOIN
    return known or shortfall.start <= incident.started_at + MOVED


def _any_explains(
    technical: Iterable[Incident], business: Incident, business_map: BusinessMap
) -> bool:
    return any(_explains(other, business, business_map) for other in technical)


def _explains(technical: Incident, business: Incident, business_map: BusinessMap) -> bool:
    """Whether a technical incident reaches a measure of it, and fired while that was red.

    As for its effect (`impact.effect`): the measure may have turned red before the first signal,
    and be back up to LEAD before it, but not turn red when the last signal has cleared.
    """
    if business.ended_at is not None and technical.started_at > business.ended_at + LEAD:
        return False
    if technical.ended_at is not None and technical.ended_at < business.started_at:
        return False
    if technical.kind == "business":
        return False
    reached = {r.process for r in technical.reached}
    measures = [m for m in map(business_map.measure, business.measures) if m is not None]
    return any(reached & {m.process, *m.driven_by} for m in measures)
