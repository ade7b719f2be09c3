"""What running a node costs over some time, in the company's currency. Exact."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from enrich.model import BusinessMap, Cost, Node
from impact.money import MissingRate, rate_on, round_money

DAY_S = 86_400
# A year is 365.25 days and a month a twelfth of it, so that twelve months cost what a year does.
SECONDS: Mapping[str, Decimal] = {
    "hour": Decimal(3600),
    "day": Decimal(DAY_S),
    "month": Decimal(DAY_S) * Decimal("365.25") / 12,
    "year": Decimal(DAY_S) * Decimal("365.25"),
}
QUARTER = timedelta(days=365.25 / 4)


def running_cost(
    node: Node, business_map: BusinessMap, length: timedelta, day: date
) -> Decimal | MissingRate | None:
    """The cost of a node over a length of time, at the rate of a day; None where none is given."""
    if node.cost is None:
        return None
    currency = node.cost.money.currency
    rate = rate_on(business_map.rates, currency, business_map.currency, day)
    if isinstance(rate, MissingRate):
        return rate
    return round_money(rate * cost_over(node.cost, length), business_map.currency)


def cost_over(cost: Cost, length: timedelta) -> Decimal:
    """What a length of time costs, in the currency of the price; not rounded."""
    seconds = Decimal(int(length.total_seconds()))
    return cost.money.amount * seconds / SECONDS[cost.per]
