"""Service credits: months worked out by hand, and what always holds of their shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.incident import Episode, Incident
from enrich.mapfile import load
from enrich.model import BusinessMap
from impact.cost import plus
from impact.credits import Month, MonthCredit, allot, credit_parts, month_credits
from impact.model import MeasureImpact
from impact.totals import total_money
from tests.impact.test_whatif import lost, outage

BERLIN = ZoneInfo("Europe/Berlin")
CENT = Decimal("0.01")
TEXT = """
company: Example Shop
currency: EUR
timezone: Europe/Berlin
rates: {USD: 0.5}
processes:
  checkout:
    title: Web checkout
    needs: [stripe]
    measures: {payments: {kind: flow, stream: payments, value: amount}}
    promise: 99.5
    credits: [{below: 99.5, share: 2%}, {below: 98, amount: 9000 USD}]
providers:
  stripe:
    title: Stripe
    sla: 99.9
    cost: 12000 EUR/month
    credits: [{below: 99.9, share: 10%}, {below: 99, share: 25%}]
"""
MAP = load({"map.yaml": TEXT})
# November has 43,200 minutes: below 99.9 % are more than 43.2, below 99 % more than 432.
NOVEMBER = Month.of(datetime(2026, 11, 15, tzinfo=UTC), BERLIN)
AFTER = NOVEMBER.end + timedelta(days=3)
REVENUE = {"checkout": Decimal("500000")}


def minute(number: float) -> datetime:
    """Since the month began on the company's clocks."""
    return NOVEMBER.start + timedelta(minutes=number)


def hit(
    name: str, start: float, length: float, admitted: float = 0
) -> tuple[Incident, MeasureImpact]:
    """Stripe takes the checkout down for so many minutes, and admits some of them."""
    span = (minute(start), minute(start + length))
    alert = Episode(
        name, "t", name, "alert", "critical", {}, "", *span, availability=0.0, nodes=("stripe",)
    )
    page = Episode(
        f"page-{name}", "statuspage:stripe", name, "outage", "major", {}, "",
        span[0], minute(start + admitted), nodes=("stripe",),
    )  # fmt: skip
    incident = replace(
        outage(name, "stripe"),
        started_at=span[0],
        ended_at=span[1],
        episodes=(alert, page) if admitted else (alert,),
    )
    return incident, replace(lost(incident, 10.0), effect=span)


def credits(
    *cases: tuple[Incident, MeasureImpact],
    business_map: BusinessMap = MAP,
    month: Month = NOVEMBER,
    now: datetime = AFTER,
) -> tuple[MonthCredit, MonthCredit]:
    """(due from Stripe, owed to customers)."""
    known = [i for i, _ in cases], [x for _, x in cases]
    due, owed = month_credits(business_map, month, now, known, REVENUE)
    return due, owed


def sums(credit: MonthCredit) -> list[str]:
    return [f"{r.credit:f}" for r in credit.readings]


# months


def test_a_month_is_one_of_the_company_s_calendar():
    assert NOVEMBER.start == datetime(2026, 10, 31, 23, tzinfo=UTC)
    assert NOVEMBER.grid.size == 43_200 and NOVEMBER.name == "2026-11"
    october = Month.of(NOVEMBER.start - timedelta(seconds=1), BERLIN)
    assert october.grid.size == 44_640 + 60  # the clocks went back
    assert [m.name for m in Month.between(october.start, NOVEMBER.start, BERLIN)] == [
        "2026-10",
        "2026-11",
    ]


# providers


def test_the_admitted_minutes_decide_and_the_lived_ones_are_the_other_end():
    # lived 500 minutes (98.84 %: a quarter), admitted 60 (99.86 %: a tenth)
    due, _ = credits(hit("a", 0, 500, admitted=60))
    assert [r.name for r in due.readings] == ["admitted", "lived"]
    assert sums(due) == ["1200.00", "3000.00"]
    [part] = credit_parts("a", [due], MAP)
    assert part.name == "credits_due" and part.money is not None
    assert (part.money.low, part.money.mid, part.money.high) == tuple(
        map(Decimal, (-3000, -1200, -1200))
    )
    assert set(part.draws) == {-3000.0, -1200.0}
    assert part.rests_on == (
        "Stripe in 2026-11: 99.86 % admitted, 98.84 % lived, 99.9 % promised; "
        "EUR 3,000.00 or 1,200.00 for the month"
    )


def test_sums_have_the_digits_of_their_currency():
    yen = load({"map.yaml": TEXT.replace("EUR", "JPY")})
    due, _ = credits(hit("a", 0, 500, admitted=60), business_map=yen)
    [part] = credit_parts("a", [due], yen)
    assert part.rests_on.endswith("JPY 3,000 or 1,200 for the month")


def test_a_month_that_kept_its_promise_credits_nothing():
    due, owed = credits(hit("a", 0, 43, admitted=43))
    assert sums(due) == ["0", "0"] and sums(owed) == ["0", "0"]


def test_incidents_share_a_month_s_credit_by_their_minutes():
    due, _ = credits(hit("a", 0, 60, admitted=60), hit("b", 1000, 30, admitted=30))
    assert due.readings[0].shares == {"a": Decimal("800.00"), "b": Decimal("400.00")}


def test_planned_maintenance_counts_against_nobody():
    incident, impact = hit("a", 0, 500, admitted=500)
    due, _ = credits((replace(incident, kind="maintenance"), impact))
    assert sums(due) == ["0", "0"] and due.readings[0].availability == 100


