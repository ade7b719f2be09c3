"""A week's incidents added up: by what they were, by process, by what they had as their cause.

An incident counts whole in the week in which it began, so that weeks add up and nothing is cut in
two; what is learned of it later is a restatement of that week. Planned maintenance is priced and
stands apart. Sums add draws (`impact.totals`): middles add exactly, ranges by what they share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal

from enrich.incident import Incident
from enrich.model import HEADLINE
from impact.assess import felt
from impact.cost import Part, plus
from impact.model import MeasureImpact, MoneyRange, Range
from impact.totals import LEVEL, Total, cost_name, headlines, money_sum, total_money


def hurt(impact: MeasureImpact) -> bool:
    """Whether a measure suffered for certain: seen while it did, or in what it came to.

    A loss may be too small against the noise of each half hour for the test to call it red, and
    still be certain over the whole effect; what has such a price is never told as harmless.
    """
    counted = impact.units.get(HEADLINE.get(impact.kind, ""))
    certain = counted is not None and counted.low > 0.0 and impact.method == "measured"
    return certain or felt(impact)


@dataclass(frozen=True)
class Case:
    """An incident with the last estimate of each measure, with draws."""

    incident: Incident
    impacts: tuple[MeasureImpact, ...]
    beside: tuple[Part, ...] = ()  # of its cost, what no measure carries

    @property
    def planned(self) -> bool:
        """Maintenance: priced, but no outage."""
        return self.incident.kind == "maintenance"

    @property
    def felt(self) -> bool:
        """Whether the business was touched for certain."""
        return any(hurt(impact) for impact in self.impacts)

    @property
    def live(self) -> bool:
        """Whether any of its numbers is still a forecast."""
        return any(impact.state == "live" for impact in self.impacts)


@dataclass(frozen=True)
class Book:
    """How money is added: measures that carry money of their own, and the company's currency."""

    carriers: Set[str]
    currency: str

    def total(self, impacts: Iterable[MeasureImpact]) -> Total:
        """The sum in the company's currency."""
        return total_money(impacts, self.carriers, self.currency)

    def cost(self, cases: Iterable[Case]) -> Total:
        """What incidents cost together, with people's time and service credits."""
        every = list(cases)
        measured = self.total(impact for case in every for impact in case.impacts)
        return plus(measured, (part for case in every for part in case.beside))

    def beside(self, cases: Iterable[Case]) -> Total:
        """What of their cost no measure carries, so that processes and this add up to it."""
        return plus(self.total(()), (part for case in cases for part in case.beside))

    def apart(self, cases: Sequence[Case]) -> list[MoneyRange]:
        """Sums in currencies without a rate, which no total can hold, by currency."""
        impacts = [impact for case in cases for impact in case.impacts]
        others = {
            impact.money[name].currency
            for impact in impacts
            if (name := cost_name(impact)) is not None
        } - {self.currency}
        sums = [total_money(impacts, self.carriers, currency) for currency in sorted(others)]
        return [total.money for total in sums if total.count]

    def by_process(self, cases: Iterable[Case], process: str) -> Total:
        """What incidents cost one process: what its own measures lost."""
        return self.total(i for case in cases for i in case.impacts if i.process == process)


def difference(now: Total, before: Total, level: float = LEVEL) -> MoneyRange:
    """What one sum is more than another, draw by draw."""
    mid = now.money.mid - before.money.mid
    return money_sum(mid, now.draws - before.draws, now.money.currency, level)


def units(cases: Iterable[Case]) -> dict[str, Range]:
    """What each measure lost, had on top, or had late; by `process/measure`, as it first occurs."""
    found = headlines(impact for case in cases for impact in case.impacts)
    return {measure: total for measure, (_, total) in found.items()}


def dearest(cases: Iterable[Case], book: Book) -> list[Case]:
    """Incidents, those that cost most first; without money, those that the business felt first."""

    def rank(case: Case) -> tuple[Decimal, bool, float]:
        total = book.cost([case])
        return (
            total.money.mid if total.count else Decimal(0),
            case.felt,
            -case.incident.started_at.timestamp(),
        )

    return sorted(cases, key=rank, reverse=True)


def grouped(cases: Iterable[Case], of: Callable[[Case], str]) -> dict[str, list[Case]]:
    """Incidents by some name of theirs; those without one are left out."""
    found: dict[str, list[Case]] = {}
    for case in cases:
        if name := of(case):
            found.setdefault(name, []).append(case)
    return found
