from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.model import Measure, Money, Rate, Value
from impact.model import MoneyRange, Range
from impact.money import (
    MissingRate,
    UnitValue,
    converted,
    decimal,
    hours_of_week,
    mean_amounts,
    money_draws,
    money_range,
    rate_on,
    round_money,
    unit_values,
)
from impact.ports import Volumes
from tests.impact.arrays import at, stamp

DAY = date(2026, 3, 2)
EVEN = np.ones(168)
RATES = (
    Rate("USD", None, Decimal("0.92")),
    Rate("USD", date(2026, 3, 1), Decimal("0.95")),
    Rate("USD", date(2026, 4, 1), Decimal("0.90")),
)


def calls(amount: str, currency: str = "EUR", **changes: object) -> Measure:
    value = Value("per_unit", Money(Decimal(amount), currency))
    return Measure("support", "calls", "load", "calls", value=value, **changes)  # type: ignore[arg-type]


def payments(**changes: object) -> Measure:
    return Measure(
        "checkout",
        "payments",
        "flow",
        "payments",
        value=Value("amount"),
        **changes,  # type: ignore[arg-type]
    )


def hourly(amounts: dict[str, list[float]], counts: list[float]) -> Volumes:
    """One row per hour from Monday 00:00 on."""
    times = stamp(at()) + np.arange(len(counts)) * np.timedelta64(3600, "s")
    return Volumes(times, np.array(counts), {c: np.array(a) for c, a in amounts.items()})


def test_a_fixed_value_is_exact():
    (value,) = unit_values(calls("6.50"), None, EVEN)
    money = money_range(Range(10.0, 20.0, 30.0), np.zeros(0), value)
    assert money == MoneyRange(Decimal("65.00"), Decimal("130.00"), Decimal("195.00"), "EUR")


def test_negative_units_keep_their_sign():
    (value,) = unit_values(calls("6.50"), None, EVEN)
    money = money_range(Range(-2.0, 1.0, 4.0), np.zeros(0), value)
    assert (money.low, money.high) == (Decimal("-13.00"), Decimal("26.00"))


def test_a_margin_turns_revenue_into_contribution():
    (value,) = unit_values(calls("10.00", margin=0.3), None, EVEN)
    assert value.amount == Decimal("3.000")


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("2.345", "EUR", "2.34"),
        ("2.355", "EUR", "2.36"),
        ("2.5", "JPY", "2"),
        ("1.0005", "KWD", "1.000"),
        ("-0.001", "EUR", "0.00"),
    ],
)
def test_rounding_is_half_even_to_the_minor_unit(amount, currency, rounded):
    assert str(round_money(Decimal(amount), currency)) == rounded


def test_the_newest_rate_that_is_not_later_counts():
    assert rate_on(RATES, "USD", "EUR", date(2026, 2, 1)) == Decimal("0.92")
    assert rate_on(RATES, "USD", "EUR", date(2026, 3, 15)) == Decimal("0.95")
    assert rate_on(RATES, "USD", "EUR", date(2026, 4, 1)) == Decimal("0.90")
    assert rate_on((), "EUR", "EUR", DAY) == 1


def test_a_missing_rate_is_said_and_never_one():
    missing = converted((UnitValue(Decimal(1), 0.0, "GBP"),), RATES, "EUR", DAY)
    assert missing == MissingRate("GBP", DAY, "EUR")
    assert str(missing) == (
        "no rate from GBP to EUR for 2026-03-02: add GBP under `rates` in the map"
    )


def test_currencies_are_put_together_by_their_own_rates():
    values = (UnitValue(Decimal(10), 0.0, "EUR"), UnitValue(Decimal(2), 0.0, "USD"))
    together = converted(values, RATES, "EUR", DAY)
    assert isinstance(together, UnitValue)
    assert together.amount == Decimal("11.90")


def test_mean_amounts_are_those_of_the_hour_of_the_week():
    weeks = 8
    counts = [100.0] * (168 * weeks)
    amounts = [100.0 * (50.0 if hour % 24 == 20 else 10.0) for hour in range(168 * weeks)]
    means = mean_amounts(hourly({"EUR": amounts}, counts), "UTC")
    assert means.mean["EUR"][20] == pytest.approx(50.0, rel=0.05)  # leans on the mean of all
    assert means.mean["EUR"][3] == pytest.approx(10.0, rel=0.05)
    weights = np.zeros(168)
    weights[20] = 1.0
    (value,) = unit_values(payments(), means, weights)
    assert value.amount == decimal(float(means.mean["EUR"][20]))


def test_amounts_that_vary_widen_the_range():
    rng = np.random.default_rng(0)
    counts = [20.0] * (168 * 8)
    steady = mean_amounts(hourly({"EUR": [20.0 * 40.0] * len(counts)}, counts), "UTC")
    wild = mean_amounts(
        hourly({"EUR": list(20.0 * rng.lognormal(3.0, 1.0, len(counts)))}, counts), "UTC"
    )
    units, drawn = Range(100.0, 100.0, 100.0), np.full(200, 100.0)

    def width(means):
        (value,) = unit_values(payments(), means, EVEN)
        draws = money_draws(drawn, value, np.random.default_rng(1))
        money = money_range(units, draws, value)
        return (money.high - money.low) / money.mid

    assert width(steady) < 0.01
    assert width(wild) > 0.2


def test_without_a_value_or_amounts_there_is_no_money():
    assert unit_values(Measure("p", "m", "flow", "s"), None, EVEN) == ()
    assert unit_values(payments(), None, EVEN) == ()


def test_hours_of_the_week_are_local():
    # Monday 00:30 UTC is 01:30 in Berlin, in summer 02:30
    times = np.array([stamp(at(30)), stamp(at(30, days=35))])
    assert hours_of_week(times, "Europe/Berlin").tolist() == [1, 2]


@given(st.floats(-1e9, 1e9), st.decimals("0.01", "1e6", places=2))
def test_money_is_the_exact_product(units, value):
    money = money_range(Range(units, units, units), np.zeros(0), UnitValue(value, 0.0, "EUR"))
    assert money.mid == round_money(Decimal(repr(units)) * value, "EUR")
    assert money.low <= money.mid <= money.high
