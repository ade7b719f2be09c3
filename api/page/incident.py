"""One incident with all its numbers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from api import reading, schemas
from api.auth import Reading
from api.charts.shortfall import shortfall
from api.page.figures import Wanted
from api.page.render import render
from api.shortfall_pictures import story
from api.state import state_of
from ingest.errors import NotFoundError

AsOf = Annotated[schemas.Moment | None, Query()]

router = APIRouter(include_in_schema=False)


@router.get("/incidents/{incident_id}", response_class=HTMLResponse)
def incident(request: Request, _: Reading, incident_id: str) -> HTMLResponse:
    """One incident with all its numbers."""
    state = state_of(request)
    found = reading.incident(state.parts, incident_id)
    return render(state, "incident.html", root="../", incident=found)


@router.get("/incidents/{incident_id}/figures/{process}/{measure}.{form}")
def figure(
    request: Request,
    _: Reading,
    wanted: Wanted,
    incident_id: str,
    process: str,
    measure: str,
    as_of: AsOf = None,
) -> Response:
    """What one measure did: expected beside actual, its effect and its settling shaded."""
    state = state_of(request)
    found = reading.incident(state.parts, incident_id, as_of)
    named = [i for i in found.impacts if (i.process, i.measure) == (process, measure)]
    what = story(named[0], state.parts.map.map, state.outlook()) if named else None
    if what is None:
        raise NotFoundError(f"no picture of {process}/{measure} in incident '{incident_id}'")
    return wanted.answer(lambda theme, width: shortfall(what, theme, width))
