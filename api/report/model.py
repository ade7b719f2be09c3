"""What a weekly report says: its JSON form, and what the other forms are written from.

Names of the map are beside their titles, for programs; people are only ever shown titles.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from api.http.schemas import Amount, CostPart, Sum, Units, Utc
from enrich.model import MeasureKind


class UnitsLine(BaseModel):
    """What one measure lost, had on top, or had late."""

    process: str = Field(examples=["checkout"])
    process_title: str = Field(examples=["Web checkout"])
    measure: str = Field(examples=["payments"])
    title: str = Field(examples=["Payments"])
    kind: MeasureKind
    units: Units
    says: str = Field(examples=["Payments: 270 lost (190 to 380)"])


class Case(BaseModel):
    """One incident, as a reader without technical words is told of it."""

    id: str
    kind: Literal["outage", "maintenance", "business"]
    name: str = Field(examples=["Stripe failed"])
    when: str = Field(examples=["Tue 10 Nov, 10:02 to 10:48 (46 min)"])
    cause: str = Field(description="The cause in one sentence.")
    started_at: Utc
    ended_at: Utc | None
    root: str
    provider: bool = Field(description="Whether the cause is an outside company.")
    felt: bool = Field(description="Whether the business was touched for certain.")
    cost: Sum | None
    cost_is: Literal["forecast", "final", ""]
    parts: list[CostPart] = Field([], description="What `cost` is the sum of.")
    units: list[UnitsLine]
    processes: list[str] = Field(description="Whom it hit, by name.")


class Volume(BaseModel):
    """What was carried: a measure's units in the week beside the weeks before."""

    measure: str
    title: str
    kind: MeasureKind
    came: int
    usual: float | None = Field(description="Mean of the weeks before that have data; null: none.")
    weeks: int = Field(description="How many weeks that is, up to four.")


class Hour(BaseModel):
    """What an hour without a process would cost when it hurts most."""

    cost: Sum
    when: str = Field(examples=["Mon 19:00"])


class ProcessWeek(BaseModel):
    """One process in the week."""

    process: str
    title: str
    cost: Sum | None
    cost_before: Sum | None = Field(description="Of the week before.")
    incidents: int
    units: list[UnitsLine]
    volumes: list[Volume]
    value: Amount | None = Field(description="What it took in; null: no value, or no rate.")
    value_usual: Amount | None
    delivered: Units | None = Field(description="Share of the expected value.")
    hour: Hour | None
    minutes: dict[str, int] = Field(description="By what tools and business showed.")
    blind: Sum | None = Field(description="Lost while all tools were green.")


class Provider(BaseModel):
    """What an outside company cost."""

    node: str
    title: str
    incidents: int
    cost: Sum | None
    available: float = Field(description="By its own signals, 0 to 1.")
    promised: float | None = Field(description="Percent.")
    fee: Sum | None = Field(description="A week's part of what it is paid.")


class Perception(BaseModel):
    """When the tools and the business disagreed, over all processes; minutes are summed."""

    blind_minutes: int = Field(description="Tools green, business red.")
    blind_cost: Sum | None
    false_minutes: int = Field(description="Tools red, business green.")
    both_minutes: int = Field(description="Tools red, business red.")
    both_cost: Sum | None
    unknown_minutes: int


class TrendWeek(BaseModel):
    """One of the last thirteen weeks, as known now."""

    week: str
    cost: Sum | None = Field(description="Null: before there were data.")
    incidents: int


class SinglePoint(BaseModel):
    """A thing whose loss alone stops a process."""

    node: str
    title: str
    processes: list[str] = Field(description="Titles of what it stops or halves.")
    hour: Sum | None = Field(description="Null where nothing of it is priced by the hour.")


class NearMiss(BaseModel):
    """A fault that the business did not feel."""

    name: str
    when: str


class LedgerLine(BaseModel):
    """What is said of an incident in this report, for the next one to compare with."""

    incident: str
    week: str
    name: str
    cost: Sum | None
    forecast: bool
    edits: list[str]
    map_version: str
    planned: bool


class Restated(BaseModel):
    """An incident of an earlier week whose cost is not what the last report said."""

    incident: str
    week: str
    name: str
    before: Sum | None
    now: Sum | None
    why: str


class Restatements(BaseModel):
    """What has changed since the last report."""

    since: str = Field(description="The week of the report that is compared with.")
    cases: list[Restated]
    sum_before: Amount
    sum_now: Amount
    small: int = Field(description="How many changed by too little to be listed.")


class WeeklyReport(BaseModel):
    """Everything."""

    week: str = Field(examples=["2026-W46"])
    starts_at: Utc
    ends_at: Utc
    issued_at: Utc
    provisional: bool = Field(
        description="The week is not over, nothing is known of it, or `waits_for` says why."
    )
    waits_for: str = Field("", description="What is still being counted or priced.")
    timezone: str
    company: str
    currency: str
    toll: str = Field(description="The version that issued it.")
    subject: str
    lead: str = Field(description="The week in one or two sentences.")
    has_data: bool
    simulated: Literal["", "some", "all"] = Field(
        "", description="How much of what is counted a simulated shop sent."
    )
    cost: Sum | None = Field(description="What outages cost; null: nothing is priced.")
    cost_before: Sum | None
    change: Sum | None = Field(description="Against the week before, draw by draw.")
    usual: Amount | None = Field(description="Mean of the thirteen weeks before, where known.")
    beside: Sum | None = Field(
        None, description="Of `cost`, people's time and service credits: of no one process."
    )
    planned: Sum | None = Field(description="Planned maintenance, in no other sum.")
    apart: list[Sum] = Field(description="In currencies without a rate, in no other sum.")
    units: list[UnitsLine]
    trend: list[TrendWeek]
    biggest: list[str] = Field(description="Ids of the three dearest incidents.")
    cases: list[Case] = Field(description="The dearest first.")
    processes: list[ProcessWeek]
    providers: list[Provider]
    perception: Perception
    better: list[str]
    questions: list[str]
    near_misses: list[NearMiss]
    single_points: list[SinglePoint]
    restatements: Restatements | None
    method: list[str]
    ledger: list[LedgerLine]

    @property
    def outages(self) -> list[Case]:
        """The incidents that hurt the business, but for planned maintenance."""
        return [case for case in self.cases if case.felt and case.kind != "maintenance"]
