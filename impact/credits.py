"""Service credits of a calendar month: due from providers, owed to customers; exact.

What a contract credits depends on the availability of a month of the company's clocks, and there
are two ways to read that:

- of a *provider*: the minutes that it admitted on its status page, or those that were lived. The
  middle is the admitted ones: providers credit what they own up to, and who lived more must claim.
- of a *process*: the minutes in which its business was off, or those that the map predicts from the
  signals, by how badly. The middle is what was lived.

Either may come to hold, so that the range goes from one to the other. Planned maintenance counts
against nobody. A month that goes on is read as if nothing more happened in it.

Each reading's credit is shared by the incidents of the month in proportion to their minutes in it,
to the cent: shares add up to the credit (largest remainders first).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np

from enrich.incident import Incident
from enrich.model import BusinessMap, Cost, Credit, Node, Process
from impact.assess import felt
from impact.cost import Part
from impact.model import DRAWS, BoolArray, FloatArray, MeasureImpact, MoneyRange
from impact.money import MissingRate, minor_unit, rate_on, round_money
from impact.providers import mask_of, own_page, planned_minutes
from impact.tools import MINUTE, Grid
from impact.totals import generator

_MONTHS_A_YEAR = 12


@dataclass(frozen=True)
class Month:
    """A calendar month of the company's clocks, in UTC."""

    start: datetime
    end: datetime
    name: str  # 2026-11

    @classmethod
    def of(cls, moment: datetime, zone: ZoneInfo) -> Month:
        """The month in which a moment lies."""
        local = moment.astimezone(zone)
        following = (local.year + local.month // 12, local.month % 12 + 1)
        start, end = (
            datetime(year, month, 1, tzinfo=zone).astimezone(UTC)
            for year, month in ((local.year, local.month), following)
        )
        return cls(start, end, f"{local:%Y-%m}")

    @classmethod
    def between(cls, start: datetime, end: datetime, zone: ZoneInfo) -> list[Month]:
        """The months that [start, end] touches."""
        found = [cls.of(start, zone)]
        while found[-1].end <= end:
            found.append(cls.of(found[-1].end, zone))
        return found

    @property
    def grid(self) -> Grid:
        """Its minutes."""
        return Grid(self.start, (self.end - self.start) // MINUTE)


@dataclass(frozen=True)
class Reading:
    """One way to read a month: what it was available, what is credited, and whose that is."""

    name: str  # admitted, lived, predicted
    availability: Decimal  # percent
    credit: Decimal
    shares: Mapping[str, Decimal]  # by incident; they add up to the credit


@dataclass(frozen=True)
class MonthCredit:
    """The credit of one provider or process for one month, read in two ways, the middle first."""

    part: Literal["credits_due", "credits_owed"]
    who: str
    title: str
    month: Month
    promise: float | None  # percent
    readings: tuple[Reading, Reading]
    currency: str
    without: str = ""  # why there is no money


Revenues = Mapping[str, Decimal | None]  # by process; None: a rate is missing


def month_credits(
    business_map: BusinessMap,
    month: Month,
    now: datetime,
    known: tuple[Sequence[Incident], Sequence[MeasureImpact]],
    revenues: Revenues,
) -> list[MonthCredit]:
    """Every credit that a month comes to. known: its incidents, with their impacts.

    revenues: what processes took in in the month, in the company's currency.
    """
    reader = _Reader(business_map, month, now, known)
    due = [reader.provider(n, node) for n, node in business_map.nodes.items() if node.credits]
    owed = [
        reader.process(name, process, revenues.get(name))
        for name, process in business_map.processes.items()
        if process.credits
    ]
    return [*due, *owed]


def credit_parts(
    incident: str, credits: Iterable[MonthCredit], business_map: BusinessMap
) -> list[Part]:
    """What the credits of some months are to one incident: what is due takes from its cost."""
    by_part: dict[Literal["credits_owed", "credits_due"], list[MonthCredit]] = defaultdict(list)
    for credit in credits:
        if any(incident in r.shares and (r.credit or credit.without) for r in credit.readings):
            by_part[credit.part].append(credit)
    return [_part(incident, by_part[name], business_map) for name in sorted(by_part, reverse=True)]


def allot(credit: Decimal, minutes: Mapping[str, float], unit: Decimal) -> dict[str, Decimal]:
    """A sum in proportion to minutes, in whole units; the shares add up to it exactly."""
    weights = {name: Decimal(repr(float(m))) for name, m in minutes.items() if m > 0}
    whole = sum(weights.values(), Decimal(0))
    if not whole:
        return {}
    ideal = {name: credit * weight / whole for name, weight in weights.items()}
    shares = {name: part.quantize(unit, rounding=ROUND_FLOOR) for name, part in ideal.items()}
    missing = int((credit - sum(shares.values(), Decimal(0))) / unit)
    for name in sorted(ideal, key=lambda n: (shares[n] - ideal[n], n))[:missing]:
        shares[name] += unit
    return shares


_Terms: TypeAlias = tuple[Sequence[Credit], Decimal | MissingRate | None]  # credits, of what
_Window: TypeAlias = tuple[str, float, tuple[datetime, datetime]]  # incident, how badly, when
_Minutes: TypeAlias = tuple[FloatArray, dict[str, float]]  # (size,) how badly; by incident


class _Reader:
    """Reads one month's incidents."""

    def __init__(
        self,
        business_map: BusinessMap,
        month: Month,
        now: datetime,
        known: tuple[Sequence[Incident], Sequence[MeasureImpact]],
    ) -> None:
        self._map, self._month, self._now = business_map, month, now
        self._grid = month.grid
        self._incidents = {i.id: i for i in known[0] if i.kind != "maintenance"}
        self._planned = [i for i in known[0] if i.kind == "maintenance"]
        self._felt = [i for i in known[1] if i.incident in self._incidents and felt(i)]

    def provider(self, name: str, node: Node) -> MonthCredit:
        """What is due from a provider: a share of its price."""
        paid = _fee(node.cost, self._map, self._month) if node.cost else None
        terms = (node.credits, paid)
        open_ = ~planned_minutes(self._grid, self._planned, name, self._now)
        readings = (
            self._reading("admitted", self._minutes(self._admitted(name), open_), open_, terms),
            self._reading("lived", self._minutes(self._lived(name), open_), open_, terms),
        )
        return self._credit("credits_due", (name, node.title, node.sla), readings, terms)

    def process(self, name: str, process: Process, revenue: Decimal | None) -> MonthCredit:
        """What is owed to the customers of a process: a share of what it takes in."""
        terms = (process.credits, revenue)
        open_ = np.ones(self._grid.size, dtype=bool)
        readings = (
            self._reading("lived", self._minutes(self._lived(name), open_), open_, terms),
            self._reading("predicted", self._minutes(self._predicted(name), open_), open_, terms),
        )
        return self._credit("credits_owed", (name, process.title, process.promise), readings, terms)

    def _credit(
        self,
        part: Literal["credits_due", "credits_owed"],
        whose: tuple[str, str, float | None],
        readings: tuple[Reading, Reading],
        terms: _Terms,
    ) -> MonthCredit:
        credits, worth = terms
        without = ""
        if worth is None and any(c.share is not None for c in credits):
            without = "what it took in is not known in the company's currency"
        rates = [_rate(c.amount.currency, self._map, self._month) for c in credits if c.amount]
        for one in (worth, *rates):
            without = str(one) if isinstance(one, MissingRate) else without
        name, title, promise = whose
        currency = self._map.currency
        return MonthCredit(part, name, title, self._month, promise, readings, currency, without)

    def _reading(self, name: str, found: _Minutes, open_: BoolArray, terms: _Terms) -> Reading:
        bad, size = Decimal(repr(float(found[0].sum()))), int(open_.sum())
        availability = 100 * (1 - bad / size) if size else Decimal(100)
        credit = self._worth(availability, *terms)
        return Reading(
            name, availability, credit, allot(credit, found[1], minor_unit(self._map.currency))
        )

    def _worth(
        self,
        availability: Decimal,
        credits: Sequence[Credit],
        worth: Decimal | MissingRate | None,
    ) -> Decimal:
        """What the lowest step that the availability is below of is worth."""
        step = next((c for c in credits if availability < c.below), None)
        found: Decimal | MissingRate | None = None
        if step is not None and step.amount is not None:
            rate = _rate(step.amount.currency, self._map, self._month)
            found = rate if isinstance(rate, MissingRate) else step.amount.amount * rate
        elif step is not None and step.share is not None and isinstance(worth, Decimal):
            found = step.share * worth
        return round_money(found, self._map.currency) if isinstance(found, Decimal) else Decimal(0)

    def _admitted(self, node: str) -> Iterator[_Window]:
        for incident in self._incidents.values():
            for episode in incident.episodes:
                if node in episode.nodes and own_page(episode):
                    yield incident.id, 1.0, (episode.started_at, episode.ended_at or self._now)

    def _lived(self, name: str) -> Iterator[_Window]:
        """Of a provider what it was the root cause of, of a process its own."""
        for impact in self._felt:
            if name in (impact.process, self._incidents[impact.incident].root):
                yield impact.incident, 1.0, impact.known_effect

    def _predicted(self, process: str) -> Iterator[_Window]:
        for incident in self._incidents.values():
            window = (incident.started_at, incident.ended_at or self._now)
            for reached in incident.reached:
                if reached.process == process:
                    yield incident.id, reached.severity, window

    def _minutes(self, windows: Iterable[_Window], open_: BoolArray) -> _Minutes:
        """At each minute the worst of all windows; of each incident alone, the sum of that."""
        alone: dict[str, FloatArray] = {}
        for name, badly, window in windows:
            touched = (mask_of(self._grid, [window]) & open_) * badly
            alone[name] = np.maximum(alone.get(name, 0.0), touched)
        worst = np.max(list(alone.values()), axis=0) if alone else np.zeros(self._grid.size)
        return worst, {name: float(own.sum()) for name, own in alone.items()}


def _rate(currency: str, business_map: BusinessMap, month: Month) -> Decimal | MissingRate:
    """The rate of the month's last day."""
    last = business_map.day_of(month.end - MINUTE)
    return rate_on(business_map.rates, currency, business_map.currency, last)


def _fee(cost: Cost, business_map: BusinessMap, month: Month) -> Decimal | MissingRate:
    """What a provider is paid for a month, in the company's currency."""
    rate = _rate(cost.money.currency, business_map, month)
    if isinstance(rate, MissingRate):
        return rate
    first, following = (business_map.day_of(at) for at in (month.start, month.end))
    match cost.per:
        case "hour":
            times = Decimal((month.end - month.start) // MINUTE) / 60
        case "day":
            times = Decimal((following - first).days)
        case "month":
            times = Decimal(1)
        case "year":
            times = Decimal(1) / _MONTHS_A_YEAR
    return cost.money.amount * times * rate


def _part(incident: str, credits: Sequence[MonthCredit], business_map: BusinessMap) -> Part:
    name, currency = credits[0].part, business_map.currency
    sign = -1 if name == "credits_due" else 1
    adds = name not in business_map.costs_off
    words = "; ".join(_words(credit) for credit in credits)
    told = [credit for credit in credits if not credit.without]
    if not told:
        return Part(name, None, np.zeros(DRAWS), adds, "contract", words)
    low = mid = high = Decimal(0)
    draws = np.zeros(DRAWS)
    for credit in told:
        first, other = (sign * r.shares.get(incident, Decimal(0)) for r in credit.readings)
        low, mid, high = low + min(first, other), mid + first, high + max(first, other)
        # Which reading holds is one doubt for all incidents of a month.
        by_first = generator(f"{credit.who}|{credit.month.name}|credit").random(DRAWS) < 0.5
        draws += np.where(by_first, float(first), float(other))
    money = MoneyRange(low, mid, high, currency)
    return Part(name, money, draws, adds, "contract", words)


def _words(credit: MonthCredit) -> str:
    read = ", ".join(f"{r.availability:.2f} % {r.name}" for r in credit.readings)
    promised = "" if credit.promise is None else f", {credit.promise:g} % promised"
    why = f" ({credit.without})" if credit.without else ""
    amounts = {round_money(r.credit, credit.currency) for r in credit.readings}
    whole = " or ".join(f"{amount:,f}" for amount in sorted(amounts, reverse=True))
    sums = "" if why else f"; {credit.currency} {whole} for the month"
    return f"{credit.title} in {credit.month.name}: {read}{promised}{sums}{why}"
