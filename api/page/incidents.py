"""All incidents, newest first: which ones is chosen by state, process and days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import cast, get_args
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.ask import reading
from api.http.auth import Reading
from api.http.state import state_of
from api.page.render import render
from enrich.incident import IncidentState
from enrich.model import BusinessMap
from impact.calendar import midnight

router = APIRouter(include_in_schema=False)

A_PAGE = 50


@dataclass(frozen=True)
class Chosen:
    """What is asked for, as it was written, and what is wrong with it by field."""

    state: str = ""
    process: str = ""
    first: str = ""  # days of the company's zone
    last: str = ""
    skip: int = 0
    mistakes: dict[str, str] = field(default_factory=dict)

    def link(self, skip: int) -> str:
        """The same choice from another place in the list."""
        asked = {n: getattr(self, n) for n in ("state", "process", "first", "last")}
        return "?" + urlencode({n: v for n, v in asked.items() if v} | {"skip": skip})


@router.get("/incidents", response_class=HTMLResponse)
def incidents(
    request: Request,
    _: Reading,
    state: str = "",
    process: str = "",
    first: str = "",
    last: str = "",
    skip: str = "",
) -> HTMLResponse:
    """A page of them. Fields that are left empty choose everything."""
    toll = state_of(request)
    business_map = toll.parts.map.map
    place = int(skip) if skip.isdecimal() and len(skip) < 8 else 0
    chosen = Chosen(state, process, first, last, place)
    chosen.mistakes.update(_mistakes(chosen, business_map))
    found = []
    if not chosen.mistakes:
        zone = ZoneInfo(business_map.timezone)
        since, until = _day(first), _day(last)
        found = reading.incidents(
            toll.parts,
            states=(cast(IncidentState, state),) if state else (),
            process=process or None,
            start=midnight(since, zone) if since else None,
            end=midnight(until + timedelta(days=1), zone) if until else None,
            limit=A_PAGE + 1,
            skip=place,
        )
    return render(
        toll,
        "incidents.html",
        past=found[:A_PAGE],
        chosen=chosen,
        states=get_args(IncidentState),
        processes=business_map.processes.values(),
        newer=chosen.link(max(0, place - A_PAGE)) if place else "",
        older=chosen.link(place + A_PAGE) if len(found) > A_PAGE else "",
    )


def _mistakes(chosen: Chosen, business_map: BusinessMap) -> Iterator[tuple[str, str]]:
    if chosen.state and chosen.state not in get_args(IncidentState):
        yield "state", f"no state '{chosen.state}'"
    if chosen.process and chosen.process not in business_map.processes:
        yield "process", f"no process '{chosen.process}' on the map"
    days: dict[str, date | None] = {}
    for name in ("first", "last"):
        try:
            days[name] = _day(getattr(chosen, name))
        except ValueError:
            yield name, "write a day as 2026-11-22"
    first, last = days.get("first"), days.get("last")
    if first and last and last < first:
        yield "last", "it lies before the first day"


def _day(text: str) -> date | None:
    if not text:
        return None
    found = date.fromisoformat(text)
    if not 1971 <= found.year < 2200:
        raise ValueError("no time that Toll keeps")
    return found
