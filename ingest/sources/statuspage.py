"""Statuspage and what speaks its shape (Instatus, openstatus): webhooks, and the polled bodies.

Read are webhooks of an incident or a component, and `summary.json`, `incidents.json` and
`scheduled-maintenances.json`. An incident becomes one signal for each component it names, so that
components can mean different nodes of the map, or one signal where it names none; a component that
is reported by itself becomes one too. Every update of an incident is a statement of its own.

An `operational` component does not know when its trouble began: its start is its end, and it ends
what fires by then. Maintenance is `minor` unless told otherwise, since `info` opens nothing.
Source: Atlassian's webhook notifications and API v2; Instatus writes its words without separators
and in capitals, so only letters are compared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ingest.errors import InputError
from ingest.events import PAGER_LABEL, Severity, Signal, SignalKind, SignalStatus
from ingest.sources import body as native
from ingest.times import to_ms

_SEVERITY_OF_IMPACT: Mapping[str, Severity] = {
    "critical": "critical",
    "majoroutage": "critical",
    "major": "major",
    "partialoutage": "major",
    "minor": "minor",
    "degradedperformance": "minor",
    "maintenance": "minor",
    "undermaintenance": "minor",
    "none": "info",
    "operational": "info",
}
_OVER = {"resolved", "postmortem", "completed"}
_MAINTENANCE = {"maintenance", "undermaintenance"}
_WORDS = {  # as Statuspage writes them, by their letters
    "majoroutage": "major_outage",
    "partialoutage": "partial_outage",
    "degradedperformance": "degraded_performance",
    "undermaintenance": "under_maintenance",
    "inprogress": "in_progress",
    "notstartedyet": "scheduled",
}


@dataclass(frozen=True, slots=True)
class _Page:
    source: str
    labels: Mapping[str, str]
    url: str
    received_at: datetime | None


def statuspage(
    body: bytes, /, *, received_at: datetime | None = None, provider: str = ""
) -> list[Signal]:
    """All that a status page says; `provider` is what to call it, instead of the page's name."""
    found = native.parse(body)
    if isinstance(found, list):
        raise InputError("expected a body of Statuspage: an object with page and incidents")
    page = _page(found, provider, received_at)
    incidents = _list(found, "incidents") + _list(found, "scheduled_maintenances")
    for name in ("incident", "maintenance"):
        if isinstance(found.get(name), dict):
            incidents.append(found[name])
    components = _list(found, "components")
    if isinstance(found.get("component"), dict):
        components.append({**found["component"], **_news(found)})
    if not incidents and not components and not any(name in found for name in ("page", "status")):
        raise InputError("expected a body of Statuspage: there is no page, incident or component")
    told = native.text(native.member(found, "page"), "updated_at") or None

    def of_component(one: dict[str, Any], name: str) -> list[Signal]:
        return [] if one.get("group") is True else [_component(one, name, told, page)]

    gathered = native.Gathered()
    gathered.each(incidents, "incident", lambda one, name: _incident(one, name, page))
    gathered.each(components, "component", of_component)
    return gathered.all()


def _list(found: dict[str, Any], name: str) -> list[Any]:
    listed = found.get(name)
    if listed is not None and not isinstance(listed, list):
        raise InputError(f"{name} must be an array of objects")
    return list(listed or [])


def _news(found: dict[str, Any]) -> dict[str, Any]:
    """What a component's webhook says besides the component: since when, and its status."""
    update = native.member(found, "component_update")
    news = {"status": update.get("new_status"), "updated_at": update.get("created_at")}
    return {name: value for name, value in news.items() if value}


def _page(found: dict[str, Any], provider: str, received_at: datetime | None) -> _Page:
    page = native.member(found, "page")
    name = native.text(page, "name", "id")
    provider = provider or name
    slug = re.sub(r"[^a-z0-9]+", "-", provider.lower()).strip("-")
    labels = {"provider": provider, "page": name}
    return _Page(
        source=f"statuspage:{slug}" if slug else "statuspage",
        labels={name: value for name, value in labels.items() if value},
        url=native.without_secrets(native.text(page, "url")),
        received_at=received_at,
    )


def _letters(word: str) -> str:
    return re.sub(r"[^a-z]", "", word.lower())


def _word(word: str) -> str:
    return _WORDS.get(_letters(word)) or re.sub(r"[\s-]+", "_", word.strip().lower())


def _severity(impact: str) -> Severity:
    return _SEVERITY_OF_IMPACT.get(_letters(impact), "major")


