"""Incidents: what they cost, and what people correct."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse

from api.ask import editing, reading
from api.ask.postmortem import Postmortem
from api.ask.shortfall_pictures import pictures as drawings
from api.ask.timeline import Entry, timeline
from api.http import problems, schemas
from api.http.auth import Administering, Reading
from api.http.bodies import as_model, read_body
from api.http.present import present_edits
from api.http.state import state_of

router = APIRouter(tags=["numbers"])

AsOf = Annotated[schemas.Moment | None, Query(description="Answer as was known at this moment.")]
IncidentId = Annotated[str, Path(description="An incident's id.", examples=["20261122-5b1c2d3e4f"])]


@router.get(
    "/v1/incidents",
    summary="List incidents with what they cost, newest first",
    responses=problems.responses(401, 403, 422, 503),
)
def list_incidents(
    request: Request,
    _: Reading,
    state: Annotated[
        list[Literal["open", "recovering", "settled"]] | None, Query(description="Only these.")
    ] = None,
    process: Annotated[
        str | None, Query(description="Only those that reach it.", examples=["checkout"])
    ] = None,
    start: Annotated[schemas.Moment | None, Query(description="Not over before this.")] = None,
    end: Annotated[schemas.Moment | None, Query(description="Begun before this.")] = None,
    as_of: AsOf = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many.")] = 100,
    skip: Annotated[int, Query(ge=0, le=10**9, description="Leave out the first ones.")] = 0,
) -> list[schemas.Incident]:
    """Each incident carries its impacts; open ones have a forecast of what they will come to."""
    return reading.incidents(
        state_of(request).parts,
        states=state or (),
        process=process,
        start=start,
        end=end,
        as_of=as_of,
        limit=limit,
        skip=skip,
    )


@router.get(
    "/v1/incidents/{incident_id}",
    summary="One incident",
    responses=problems.responses(401, 403, 404, 422, 503),
)
def get_incident(
    request: Request,
    response: Response,
    _: Reading,
    incident_id: IncidentId,
    as_of: AsOf = None,
) -> schemas.Incident:
    """An incident with its cause, its reach, its cost and its impacts. The ETag is its `version`.

    One that was merged into another, or was none, can still be read; `gone` says so.
    """
    found = reading.incident(state_of(request).parts, incident_id, as_of)
    response.headers["ETag"] = f'"{found.version}"'
    return found


@router.get(
    "/v1/incidents/{incident_id}/impact",
    summary="What one incident did to each measure",
    responses=problems.responses(401, 403, 404, 422, 503),
)
def get_impact(
    request: Request, _: Reading, incident_id: IncidentId, as_of: AsOf = None
) -> list[schemas.Impact]:
    """One estimate per measure, with low, mid and high in units and money."""
    return reading.incident(state_of(request).parts, incident_id, as_of).impacts


@router.get(
    "/v1/incidents/{incident_id}/timeline",
    summary="What happened in an incident, and what was known of it when",
    responses=problems.responses(401, 403, 404, 422, 503),
)
def get_timeline(
    request: Request, _: Reading, incident_id: IncidentId, as_of: AsOf = None
) -> list[Entry]:
    """Signals, changes, edits, notes to people, and the estimates as they grew."""
    return timeline(state_of(request).parts, incident_id, as_of)


class Markdown(PlainTextResponse):
    """A text in Markdown."""

    media_type = "text/markdown"


@router.get(
    "/v1/incidents/{incident_id}/postmortem.md",
    summary="A postmortem of an incident, in Markdown",
    response_class=Markdown,
    responses=problems.responses(401, 403, 404, 422, 503),
)
def get_postmortem(
    request: Request,
    _: Reading,
    incident_id: IncidentId,
    as_of: AsOf = None,
    pictures: Annotated[
        Literal["embedded", "none"],
        Query(description="`embedded`: as SVG in data URIs, so that the text is one file."),
    ] = "embedded",
) -> Markdown:
    """What it did, why, what happened, what the numbers rest on, and what is open."""
    state = state_of(request)
    found = reading.incident(state.parts, incident_id, as_of)
    drawn = drawings(found, state.parts.map.map, state.outlook()) if pictures == "embedded" else ()
    text = Postmortem(
        found,
        timeline(state.parts, incident_id, as_of),
        tuple(drawn),
        state.parts.map.map.timezone,
        as_of or datetime.now(UTC),
    ).markdown()
    return Markdown(text)


_ABOUT_TIMES: dict[str, Any] = {
    "why": "the first alert came ten minutes late",
    "by": "on-call",
    "start": "2026-11-22T09:52:00Z",
    "cause": "stripe",
}
_EXAMPLES = {
    "times and cause": {"value": _ABOUT_TIMES},
    "merge": {
        "value": {"why": "the same outage", "by": "on-call", "merge_into": "20261122-5b1c2d3e4f"}
    },
    "false alarm": {"value": {"why": "a drill", "by": "on-call", "not_an_incident": True}},
}


@router.patch(
    "/v1/incidents/{incident_id}",
    summary="Correct an incident: times, cause, reach, title, merge, split, not an incident, undo",
    responses=problems.responses(400, 401, 403, 404, 409, 413, 415, 422, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": editing.IncidentEdit.model_json_schema(),
                    "examples": _EXAMPLES,
                }
            },
        }
    },
)
async def edit_incident(
    request: Request,
    response: Response,
    caller: Administering,
    incident_id: IncidentId,
    if_match: Annotated[
        str | None, Header(description="The ETag that was read: the same as `version`.")
    ] = None,
) -> editing.EditsTaken:
    """Each edit is kept with who, when and why; none is ever changed, an undo is one more edit.

    The assessor takes them into the incident and its numbers at its next tick, whatever signals
    come: estimates that were final are restated, and `as_of` still answers as was known before.
    """
    state = state_of(request)
    body = await read_body(request, state.body_limit)
    asked = _asked(body, if_match)
    made = await run_in_threadpool(
        editing.edit, state.parts, incident_id, asked, caller, datetime.now(UTC)
    )
    response.headers["ETag"] = f'"{len(made)}"'
    return editing.EditsTaken(incident=incident_id, version=len(made), edits=present_edits(made))


def _asked(body: bytes, if_match: str | None) -> editing.IncidentEdit:
    asked = as_model(body, editing.IncidentEdit)
    if if_match is None or if_match == "*":
        return asked
    tag = if_match.removeprefix("W/").strip('"')
    version = int(tag) if tag.isdecimal() else -1  # a tag that nobody gave out matches nothing
    return asked.model_copy(update={"version": version})
