"""How a process is, in the shape of a status page: `summary.json` and `incidents.json`.

Any reader of Atlassian's Statuspage can follow it, another Toll too (`status_page:` of a node). It
speaks of the business alone: a measure is in trouble when its numbers are, whatever tools say, so
an outage that nobody feels is none, and one that no tool sees is. Nothing inner is told: no cause,
no node, no text of an alert; money and units only where the setting TOLL_SUMMARY_MONEY says yes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from api.ask.outlook import MeasureView
from api.assess.pricing import is_withdrawn
from api.http import problems
from api.http.auth import Reading
from api.http.present import present_impact
from api.http.schemas import Utc
from api.http.state import State, state_of
from api.routes.processes import ProcessName, known_process
from api.words import sentence
from enrich.incident import Incident
from enrich.model import Process
from impact.model import MeasureImpact

router = APIRouter(tags=["numbers"])

LISTED = timedelta(days=30)  # how far back `incidents.json` goes
MINOR, MAJOR = 0.25, 0.75  # of what is usual: from so much missing (or on top) it is worse

Indicator = Literal["none", "minor", "major", "critical", "maintenance"]
Status = Literal[
    "operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance"
]
_STATUS: dict[str, Status] = {
    "none": "operational",
    "minor": "degraded_performance",
    "major": "partial_outage",
    "critical": "major_outage",
    "maintenance": "under_maintenance",
}
_DESCRIPTION: dict[str, str] = {
    "none": "Business as usual",
    "minor": "A little less than usual goes through",
    "major": "Much less than usual goes through",
    "critical": "Hardly anything goes through",
    "maintenance": "Planned maintenance",
}
_ORDER: tuple[Indicator, ...] = ("none", "maintenance", "minor", "major", "critical")


class Page(BaseModel):
    """Whose status this is."""

    id: str = Field(examples=["checkout"])
    name: str = Field(examples=["Web checkout"])
    url: str
    time_zone: str = Field(examples=["Europe/Berlin"])
    updated_at: Utc = Field(description="When any of it last changed.")


class Overall(BaseModel):
    """The worst of the components."""

    indicator: Indicator
    description: str = Field(examples=["Business as usual"])


class Component(BaseModel):
    """One measure of the process."""

    id: str = Field(examples=["checkout/payments"])
    page_id: str
    name: str = Field(examples=["Payments"])
    description: str | None = None
    status: Status
    showcase: bool = False
    start_date: str | None = None
    group: bool = False
    group_id: str | None = None
    position: int
    only_show_if_degraded: bool = False
    created_at: Utc = Field(description="When Toll first had a map.")
    updated_at: Utc = Field(description="Since when it is so.")


class Affected(BaseModel):
    """What an update says of one component."""

    code: str = Field(examples=["checkout/payments"])
    name: str = Field(examples=["Payments"])
    new_status: Status


class Update(BaseModel):
    """What is known of an incident."""

    id: str
    incident_id: str
    status: str
    body: str
    affected_components: list[Affected]
    created_at: Utc
    updated_at: Utc
    display_at: Utc


class PageIncident(BaseModel):
    """An incident that the business felt, or maintenance that it may feel."""

    id: str
    page_id: str
    name: str = Field(examples=["Web checkout: fewer payments than usual"])
    status: str = Field(examples=["investigating"])
    impact: Indicator
    created_at: Utc
    started_at: Utc
    updated_at: Utc
    monitoring_at: Utc | None = None
    resolved_at: Utc | None
    shortlink: str
    components: list[Component]
    incident_updates: list[Update]


class Maintenance(PageIncident):
    """Planned maintenance."""

    scheduled_for: Utc
    scheduled_until: Utc | None


class Summary(BaseModel):
    """Everything now, as a status page's `summary.json` has it."""

    page: Page
    status: Overall
    components: list[Component]
    incidents: list[PageIncident] = Field(description="What the business feels now.")
    scheduled_maintenances: list[Maintenance]


class Incidents(BaseModel):
    """What the business felt lately, newest first, as `incidents.json` has it."""

    page: Page
    incidents: list[PageIncident]


