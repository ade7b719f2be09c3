from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich import amounts
from enrich.model import Cost, Money, Open, Value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("24h", timedelta(days=1)),
        ("2d", timedelta(days=2)),
        ("1h30m", timedelta(minutes=90)),
        ("1w", timedelta(days=7)),
    ],
)
def test_durations(text, expected):
    assert amounts.duration(text) == expected


@pytest.mark.parametrize(
    "text", ["", "24", "h", "1.5h", "-1h", "1h ", "1 h", "0m", "9999999d", "999999999w"]
)
def test_what_is_not_a_duration(text):
    with pytest.raises(ValueError, match="duration"):
        amounts.duration(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24h", (timedelta(hours=24), "elapsed")),
        ("2d", (timedelta(hours=48), "elapsed")),
        ("1 day", (timedelta(days=1), "days")),
        ("2 days", (timedelta(days=2), "days")),
        ("1 working hour", (timedelta(hours=1), "working")),
        ("8 working hours", (timedelta(hours=8), "working")),
    ],
)
def test_promises(text, expected):
    assert amounts.promise(text) == expected


@pytest.mark.parametrize("text", ["soon", "24 hours", "0 days", "2 weeks", "99999 days", "8h work"])
def test_what_is_not_a_promise(text):
    with pytest.raises(ValueError, match="is not a promise"):
        amounts.promise(text)


def test_working_hours():
    found = amounts.working_hours("Sat 10:00-24:00, Mon-Tue 13:00-17:30, Mon 08:00-12:00")
    assert found == (Open(0, 480, 720), Open(0, 780, 1050), Open(1, 780, 1050), Open(5, 600, 1440))


@pytest.mark.parametrize(
    "text",
    [
        "", "always", "Mon-Fri", "Mon 9:00-17:00", "Mon 09:00-25:00", "Mon 09:60-17:00",
        "Mon 17:00-09:00", "Fri-Mon 09:00-17:00", "Mon 09:00-12:00, Mon 11:00-14:00",
        "Mo 09:00-17:00",
    ],
)  # fmt: skip
def test_what_are_not_working_hours(text):
    with pytest.raises(ValueError, match=r"09:00-17:00|forward|twice"):
        amounts.working_hours(text)


def test_money_is_exact_and_never_a_float():
    assert amounts.money("0.10 EUR") == Money(Decimal("0.10"), "EUR")
    assert str(amounts.money("12345678901234567890.123456789 JPY").amount).endswith(".123456789")


@pytest.mark.parametrize(
    "text", ["EUR", "1", "EUR 1", "1,5 EUR", "1e3 EUR", "-1 EUR", "1 eur", "1 XYZ"]
)
def test_what_is_not_money(text):
    with pytest.raises(ValueError, match=r"money|currency"):
        amounts.money(text)


def test_values():
    worth = Money(Decimal("4.00"), "EUR")
    assert amounts.value("amount") == Value("amount")
    assert (
        amounts.value("4.00 EUR") == amounts.value("4.00 EUR per unit") == Value("per_unit", worth)
    )
    assert amounts.value("4.00 EUR per hour late") == Value("per_hour_late", worth)
    with pytest.raises(ValueError, match="not per day"):
        amounts.value("4.00 EUR per day")


def test_costs_and_labour():
    yearly = Cost(Money(Decimal(180_000), "EUR"), "year")
    assert amounts.cost("180000 EUR/year") == amounts.cost("180000 EUR per year") == yearly
    assert amounts.labour("85 EUR") == amounts.labour("85 EUR/hour") == Money(Decimal(85), "EUR")
    with pytest.raises(ValueError, match="not a cost"):
        amounts.cost("1 EUR/fortnight")


@given(st.text(max_size=30))
@pytest.mark.parametrize(
    "parse",
    [
        amounts.duration,
        amounts.promise,
        amounts.working_hours,
        amounts.money,
        amounts.value,
        amounts.cost,
        amounts.labour,
        amounts.share,
        amounts.percent,
        amounts.rate,
        amounts.day,
        amounts.currency,
    ],
)
def test_any_text_is_read_or_refused_with_words(parse, text):
    try:
        parse(text)
    except ValueError as error:
        assert str(error)
