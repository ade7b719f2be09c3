"""The weekly reports that have been issued, and the ones that can be."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.http.auth import Reading
from api.http.state import state_of
from api.page.render import render
from api.report.issue import FORMS, weeks_issued
from api.report.week import Week

router = APIRouter(include_in_schema=False)


@router.get("/reports", response_class=HTMLResponse)
def reports(request: Request, _: Reading) -> HTMLResponse:
    """Every report in every form, newest first."""
    state, now = state_of(request), datetime.now(UTC)
    zone = ZoneInfo(state.parts.map.map.timezone)
    issued = weeks_issued(state.parts)
    last = Week.last_over(now, zone)
    return render(
        state,
        "reports.html",
        issued=issued,
        forms=FORMS,
        last=None if last in {week for week, _ in issued} else last,
        running=Week.of(now, zone),
    )