@router.get(
    "/v1/processes/{process}/summary.json",
    summary="How a process is now, in the shape of a status page",
    responses=problems.responses(401, 403, 404, 422, 503),
)
def get_summary(request: Request, _: Reading, process: ProcessName) -> Summary:
    """From the numbers of the business, not from tools. For a status page's readers."""
    told = _Teller.of(state_of(request), process)
    felt = [i for i in told.incidents if i.resolved_at is None]
    maintenance = told.maintenance()
    worst: Indicator = max((told.level(n) for n in told.names), key=_ORDER.index, default="none")
    if worst == "none" and maintenance:
        worst = "maintenance"
    return Summary(
        page=told.page(),
        status=Overall(indicator=worst, description=_DESCRIPTION[worst]),
        components=told.components,
        incidents=felt,
        scheduled_maintenances=maintenance,
    )


@router.get(
    "/v1/processes/{process}/incidents.json",
    summary="What the business felt of a process lately, in the shape of a status page",
    responses=problems.responses(401, 403, 404, 422, 503),
)
def get_incidents(request: Request, _: Reading, process: ProcessName) -> Incidents:
    """Of the last thirty days, newest first. For a status page's readers."""
    told = _Teller.of(state_of(request), process)
    return Incidents(page=told.page(), incidents=told.incidents)


