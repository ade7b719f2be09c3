"""Providers: what they admitted against what was lived, how late, and what that cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from api.ask.costing import beside
from api.assess.pricing import is_withdrawn
from api.http import problems, schemas
from api.http.auth import Reading
from api.http.present import present_part, present_range, present_total
from api.http.state import state_of
from api.http.window import looked_at
from enrich.model import BusinessMap
from impact.model import Range
from impact.money import MissingRate
from impact.providers import Score, Statement, scores
from impact.tools import MINUTE, Grid

router = APIRouter(tags=["numbers"])

USUALLY = timedelta(days=91)


class ProviderUnits(BaseModel):
    """Units that a provider's incidents cost one measure."""

    measure: str = Field(examples=["checkout/payments"])
    title: str
    part: str = Field(examples=["lost"])
    units: schemas.Units


class ProviderIncident(BaseModel):
    """One incident: what the provider said and what we saw."""

    incident: str
    title: str
    started_at: schemas.Utc
    said_at: schemas.Utc | None = Field(description="Its first statement; null: never admitted.")
    seen_at: schemas.Utc | None = Field(description="Our first sign; null: only it spoke.")
    lag_s: int | None = Field(description="Said after seen, in seconds; negative: it was first.")
    lived: bool = Field(description="Whether the business felt it.")


class ProviderScore(BaseModel):
    """One provider over a time."""

    provider: str = Field(examples=["stripe"])
    title: str = Field(examples=["Stripe"])
    admitted_incidents: int
    lived_incidents: int
    never_admitted: int = Field(description="Lived, and not a word of it.")
    admitted_minutes: int = Field(description="In which its page reported trouble.")
    lived_minutes: int = Field(description="In which the business was off because of it.")
    both_minutes: int
    admitted_availability: float = Field(description="Percent.", examples=[99.95])
    lived_availability: float = Field(description="Percent.", examples=[99.71])
    sla: float | None = Field(description="Percent, as it promises.", examples=[99.9])
    allowed_minutes: float | None = Field(description="That its promise leaves in this time.")
    kept: bool | None = Field(description="Whether what was lived stays within its promise.")
    lag_s: int | None = Field(description="Median over its incidents, in seconds.")
    units: list[ProviderUnits]
    cost: schemas.Sum | None = Field(
        description="What its incidents cost, less what it owes for them; null: nothing priced."
    )
    parts: list[schemas.CostPart] = Field(description="What `cost` is the sum of.")
    share: schemas.Share | None = Field(description="Of the loss by all incidents, 0 to 1.")
    running_cost: schemas.Amount | None = Field(description="What it costs over this time.")
    paid_while_down: schemas.Amount | None = Field(
        description="The part of that which fell on lived minutes: a floor for what to ask back."
    )
    incidents: list[ProviderIncident]
    left_out: list[str] = Field(description="What could not be added, and why.")


class Providers(BaseModel):
    """All providers of the map over a time, the dearest first."""

    start: schemas.Utc
    end: schemas.Utc
    currency: str
    all_incidents: schemas.Sum | None = Field(description="What all incidents of the time cost.")
    providers: list[ProviderScore]


@router.get(
    "/v1/providers",
    summary="Providers: admitted against lived, how late they spoke, and what they cost",
    responses=problems.responses(401, 403, 422, 503),
)
def get_providers(
    request: Request,
    _: Reading,
    start: Annotated[
        schemas.Moment | None, Query(alias="from", description="By default 91 days before `to`.")
    ] = None,
    to: Annotated[schemas.Moment | None, Query(description="By default now.")] = None,
) -> Providers:
    """Money of incidents that began in the time and that the provider was the root cause of."""
    parts = state_of(request).parts
    now = datetime.now(UTC)
    begin, end = looked_at(start, to, now, USUALLY)
    begin = begin.replace(second=0, microsecond=0)
    grid = Grid(begin, max((end - begin) // MINUTE, 1))
    incidents = [v.incident for v in parts.store.incidents.find(start=begin, end=grid.end)]
    ids = [i.id for i in incidents]
    impacts = parts.store.estimates.latest(ids, draws=True)
    kept = [i for i in impacts if not is_withdrawn(i)]
    found, whole = scores(parts.map.map, grid, now, incidents, kept, beside(parts, incidents))
    return Providers(
        start=begin,
        end=grid.end,
        currency=parts.map.map.currency,
        all_incidents=present_total(whole),
        providers=[_score(one, parts.map.map) for one in found],
    )


def _score(one: Score, business_map: BusinessMap) -> ProviderScore:
    lived = [s for s in one.statements if s.lived]
    left_out = list(one.money.left_out)
    if isinstance(one.running, MissingRate):
        left_out.append(str(one.running))
    return ProviderScore(
        provider=one.node,
        title=business_map.title(one.node),
        admitted_incidents=sum(s.said_at is not None for s in one.statements),
        lived_incidents=len(lived),
        never_admitted=sum(s.said_at is None for s in lived),
        admitted_minutes=one.admitted,
        lived_minutes=one.lived,
        both_minutes=one.both,
        admitted_availability=round(one.availability(one.admitted), 4),
        lived_availability=round(one.availability(one.lived), 4),
        sla=one.sla,
        allowed_minutes=None if one.allowed is None else round(one.allowed, 1),
        kept=None if one.allowed is None else one.lived <= one.allowed,
        lag_s=None if one.lag is None else round(one.lag.total_seconds()),
        units=[
            ProviderUnits(
                measure=name,
                title=business_map.called(name),
                part=part,
                units=present_range(units),
            )
            for name, (part, units) in one.units.items()
        ],
        cost=present_total(one.money),
        parts=[present_part(p) for p in one.parts],
        share=_share(one.share),
        running_cost=None if isinstance(one.running, MissingRate) else one.running,
        paid_while_down=one.paid_while_down(business_map.currency),
        incidents=[_incident(s) for s in one.statements],
        left_out=left_out,
    )


def _share(share: Range | None) -> schemas.Share | None:
    if share is None:
        return None
    return schemas.Share(
        low=round(share.low, 4), mid=round(share.mid, 4), high=round(share.high, 4)
    )


def _incident(said: Statement) -> ProviderIncident:
    return ProviderIncident(
        incident=said.incident,
        title=said.title,
        started_at=said.started_at,
        said_at=said.said_at,
        seen_at=said.seen_at,
        lag_s=None if said.lag is None else round(said.lag.total_seconds()),
        lived=said.lived,
    )