def test_of_an_incident_over_midnight_of_the_first_each_month_has_its_part():
    case = hit("a", -100, 200, admitted=200)
    october = Month.of(minute(-1), BERLIN)
    both = [credits(case, month=month)[0] for month in (october, NOVEMBER)]
    assert [r.readings[0].credit for r in both] == [Decimal("1200.00")] * 2
    [part] = credit_parts("a", both, MAP)
    assert part.money is not None and part.money.mid == Decimal("-2400.00")


def test_a_month_that_goes_on_is_read_as_if_nothing_more_happened():
    incident, impact = hit("a", 0, 50)
    open_ = replace(incident, ended_at=None, episodes=(replace(incident.episodes[0]),))
    now = minute(50)
    due, _ = credits((open_, replace(impact, effect=(minute(0), None), data_until=now)), now=now)
    assert due.readings[1].availability == pytest.approx(Decimal(100) * 43_150 / 43_200)


@pytest.mark.parametrize(
    ("cost", "fee"),
    [
        ("12000 EUR/month", "1200.00"),
        ("144000 EUR/year", "1200.00"),
        ("400 EUR/day", "1200.00"),
        ("10 EUR/hour", "720.00"),
        ("12000 USD/month", "600.00"),
    ],
)
def test_a_share_is_one_of_the_month_s_price(cost: str, fee: str):
    other = load({"map.yaml": TEXT.replace("12000 EUR/month", cost)})
    due, _ = credits(hit("a", 0, 60, admitted=60), business_map=other)
    assert sums(due)[0] == fee


def test_a_price_without_a_rate_credits_nothing_and_says_why():
    other = load({"map.yaml": TEXT.replace("12000 EUR/month", "9 JPY/month")})
    due, _ = credits(hit("a", 0, 60, admitted=60), business_map=other)
    [part] = credit_parts("a", [due], other)
    assert part.money is None and "no rate from JPY" in part.rests_on


# customers


def test_customers_are_owed_by_what_was_lived_and_the_map_s_reading_is_the_other_end():
    # lived for 300 minutes (99.31 %); the alert fired for 1000 (97.69 %: 9000 USD)
    incident, impact = hit("a", 0, 1000)
    _, owed = credits((incident, replace(impact, effect=(minute(0), minute(300)))))
    assert [r.name for r in owed.readings] == ["lived", "predicted"]
    assert sums(owed) == ["10000.00", "4500.00"]
    parts = {p.name: p for p in credit_parts("a", [owed], MAP)}
    money = parts["credits_owed"].money
    assert money is not None and (money.low, money.mid) == (Decimal("4500.00"), Decimal("10000.00"))


def test_an_outage_that_hits_half_counts_half_by_the_map():
    incident, impact = hit("a", 0, 300)
    half = replace(incident, reached=tuple(replace(r, severity=0.5) for r in incident.reached))
    _, owed = credits((half, impact))
    assert [r.availability for r in owed.readings] == [
        pytest.approx(Decimal(100) * 42_900 / 43_200),
        pytest.approx(Decimal(100) * 43_050 / 43_200),
    ]


# whatever happened


@given(
    st.dictionaries(st.text("abc", min_size=1), st.floats(0, 1e5), max_size=9),
    st.integers(0, 10**9),
)
def test_shares_add_up_to_the_credit_to_the_cent(minutes, cents):
    credit = cents * CENT
    shares = allot(credit, minutes, CENT)
    if any(minutes.values()):
        assert sum(shares.values()) == credit
        whole = sum(minutes.values())
        for name, share in shares.items():
            assert abs(float(share) - float(credit) * (minutes[name] / whole)) < 0.011
    else:
        assert shares == {}


Cases = Sequence[tuple[float, float, float]]
SOME = st.lists(
    st.tuples(st.integers(-500, 43_000), st.integers(1, 800), st.floats(0, 1)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(SOME)
def test_incidents_credits_add_up_to_the_month_s(drawn: Cases):
    cases = [
        hit(str(n), start, length, admitted=round(length * part))
        for n, (start, length, part) in enumerate(drawn)
    ]
    found = credits(*cases)
    for credit in found:
        for reading in credit.readings:
            assert sum(reading.shares.values(), Decimal(0)) == reading.credit
            assert 0 <= reading.availability <= 100
        mids = Decimal(0)
        for incident, _ in cases:
            for part in credit_parts(incident.id, [credit], MAP):
                assert part.money is not None
                assert part.money.low <= part.money.mid <= part.money.high
                assert part.draws.min() >= float(part.money.low)
                assert part.draws.max() <= float(part.money.high)
                mids += part.money.mid
        sign = -1 if credit.part == "credits_due" else 1
        assert mids == sign * credit.readings[0].credit


def test_what_is_due_takes_from_the_cost_and_incidents_of_a_month_share_the_doubt():
    cases = [hit("a", 0, 500, admitted=30), hit("b", 1000, 500, admitted=30)]
    due, _ = credits(*cases)
    total = total_money([cases[0][1]], MAP.carriers(), "EUR")
    parts = [credit_parts(name, [due], MAP)[0] for name in ("a", "b")]
    assert plus(total, parts).money.mid == total.money.mid - Decimal("1200.00")
    assert np.corrcoef(parts[0].draws, parts[1].draws)[0, 1] == pytest.approx(1.0)
