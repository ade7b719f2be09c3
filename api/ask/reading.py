"""Reads incidents with their numbers from the store: for the routes, the page and the commands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from api.ask.costing import beside
from api.assess.pricing import is_withdrawn
from api.http import schemas
from api.http.present import present_incident
from api.run.wiring import Parts
from enrich.edits import Edit
from enrich.incident import Incident, IncidentState
from impact.model import MeasureImpact
from ingest.errors import NotFoundError
from store.incidents import IncidentVersion
from store.rows import EARLIEST, LATEST

BURNING: tuple[IncidentState, ...] = ("open", "recovering")


def incidents(
    parts: Parts,
    *,
    states: Sequence[IncidentState] = (),
    process: str | None = None,
    root: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    as_of: datetime | None = None,
    limit: int = 100,
    skip: int = 0,
) -> list[schemas.Incident]:
    """Incidents as known at `as_of`, newest first, each with its impacts.

    process: only those that reach it. root: only those that it is the cause of.
    """
    found = parts.store.incidents.find(
        start=start or EARLIEST, end=end or LATEST, states=states, as_of=as_of or LATEST
    )
    if process is not None:
        found = [v for v in found if process in _processes(v.incident)]
    if root is not None:
        found = [v for v in found if v.incident.root == root]
    return _with_impacts(parts, found[skip : skip + limit], as_of)


def incident(parts: Parts, incident_id: str, as_of: datetime | None = None) -> schemas.Incident:
    """One incident, gone or not; `NotFoundError` where it was not known."""
    return _with_impacts(parts, [version(parts, incident_id, as_of)], as_of)[0]


def version(parts: Parts, incident_id: str, as_of: datetime | None = None) -> IncidentVersion:
    """What was known of one incident; `NotFoundError` where nothing was."""
    found = parts.store.incidents.get(incident_id, as_of=as_of or LATEST)
    if found is None:
        raise NotFoundError(f"no incident '{incident_id}'; `toll incidents` lists them")
    return found


def _processes(found: Incident) -> set[str]:
    """Whom an incident reaches; a business-first one is about the processes of its measures."""
    return {r.process for r in found.reached} | {m.partition("/")[0] for m in found.measures}


def impacts_of(
    parts: Parts, incidents: Sequence[str], as_of: datetime | None = None
) -> Mapping[str, list[MeasureImpact]]:
    """What was last issued for incidents and stands, by incident, in the order of the map."""
    found: dict[str, list[MeasureImpact]] = defaultdict(list)
    for impact in parts.store.estimates.latest(incidents, as_of=as_of or LATEST, draws=True):
        if not is_withdrawn(impact):
            found[impact.incident].append(impact)
    order = {m.id: number for number, m in enumerate(parts.map.map.measures())}
    for impacts in found.values():
        impacts.sort(key=lambda i: order.get(i.measure_id, len(order)))
    return found


def _with_impacts(
    parts: Parts, versions: Sequence[IncidentVersion], as_of: datetime | None
) -> list[schemas.Incident]:
    if not versions:
        return []
    names = [v.incident.id for v in versions]
    by_incident = impacts_of(parts, names, as_of)
    edits: dict[str, list[Edit]] = defaultdict(list)
    one = names[0] if len(names) == 1 else ""
    for edit in parts.store.edits.find(one, as_of=as_of or LATEST):
        edits[edit.incident].append(edit)
    asked = [v.incident for v in versions if not v.gone]
    costs = beside(parts, asked, as_of)
    return [
        present_incident(
            v.incident,
            by_incident.get(v.incident.id, ()),
            parts.map.map,
            edits=edits[v.incident.id],
            gone=v.gone,
            beside=costs.get(v.incident.id, ()),
        )
        for v in versions
    ]
