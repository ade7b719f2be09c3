"""Gathers past incidents with their numbers, and replays them as they might have been.

Every incident is replayed on the map of its time: a change is made to that map, so that what was
different then stays so. A supposed map that is given whole takes the place of all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

import numpy as np

from api.ask.outlook import Outlook
from api.assess.pricing import is_withdrawn
from api.run.wiring import Parts
from api.setup.mapfiles import eras_of, loaded
from enrich.eras import Graphs
from enrich.graph import Graph
from enrich.incident import Incident
from enrich.mapchange import MapChange, supposed
from enrich.mistakes import MapError
from enrich.model import Measure
from enrich.severity import Severities
from impact.model import FloatArray, MeasureImpact
from impact.totals import Total, cost_name, total_money
from impact.whatif import Saving, World, savings, supposed_world
from ingest.errors import InputError, NotFoundError

_AROUND = timedelta(days=2)  # effects outlast signals by less


@dataclass(frozen=True)
class Supposition:
    """What is asked. An empty one asks nothing."""

    change: MapChange = field(default_factory=MapChange)
    map_text: str = ""  # a whole other map, in place of changes
    shorter: timedelta = timedelta(0)
    not_failed: frozenset[str] = frozenset()  # nodes
    gone: frozenset[str] = frozenset()  # incidents

    @property
    def other_map(self) -> bool:
        """Whether the answer rests on another map."""
        return bool(self.change or self.map_text)


@dataclass(frozen=True)
class Past:
    """Incidents that began in a time, and what they cost."""

    incidents: Mapping[str, Incident]
    impacts: Sequence[MeasureImpact]  # with their draws
    one: str = ""  # the incident that is asked about; the others shared its time

    def together_with(self, node: str) -> Past:
        """Only incidents in which a node failed, and those at the same time."""
        its = [i for i in self.incidents.values() if any(node in e.nodes for e in i.episodes)]
        spans = [(i.started_at - _AROUND, (i.ended_at or i.started_at) + _AROUND) for i in its]
        near = {
            name: i
            for name, i in self.incidents.items()
            if any(a <= (i.ended_at or b) and i.started_at <= b for a, b in spans)
        }
        return Past(near, [i for i in self.impacts if i.incident in near])


@dataclass(frozen=True)
class Replay:
    """The answer: one saving for each number there was, and what cannot be said."""

    past: Past
    savings: Sequence[Saving]
    cannot_say: Sequence[str]
    carriers: frozenset[str]
    currency: str

    def cost(self, savings: Sequence[Saving]) -> Total:
        """What these cost."""
        return total_money([s.impact for s in savings], self.carriers, self.currency)

    def saved(self, savings: Sequence[Saving]) -> Total:
        """What of it would have been saved."""
        return total_money([s.saved for s in savings], self.carriers, self.currency)


_Unsaid: TypeAlias = tuple[str, str]  # the incident, "" for all of them; and the words


def past(parts: Parts, start: datetime, end: datetime, incident: str | None = None) -> Past:
    """Incidents that began in [start, end), without planned maintenance; or one, whatever it is."""
    if incident is not None:
        found = parts.store.incidents.get(incident)
        if found is None or found.gone:
            raise NotFoundError(f"no incident '{incident}'; `toll incidents` lists them")
        # those at the same time share its loss
        first, last = found.incident.started_at, found.incident.ended_at or end
        around = parts.store.incidents.find(start=first - _AROUND, end=last + _AROUND)
        incidents = {v.incident.id: v.incident for v in around}
        incidents[incident] = found.incident
    else:
        incidents = {
            v.incident.id: v.incident
            for v in parts.store.incidents.find(start=start, end=end)
            if v.incident.kind != "maintenance" and v.incident.started_at >= start
        }
    impacts = parts.store.estimates.latest(list(incidents), draws=True)
    return Past(incidents, [i for i in impacts if not is_withdrawn(i)], incident or "")


def replay(parts: Parts, outlook: Outlook, known: Past, asked: Supposition) -> Replay:
    """What the incidents would have cost had it been so."""
    business_map = parts.map.map
    for node in sorted(asked.not_failed):
        parts.map.graph.thing(node)
    unknown = asked.gone - known.incidents.keys()
    if unknown:
        raise NotFoundError(f"no incident '{min(unknown)}' in that time")
    whole = _given(asked.map_text) if asked.map_text else None
    if whole is None and asked.change:
        supposed(business_map, asked.change)  # refused in words, before anything is worked out
    usual = usual_weeks(outlook)
    measures = {m.id: m for m in business_map.measures()}
    shortened = [known.one] if known.one else known.incidents
    shorter = dict.fromkeys(shortened, asked.shorter)
    found: list[Saving] = []
    cannot: list[_Unsaid] = []
    for graph, incidents in _by_map(parts, known.incidents):
        try:
            other = whole or (Graph(supposed(graph.map, asked.change)) if asked.change else graph)
        except (InputError, NotFoundError) as error:
            cannot += [
                (name, f"{i.title}: on the map of its time, {error}")
                for name, i in incidents.items()
            ]
            continue
        real = World(graph, incidents)
        world = supposed_world(
            real, other, not_failed=asked.not_failed, gone=asked.gone, shorter=shorter
        )
        its = [i for i in known.impacts if i.incident in incidents]
        answers = savings(its, real, world, measures, usual)
        found += answers
        cannot += _unsaid(asked, real, other, answers, its, measures)
    carriers = business_map.carriers()
    if known.one:  # what its neighbours would save on their own account was not asked
        alone = asked.other_map or bool(asked.not_failed)
        mine = {known.one} if alone else {s.impact.incident for s in found if s.kept != 1.0}
        found = [s for s in found if s.impact.incident in mine | {known.one}]
        cannot = [unsaid for unsaid in cannot if unsaid[0] in ("", known.one)]
    words = tuple(dict.fromkeys(words for _, words in cannot))
    return Replay(known, found, words, carriers, business_map.currency)


def usual_weeks(outlook: Outlook) -> dict[str, FloatArray]:
    """(168,) usual units by local hour of the week, by measure."""
    return {
        name: np.array([hour.mid for hour in view.week])
        for name, view in outlook.learned().measures.items()
        if view.week
    }


def _given(text: str) -> Graph:
    try:
        return loaded({"the other map": text}).graph
    except MapError as error:
        raise InputError("; ".join(map(str, error.mistakes))) from error


def _by_map(
    parts: Parts, incidents: Mapping[str, Incident]
) -> list[tuple[Graph, dict[str, Incident]]]:
    """Incidents by the map of their time; by the newest, where that is not known any more."""
    graphs = Graphs(eras_of(parts.store.maps.all(), parts.map))
    newest = parts.map.map.version
    split: dict[str, dict[str, Incident]] = defaultdict(dict)
    for name, incident in incidents.items():
        version = incident.map_version
        split[version if version in graphs and version != newest else newest][name] = incident
    return [
        (parts.map.graph if version == newest else graphs[version], its)
        for version, its in split.items()
    ]


def _unsaid(
    asked: Supposition,
    real: World,
    other: Graph,
    answers: Sequence[Saving],
    impacts: Sequence[MeasureImpact],
    measures: Mapping[str, Measure],
) -> list[_Unsaid]:
    """What the answer leaves open."""
    said: list[_Unsaid] = []
    title = {name: i.title for name, i in real.incidents.items()}
    for saving in answers:
        if (asked.other_map or asked.not_failed) and not saving.weighed:
            incident = saving.impact.incident
            words = (
                f"{title[incident]}: the map predicts nothing of "
                f"{_called(saving.impact, measures)}, so another map says nothing of it"
            )
            said.append((incident, words))
    numbered = {(s.impact.incident, s.impact.measure_id) for s in answers}
    for impact in impacts:
        name, incident = impact.measure_id, impact.incident
        if (incident, name) not in numbered:
            said.append((incident, f"{title[incident]}: no number for {_called(impact, measures)}"))
        elif cost_name(impact) is None and name in measures and measures[name].priced:
            said.append((incident, f"{title[incident]}: no money for {_called(impact, measures)}"))
    if asked.other_map:
        said += _not_there(real, other) + _newly_hit(real, other)
    return said


def _called(impact: MeasureImpact, measures: Mapping[str, Measure]) -> str:
    name = impact.measure_id
    return measures[name].called.lower() if name in measures else name


def _not_there(real: World, other: Graph) -> list[_Unsaid]:
    names = {n for i in real.incidents.values() for e in i.episodes for n in e.nodes}
    return [
        ("", f"the other map has no '{name}': taken as if it had not failed")
        for name in sorted(names)
        if name in real.graph and name not in other
    ]


def _newly_hit(real: World, other: Graph) -> list[_Unsaid]:
    """Processes that only the other map lets an incident hit: there is nothing to scale."""
    before, after = Severities(real.graph), Severities(other)
    said: list[_Unsaid] = []
    for incident in real.incidents.values():
        was = before.worst(e for e in incident.episodes if all(n in real.graph for n in e.nodes))
        now = after.worst(e for e in incident.episodes if all(n in other for n in e.nodes))
        said += [
            (
                incident.id,
                f"{incident.title}: would have hit {other.thing(name).title}, too; nothing was "
                "measured there to go by",
            )
            for name in now.severity
            if name not in was.severity
        ]
    return said
