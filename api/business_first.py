"""Incidents that only the business shows: a sustained shortfall that no signal explains.

One per process, opened at what the sequential test says is the start and kept open while a measure
of the process is red. When a technical incident turns up that reaches the process at that time, the
business-first one becomes a part of it: the technical one measures the same shortfall, from the
start that the business-first one had (`api.register`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from enrich.explain import explain_incident
from enrich.graph import Graph
from enrich.incident import Incident
from enrich.model import BusinessMap, Measure
from impact.effect import JOIN, LEAD
from impact.shortfall import Shortfall


def business_first(
    graph: Graph,
    before: Mapping[str, Incident],
    shortfalls: Sequence[Shortfall] | None,
    technical: Iterable[Incident],
    now: datetime,
) -> dict[str, Incident]:
    """The business-first incidents at `now`; `before` are those of the last tick, by id.

    What is left out of the answer is explained by something technical after all.
    """
    business_map, others = graph.map, list(technical)
    found = {
        name: incident
        for name, incident in before.items()
        if not any(_explains(other, incident, business_map) for other in others)
    }
    if shortfalls is None:  # nobody has looked yet
        return found
    red = set()
    for shortfall in shortfalls:
        measure = business_map.measure(shortfall.measure)
        if measure is None:
            continue
        known = next((i for i in found.values() if _continues(i, measure, shortfall)), None)
        fresh = _grown(known, shortfall) if known else _opened(graph, measure, shortfall)
        if any(_explains(other, fresh, business_map) for other in others):
            found.pop(fresh.id, None)
            continue
        found[fresh.id] = fresh
        if shortfall.end is None:
            red.add(fresh.id)
    return {
        name: incident if name in red or incident.ended_at else replace(incident, ended_at=now)
        for name, incident in found.items()
    }


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


def _grown(incident: Incident, shortfall: Shortfall) -> Incident:
    """The same incident, with this measure among its own and its end as known now."""
    measures = tuple(dict.fromkeys((*incident.measures, shortfall.measure)))
    return replace(incident, measures=measures, ended_at=shortfall.end)


def _continues(incident: Incident, measure: Measure, shortfall: Shortfall) -> bool:
    same = any(name.partition("/")[0] == measure.process for name in incident.measures)
    return same and (incident.ended_at is None or shortfall.start <= incident.ended_at + JOIN)


def _explains(technical: Incident, business: Incident, business_map: BusinessMap) -> bool:
    """Whether a technical incident reaches a measure of it at that time."""
    if business.ended_at is not None and technical.started_at > business.ended_at + LEAD:
        return False
    if technical.ended_at is not None and technical.ended_at < business.started_at - LEAD:
        return False
    if technical.kind == "business":
        return False
    reached = {r.process for r in technical.reached}
    measures = [m for m in map(business_map.measure, business.measures) if m is not None]
    return any(reached & {m.process, *m.driven_by} for m in measures)
