"""What burns now, by the money it burns, and what the company does."""

from __future__ import annotations

from decimal import Decimal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api import reading, schemas
from api.auth import Reading
from api.outlook import View
from api.page.render import render
from api.present import present_range, present_sum
from api.routes.silent import silent_now
from api.state import State, state_of

router = APIRouter(include_in_schema=False)

_LATELY = 10


@router.get("/", response_class=HTMLResponse)
def now(request: Request, _: Reading) -> HTMLResponse:
    """What burns now, by the money it burns."""
    state = state_of(request)
    burning = reading.incidents(state.parts, states=reading.BURNING)
    burning.sort(key=lambda i: (-(i.per_minute or Decimal(0)), -_cost(i)))
    past = reading.incidents(state.parts, states=("settled",), limit=_LATELY)
    return render(
        state,
        "now.html",
        burning=burning,
        past=past,
        troubles=state.runtime.troubles() if state.runtime else [],
        silent=silent_now(state),
        processes=_rows(state, state.outlook().view(), burning),
    )


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
