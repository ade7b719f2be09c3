"""The on-call page: what burns, what it has cost, what the company does. Rendered on the server.

Links are relative, so that the pages also work behind a token in the path, or behind a proxy.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from api import reading, schemas, words
from api.auth import Reading
from api.outlook import View
from api.present import present_range, present_sum
from api.routes.silent import silent_now
from api.state import State, state_of

router = APIRouter(include_in_schema=False)

_LATELY = 10
_POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@router.get("/", response_class=HTMLResponse)
def now(request: Request, _: Reading) -> HTMLResponse:
    """What burns now, by the money it burns."""
    state = state_of(request)
    burning = reading.incidents(state.parts, states=reading.BURNING)
    burning.sort(key=lambda i: (-(i.per_minute or Decimal(0)), -_cost(i)))
    past = reading.incidents(state.parts, states=("settled",), limit=_LATELY)
    return _page(
        state,
        "now.html",
        burning=burning,
        past=past,
        troubles=state.runtime.troubles() if state.runtime else [],
        silent=silent_now(state),
        processes=_rows(state, state.outlook().view(), burning),
    )


@router.get("/incidents/{incident_id}", response_class=HTMLResponse)
def incident(request: Request, _: Reading, incident_id: str) -> HTMLResponse:
    """One incident with all its numbers."""
    state = state_of(request)
    found = reading.incident(state.parts, incident_id)
    return _page(state, "incident.html", root="../", incident=found)


@router.get("/docs", response_class=HTMLResponse)
def docs(request: Request) -> HTMLResponse:
    """The HTTP interface, from its OpenAPI document. Nothing in it is secret."""
    document = request.app.openapi()
    operations = [
        {"method": method.upper(), "path": path, **operation}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    tags = [
        {**tag, "operations": [o for o in operations if tag["name"] in o["tags"]]}
        for tag in document["tags"]
    ]
    return _page(state_of(request), "docs.html", tags=tags, about=document["info"])


def _page(state: State, template: str, root: str = "./", **values: Any) -> HTMLResponse:
    """A page; `root` is the way from it to the first page."""
    business_map = state.parts.map.map
    html = _environment(business_map.timezone).get_template(template)
    return HTMLResponse(
        html.render(
            root=root,
            company=business_map.company,
            company_currency=business_map.currency,
            timezone=business_map.timezone,
            simulated=state.simulated,
            now=datetime.now(UTC),
            **values,
        ),
        headers={
            "Cache-Control": "no-store",
            "Content-Security-Policy": _POLICY,
        },
    )


@cache  # compiling the templates takes longer than filling them
def _environment(timezone: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("api.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    zone = ZoneInfo(timezone)
    environment.filters |= {
        "arrows": lambda path: path.replace("->", "→"),
        "age": words.age,
        "clock": lambda moment: clock(moment, zone),
        "money": words.money,
        "money_end": lambda sum_, end: words.amount(getattr(sum_, end), sum_.currency),
        "money_range": words.money_range,
        "per_minute": words.amount,
        "sentence": words.sentence,
        "units": words.units,
        "units_range": words.units_range,
        "words": words.words,
    }
    return environment


def clock(moment: datetime, zone: ZoneInfo) -> str:
    """A time of day, with its date where it is not today."""
    local = moment.astimezone(zone)
    same_day = local.date() == datetime.now(zone).date()
    if same_day:
        return local.strftime("%H:%M")
    this_year = local.year == datetime.now(zone).year
    return local.strftime("%a %d %b %H:%M" if this_year else "%d %b %Y %H:%M")


def _cost(incident: schemas.Incident) -> Decimal:
    return incident.cost.mid if incident.cost else Decimal(0)


def _rows(state: State, view: View, burning: list[schemas.Incident]) -> list[dict[str, object]]:
    red = {(i.process, i.measure) for b in burning for i in b.impacts if i.red}
    rows: list[dict[str, object]] = []
    for process in state.parts.map.map.processes.values():
        cost = view.hours[process.name]
        counted = any(m.added for m in cost.now.measures)
        for number, measure in enumerate(process.measures):
            found = view.measures[measure.id]
            rows.append(
                {
                    "process_title": process.title,
                    "title": measure.called,
                    "actual": found.actual,
                    "expected": found.expected and present_range(found.expected),
                    "why": found.why,
                    "hour": present_sum(cost.now.money) if counted and number == 0 else None,
                    "data_until": found.data_until,
                    "red": (process.name, measure.name) in red,
                }
            )
    return rows
