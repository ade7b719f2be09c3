"""Notes to people: what was sent, what waits, what could not be sent and why."""

from __future__ import annotations

from typing import Annotated, get_args

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from api.http import problems, schemas
from api.http.auth import Reading
from api.http.state import state_of
from api.notify.messages import lines
from api.notify.telling import Telling
from store.records import Note, NoteState

router = APIRouter(tags=["numbers"])


class NoteSent(BaseModel):
    """One note to one subscriber. Addresses of hooks are secrets and stand nowhere."""

    incident: str = Field(description="Empty for a weekly report.")
    rule: str = Field(
        description="What asked for it: `over:AMOUNT`, `final`, `restated:N`, `taken_back:N`, "
        "`weekly:WEEK`.",
        examples=["over:10000"],
    )
    subscriber: str = Field(examples=["sales/desk@example.com"])
    subject: str = Field(examples=["Web checkout: an outage costs more than EUR 10,000"])
    state: NoteState
    queued_at: schemas.Utc
    changed_at: schemas.Utc = Field(description="When this state was reached.")
    next_try_at: schemas.Utc | None = Field(description="Of one that waits; else null.")
    attempts: int | None = Field(description="Begun so far; null once it is over.", examples=[1])
    error: str = Field(
        description="Why the last attempt failed, or why it was given up.",
        examples=["the mail server says 451 try later"],
    )


@router.get(
    "/v1/notes",
    summary="Notes to people: what was sent, what waits, what was given up and why",
    responses=problems.responses(401, 403, 422, 503),
)
def list_notes(
    request: Request,
    _: Reading,
    state: Annotated[NoteState | None, Query(description="Only those in this state.")] = None,
    incident: Annotated[str, Query(description="Only those on this incident.")] = "",
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many.")] = 100,
) -> list[NoteSent]:
    """Newest first."""
    states: tuple[NoteState, ...] = (state,) if state else get_args(NoteState)
    found = state_of(request).parts.store.outbox.find(*states, incident=incident)
    return [_shown(note) for note in reversed(found[-limit:])]


def _shown(note: Note) -> NoteSent:
    told = Telling.model_validate_json(note.payload)
    over = note.state in ("sent", "given_up")
    return NoteSent(
        incident=note.incident,
        rule=note.rule,
        subscriber=note.subscriber,
        subject=lines(told, "", note.subscriber).subject,
        state=note.state,
        queued_at=note.created_at,
        changed_at=note.changed_at or note.created_at,
        next_try_at=note.due_at if note.state == "pending" else None,
        attempts=None if over else note.attempts,
        error=note.error,
    )
