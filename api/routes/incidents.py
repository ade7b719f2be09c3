"""Incidents and what they cost."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request

from api import problems, reading, schemas
from api.auth import Reading
from api.state import state_of

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
    request: Request, _: Reading, incident_id: IncidentId, as_of: AsOf = None
) -> schemas.Incident:
    """An incident with its cause, its reach, its cost and its impacts."""
    return reading.incident(state_of(request).parts, incident_id, as_of)


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
