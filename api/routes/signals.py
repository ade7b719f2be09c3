"""Signals in, in the formats their senders speak."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from api import problems
from api.auth import Writing
from api.bodies import read_body
from api.intake import signal_messages
from api.state import State, state_of
from ingest.sources import SOURCES

router = APIRouter(tags=["in"])

Format = Literal["alertmanager", "statuspage", "generic"]

_EXAMPLES = {
    "alertmanager": {
        "version": "4",
        "status": "firing",
        "receiver": "toll",
        "alerts": [
            {
                "status": "firing",
                "labels": {"alertname": "PaymentErrors", "service": "payment"},
                "annotations": {"summary": "payments fail"},
                "startsAt": "2026-11-22T10:02:00Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "fingerprint": "5b1c2d3e4f",
            }
        ],
    },
    "statuspage": {
        "page": {"id": "p1", "status_indicator": "major", "status_description": "Partial outage"},
        "incident": {
            "id": "i1",
            "name": "Card payments fail",
            "status": "investigating",
            "impact": "major",
            "created_at": "2026-11-22T10:01:00Z",
            "updated_at": "2026-11-22T10:01:00Z",
            "resolved_at": None,
            "incident_updates": [],
        },
    },
    "generic": {
        "id": "deploy-771",
        "source": "release-train",
        "kind": "change",
        "status": "firing",
        "severity": "info",
        "labels": {"service": "payment"},
        "summary": "payment 4.11",
        "started_at": "2026-11-22T09:58:00Z",
    },
}


class SignalsTaken(BaseModel):
    """What a body held."""

    accepted: int = Field(description="Signals, all durably in the log.", examples=[1])


@router.post(
    "/v1/signals/{format}",
    status_code=202,
    summary="Take signals: alerts, outages, maintenance, changes",
    responses=problems.responses(400, 401, 403, 413, 415, 422, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"type": "object"},
                    "examples": {name: {"value": body} for name, body in _EXAMPLES.items()},
                }
            },
        }
    },
)
async def post_signals(
    request: Request, format: Annotated[Format, Path(description="Who sends.")], _: Writing
) -> SignalsTaken:
    """A webhook's body as its sender sends it. 202 means that the log has its signals.

    Signals that match no node of the map are kept and listed under coverage, never refused.
    """
    state = state_of(request)
    body = await read_body(request, state.body_limit)
    return await run_in_threadpool(_take, state, format, body)


def _take(state: State, format: Format, body: bytes) -> SignalsTaken:
    signals = SOURCES[format](body, received_at=datetime.now(UTC))
    state.producer().send(signal_messages(signals, state.parts.settings.signals_topic))
    return SignalsTaken(accepted=len(signals))
