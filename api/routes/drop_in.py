"""Other tools' own addresses, so that a team adopts Toll by changing a URL.

Prometheus posts its alerts here as to an Alertmanager; whatever sends events to PagerDuty sends
them here. Paths, answers and errors are those tools' own.
"""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Literal
from uuid import uuid4

from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from api.http import problems
from api.http.auth import Bearer, Writing, admit, token_of
from api.http.bodies import read_body
from api.http.state import State, keep, state_of
from api.routes.examples import CHANGE, EVENT, POSTED_ALERTS
from api.routes.signals import SignalsTaken, take
from ingest.personal import hash_value
from ingest.sources.alertmanager import posted_alerts
from ingest.sources.pagerduty_events import (
    MAX_BYTES,
    Event,
    EventError,
    alert_signal,
    change_signal,
    read_change,
    read_event,
)

router = APIRouter(tags=["in"])


def _takes(schema: str, example: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": schema}, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


# --- Alertmanager ---------------------------------------------------------------------------------


@router.post(
    "/api/v2/alerts",
    summary="Take alerts as an Alertmanager does: Prometheus posts here directly",
    responses=problems.responses(400, 401, 403, 413, 415, 422, 503),
    openapi_extra=_takes("array", POSTED_ALERTS),
)
async def post_alerts(request: Request, _: Writing) -> SignalsTaken:
    """Alerts in the shape of Alertmanager's API, version 2; 200 means that the log has them.

    An alert whose `endsAt` has passed is resolved. One that fires lives until its `endsAt`, rounded
    up (to five minutes while it is young, to an hour in the end), or five minutes where it names
    none; Prometheus posts it anew every minute.
    """
    state = state_of(request)
    body = await read_body(request, state.body_limit)

    return await run_in_threadpool(take, state, lambda at: posted_alerts(body, received_at=at))


@router.post("/api/v1/alerts", include_in_schema=False)
def post_alerts_of_version_1() -> None:
    """Version 1 is gone from Alertmanager, too."""
    raise HTTPException(
        410, "Alertmanager's API version 1 is not served: set `api_version: v2` in the sender"
    )


class ClusterStatus(BaseModel):
    """Toll is no cluster of Alertmanagers."""

    status: Literal["disabled"] = "disabled"
    peers: list[str] = Field(default=[], description="Always empty.")


class VersionInfo(BaseModel):
    """Which Toll answers, in the members that Alertmanager has."""

    version: str = Field(examples=["0.1.0"])
    branch: str = ""
    revision: str = ""
    buildUser: str = ""  # noqa: N815  # Alertmanager's name
    buildDate: str = ""  # noqa: N815  # Alertmanager's name
    goVersion: str = ""  # noqa: N815  # Alertmanager's name


class AlertmanagerConfig(BaseModel):
    """Stands where Alertmanager shows its configuration; Toll's is nobody else's business."""

    original: str = Field(default="", description="Always empty.")


class AlertmanagerStatus(BaseModel):
    """What clients of an Alertmanager ask for before they send."""

    cluster: ClusterStatus = ClusterStatus()
    versionInfo: VersionInfo  # noqa: N815  # Alertmanager's name
    config: AlertmanagerConfig = AlertmanagerConfig()
    uptime: datetime = Field(description="When this app was built.")


@router.get(
    "/api/v2/status",
    summary="Answer as an Alertmanager that is up",
    responses=problems.responses(401, 403),
)
def get_status(request: Request, _: Writing) -> AlertmanagerStatus:
    """For clients that look whether there is an Alertmanager, such as `amtool`."""
    return AlertmanagerStatus(
        versionInfo=VersionInfo(version=version("toll")), uptime=state_of(request).since
    )


# --- PagerDuty ------------------------------------------------------------------------------------


class EventTaken(BaseModel):
    """PagerDuty's answer to an event that it takes."""

    status: Literal["success"] = "success"
    message: str = Field(default="Event processed", examples=["Event processed"])
    dedup_key: str = Field(
        description="The alert's identity: the event's own, or one made for it.",
        examples=["payments/errors"],
    )


class ChangeTaken(BaseModel):
    """PagerDuty's answer to a change event that it takes."""

    status: Literal["success"] = "success"
    message: str = Field(default="Change event processed", examples=["Change event processed"])


class InvalidEvent(BaseModel):
    """PagerDuty's answer to an event that it does not take."""

    status: Literal["invalid event"] = "invalid event"
    message: str = Field(default="Event object is invalid", examples=["Event object is invalid"])
    errors: list[str] = Field(
        description="Every mistake.", examples=[["'payload.summary' is missing or blank"]]
    )


_EVENT_ANSWERS: dict[int | str, dict[str, Any]] = {
    **problems.responses(401, 403, 413, 415, 503),
    400: {"model": InvalidEvent, "description": "The event is invalid"},
}


@router.post(
    "/v2/enqueue",
    status_code=202,
    summary="Take an event as PagerDuty's Events API v2 does",
    responses=_EVENT_ANSWERS,
    response_model=EventTaken,
    openapi_extra=_takes("object", EVENT),
)
async def enqueue(request: Request, given: Bearer) -> EventTaken | JSONResponse:
    """Trigger, acknowledge or resolve an alert; 202 means that the log has it.

    The `routing_key` is the sender's write token, where tokens are configured and none is in header
    or path. It is never stored. A trigger without `dedup_key` is a new alert; its key is returned.
    """
    state = state_of(request)
    try:
        event = read_event(await _body(request, state))
    except EventError as error:
        return _invalid(error)
    integration = _integration(state, event, token_of(request, given))
    key = event.dedup_key or uuid4().hex
    signal = alert_signal(event, key, integration, datetime.now(UTC))
    await run_in_threadpool(keep, state, [signal])
    return EventTaken(dedup_key=key)


@router.post(
    "/v2/change/enqueue",
    status_code=202,
    summary="Take a change event as PagerDuty's Events API v2 does",
    responses=_EVENT_ANSWERS,
    response_model=ChangeTaken,
    openapi_extra=_takes("object", CHANGE),
)
async def enqueue_change(request: Request, given: Bearer) -> ChangeTaken | JSONResponse:
    """A deployment or another change: named as the likely trigger of what breaks within the hour.

    Who sends is known as at `/v2/enqueue`.
    """
    state = state_of(request)
    try:
        event = read_change(await _body(request, state))
    except EventError as error:
        return _invalid(error)
    integration = _integration(state, event, token_of(request, given))
    signal = change_signal(event, integration, datetime.now(UTC))
    await run_in_threadpool(keep, state, [signal])
    return ChangeTaken()


async def _body(request: Request, state: State) -> bytes:
    try:
        return await read_body(request, min(MAX_BYTES, state.body_limit))
    except HTTPException as error:
        if error.status_code == 400:  # in PagerDuty's shape, as all that is wrong with a body
            raise EventError([error.detail]) from error
        raise


def _invalid(error: EventError) -> JSONResponse:
    return JSONResponse(InvalidEvent(errors=error.errors).model_dump(), 400)


def _integration(state: State, event: Event, token: str | None) -> str:
    """Who sends: `dedup_key`s of different senders may be alike. The name of the sender's token,
    so that a new token goes on with its alerts; else a keyed hash of the routing key.
    """
    if token is None:
        caller = admit(state.tokens, event.routing_key, "write")
        if state.tokens is not None:
            return caller.name
    else:
        admit(state.tokens, token, "write")
    return hash_value(event.routing_key, state.parts.config.salt)[:12]
