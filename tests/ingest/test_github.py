"""Deployments that GitHub tells of, as changes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ingest.events import Signal
from ingest.sources.github import github

DEPLOYMENT: dict[str, Any] = {
    "id": 4,
    "ref": "v4.11",
    "sha": "a" * 40,
    "environment": "production",
    "created_at": "2026-11-22T10:00:00Z",
    "payload": {"token": "S3CRET"},
}
DEPLOYED = {
    "id": 5,
    "state": "success",
    "environment": "production",
    "log_url": "https://ci.example/log?token=S3CRET",
    "created_at": "2026-11-22T10:20:00Z",
}
GITHUB: dict[str, Any] = {
    "action": "created",
    "deployment": DEPLOYMENT,
    "repository": {"full_name": "shop/payment"},
}


def read(body: Any) -> list[Signal]:
    return github(json.dumps(body).encode())


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 22, hour, minute, tzinfo=UTC)


def test_a_deployment_is_a_change_when_asked_for_and_again_when_done() -> None:
    [asked] = read(GITHUB)
    [done] = read({**GITHUB, "deployment_status": DEPLOYED})
    assert (asked.kind, asked.severity, asked.started_at) == ("change", "info", at(10))
    assert done.summary == "payment v4.11: deployed to production"
    assert (done.started_at, done.labels["service"], done.labels["state"]) == (
        at(10, 20), "payment", "success",
    )  # fmt: skip
    assert asked.fingerprint == done.fingerprint == "shop/payment:4"
    assert asked.id != done.id == read({**GITHUB, "deployment_status": DEPLOYED})[0].id
    assert "S3CRET" not in done.raw + done.url + asked.raw


@pytest.mark.parametrize(
    ("environment", "flag", "told"),
    [
        ("production", None, True),
        ("Prod-EU", None, True),
        ("live", False, True),
        ("blue", True, True),
        ("staging", False, False),
        ("pre-prod", None, False),
        ("reproduction", None, False),
    ],
)
def test_only_what_reaches_production_is_a_change(
    environment: str, flag: bool | None, told: bool
) -> None:
    deployment = {**DEPLOYMENT, "environment": environment, "production_environment": flag}
    assert bool(read({**GITHUB, "deployment": deployment})) is told


@pytest.mark.parametrize("state", ["queued", "pending", "inactive", "waiting", None])
def test_a_deployment_that_waits_or_is_replaced_changes_nothing(state: str | None) -> None:
    assert read({**GITHUB, "deployment_status": {**DEPLOYED, "state": state}}) == []


def test_a_ping_and_other_events_of_github_are_taken_as_nothing() -> None:
    assert read({"zen": "Keep it logically awesome.", "hook_id": 1}) == []
    assert read({"action": "opened", "repository": {}, "issue": {}}) == []
