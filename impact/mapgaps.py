"""Where the map and life disagree, with the incidents as evidence.

*It fell and the map said it would not*: the business of a process was red and no signal explained
it (a business-first incident), while something else was in trouble. Either the process needs that
node and the map does not say so, or a redundancy did not carry what the map says it carries. Where
signals that were just over had foretold the fall, nothing speaks against the map.

*The map said it would fall and it did not*: an incident was predicted to hit a process, its measure
was watched, and nothing of it was lost for certain. Either the need is softer than the map says, or
there is a redundancy that it does not know.

One incident proves little; each gap counts the incidents that speak for the map as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from enrich.graph import Graph
from enrich.incident import Incident
from impact.model import MeasureImpact
from impact.weekly import hurt

GapKind = Literal["fell_unpredicted", "predicted_but_stood"]
NOTABLE = 0.2  # a predicted severity below this may well drown in the noise of the business
BESIDE = timedelta(minutes=30)  # trouble this long before or after may explain a shortfall


@dataclass(frozen=True, slots=True)
class Evidence:
    """One incident that speaks against the map."""

    incident: Incident
    severity: float  # as the map predicted it, 0 to 1
    beside: Incident | None = None  # the technical incident that went on at that time


@dataclass(frozen=True, slots=True)
class MapGap:
    """One disagreement about what a node means for a process."""

    kind: GapKind
    process: str
    node: str  # "" where nothing on the map was in trouble
    evidence: tuple[Evidence, ...]  # newest first
    agreed: int  # incidents of the node in which the process did as the map says
    words: str


def map_gaps(
    graph: Graph, incidents: Iterable[Incident], impacts: Iterable[MeasureImpact]
) -> list[MapGap]:
    """All gaps, those with most evidence first. impacts: the last ones issued."""
    known = list(incidents)
    of_incident: dict[str, list[MeasureImpact]] = defaultdict(list)
    for impact in impacts:
        of_incident[impact.incident].append(impact)
    technical = [i for i in known if i.kind == "outage"]
    found = [*_fell(graph, known, technical), *_stood(graph, technical, of_incident)]
    return sorted(found, key=lambda g: (-len(g.evidence), g.kind, g.process, g.node))


def _fell(
    graph: Graph, incidents: Sequence[Incident], technical: Sequence[Incident]
) -> Iterable[MapGap]:
    against: dict[tuple[str, str], list[Evidence]] = defaultdict(list)
    for incident in (i for i in incidents if i.kind == "business"):
        near = [i for i in technical if _together(i, incident)]
        for process in dict.fromkeys(m.partition("/")[0] for m in incident.measures):
            if any(_predicted(i, process) >= NOTABLE for i in near):
                continue  # the map did say that it falls
            beside: list[Incident | None] = [*near]
            for other in beside or [None]:
                node = "" if other is None else other.root
                against[process, node].append(Evidence(incident, 0.0, other))
    for (process, node), evidence in against.items():
        if process in graph:
            beside_ids = {e.beside.id for e in evidence if e.beside}
            agreed = sum(
                i.root == node and i.id not in beside_ids and not _predicted(i, process)
                for i in technical
            )
            gap = MapGap("fell_unpredicted", process, node, _newest(evidence), agreed, "")
            yield replace(gap, words=_fell_words(graph, gap))


def _stood(
    graph: Graph, technical: Sequence[Incident], impacts: Mapping[str, Sequence[MeasureImpact]]
) -> Iterable[MapGap]:
    against: dict[tuple[str, str], list[Evidence]] = defaultdict(list)
    agreed: dict[tuple[str, str], int] = defaultdict(int)
    for incident in technical:
        for reached in incident.reached:
            watched = [
                i
                for i in impacts.get(incident.id, ())
                if i.process == reached.process and i.method == "measured" and i.state != "live"
            ]
            if not watched or reached.severity < NOTABLE:
                continue
            key = reached.process, incident.root
            if any(hurt(i) for i in watched):
                agreed[key] += 1
            else:
                against[key].append(Evidence(incident, reached.severity))
    for (process, node), evidence in against.items():
        if process in graph:
            count = agreed[process, node]
            gap = MapGap("predicted_but_stood", process, node, _newest(evidence), count, "")
            yield replace(gap, words=_stood_words(graph, gap))


def _together(technical: Incident, business: Incident) -> bool:
    begins = business.ended_at is None or technical.started_at <= business.ended_at + BESIDE
    ends = technical.ended_at is None or technical.ended_at >= business.started_at - BESIDE
    return begins and ends


def _predicted(incident: Incident, process: str) -> float:
    """The severity that the map predicts of a process, 0 where it is not reached."""
    return next((r.severity for r in incident.reached if r.process == process), 0.0)


def _newest(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    return tuple(sorted(evidence, key=lambda e: e.incident.started_at, reverse=True))


def _fell_words(graph: Graph, gap: MapGap) -> str:
    process, times = graph.thing(gap.process).title, _times(len(gap.evidence))
    if not gap.node:
        return (
            f"{process} fell {times} while nothing on the map was in trouble: what it needs "
            "sends no signals, or is not on the map"
        )
    node = graph.map.title(gap.node)
    if gap.node in graph and gap.node in graph.below(gap.process):
        return (
            f"{process} fell {times} while {node} was in trouble, which the map says it can "
            "spare: a redundancy may not carry what it should, or a need be more than soft"
        )
    return (
        f"{process} fell {times} while {node} was in trouble, which the map does not connect "
        "with it: a need may be missing"
    )


def _stood_words(graph: Graph, gap: MapGap) -> str:
    process = graph.thing(gap.process).title
    node = graph.map.title(gap.node)
    most = max(e.severity for e in gap.evidence)
    and_yet = f"; {_times(gap.agreed)} it did fall" if gap.agreed else ""
    return (
        f"{process} stood {_times(len(gap.evidence))} while {node} was in trouble and the map "
        f"said it would lose up to {most:.0%}{and_yet}: the need may be softer, or redundant"
    )


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
