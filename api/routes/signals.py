"""Signals in, in the formats their senders speak."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from api.http import problems
from api.http.auth import Writing
from api.http.bodies import read_body
from api.http.problems import ListedError
from api.http.signatures import check_signature
from api.http.state import State, keep, state_of
from api.routes.examples import WEBHOOKS
from enrich.suggest import did_you_mean
from ingest.errors import NotFoundError
from ingest.events import Signal
from ingest.sources import SOURCES, Source
from ingest.sources.body import PartlyReadError
from ingest.sources.mapped import mapped

router = APIRouter(tags=["in"])

Format = Literal["alertmanager", "grafana", "pagerduty", "statuspage", "github", "generic"]


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
                    "examples": {name: {"value": body} for name, body in WEBHOOKS.items()},
                }
            },
        }
    },
)
async def post_signals(
    request: Request, format: Annotated[Format, Path(description="Who sends.")], _: Writing
) -> SignalsTaken:
    """A webhook's body as its sender sends it. 202 means that the log has its signals.

    Signals that match no node of the map are kept and listed under coverage, never refused. Where
    one of several cannot be read, the others are taken, and 422 says what is wrong with it. What
    tells of nothing technical (a ping, a note, a deployment for tests) is taken as no signal.
    Webhooks of PagerDuty and GitHub are checked by their signature where their secret is set.
    """
    state = state_of(request)
    body = await read_body(request, state.body_limit)
    check_signature(request, body, format, state.parts.settings)
    return await run_in_threadpool(take, state, _by(SOURCES[format], body))


@router.post(
    "/v1/signals/generic/{name}",
    status_code=202,
    summary="Take signals of a shape that the settings describe",
    responses=problems.responses(400, 401, 403, 404, 413, 415, 422, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"type": "object"}, "example": {"anything": "JSON"}}
            },
        }
    },
)
async def post_mapped_signals(
    request: Request,
    name: Annotated[str, Path(description="A mapping under `signals` in the file TOLL_STREAMS.")],
    _: Writing,
) -> SignalsTaken:
    """Any JSON, read by a mapping of its own: which path holds which field, and what words mean."""
    state = state_of(request)
    mappings = state.parts.config.signals
    if name not in mappings:
        raise NotFoundError(
            f"no mapping '{name}' under `signals` in the file TOLL_STREAMS names"
            f"{did_you_mean(name, mappings)}"
        )
    body = await read_body(request, state.body_limit)
    return await run_in_threadpool(take, state, _by(mapped(mappings[name]), body))


def take(state: State, read: Callable[[datetime], list[Signal]]) -> SignalsTaken:
    """Put what is read into the log; where a part cannot be read, the rest, and then 422.

    read: given the moment of receipt, the signals of a body.
    """
    try:
        signals = read(datetime.now(UTC))
    except PartlyReadError as error:
        kept = keep(state, error.signals)
        raise ListedError(
            f"{error}; the other {kept} signals of the body are taken",
            [{"what": fault} for fault in error.faults],
        ) from error
    return SignalsTaken(accepted=keep(state, signals))


def _by(source: Source, body: bytes) -> Callable[[datetime], list[Signal]]:
    return lambda received_at: source(body, received_at=received_at)
