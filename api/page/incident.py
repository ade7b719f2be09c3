"""One incident with all its numbers."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api import reading
from api.auth import Reading
from api.page.render import render
from api.state import state_of

router = APIRouter(include_in_schema=False)


@router.get("/incidents/{incident_id}", response_class=HTMLResponse)
def incident(request: Request, _: Reading, incident_id: str) -> HTMLResponse:
    """One incident with all its numbers."""
    state = state_of(request)
    found = reading.incident(state.parts, incident_id)
    return render(state, "incident.html", root="../", incident=found)