def _incident(incident: dict[str, Any], name: str, page: _Page) -> list[Signal]:
    """One signal for each component of an incident, or one for the whole."""
    key = native.text(incident, "id")
    if not key:
        raise InputError(f"{name} has no id")
    impact = _word(native.text(incident, "impact_override", "impact") or "none")
    kind: SignalKind = "outage"
    if _letters(impact) in _MAINTENANCE or native.text(incident, "scheduled_for"):
        kind = "maintenance"
    phase = _word(native.text(incident, "status"))
    over = phase in _OVER or bool(native.text(incident, "resolved_at"))
    started_at, ended_at = _window(incident, name, kind, over, page)
    updated_at = native.moment(incident.get("updated_at"), f"updated_at of {name}") or started_at
    status: SignalStatus = "resolved" if over else "firing"
    severity: Severity = "minor" if kind == "maintenance" else _severity(impact)
    own = f"{page.source}:{key}"
    said_once = {**page.labels, "impact": impact, "status": phase, PAGER_LABEL: own}
    if incident.get("backfilled") is True:
        said_once["backfilled"] = "true"
    raw = native.raw_of(incident)
    return [
        Signal(
            id=":".join(part for part in (key, which, phase, str(to_ms(updated_at))) if part),
            source=page.source,
            kind=kind,
            status=status,
            severity=severity,
            labels=_with_component(said_once, native.text(component, "name") or which),
            summary=native.text(incident, "name", "title") or f"incident {key}",
            fingerprint=f"{key}:{which}" if which else key,
            started_at=started_at,
            ended_at=ended_at,
            url=native.without_secrets(native.text(incident, "shortlink", "url")) or page.url,
            received_at=page.received_at,
            raw=raw,
        )
        for which, component in (_affected(incident) or {"": {}}).items()
    ]


def _affected(incident: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The components that an incident names, each once: by id, else by name."""
    found: dict[str, dict[str, Any]] = {}
    for listed in ("components", "affected_components"):
        named = incident.get(listed)
        for component in named if isinstance(named, list) else []:
            one = component if isinstance(component, dict) else {"name": component}
            if said := native.text(one, "id", "name"):
                found.setdefault(said, one)
    return found


def _with_component(labels: Mapping[str, str], component: str) -> dict[str, str]:
    return {**labels, "component": component} if component else dict(labels)


def _window(
    incident: dict[str, Any], name: str, kind: SignalKind, over: bool, page: _Page
) -> tuple[datetime, datetime | None]:
    """Start and end: as scheduled for maintenance, as reported for incidents."""

    def at(field: str) -> datetime | None:
        return native.moment(incident.get(field), f"{field} of {name}")

    planned = kind == "maintenance"
    started_at = native.first_time(
        at("scheduled_for") if planned else None,
        at("created_at"),
        at("started_at"),
        at("updated_at"),
        page.received_at,
    )
    if started_at is None:
        raise InputError(f"{name} has no created_at")
    ended_at = native.first_time(
        at("resolved_at"),
        at("scheduled_until") if planned else None,
        at("updated_at") if over else None,
        started_at if over else None,
    )
    started_at = native.to_the_ms(started_at)
    return started_at, None if ended_at is None else max(native.to_the_ms(ended_at), started_at)


def _component(component: dict[str, Any], name: str, told: str | None, page: _Page) -> Signal:
    """What a component says of itself: in trouble since, or operational again since."""
    title = native.text(component, "name")
    key = native.text(component, "id") or title
    if not key:
        raise InputError(f"{name} has neither id nor name")
    said = _word(native.text(component, "status") or "operational")
    since = native.first_time(
        native.moment(component.get("updated_at"), f"updated_at of component {title}"),
        native.moment(told, "updated_at of the page"),
        native.moment(component.get("created_at"), f"created_at of component {title}"),
        page.received_at,
    )
    if since is None:
        raise InputError(f"component {title or key} does not say since when it is {said}")
    since = native.to_the_ms(since)
    well = said == "operational"
    return Signal(
        id=f"component:{key}:{said}:{to_ms(since)}",
        source=page.source,
        kind="maintenance" if _letters(said) in _MAINTENANCE else "outage",
        status="resolved" if well else "firing",
        severity=_severity(said),
        labels=_with_component({**page.labels, "status": said}, title or key),
        summary=f"{title or key}: {said.replace('_', ' ')}",
        fingerprint=f"component:{key}",
        started_at=since,
        ended_at=since if well else None,
        url=page.url,
        received_at=page.received_at,
        raw=native.raw_of(component),
    )
