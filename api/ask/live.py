"""How the map stands at this moment: which nodes are in trouble, which processes are red."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from api.ask.reading import BURNING
from api.run.wiring import Parts
from enrich.incident import lowest
from enrich.propagate import propagate


@dataclass(frozen=True)
class Standing:
    """own: availability of the nodes that fire, below 1. effective: of them and of all above.

    red: the processes in whose numbers the sequential test sees it.
    """

    own: dict[str, float]
    effective: dict[str, float]
    red: frozenset[str]


def standing(parts: Parts, now: datetime) -> Standing:
    """From the open incidents and what was last issued for them."""
    graph = parts.map.graph
    incidents = [v.incident for v in parts.store.incidents.find(states=list(BURNING))]
    firing = lowest(
        e
        for i in incidents
        for e in i.episodes
        if e.started_at <= now and (e.ended_at is None or e.ended_at > now)
    )
    own = {node: a for node, a in firing.items() if node in graph.map.nodes and a < 1.0}
    ids = [i.id for i in incidents]
    impacts = parts.store.estimates.latest(ids)
    red = {i.process for i in impacts if i.red and i.effect[1] is None}
    return Standing(own, propagate(graph, own), frozenset(red & graph.map.processes.keys()))
