"""The map: business processes, the nodes they need, and what of them is counted.

These are the words of the map file once it has been checked (`enrich.mapfile` reads it). Names are
unique over processes and nodes together, so that a name alone says which thing is meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo

Layer = Literal["service", "application", "infrastructure", "provider"]
MeasureKind = Literal["flow", "lead_time", "load", "level"]
ValueBasis = Literal["amount", "per_unit", "per_hour_late"]
PromiseIn = Literal["elapsed", "days", "working"]  # `24h`, `2 days`, `8 working hours`
CostPart = Literal[
    "lost_value", "delay", "extra_calls", "response_time", "credits_owed", "credits_due"
]
COST_PARTS: tuple[CostPart, ...] = get_args(CostPart)
# Which part of an incident's cost the money of a measure is.
PART_OF_KIND: Mapping[str, CostPart] = {
    "flow": "lost_value",
    "lead_time": "delay",
    "load": "extra_calls",
}
# The part of each kind's units and money that says what an incident came to.
HEADLINE: Mapping[str, str] = {"flow": "lost", "load": "excess", "lead_time": "delayed"}


@dataclass(frozen=True, slots=True)
class Hard:
    """Without `node` the needing node does not work."""

    node: str


@dataclass(frozen=True, slots=True)
class AtLeast:
    """`count` of `of` are enough; `any` is a count of one."""

    count: int
    of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Soft:
    """Losing `node` costs the share `weight` (0 to 1) of what the needing node does."""

    node: str
    weight: float


Need: TypeAlias = Hard | AtLeast | Soft


def needed(need: Need) -> tuple[str, ...]:
    """The names of the nodes that a need speaks of."""
    return need.of if isinstance(need, AtLeast) else (need.node,)


@dataclass(frozen=True, slots=True)
class Money:
    """An exact sum in one currency."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Cost:
    """What running a node costs per hour, day, month or year."""

    money: Money
    per: Literal["hour", "day", "month", "year"]


@dataclass(frozen=True, slots=True)
class Credit:
    """What is given back for a calendar month whose availability was below some percentage.

    Either a share of what the month is paid or brings, 0 to 1, or an amount.
    """

    below: Decimal
    share: Decimal | None = None
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """What one unit of a measure is worth; `money` is None where the events carry amounts."""

    basis: ValueBasis
    money: Money | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """A countable volume of a process. Which fields apply depends on `kind`."""

    process: str
    name: str
    kind: MeasureKind
    stream: str
    title: str = ""
    ok: tuple[str, ...] = ("ok",)  # flow, load: the statuses that count as done
    failed: tuple[str, ...] = ()  # flow: attempts that failed (evidence)
    start: str = ""  # lead_time: the status in `from:`
    finish: str = ""  # lead_time: the status in `to:`
    closed: tuple[str, ...] = ()  # lead_time: statuses that end the waiting otherwise
    promise: timedelta | None = None  # lead_time
    promise_in: PromiseIn = "elapsed"  # which clock it is counted on
    value: Value | None = None
    same_money_as: str = ""  # another measure that carries this one's money
    driven_by: tuple[str, ...] = ()  # load: the processes whose trouble raises it
    margin: float | None = None  # contribution as a share of revenue, 0 to 1

    @property
    def id(self) -> str:
        """`process/measure`, unique on the map."""
        return f"{self.process}/{self.name}"

    @property
    def called(self) -> str:
        """What people call it."""
        return self.title or self.name

    @property
    def priced(self) -> bool:
        """Whether this measure carries money of its own."""
        return self.value is not None and not self.same_money_as


@dataclass(frozen=True, slots=True)
class Process:
    """What the company does for its customers."""

    name: str
    title: str
    owner: str = ""
    needs: tuple[Need, ...] = ()
    measures: tuple[Measure, ...] = ()
    promise: float | None = None  # percent of a calendar month that customers are promised
    credits: tuple[Credit, ...] = ()  # owed to them below it, the lowest availability first


@dataclass(frozen=True, slots=True)
class Node:
    """A service, application, piece of infrastructure or provider."""

    name: str
    layer: Layer
    title: str
    owner: str = ""
    needs: tuple[Need, ...] = ()
    match: tuple[Mapping[str, str], ...] = ()  # any of them; values are regexes
    cost: Cost | None = None
    sla: float | None = None  # percent, as promised by a provider
    status_page: str = ""
    credits: tuple[Credit, ...] = ()  # due from a provider, the lowest availability first


@dataclass(frozen=True, slots=True)
class Rate:
    """One unit of `currency` in the company's currency, from `since` on."""

    currency: str
    since: date | None  # None: always
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Open:
    """When the company works: a weekday (Monday is 0), in minutes since local midnight."""

    weekday: int
    opens: int
    closes: int  # up to 1440, midnight


@dataclass(frozen=True, slots=True)
class BusinessMap:
    """One version of the map. `version` is the hash of its content."""

    company: str
    currency: str
    timezone: str
    version: str
    processes: Mapping[str, Process]
    nodes: Mapping[str, Node]
    holidays: str = ""
    rates: tuple[Rate, ...] = ()
    labour_rate: Money | None = None  # per person and hour
    working_hours: tuple[Open, ...] = ()  # for promises in working hours
    costs_off: tuple[CostPart, ...] = ()  # parts of a cost that are shown and not added
    owners: Mapping[str, str] = field(default_factory=dict)  # name -> how to reach them, or ""
    sources: Mapping[str, str] = field(default_factory=dict)  # name -> "file:line", for messages

    def day_of(self, moment: datetime) -> date:
        """The company's own day in which a moment lies: whose rates count."""
        return moment.astimezone(ZoneInfo(self.timezone)).date()

    def measures(self) -> tuple[Measure, ...]:
        """All measures, in the order of the file."""
        return tuple(m for p in self.processes.values() for m in p.measures)

    def adds(self, measure: Measure) -> bool:
        """Whether totals hold this measure's money: it has some of its own, and is switched on."""
        part = PART_OF_KIND.get(measure.kind)
        return measure.priced and part is not None and part not in self.costs_off

    def carriers(self) -> frozenset[str]:
        """The ids of the measures whose money totals add."""
        return frozenset(m.id for m in self.measures() if self.adds(m))

    def without_margins(self) -> BusinessMap:
        """The map with its flows worth their revenue, whatever remains of it."""
        processes = {
            name: replace(p, measures=tuple(replace(m, margin=None) for m in p.measures))
            for name, p in self.processes.items()
        }
        return replace(self, processes=processes)

    def title(self, name: str) -> str:
        """What people call a process or node; its name where the map does not know it."""
        found = self.processes.get(name) or self.nodes.get(name)
        return found.title if found else name

    def measure(self, measure_id: str) -> Measure | None:
        """The measure `process/name`, or None."""
        process, _, name = measure_id.partition("/")
        found = self.processes.get(process)
        return next((m for m in found.measures if m.name == name), None) if found else None

    def called(self, measure_id: str) -> str:
        """What people call the measure `process/name`; that where the map does not know it."""
        found = self.measure(measure_id)
        return found.called if found else measure_id
