"""What could not be read: listed for readers, its bytes for admins, replayed once mended."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from api.http import problems, schemas
from api.http.auth import Administering, Reading
from api.http.bodies import read_body
from api.http.state import State, state_of
from api.intake import business_messages
from ingest.dead_letters import REASONS
from ingest.decode import check_lines
from ingest.errors import InputError, NotFoundError
from ingest.log import Message, Record
from ingest.sources.wire import decode_signals
from store.dead_letters import KeptLetter

router = APIRouter(tags=["data"])

_U32, _U63 = 2**32 - 1, 2**63 - 1
Topic = Annotated[str, Path(examples=["toll.business"])]
Partition = Annotated[int, Path(ge=0, le=_U32, examples=[0])]
Offset = Annotated[int, Path(ge=0, le=_U63, description="Of the record.", examples=[1207])]
Line = Annotated[int, Path(ge=0, le=_U32, description="Within the record, from 0.", examples=[0])]


class DeadLetterEntry(BaseModel):
    """One thing that could not be read, without its bytes."""

    topic: str
    partition: int
    offset: int
    line: int = Field(description="Within the record, from 0.")
    reason: str = Field(examples=["no_zone"])
    detail: str
    received_at: schemas.Utc
    replayed_at: schemas.Utc | None


class DeadLetterBytes(DeadLetterEntry):
    """One of them with its bytes."""

    raw: str | None = Field(description="Its text; null where it is not UTF-8.")
    raw_base64: str = Field(description="Its bytes; empty once they have expired.")


class Replayed(BaseModel):
    """The letter is in the log again."""

    replayed: int = Field(examples=[1])


@router.get(
    "/v1/dead-letters",
    summary="List dead letters, newest first",
    responses=problems.responses(401, 403, 422, 503),
)
def list_dead_letters(
    request: Request,
    _: Reading,
    reason: Annotated[str | None, Query(description=f"One of {', '.join(REASONS)}.")] = None,
    replayed: Annotated[bool, Query(description="Also those already replayed.")] = False,
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many.")] = 100,
    skip: Annotated[int, Query(ge=0, le=10**9, description="Leave out the first ones.")] = 0,
) -> list[DeadLetterEntry]:
    """Where each stood, and why it could not be read."""
    if reason is not None and reason not in REASONS:
        raise InputError(f"no reason '{reason}'; there are {', '.join(REASONS)}")
    store = state_of(request).parts.store
    found = store.dead_letters.find(reason=reason or "", replayed=replayed, limit=limit, skip=skip)
    return [DeadLetterEntry(**_entry(letter)) for letter in found]


@router.get(
    "/v1/dead-letters/{topic}/{partition}/{offset}/{line}",
    summary="One dead letter with its bytes",
    responses=problems.responses(401, 403, 404, 422, 503),
)
def get_dead_letter(
    request: Request,
    _: Administering,
    topic: Topic,
    partition: Partition,
    offset: Offset,
    line: Line,
) -> DeadLetterBytes:
    """Its bytes may hold personal data, so this needs an admin; they are kept for 30 days."""
    kept = _letter(state_of(request), topic, partition, offset, line)
    try:
        text: str | None = kept.letter.raw.decode()
    except UnicodeDecodeError:
        text = None
    encoded = base64.b64encode(kept.letter.raw).decode()
    return DeadLetterBytes(**_entry(kept), raw=text, raw_base64=encoded)


@router.post(
    "/v1/dead-letters/{topic}/{partition}/{offset}/{line}/replay",
    status_code=202,
    summary="Send a dead letter again, as it was or mended",
    responses=problems.responses(400, 401, 403, 404, 413, 415, 422, 503),
    openapi_extra={
        "requestBody": {
            "required": False,
            "description": "The mended line; without a body the bytes are sent as they were.",
            "content": {
                "application/json": {
                    "schema": {"type": "object"},
                    "example": {
                        "id": "pay-8821",
                        "stream": "payments",
                        "at": "2026-11-22T10:14:03Z",
                        "amount": "39.90",
                        "currency": "EUR",
                    },
                }
            },
        }
    },
)
async def replay_dead_letter(
    request: Request,
    _: Administering,
    topic: Topic,
    partition: Partition,
    offset: Offset,
    line: Line,
) -> Replayed:
    """202 means that the log has it again; 422 says why it still could not be read."""
    state = state_of(request)
    mended = await read_body(request, state.body_limit)
    await run_in_threadpool(replay, state, (topic, partition, offset, line), mended)
    return Replayed(replayed=1)


def replay(state: State, place: tuple[str, int, int, int], mended: bytes) -> None:
    """Put a letter into the log again, as it was or mended; `InputError` where it is unreadable."""
    kept = _letter(state, *place)
    body = mended or kept.letter.raw
    if not body:
        raise InputError("its bytes have expired or were empty: send the mended line as the body")
    state.producer().send(_messages(state, place[0], body))
    state.parts.store.dead_letters.mark_replayed(*place, at=datetime.now(UTC))


def _messages(state: State, topic: str, body: bytes) -> list[Message]:
    """The letter for the topic it came from, checked the way that topic is read."""
    settings, config, now = state.parts.settings, state.parts.config, datetime.now(UTC)
    if topic == settings.signals_topic:
        record = Record(topic, 0, 0, int(now.timestamp() * 1000), None, body)
        _, dead = decode_signals([record], now)
        if dead:
            raise InputError(f"{dead[0].reason}: {dead[0].detail}")
        return [Message(topic, body)]
    if topic in config.mappings:
        return [Message(topic, body)]
    checked = check_lines(body, config, now, None)
    if checked.rejected:
        raise InputError(f"{checked.rejected[0].reason}: {checked.rejected[0].detail}")
    if not checked.accepted:
        raise InputError("empty: the mended line holds no event")
    partitions = state.producer().partitions(settings.business_topic)
    return business_messages(checked.accepted, settings.business_topic, partitions)


def _letter(state: State, topic: str, partition: int, offset: int, line: int) -> KeptLetter:
    kept = state.parts.store.dead_letters.get(topic, partition, offset, line)
    if kept is None:
        raise NotFoundError("no such dead letter; `toll dead-letters` lists them")
    return kept


def _entry(kept: KeptLetter) -> dict[str, Any]:
    letter = kept.letter
    return {
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "line": letter.line,
        "reason": letter.reason,
        "detail": letter.detail,
        "received_at": letter.received_at,
        "replayed_at": kept.replayed_at,
    }
