"""The perception gap over time: tools green and business red, the reverse, minutes and money."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from api import words
from api.charts.agreement import Lanes, agreement, height_of
from api.http import schemas
from api.http.auth import Reading
from api.http.state import state_of
from api.page.figures import Wanted
from api.page.render import render
from api.routes.perception import PerceptionGap, get_perception
from ingest.errors import NotFoundError

router = APIRouter(include_in_schema=False)

SPANS = {1: "a day", 7: "a week", 28: "four weeks", 91: "a quarter", 365: "a year"}
_MOST = 20  # processes of one picture; the tables have all
_SHOWN = 50  # stretches of one process, the newest
Days = Annotated[int, Query(ge=1, le=400)]


@router.get("/perception", response_class=HTMLResponse)
def perception(request: Request, caller: Reading, days: Days = 7) -> HTMLResponse:
    """How tools and business agreed in the last days."""
    now = datetime.now(UTC)
    found = get_perception(request, caller, now - timedelta(days=days), now, None)
    many = sum(not p.learning for p in found.processes)
    return render(
        state_of(request),
        "perception.html",
        found=found,
        days=days,
        spans=SPANS,
        parts=words.GAP_WORDS,
        height=height_of(min(many, _MOST)),
        most=_MOST,
        shown=_SHOWN,
    )


@router.get("/perception/strips.{form}")
def strips(
    request: Request,
    caller: Reading,
    wanted: Wanted,
    days: Days = 7,
    to: schemas.Moment | None = None,  # such as epoch seconds
) -> Response:
    """The strips of all processes; until `to`, so that nothing shifts."""
    end = to or datetime.now(UTC)
    found = get_perception(request, caller, end - timedelta(days=days), end, None)
    lanes = _lanes(found)
    if not lanes:
        raise NotFoundError("no process of the map can be judged yet")
    span = (found.start, found.end)
    zone = state_of(request).parts.map.map.timezone
    return wanted.answer(
        lambda theme, width: agreement(lanes, span, zone, theme, width), lanes, span, zone
    )


def _lanes(found: PerceptionGap) -> list[Lanes]:
    """Those with something amiss first, where there are too many; none that is being learned."""
    known = [p for p in found.processes if not p.learning]
    amiss = sorted(known, key=lambda p: p.minutes.both_green)[:_MOST]
    chosen = {p.process for p in amiss}
    return [
        Lanes(p.title, [(s.part, s.start, s.end) for s in p.stretches])
        for p in found.processes
        if p.process in chosen
    ]
