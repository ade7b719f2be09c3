from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from enrich.model import Measure, Money, Rate, Value
from impact.baselines import Baselines
from impact.cost_now import average_hours, cost_of_an_hour, cost_of_an_outage
from impact.watermark import watermark
from tests.impact.arrays import ArrayReader, at, business_map, daily

DAYS = 35
NOW = at(days=DAYS - 1, hours=12, minutes=30)
EUR = Value("per_unit", Money(Decimal("2.00"), "EUR"))
USD = Value("per_unit", Money(Decimal("2.00"), "USD"))
PAYMENTS = Measure("checkout", "payments", "flow", "payments", value=EUR)
CARTS = Measure("checkout", "carts", "flow", "payments", same_money_as="payments", value=EUR)
CALLS = Measure("support", "calls", "load", "calls", value=EUR)


def learned(*measures: Measure, rates: tuple[Rate, ...] = ()):
    counts = np.random.default_rng(0).poisson(daily(DAYS, 10.0)).astype(float)
    source = ArrayReader({("payments", "ok"): (at(), counts)}, now=NOW)
    where = business_map(*measures, rates=rates)
    baselines = Baselines(where, source, step=timedelta(minutes=5))
    marks = {name: watermark(s, NOW) for name, s in source.stream_states().items()}
    baselines.refresh(NOW, marks, {})
    return where, baselines


def priced(*measures: Measure, hit: dict[str, float], rates: tuple[Rate, ...] = ()):
    where, baselines = learned(*measures, rates=rates)
    return cost_of_an_hour("payment", hit, where, baselines, NOW)


def outage(minutes: float, *, hit: float = 1.0, start=NOW):
    window = (start, start + timedelta(minutes=minutes))
    where, baselines = learned(PAYMENTS)
    return cost_of_an_outage("payment", {"checkout": hit}, where, baselines, window)


def test_an_hour_costs_its_usual_volume_times_its_value():
    cost = priced(PAYMENTS, hit={"checkout": 1.0})
    noon = float(daily(1, 10.0)[720:780].sum()) * 2
    assert float(cost.now.money.mid) == pytest.approx(noon, rel=0.08)
    assert cost.now.money.low < cost.now.money.mid < cost.now.money.high


def test_the_peak_is_dear_and_the_night_is_cheap():
    cost = priced(PAYMENTS, hit={"checkout": 1.0})
    assert cost.peak.hour % 24 in (11, 12)
    assert cost.tonight.hour % 24 in (23, 0)  # the sine is lowest at midnight
    assert cost.peak.money.mid > cost.now.money.mid * Decimal("0.95") > cost.tonight.money.mid


def test_half_an_outage_costs_half():
    whole, half = (priced(PAYMENTS, hit={"checkout": s}) for s in (1.0, 0.5))
    assert float(half.now.money.mid) == pytest.approx(float(whole.now.money.mid) / 2, rel=0.001)


def test_the_same_customers_money_is_shown_and_not_added():
    cost = priced(PAYMENTS, CARTS, hit={"checkout": 1.0})
    payments, carts = cost.now.measures
    assert carts.money is not None and not carts.added
    assert cost.now.money.mid == payments.money.mid


def test_what_depends_on_the_length_of_an_outage_is_not_counted():
    cost = priced(PAYMENTS, CALLS, hit={"checkout": 1.0, "support": 1.0})
    assert cost.not_counted == ("support/calls: a load depends on how long an outage lasts",)


def test_processes_that_are_not_hit_cost_nothing():
    assert priced(PAYMENTS, hit={}).now.money.mid == 0


def test_a_missing_rate_is_named():
    foreign = Measure("checkout", "payments", "flow", "payments", value=USD)
    cost = priced(foreign, hit={"checkout": 1.0})
    assert cost.now.money.mid == 0
    assert "no rate from USD to EUR" in cost.not_counted[0]
    rated = priced(foreign, hit={"checkout": 1.0}, rates=(Rate("USD", None, Decimal("0.5")),))
    assert rated.now.money.mid > 0


def test_an_outage_costs_what_its_minutes_usually_bring():
    # 12:30 to 14:00: half of one hour of the week and the whole of the next
    found = outage(90)
    due = float(daily(1, 10.0)[750:840].sum()) * 2
    assert float(found.money.mid) == pytest.approx(due, rel=0.08)
    assert found.length == timedelta(minutes=90)
    whole = float(outage(60).money.mid) + float(
        outage(30, start=NOW + timedelta(hours=1)).money.mid
    )
    assert float(found.money.mid) == pytest.approx(whole, rel=0.001)


def test_an_outage_doubts_what_only_the_map_says():
    some, all_ = outage(60, hit=0.5).money, outage(60).money
    assert float(some.mid) == pytest.approx(float(all_.mid) / 2, rel=0.001)
    assert (some.high - some.low) / some.mid > 2 * (all_.high - all_.low) / all_.mid
    assert all_.low < all_.mid * Decimal("0.9")


def test_the_average_hour_is_the_weeks():
    where, baselines = learned(PAYMENTS)
    found = average_hours(where, baselines, NOW)
    assert found["checkout"] == pytest.approx(float(daily(7, 10.0).sum()) * 2 / 168, rel=0.05)
