"""What processes took in, exactly."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from enrich.model import Measure, Money, Rate, Value
from impact.taken import Taken, rate_days, taken_in
from tests.impact.arrays import business_map

MARCH, APRIL = date(2026, 3, 2), date(2026, 4, 1)
RATES = (Rate("USD", None, Decimal("0.9")), Rate("USD", APRIL, Decimal("0.8")))
PAYMENTS = Measure("checkout", "payments", "flow", "payments", value=Value("amount"))
CARTS = Measure(
    "checkout",
    "carts",
    "flow",
    "payments",
    value=Value("amount"),
    same_money_as="checkout/payments",
)
SIGNUPS = Measure(
    "growth", "signups", "flow", "signups", value=Value("per_unit", Money(Decimal("12.50"), "USD"))
)
CALLS = Measure("support", "calls", "load", "calls", value=Value("amount"))


def paid(amount: str, currency: str = "EUR", day: date = MARCH, status: str = "ok") -> Taken:
    return Taken("payments", status, currency, 3, Decimal(amount), day)


def test_each_currency_is_converted_with_the_rate_of_its_time():
    where = business_map(PAYMENTS, CARTS, rates=RATES)
    taken = [
        paid("100.10"),
        paid("50", "USD"),
        paid("50", "USD", APRIL),
        paid("9", status="failed"),
    ]
    assert taken_in(where, "checkout", taken) == Decimal("100.10") + 45 + 40
    assert rate_days(where) == [APRIL]


def test_units_have_the_maps_value_and_margins_count():
    where = business_map(SIGNUPS, rates=RATES)
    assert taken_in(where, "growth", [Taken("signups", "ok", "", 4, Decimal(0), MARCH)]) == 45
    half = Measure("p", "m", "flow", "payments", value=Value("amount"), margin=0.5)
    assert taken_in(business_map(half), "p", [paid("100.10")]) == Decimal("50.05")


def test_a_missing_rate_or_no_value_gives_no_sum():
    assert taken_in(business_map(PAYMENTS), "checkout", [paid("1"), paid("1", "USD")]) is None
    assert taken_in(business_map(CALLS), "support", []) is None
    assert taken_in(business_map(PAYMENTS), "checkout", []) == 0
