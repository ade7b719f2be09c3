"""Where money would be kept best: what each thing is expected to lose against what it costs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from api.http.auth import Reading
from api.http.state import state_of
from api.page.render import render
from api.routes.portfolio import get_portfolio

router = APIRouter(include_in_schema=False)

SPANS = {91: "a quarter", 182: "half a year", 365: "a year"}
MOST = 30  # nodes shown; the JSON has more
Days = Annotated[int, Query(ge=7, le=400)]


@router.get("/portfolio", response_class=HTMLResponse)
def portfolio(request: Request, caller: Reading, days: Days = 365) -> HTMLResponse:
    """The nodes that are expected to lose most per quarter, and what a twin of each would keep."""
    found = get_portfolio(request, caller, days, MOST)
    return render(state_of(request), "portfolio.html", found=found, days=days, spans=SPANS)
