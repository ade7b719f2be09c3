"""The portfolio: what each node is expected to lose per quarter against what running it costs."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from api.ask.investing import Invested, Portfolio, portfolio
from api.ask.replaying import Replay
from api.http import problems, schemas
from api.http.auth import Reading
from api.http.present import present_range, present_sum
from api.http.state import state_of
from enrich.model import BusinessMap
from impact.model import MoneyRange, Range
from impact.money import MissingRate, decimal, round_money, rounded
from impact.running import QUARTER, running_cost
from impact.totals import total_units
from impact.whatif import SAVED_UNITS

router = APIRouter(tags=["numbers"])

METHOD = (
    "Incidents that a node was the root cause of are counted: their rate is Gamma distributed "
    "after a prior worth half an incident at the rate usual for its layer.",
    "The mean cost of one is bootstrapped over the node's own incidents and half a weight for an "
    "incident as others had, scaled by what an hour without the node costs.",
    "The range is that of the expectation: few incidents, wide range. One quarter in twenty "
    "costs more than a bad quarter.",
    "A twin stands in for the node alone; what it would have saved is modelled over the time "
    "looked at, and told per quarter.",
    "Losses are what the measures lost. People's time and service credits, which an incident's own "
    "cost holds as well, are not in them.",
)


class TwinUnits(BaseModel):
    """Units that a twin would have kept, per quarter."""

    measure: str = Field(examples=["checkout/payments"])
    title: str
    part: str = Field(examples=["lost"])
    units: schemas.Units


class Twin(BaseModel):
    """What a twin of the node would have saved per quarter."""

    saved: schemas.Sum | None
    units: list[TwinUnits]
    net: schemas.Amount | None = Field(
        description="Saved, less the node's running cost once more; null without either."
    )


class NodeOutlay(BaseModel):
    """One node."""

    node: str = Field(examples=["stripe"])
    title: str
    layer: str = Field(examples=["provider"])
    owner: str
    incidents: int = Field(description="That it was the root cause of, in the time looked at.")
    incidents_per_quarter: schemas.Units | None
    expected: schemas.Sum | None = Field(
        description="Loss per quarter to be expected; null: nothing to go by."
    )
    bad_quarter: schemas.Amount | None = Field(description="One quarter in twenty costs more.")
    method: Literal["measured", "modelled", ""] = Field(
        description="modelled: it had no incident; from those of others."
    )
    hour: schemas.Amount = Field(description="What an average hour without it costs.")
    running_cost: schemas.Amount | None = Field(description="Per quarter, from the map.")
    per_running: float | None = Field(description="Expected loss per unit of running cost.")
    twin: Twin | None = Field(description="For the nodes that are expected to lose most.")


class PortfolioAnswer(BaseModel):
    """The nodes, those expected to lose most first."""

    start: schemas.Utc
    end: schemas.Utc
    quarters: float = Field(description="How long was looked at.", examples=[2.4])
    currency: str
    total: int = Field(description="How many nodes there are; `nodes` may be cut short.")
    nodes: list[NodeOutlay]
    unexplained: schemas.Sum | None = Field(
        description="Per quarter, of incidents that no signal explains: no node to invest in."
    )
    rests_on: list[str]
    left_out: list[str]


@router.get(
    "/v1/portfolio",
    summary="What each node is expected to lose per quarter against its running cost",
    responses=problems.responses(401, 403, 422, 503),
)
def get_portfolio(
    request: Request,
    _: Reading,
    days: Annotated[int, Query(ge=7, le=400, description="How far back to look.")] = 365,
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many nodes.")] = 50,
) -> PortfolioAnswer:
    """For ranking investments: where redundancy or repair would keep most money."""
    state = state_of(request)
    business_map = state.parts.map.map
    found = portfolio(state.parts, state.outlook(), timedelta(days=days), limit)
    rateless: list[str] = []
    rows = [
        _row(name, one, found, business_map, rateless)
        for name, one in list(found.nodes.items())[:limit]
    ]
    alone = found.unexplained
    return PortfolioAnswer(
        start=found.start,
        end=found.end,
        quarters=round(found.quarters, 2),
        currency=business_map.currency,
        total=len(found.nodes),
        nodes=rows,
        unexplained=_per_quarter(alone.money, found) if alone.count else None,
        rests_on=list(METHOD),
        left_out=rateless,
    )


def _row(
    name: str, one: Invested, found: Portfolio, business_map: BusinessMap, rateless: list[str]
) -> NodeOutlay:
    node, outlay, currency = business_map.nodes[name], one.outlay, business_map.currency
    running = running_cost(node, business_map, QUARTER, business_map.day_of(found.end))
    if isinstance(running, MissingRate):
        rateless.append(f"{name}: {running}")
        running = None
    return NodeOutlay(
        node=name,
        title=node.title,
        layer=node.layer,
        owner=node.owner,
        incidents=outlay.incidents if outlay else 0,
        incidents_per_quarter=present_range(outlay.per_quarter) if outlay else None,
        expected=_sum(outlay.expected, currency) if outlay else None,
        bad_quarter=_amount(outlay.bad_quarter, currency) if outlay else None,
        method=outlay.method if outlay else "",
        hour=_amount(one.hour, currency),
        running_cost=running,
        per_running=round(outlay.expected.mid / float(running), 3) if outlay and running else None,
        twin=_twin(one.twin, found, business_map, running) if one.twin else None,
    )


def _twin(
    replayed: Replay, found: Portfolio, business_map: BusinessMap, running: Decimal | None
) -> Twin:
    total = replayed.saved(replayed.savings)
    saved = _per_quarter(total.money, found) if total.count else None
    units = []
    for measure in business_map.measures():
        its = [
            s.saved
            for s in replayed.savings
            if (s.saved.process, s.saved.measure) == (measure.process, measure.name)
        ]
        part = next((p for p in SAVED_UNITS if any(p in i.units for i in its)), None)
        if part is not None:
            kept = total_units(its, part).scaled(1.0 / found.quarters)
            units.append(
                TwinUnits(
                    measure=measure.id, title=measure.called, part=part, units=present_range(kept)
                )
            )
    net = saved.mid - running if saved is not None and running is not None else None
    return Twin(saved=saved, units=units, net=net)


def _per_quarter(money: MoneyRange, found: Portfolio) -> schemas.Sum:
    by = decimal(1.0 / found.quarters)
    return present_sum(
        rounded(MoneyRange(money.low * by, money.mid * by, money.high * by, money.currency))
    )


def _sum(found: Range, currency: str) -> schemas.Sum:
    low, mid, high = (_amount(x, currency) for x in (found.low, found.mid, found.high))
    return schemas.Sum(low=low, mid=mid, high=high, currency=currency)


def _amount(value: float, currency: str) -> Decimal:
    return round_money(decimal(value), currency)
