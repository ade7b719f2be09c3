"""Providers: what each admitted, what was lived, how late it spoke, and what that cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from api.http.auth import Reading
from api.http.state import state_of
from api.page.render import render
from api.routes.providers import get_providers

router = APIRouter(include_in_schema=False)

SPANS = {28: "four weeks", 91: "a quarter", 182: "half a year", 365: "a year"}
Days = Annotated[int, Query(ge=1, le=400)]


@router.get("/providers", response_class=HTMLResponse)
def providers(request: Request, caller: Reading, days: Days = 91) -> HTMLResponse:
    """All of them over some time, the dearest first."""
    now = datetime.now(UTC)
    found = get_providers(request, caller, now - timedelta(days=days), now)
    return render(state_of(request), "providers.html", found=found, days=days, spans=SPANS)
