"""GitHub: deployments and how they went, as changes.

Source: GitHub's webhooks `deployment` and `deployment_status`. Only what reaches production is a
change here: what GitHub itself calls so (`production_environment`), or an environment with such a
name. A deployment is told when it is asked for, when its rollout begins, and when it has succeeded
or failed, each a moment of its own: any of them may be what set an incident off. Whoever waits
(`queued`, `pending`) or is replaced (`inactive`) changes nothing.

The identity of a statement is GitHub's id of the deployment or of its status, so that a delivery
that is sent again changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ingest.errors import InputError
from ingest.events import Signal
from ingest.sources import body as native

_PRODUCTION = re.compile(
    r"(?<![a-z])(?<!non[-_. ])(?<!pre[-_. ])(?:prod|production|prd|live)(?![a-z])", re.IGNORECASE
)
_TOLD: Mapping[str, str] = {
    "created": "deployment asked for",
    "in_progress": "deployment began",
    "success": "deployed",
    "failure": "deployment failed",
    "error": "deployment failed",
}
_GITHUBS_OWN = ("deployment", "repository", "organization", "hook", "zen")
_MEMBERS = ("action", "deployment", "deployment_status")


def github(body: bytes, /, *, received_at: datetime | None = None) -> list[Signal]:
    """The change of a webhook body; none for a ping, another event, or another environment."""
    found = native.parse(body)
    if not isinstance(found, dict) or not any(name in found for name in _GITHUBS_OWN):
        raise InputError("expected a webhook of GitHub: an object with a repository, or a ping")
    deployment = native.member(found, "deployment")
    status = native.member(found, "deployment_status")
    state = native.text(status, "state") if status else "created"
    if not deployment or state not in _TOLD or not _is_production(deployment, status):
        return []
    at = native.first_time(
        native.moment((status or deployment).get("created_at"), "created_at"), received_at
    )
    if at is None:
        raise InputError("the deployment has no created_at")
    repository = native.text(native.member(found, "repository"), "full_name", "name")
    thing = f"{repository or 'github'}:{native.text(deployment, 'id') or 'deployment'}"
    statement = native.text(status, "id") or state
    labels = _labels(deployment, repository, _environment(deployment, status))
    return [
        Signal(
            id=f"{thing}:{statement}",
            source="github",
            kind="change",
            status="firing",
            severity="info",
            labels={**labels, "state": state},
            summary=_summary(deployment, labels, _TOLD[state]),
            fingerprint=thing,
            started_at=native.to_the_ms(at),
            url=_url(found, status),
            received_at=received_at,
            raw=native.raw_of({name: found[name] for name in _MEMBERS if name in found}),
        )
    ]


def _environment(deployment: dict[str, Any], status: dict[str, Any]) -> str:
    return native.text(status, "environment") or native.text(deployment, "environment")


def _is_production(deployment: dict[str, Any], status: dict[str, Any]) -> bool:
    environment = _environment(deployment, status)
    return deployment.get("production_environment") is True or bool(_PRODUCTION.search(environment))


def _labels(deployment: dict[str, Any], repository: str, environment: str) -> dict[str, str]:
    """A repository is mostly called like what it holds: its name finds a service or application."""
    name = repository.rpartition("/")[2]
    labels = {
        "service": name,
        "application": name,
        "repository": repository,
        "environment": environment,
        "ref": native.text(deployment, "ref"),
        "sha": native.text(deployment, "sha"),
        "task": native.text(deployment, "task"),
    }
    return {label: value for label, value in labels.items() if value}


def _summary(deployment: dict[str, Any], labels: Mapping[str, str], told: str) -> str:
    version = labels.get("ref") or labels.get("sha", "")[:12]
    what = " ".join(part for part in (labels.get("service", ""), version) if part) or "deployment"
    where = f" to {labels['environment']}" if labels.get("environment") else ""
    said = native.text(deployment, "description")
    return f"{what}: {told}{where}" + (f" ({said})" if said else "")


def _url(found: dict[str, Any], status: dict[str, Any]) -> str:
    repository = native.member(found, "repository")
    url = native.text(status, "log_url", "target_url") or native.text(repository, "html_url")
    return native.without_secrets(url)
