"""What burns now, by the money it burns, and what the company does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.ask import reading
from api.ask.one_more_hour import OneMoreHour, one_more_hour
from api.ask.outlook import View
from api.ask.shortfall_pictures import drawable, story
from api.http import schemas
from api.http.auth import Reading
from api.http.present import present_range, present_sum
from api.http.state import State, state_of
from api.page.owners import Owner, owners
from api.page.render import render
from api.page.spark import Spark, spark
from api.routes.silent import silent_now

router = APIRouter(include_in_schema=False)

_LATELY = 10
_MOST, _AT_LENGTH = 1000, 100  # incidents: that are looked at, and that are told of at length


@dataclass(frozen=True)
class Burning:
    """One open incident with all that is said of it at a glance."""

    incident: schemas.Incident
    more: OneMoreHour | None
    owners: tuple[Owner, ...]
    spark: Spark | None
    spark_of: str
    customers: int | None  # of the measure that counts most of them
    failed_keys: int | None


@router.get("/", response_class=HTMLResponse)
def now(request: Request, _: Reading) -> HTMLResponse:
    """What burns now, by the money it burns."""
    state = state_of(request)
    moment = datetime.now(UTC)
    burning = reading.incidents(state.parts, states=reading.BURNING, limit=_MOST)
    burning.sort(key=lambda i: (-(i.per_minute or Decimal(0)), -_cost(i)))
    past = reading.incidents(state.parts, states=("settled",), limit=_LATELY)
    rates = [i.per_minute for i in burning if i.per_minute]
    return render(
        state,
        "now.html",
        burning=[_at_a_glance(state, incident, moment) for incident in burning[:_AT_LENGTH]],
        open=sum(incident.state == "open" for incident in burning),
        others=len(burning[_AT_LENGTH:]),
        a_minute=sum(rates, Decimal(0)) if rates else None,
        past=past,
        troubles=state.runtime.troubles() if state.runtime else [],
        silent=silent_now(state),
        processes=_rows(state, state.outlook().view(), burning),
    )


def _cost(incident: schemas.Incident) -> Decimal:
    return incident.cost.mid if incident.cost else Decimal(0)


def _at_a_glance(state: State, incident: schemas.Incident, moment: datetime) -> Burning:
    business_map, outlook = state.parts.map.map, state.outlook()
    shown = max(filter(drawable, incident.impacts), key=_weight, default=None)
    what = story(shown, business_map, outlook) if shown else None
    customers, failed_keys = hit(incident)
    return Burning(
        incident,
        one_more_hour(incident, outlook, moment),
        owners(incident, business_map),
        spark(what) if what else None,
        f"{shown.process_title}, {shown.measure_title.lower()}" if shown else "",
        customers,
        failed_keys,
    )


def hit(incident: schemas.Incident) -> tuple[int | None, int | None]:
    """(customers hit, tries that failed for good), of the measure with most; None: not counted."""
    counted = [i.evidence for i in incident.impacts]
    return (
        max((e.customers for e in counted if e.customers is not None), default=None),
        max((e.failed_keys for e in counted if e.failed_keys is not None), default=None),
    )


def _weight(impact: schemas.Impact) -> tuple[Decimal, bool]:
    money = impact.money.get("gross") or impact.money.get(impact.cost)
    return (money.mid if money else Decimal(0), bool(impact.red))


def _rows(state: State, view: View, burning: list[schemas.Incident]) -> list[dict[str, object]]:
    red = {(i.process, i.measure) for b in burning for i in b.impacts if i.red}
    rows: list[dict[str, object]] = []
    for process in state.parts.map.map.processes.values():
        cost = view.hours[process.name]
        worth = cost.worth(cost.now)
        for number, measure in enumerate(process.measures):
            found = view.measures[measure.id]
            rows.append(
                {
                    "process": process.name,
                    "process_title": process.title,
                    "title": measure.called,
                    "actual": found.actual,
                    "expected": found.expected and present_range(found.expected),
                    "why": found.why,
                    "hour": present_sum(worth) if worth and number == 0 else None,
                    "data_until": found.data_until,
                    "red": (process.name, measure.name) in red,
                }
            )
    return rows
