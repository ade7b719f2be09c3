"""PagerDuty's webhooks, version 3: what happened to its incidents.

Source: PagerDuty/developer-docs, webhooks overview and behavior. One delivery is one event, whose
`id` is its identity. Every event about an incident that tells its state is a statement about it; a
note or a status update for people tells none. Whatever else an event speaks of (services, a test
of the webhook) is no signal, and never an error: PagerDuty holds back all later events of a
resource while one of them is refused.

Who works on it is told by the ids of people alone: once it is acknowledged, those to whom it is
assigned, and who acknowledged it.

The pager's incident is what its signals are grouped by (`PAGER_LABEL`), whatever the map says.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ingest.errors import InputError
from ingest.events import (
    PAGER_LABEL,
    RESPONDERS_AT_LABEL,
    RESPONDERS_LABEL,
    Severity,
    Signal,
)
from ingest.sources import body as native

_SEVERITY_OF_URGENCY: Mapping[str, Severity] = {"high": "major", "low": "minor"}


def pagerduty(body: bytes, /, *, received_at: datetime | None = None) -> list[Signal]:
    """What one webhook says of an incident; nothing where it speaks of something else."""
    found = native.parse(body)
    if not isinstance(found, dict) or not isinstance(found.get("event"), dict):
        raise InputError("expected a webhook of PagerDuty (version 3): an object with an event")
    event = found["event"]
    incident = native.member(event, "data")
    told = native.text(incident, "type") or native.text(event, "resource_type")
    key = native.text(incident, "id")
    if told not in {"incident", "incident_reference"} or not key:
        return []
    occurred_at = native.first_time(native.any_moment(event.get("occurred_at")), received_at)
    # What is opened again begins anew: it was well in between.
    started_at = native.first_time(
        native.any_moment(incident.get("reopened_at")),
        native.any_moment(incident.get("created_at")),
        occurred_at,
    )
    if started_at is None:
        raise InputError("the event has neither occurred_at nor an incident with created_at")
    started_at = native.to_the_ms(started_at)
    # Only the event that resolves tells the end; a change to what is over must not move it.
    over = native.text(event, "event_type") == "incident.resolved"
    ended_at = max(native.to_the_ms(occurred_at or started_at), started_at) if over else None
    return [
        Signal(
            id=native.text(event, "id") or f"{key}:{native.text(event, 'event_type')}:{started_at}",
            source="pagerduty",
            kind="alert",
            status="resolved" if over else "firing",
            severity=_severity(incident),
            labels={**_labels(incident, key), **_responders(event, incident, occurred_at)},
            summary=native.text(incident, "title", "summary") or f"incident {key}",
            fingerprint=key,
            started_at=started_at,
            ended_at=ended_at,
            url=native.without_secrets(native.text(incident, "html_url")),
            received_at=received_at,
            raw=native.raw_of(event),
        )
    ]


def _severity(incident: dict[str, Any]) -> Severity:
    """By priority (P1, SEV-2, ...); without one, by urgency."""
    urgency = native.text(incident, "urgency").lower()
    otherwise = _SEVERITY_OF_URGENCY.get(urgency, "major")
    priority = native.text(native.member(incident, "priority"), "summary", "name")
    return native.severity_of(priority.replace("-", "").replace(" ", ""), otherwise)


def _responders(
    event: dict[str, Any], incident: dict[str, Any], occurred_at: datetime | None
) -> dict[str, str]:
    """Who works on what is acknowledged; nobody, where the event does not tell."""
    if native.text(incident, "status") != "acknowledged" or occurred_at is None:
        return {}
    assigned = incident.get("assignees")
    people = list(assigned) if isinstance(assigned, list) else []
    if native.text(event, "event_type") == "incident.acknowledged":
        people.append(event.get("agent"))
    ids = {native.text(p, "id") for p in people if isinstance(p, dict) and _is_person(p)} - {""}
    if not ids:
        return {}
    return {
        RESPONDERS_LABEL: " ".join(sorted(ids)),
        RESPONDERS_AT_LABEL: native.to_the_ms(occurred_at).isoformat(),
    }


def _is_person(found: dict[str, Any]) -> bool:
    """An agent may be a service or an integration as well."""
    return native.text(found, "type") in {"user", "user_reference"}


def _labels(incident: dict[str, Any], key: str) -> dict[str, str]:
    def named(member: str) -> str:
        return native.text(native.member(incident, member), "summary", "name")

    service = native.member(incident, "service")
    teams = incident.get("teams")
    labels = {
        "service": named("service"),
        "service_id": native.text(service, "id"),
        "priority": named("priority"),
        "urgency": native.text(incident, "urgency"),
        "status": native.text(incident, "status"),
        "incident_type": named("incident_type"),
        "escalation_policy": named("escalation_policy"),
        "teams": ", ".join(
            native.text(team, "summary", "name")
            for team in (teams if isinstance(teams, list) else [])
            if isinstance(team, dict)
        ),
        "incident_key": native.text(incident, "incident_key"),
        PAGER_LABEL: f"pagerduty:{key}",
    }
    return {name: value for name, value in labels.items() if value}
