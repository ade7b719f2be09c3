"""What processes took in: exact sums of what succeeded, in the company's currency.

Counted, not modelled: it stands beside what was lost as the rest of what was to be expected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from enrich.model import BusinessMap, Measure
from impact.money import MissingRate, decimal, rate_on


@dataclass(frozen=True, slots=True)
class Taken:
    """Units and amounts of one status of a stream in one currency, since a local day.

    day: rates of the map do not change from it to the end of what was summed.
    """

    stream: str
    status: str
    currency: str  # "" where the events carry no amount
    units: int
    amount: Decimal
    day: date

    @classmethod
    def of(cls, row: Mapping[str, Any], day: date) -> Taken:
        """From a sum as the store has it."""
        return cls(row["name"], row["status"], row["currency"], row["units"], row["amount"], day)


def taken_in(business_map: BusinessMap, name: str, taken: Sequence[Taken]) -> Decimal | None:
    """What the flows of a process took in; None where they have no value, or a rate is missing."""
    process = business_map.processes[name]
    flows = [m for m in process.measures if m.kind == "flow" and m.priced]
    total = Decimal(0)
    for measure in flows:
        worth = _worth(business_map, measure, taken)
        if worth is None:
            return None
        total += worth
    return total if flows else None


def rate_days(business_map: BusinessMap) -> list[date]:
    """The days on which a rate of the map changes, ascending."""
    return sorted({r.since for r in business_map.rates if r.since is not None})


def _worth(business_map: BusinessMap, measure: Measure, taken: Iterable[Taken]) -> Decimal | None:
    assert measure.value is not None
    factor = Decimal(1) if measure.margin is None else decimal(measure.margin)
    total = Decimal(0)
    for part in taken:
        if part.stream != measure.stream or part.status not in measure.ok:
            continue
        amount, currency = part.amount, part.currency
        if measure.value.money is not None:
            amount = part.units * measure.value.money.amount
            currency = measure.value.money.currency
        if not amount:
            continue
        rate = rate_on(business_map.rates, currency, business_map.currency, part.day)
        if isinstance(rate, MissingRate):
            return None
        total += amount * rate * factor
    return total
