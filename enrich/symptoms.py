"""An incident as its signals would have been on another map, or had some nodes not failed.

A node that fires while something beneath it fires in the same incident shows a *symptom*: payments
answer with errors because the provider does. Had the provider's failure been absorbed, the symptom
would not have been there either. So a symptom's trouble is scaled as what reaches its node from
the causes beneath:

    1 - availability' = (1 - availability) x reached' / reached

where `reached` is 1 - effective availability of the node by the causes alone, on the real map and
on the other. What the real map does not explain (nothing reaches the node) is trouble of its own
and stays. A node is a cause where nothing beneath it fires.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from enrich.graph import Graph
from enrich.incident import Episode, Incident, lowest
from enrich.propagate import propagate

_WELL = 1.0 - 1e-9


def otherwise(
    incident: Incident, real: Graph, other: Graph, not_failed: frozenset[str] = frozenset()
) -> Incident | None:
    """The incident as it would have been; None where nothing of it would have been."""
    if real is other and not not_failed:
        return incident
    firing = {n: a for n, a in lowest(incident.episodes).items() if n in real}
    causes = {n: a for n, a in firing.items() if firing.keys().isdisjoint(real.below(n))}
    before = propagate(real, causes)
    left = {n: a for n, a in causes.items() if n in other and n not in not_failed}
    after = propagate(other, left)
    scale: dict[str, float] = {}
    for node in firing:
        if node in not_failed:
            scale[node] = 0.0
        elif node not in causes:
            reached = 1.0 - before.get(node, 1.0)
            scale[node] = (1.0 - after.get(node, 1.0)) / reached if reached > 0.0 else 1.0
    episodes = tuple(e for episode in incident.episodes for e in _scaled(episode, scale))
    if any(e.nodes for e in incident.episodes) and not any(e.nodes for e in episodes):
        return None
    return replace(incident, episodes=episodes)


def _scaled(episode: Episode, scale: Mapping[str, float]) -> Iterable[Episode]:
    """The episode, in one piece for each availability that its nodes would have had."""
    if not episode.nodes or scale.keys().isdisjoint(episode.nodes):
        return [episode]
    by_availability: dict[float, list[str]] = {}
    for node in episode.nodes:
        trouble = (1.0 - episode.availability) * scale.get(node, 1.0)
        by_availability.setdefault(1.0 - min(trouble, 1.0), []).append(node)
    return [
        replace(episode, availability=availability, nodes=tuple(nodes))
        for availability, nodes in by_availability.items()
        if availability < _WELL
    ]
