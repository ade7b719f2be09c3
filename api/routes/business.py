"""Business events in: NDJSON, JSON, CloudEvents."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field
from starlette.datastructures import Headers

from api.http import problems
from api.http.auth import Writing
from api.http.bodies import read_body
from api.http.state import State, state_of
from api.intake import business_messages
from ingest.cloudevents import is_cloudevent, lines_from_http
from ingest.decode import check_lines

router = APIRouter(tags=["in"])

_LISTED = 100  # rejected lines that an answer lists; all of them are kept as dead letters

_EVENT = {
    "id": "pay-8821",
    "stream": "payments",
    "at": "2026-11-22T10:14:03Z",
    "status": "ok",
    "key": "cart-17",
    "amount": "39.90",
    "currency": "EUR",
}
_ENVELOPE = {
    "specversion": "1.0",
    "id": "pay-8821",
    "time": "2026-11-22T10:14:03Z",
    "source": "/shop",
    "type": "payment.settled",
    "data": {"stream": "payments", "status": "ok", "amount": "39.90", "currency": "EUR"},
}


class RejectedLine(BaseModel):
    """One line that is no business event."""

    line: int = Field(description="Counted from 1.", examples=[2])
    reason: str = Field(examples=["no_zone"])
    detail: str = Field(examples=["'2026-11-22T10:14:03' has no zone; add Z or +01:00"])


class Taken(BaseModel):
    """What became of a body. Every line is in the log, durably."""

    accepted: int = Field(description="Lines that are business events.", examples=[2])
    dead_letters: int = Field(description="Lines kept as dead letters.", examples=[0])
    rejected: list[RejectedLine] = Field(description=f"The first {_LISTED} of those.")


class _How(NamedTuple):
    """The options of a request."""

    stream: str | None
    history: bool
    keep_bad: bool


@router.post(
    "/v1/business",
    status_code=202,
    summary="Take business events",
    responses=problems.responses(400, 401, 403, 413, 415, 422, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/x-ndjson": {
                    "schema": {"type": "string"},
                    "example": json.dumps(_EVENT) + "\n",
                },
                "application/json": {
                    "schema": {
                        "oneOf": [
                            {"type": "object"},
                            {"type": "array", "items": {"type": "object"}},
                        ]
                    },
                    "example": [_EVENT],
                },
                "application/cloudevents+json": {
                    "schema": {"type": "object"},
                    "example": _ENVELOPE,
                },
                "application/cloudevents-batch+json": {
                    "schema": {"type": "array", "items": {"type": "object"}},
                    "example": [_ENVELOPE],
                },
            },
        }
    },
)
async def post_business(
    request: Request,
    _: Writing,
    stream: Annotated[
        str | None,
        Query(
            description="Stream of events that name none.",
            pattern="^[a-z0-9_.-]{1,64}$",
            examples=["payments"],
        ),
    ] = None,
    history: Annotated[
        bool, Query(description="Loaded late on purpose: no delay is learned of these events.")
    ] = False,
    keep_bad: Annotated[
        bool, Query(description="Keep a body without any readable line, as dead letters.")
    ] = False,
) -> Taken:
    """One event, an array, or one event a line. 202 means that the log has all of it.

    Lines that cannot be read become dead letters and are named in the answer; a body without a
    single readable line is refused with 422 and not kept, unless `keep_bad` is set.
    """
    state = state_of(request)
    body = await read_body(request, state.body_limit)
    how = _How(stream, history, keep_bad)
    return await run_in_threadpool(_take, state, body, request.headers, how)


def _take(state: State, body: bytes, headers: Headers, how: _How) -> Taken:
    """Check, write to the log, answer; on a thread: it reads much, and the log awaits the disk."""
    if is_cloudevent(headers):
        body = b"\n".join(lines_from_http(body, headers))
    checked = check_lines(body, state.parts.config, datetime.now(UTC), how.stream)
    rejected = [
        RejectedLine(line=r.line + 1, reason=r.reason, detail=r.detail)
        for r in checked.rejected[:_LISTED]
    ]
    if not checked.accepted and not (how.keep_bad and rejected):
        first = rejected[0].detail if rejected else "the body is empty"
        listed = [r.model_dump() for r in rejected]
        raise problems.ListedError(f"no line is a business event: {first}", listed)
    topic = state.parts.settings.business_topic
    producer = state.producer()
    lines = [*checked.accepted, *(("", r.raw) for r in checked.rejected)]
    partitions = producer.partitions(topic)
    producer.send(business_messages(lines, topic, partitions, history=how.history))
    return Taken(
        accepted=len(checked.accepted), dead_letters=len(checked.rejected), rejected=rejected
    )
