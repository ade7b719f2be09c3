"""What HTTP answers look like: times in RFC 3339 UTC, money as decimal string with currency."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, PlainSerializer

from enrich.edits import ActionName
from enrich.model import CostPart as PartName

_EARLIEST, _LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _storable(moment: datetime) -> datetime:
    if not _EARLIEST <= moment < _LATEST:
        raise ValueError("write a time between 1970-01-02 and 2199-12-31")
    return moment.astimezone(UTC)


# A moment that a caller names: with a zone, and such that an hour more or less is still a time.
Moment = Annotated[AwareDatetime, AfterValidator(_storable)]
Utc = Annotated[
    datetime,
    PlainSerializer(lambda t: t.isoformat().replace("+00:00", "Z"), return_type=str),
]
Amount = Annotated[Decimal, PlainSerializer(lambda d: format(d, "f"), return_type=str)]


class Units(BaseModel):
    """A number of units with its 90 % range, signed."""

    low: float = Field(examples=[190])
    mid: float = Field(examples=[270])
    high: float = Field(examples=[380])


class Sum(BaseModel):
    """A sum of money with its 90 % range, signed."""

    low: Amount = Field(examples=["7600.00"])
    mid: Amount = Field(examples=["10900.00"])
    high: Amount = Field(examples=["15400.00"])
    currency: str = Field(examples=["EUR"])


class Evidence(BaseModel):
    """What was counted, not modelled; null where the events do not tell."""

    failed_keys: int | None = Field(
        None, description="Keys that failed and never succeeded.", examples=[371]
    )
    customers: int | None = Field(None, description="Distinct customers hit.")


class Rate(BaseModel):
    """What one more minute costs."""

    units: float | None = Field(examples=[12.4])
    money: Amount | None = Field(examples=["498.00"])


class Impact(BaseModel):
    """What one incident did to one measure, as known at `as_of`."""

    incident: str
    process: str = Field(examples=["checkout"])
    process_title: str = Field(examples=["Web checkout"])
    measure: str = Field(examples=["payments"])
    measure_title: str = Field(examples=["Payments"])
    kind: Literal["flow", "lead_time", "load"]
    state: Literal["live", "final", "restated"]
    as_of: Utc
    method: Literal["measured", "modelled", "evidence_only"]
    units: dict[str, Units] = Field(
        description="flow: gross, recovered, lost. load: excess. lead_time: delayed, delay_hours, "
        "waiting."
    )
    lost_is: Literal["forecast", "measured", ""] = Field(
        description="Whether `lost` is what will have been lost, or what was."
    )
    money: dict[str, Sum]
    cost: str = Field(
        description="Which entry of `money` is the cost; empty without a value.", examples=["lost"]
    )
    part: PartName = Field(description="The part of the incident's cost that its money is.")
    per_minute: Rate
    data_until: Utc = Field(description="Estimates stop at the watermark of the stream's data.")
    effect_from: Utc
    effect_until: Utc | None = Field(description="Null while the measure is still off.")
    red: bool | None = Field(description="Whether the measure is off now; null: cannot tell.")
    share: float = Field(
        description="This incident's share, where several overlap.", examples=[1.0]
    )
    evidence: Evidence
    inputs: dict[str, float]
    warnings: list[str]


class CostPart(BaseModel):
    """One part of what an incident costs; the parts that are added make the cost."""

    part: PartName
    title: str = Field(examples=["People's time"])
    money: Sum | None = Field(
        description="Negative: it takes from the cost. Null: `rests_on` says why."
    )
    hours: Units | None = Field(description="Of people together; null for other parts.")
    added: bool = Field(description="Whether it is in `cost`: the map may switch it off.")
    method: Literal["measured", "modelled", "people", "pager", "contract", ""]
    rests_on: str = Field(
        description="In words, what it and its range rest on.",
        examples=["4 people, 3 h each, as people say (known to half of the last digit)"],
    )
    inputs: dict[str, float]


class ReachedProcess(BaseModel):
    """A process that an incident reaches."""

    process: str
    title: str
    severity: float = Field(description="Predicted by the map, 0 to 1.", examples=[1.0])
    path: list[str] = Field(description="From the cause up.", examples=[["stripe", "payment"]])


class ChangeNote(BaseModel):
    """A change shortly before the start, at the cause or beneath it."""

    at: Utc
    node: str
    summary: str
    url: str


class Cause(BaseModel):
    """A node that may be the root cause, and why it stands where it does."""

    node: str = Field(examples=["payments-db"])
    title: str
    since: Utc = Field(description="Its first signal in the incident.")
    explains: int = Field(description="How many of the other firing nodes need it.")
    reason: str = Field(
        examples=["2 of 2 other firing nodes need it (payment, storefront); fires since 10:02 UTC"]
    )


class EditMade(BaseModel):
    """One correction that somebody made."""

    id: str = Field(examples=["5f0e7c1a9b"])
    incident: str = Field(description="As the incident was called then.")
    made_at: Utc
    who: str = Field(examples=["on-call"])
    why: str = Field(examples=["the first alert came ten minutes late"])
    action: ActionName
    says: str = Field(description="In words.", examples=["began at 2026-11-22 09:52 UTC"])
    stands: bool = Field(description="False: it was undone, or undid another.")


class Incident(BaseModel):
    """Signals that belong together, and what they have cost so far."""

    id: str
    kind: Literal["outage", "maintenance", "business"]
    state: Literal["open", "recovering", "settled"]
    title: str
    started_at: Utc
    ended_at: Utc | None
    root: str = Field(description="The node that explains most; empty for a business incident.")
    root_title: str
    explanation: str = Field(description="The path in words, from cause to process.")
    signals: int
    reached: list[ReachedProcess]
    causes: list[Cause] = Field(description="Every firing node, the likeliest cause first.")
    trigger: ChangeNote | None
    red_since: Utc | None = Field(
        description="When the business was short before any signal; null where it was not."
    )
    version: int = Field(
        description="How many edits it has; PATCH with it, so that two people do not undo each "
        "other.",
        examples=[0],
    )
    pending: int = Field(description="Edits that are not in the numbers yet: seconds.")
    edits: list[EditMade] = Field(description="What people corrected, oldest first.")
    gone: Literal["", "merged", "not_an_incident", "taken_back"] = Field(
        description="Why it is in no list and no total any more; empty for one that is."
    )
    merged_into: str = Field(description="The incident that it is a part of; else empty.")
    cost: Sum | None = Field(
        description="Sum of those of its `parts` that are added, draw by draw; null: no money."
    )
    cost_is: Literal["forecast", "final", ""]
    parts: list[CostPart] = Field(description="What `cost` is the sum of, and what is beside it.")
    cost_so_far: Sum | None = Field(description="Before anything comes back.")
    per_minute: Amount | None = Field(description="What one more minute costs, while it burns.")
    summary: str = Field(
        description="One sentence for people.",
        examples=["270 payments lost (190 to 380), EUR 10,900"],
    )
    impacts: list[Impact]


class Share(BaseModel):
    """A share that was seen, with the 90 % interval of the true one."""

    low: float = Field(examples=[0.62])
    mid: float = Field(examples=[0.92])
    high: float = Field(examples=[0.99])


class TrustLine(BaseModel):
    """How far one live number of one measure could be trusted, at one age. Shares are of the
    settled value: 0.1 is ten percent too high."""

    process: str = Field(examples=["checkout"])
    process_title: str = Field(examples=["Web checkout"])
    measure: str = Field(examples=["payments"])
    measure_title: str = Field(examples=["Payments"])
    part: str = Field(
        description="lost, delayed: the forecast against what it came to. gross: against gross. "
        "excess: so far against all of it. Only where the live window was that of the final one.",
        examples=["lost"],
    )
    age: Literal["first", "ten_minutes", "cleared", "hour_after"]
    incidents: int = Field(description="How many are compared.", examples=[12])
    replayed: int = Field(
        description="Of these, worked out afterwards: the incident was over when Toll first heard "
        "of it, and was played through with what lay before each moment."
    )
    enough: bool = Field(description="Whether there are enough to tell.")
    median_error: float | None = Field(
        description="Null where nothing came out clearly different from zero.", examples=[0.04]
    )
    mean_error: float | None
    error_units: float = Field(description="Mean of live minus settled, in units.")
    inside: int = Field(description="How many came out inside the range given live.")
    coverage: Share = Field(description="The share inside; 0.9 is promised.")
    width: float | None = Field(description="Median width of the live ranges.")
    restated: int = Field(description="How many final values were corrected afterwards.")
    restated_by: float | None = Field(description="By how much, in the middle.")
    says: str = Field(
        description="The line in words.",
        examples=["11 of 12 came out inside the range that was given; the middle was 4% too high"],
    )


class TrustPair(BaseModel):
    """One live number beside what it came to."""

    incident: str
    process: str
    measure: str
    part: str
    age: Literal["first", "ten_minutes", "cleared", "hour_after"]
    said_at: Utc
    live: Units
    final_at: Utc
    final: Units
    restated_at: Utc | None
    restated: Units | None
    inside: bool
    replayed: bool


class Bar(BaseModel):
    """How deep a shortfall of one measure must be to open an incident without any signal."""

    process: str
    measure: str
    title: str
    kind: str
    hour_needs: float | None = Field(
        description="Share of an hour's usual volume that must be missing (load: come on top).",
        examples=[0.45],
    )
    bars: dict[str, float] = Field(
        description="By length of the window in seconds, in standard deviations of its logarithm."
    )


class BusinessFirst(BaseModel):
    """Incidents that only the business shows: at most one false a week over all measures."""

    learned_at: Utc
    factor: float = Field(description="By which every measure's own bars are raised.")
    weeks: float = Field(description="Of history that were looked back at.")
    would_have_opened: int = Field(description="Incidents in these weeks, over all measures.")
    at_most: int = Field(description="How many the promise allows, with 95 % certainty.")
    measures: list[Bar]
    says: str


class TrustReport(BaseModel):
    """The trust ledger."""

    ledger: list[TrustLine]
    pairs: list[TrustPair]
    business_first: BusinessFirst | None = Field(description="Null before it was learned.")
