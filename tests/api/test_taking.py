"""What streams took in is worth what its days' rates say, wherever it is told."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from api.ask.taking import taken_between
from impact.taken import taken_in
from tests.api.app import Toll, payment

pytestmark = pytest.mark.engine

# 2026-W01 in Berlin; a dollar is EUR 0.96 until the year ends and 0.92 from then on
MONDAY, SUNDAY = (datetime(*day, 23, tzinfo=UTC) for day in ((2025, 12, 28), (2026, 1, 4)))
NEW_YEAR = datetime(2025, 12, 31, 23, tzinfo=UTC)


def paid(toll: Toll) -> None:
    """Three dollar payments: one on Monday, and one on each side of midnight."""
    days = (MONDAY, NEW_YEAR.replace(hour=22, minute=59), NEW_YEAR)
    dollars = [payment(n, at, amount="100.00", currency="USD") for n, at in enumerate(days)]
    toll.post(dollars, history=True)
    toll.ingest()


def test_each_payment_is_converted_with_the_rate_of_its_day(toll):
    paid(toll)
    where = toll.parts.map.map
    taken = taken_between(toll.parts.store, where, ["payments"], MONDAY, SUNDAY)
    assert taken_in(where, "checkout", taken) == Decimal("284.00")
    assert taken_between(toll.parts.store, where, [], MONDAY, SUNDAY) == []
    assert taken_between(toll.parts.store, where, ["payments"], SUNDAY, MONDAY) == []


def test_a_week_in_which_a_rate_changes_is_worth_what_its_days_are(toll):
    paid(toll)
    found = toll.ask("/v1/reports/weekly/2026-W01.json")
    [checkout] = [p for p in found["processes"] if p["process"] == "checkout"]
    assert checkout["value"] == "284.00"