@dataclass(frozen=True)
class _Teller:
    """One process, with what was last issued for its incidents of the last days."""

    state: State
    process: Process
    found: Sequence[tuple[Incident, Sequence[MeasureImpact]]]  # newest first
    views: dict[str, MeasureView]
    since: datetime  # before which nothing is known: when the map was first kept

    @classmethod
    def of(cls, state: State, name: str) -> _Teller:
        parts, now = state.parts, datetime.now(UTC)
        process = known_process(state, name)
        lately = [v.incident for v in parts.store.incidents.find(start=now - LISTED)]
        ids = [i.id for i in lately]
        issued: dict[str, list[MeasureImpact]] = {}
        for impact in parts.store.estimates.latest(ids):
            if impact.process == name and not is_withdrawn(impact):
                issued.setdefault(impact.incident, []).append(impact)
        found = [(i, issued.get(i.id, [])) for i in lately]
        reaching = [(i, of) for i, of in found if of or any(r.process == name for r in i.reached)]
        views = dict(state.outlook().view().measures)
        kept = [version.known_at for version in parts.store.maps.all()]
        return cls(state, process, reaching, views, min(kept, default=state.since))

    @property
    def names(self) -> list[str]:
        return [m.name for m in self.process.measures if m.kind != "level"]

    def level(self, measure: str) -> Indicator:
        """How badly a measure is off now."""
        burning = [i for _, of in self.found for i in of if i.measure == measure and _felt_now(i)]
        return _level(sum(self._share(i) for i in burning)) if burning else "none"

    @cached_property
    def components(self) -> list[Component]:
        titles = {m.name: m.called for m in self.process.measures}
        return [
            Component(
                id=f"{self.process.name}/{name}",
                page_id=self.process.name,
                name=titles[name],
                status=_STATUS[self.level(name)],
                position=number,
                created_at=self.since,
                updated_at=self._since(name),
            )
            for number, name in enumerate(self.names, start=1)
        ]

    def page(self) -> Page:
        moments = [
            *(c.updated_at for c in self.components),
            *(i.updated_at for i in self.incidents),
        ]
        return Page(
            id=self.process.name,
            name=self.process.title,
            url=self.state.parts.settings.address,
            time_zone=self.state.parts.map.map.timezone,
            updated_at=max(moments, default=self.since),
        )

    @cached_property
    def incidents(self) -> list[PageIncident]:
        told = (self._incident(i, of) for i, of in self.found if i.kind != "maintenance")
        return [incident for incident in told if incident is not None]

    def maintenance(self) -> list[Maintenance]:
        """What is going on of it. Its title is somebody's inner text: the process's stands here."""
        return [
            Maintenance(
                **self._framed(i, f"{self.process.title}: planned maintenance", "maintenance"),
                status="in_progress",
                updated_at=i.started_at,
                resolved_at=None,
                components=[],
                incident_updates=[],
                scheduled_for=i.started_at,
                scheduled_until=i.ended_at,
            )
            for i, _ in self.found
            if i.kind == "maintenance" and i.state == "open"
        ]

    def _incident(
        self, incident: Incident, impacts: Sequence[MeasureImpact]
    ) -> PageIncident | None:
        """The incident where the business felt it, None where only tools did."""
        felt = [i for i in impacts if i.inputs.get("ever_red", 1.0) > 0 and i.red is not None]
        if not felt:
            return None
        going_on = [i for i in felt if _felt_now(i)]
        ends = [i.effect[1] for i in felt if i.effect[1] is not None]
        resolved_at = None if going_on else max(ends, default=incident.ended_at)
        if resolved_at is None and not going_on:
            return None  # nobody can tell yet
        titles = {m.name: m.called.lower() for m in self.process.measures}
        what = " and ".join(_off(i, titles[i.measure]) for i in felt if i.measure in titles)
        worst = max((_level(self._share(i)) for i in felt), key=_ORDER.index)
        began = min(i.effect[0] for i in felt)
        status = "investigating" if going_on else "resolved"
        updated_at = resolved_at or began
        said = f"{self.process.title}: {what}"
        hit = [c for c in self.components if c.id in {i.measure_id for i in felt}]
        body = said + (". Back to usual." if resolved_at else ".") + self._amounts(felt)
        return PageIncident(
            **self._framed(incident, said, worst) | {"created_at": began, "started_at": began},
            status=status,
            updated_at=updated_at,
            resolved_at=resolved_at,
            components=hit,
            incident_updates=[
                Update(
                    id=f"{incident.id}-{self.process.name}-{status}",
                    incident_id=f"{incident.id}-{self.process.name}",
                    status=status,
                    body=body,
                    affected_components=[
                        Affected(code=c.id, name=c.name, new_status=c.status) for c in hit
                    ],
                    created_at=updated_at,
                    updated_at=updated_at,
                    display_at=updated_at,
                )
            ],
        )

    def _framed(self, incident: Incident, name: str, impact: Indicator) -> dict[str, Any]:
        return {
            "id": f"{incident.id}-{self.process.name}",
            "page_id": self.process.name,
            "name": name,
            "impact": impact,
            "created_at": incident.started_at,
            "started_at": incident.started_at,
            "shortlink": f"{self.state.parts.settings.address}/incidents/{incident.id}",
        }

    def _amounts(self, impacts: Sequence[MeasureImpact]) -> str:
        if not self.state.parts.settings.summary_money:
            return ""
        business_map = self.state.parts.map.map
        return "".join(f" {sentence(present_impact(i, business_map))}." for i in impacts)

    def _share(self, impact: MeasureImpact) -> float:
        """How much of the usual is missing (or on top), by the newest minutes, else at most."""
        view = self.views.get(impact.measure_id)
        if impact.kind != "lead_time" and view is not None and view.expected is not None:
            usual = view.expected.mid / 60.0
            if impact.per_minute_units is not None and usual > 0 and impact.effect[1] is None:
                return abs(impact.per_minute_units) / usual
        return impact.inputs.get("measured_severity", MINOR)

    def _since(self, measure: str) -> datetime:
        """When a measure last became what it is: a time that stands still, for who polls."""
        known = [
            i for _, of in self.found for i in of if i.measure == measure and i.red is not None
        ]
        if burning := [i.effect[0] for i in known if _felt_now(i)]:
            return min(burning)
        ends = [i.effect[1] for i in known if i.effect[1] is not None]
        return max(ends, default=self.since)


def _felt_now(impact: MeasureImpact) -> bool:
    return bool(impact.red) and impact.effect[1] is None


def _level(share: float) -> Indicator:
    if share < MINOR:
        return "minor"
    return "major" if share < MAJOR else "critical"


def _off(impact: MeasureImpact, title: str) -> str:
    if impact.kind == "lead_time":
        return f"{title} take longer than usual"
    return f"{'more' if impact.kind == 'load' else 'fewer'} {title} than usual"
