"""What a note tells: facts, kept as JSON in the outbox, from which every way makes its own words.

The facts are those of the moment at which the note was due, so a retry hours later says the same.
They hold no secret and no address.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Literal

from pydantic import BaseModel, Field

from api.http import schemas
from api.notify.headline import Headline
from api.words import sentence
from impact.model import MeasureImpact

Kind = Literal["over", "final", "restated", "taken_back", "weekly", "test"]


class Beside(BaseModel):
    """What people's time or service credits add to the cost of the whole incident."""

    title: str = Field(examples=["People's time"])
    money: schemas.Sum


class Telling(BaseModel):
    """One note as facts. Of an incident: as it was when the note was due."""

    kind: Kind
    company: str
    zone: str = Field(description="Whose hours are written.")
    at: schemas.Utc = Field(description="When the note was due.")
    simulated: bool = False
    incident: str = ""
    title: str = ""
    processes: list[str] = Field(default=[], description="Titles of those that it costs.")
    started_at: schemas.Utc | None = None
    ended_at: schemas.Utc | None = None
    cost: schemas.Sum | None = Field(default=None, description="What its measures lost.")
    beside: list[Beside] = Field(
        default=[], description="Parts of the incident's cost that no measure carries: not in it."
    )
    whole: schemas.Sum | None = Field(
        default=None, description="With them; null where only some processes are told of."
    )
    forecast: bool = False
    so_far: schemas.Sum | None = None
    per_minute: schemas.Amount | None = None
    level: schemas.Amount | None = Field(default=None, description="The amount that was passed.")
    before: schemas.Sum | None = Field(default=None, description="What was told last.")
    next_at: schemas.Amount | None = Field(default=None, description="Where the next note comes.")
    effects: list[str] = Field(default=[], description="A sentence for each measure.")
    cause: str = Field(default="", description="The path in words, from cause to process.")
    change: str = Field(default="", description="What was changed shortly before.")
    customers: int | None = None
    owners: list[str] = []
    data_until: schemas.Utc | None = None
    week: str = Field(default="", description="Of a weekly report: which.", examples=["2026-W46"])
    headline: Headline | None = Field(
        default=None, description="Of a weekly report: its first page in numbers."
    )
    path: str = Field(default="", description="Of the page, below Toll's address.")


def of_incident(
    kind: Kind, found: schemas.Incident, impacts: Sequence[MeasureImpact], at: datetime
) -> Telling:
    """The facts of an incident that was presented with these impacts alone."""
    customers = [n for i in impacts if (n := i.evidence.get("customers")) is not None]
    change = found.trigger
    return Telling(
        kind=kind,
        company="",
        zone="UTC",
        at=at,
        incident=found.id,
        title=found.title,
        processes=list(dict.fromkeys(i.process_title for i in found.impacts)),
        started_at=min([found.started_at, *(i.effect_from for i in found.impacts)]),
        ended_at=found.ended_at,
        cost=found.cost,
        forecast=found.cost_is == "forecast",
        so_far=found.cost_so_far if found.cost_is == "forecast" else None,
        per_minute=found.per_minute if found.ended_at is None else None,
        effects=[f"{i.process_title}: {sentence(i)}" for i in _told_of(found.impacts)],
        cause=found.explanation,
        change=f"{change.summary} ({change.node})" if change else "",
        customers=max(customers, default=None),
        data_until=min((i.data_until for i in impacts), default=None),
        path=f"incidents/{found.id}",
    )


def _told_of(impacts: Sequence[schemas.Impact]) -> list[schemas.Impact]:
    """The dearest first; what has no price and may be nothing only where there is nothing else."""

    def price(impact: schemas.Impact) -> Decimal:
        return impact.money[impact.cost].mid if impact.cost else Decimal(0)

    certain = [i for i in impacts if i.cost or any(u.low > 0 for u in i.units.values())]
    return sorted(certain or impacts, key=price, reverse=True)


def key_of(incident: str, rule: str, subscriber: str) -> str:
    """The identity of a note on its way out: the same at every attempt, and of no other note."""
    return sha256("\n".join((incident, rule, subscriber)).encode()).hexdigest()[:32]
