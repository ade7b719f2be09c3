"""The truth is the difference of two worlds: checked against both worlds' own lines."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache

import pytest

from api.demo import Incident, Shop
from api.demo.moments import moment_of, ms_of

START = datetime(2026, 11, 17, 17, 3, tzinfo=UTC)
MINUTE_MS = 60_000
PROMISE = timedelta(hours=4)


def incident(kind, minutes, severity, after_min=4) -> Incident:
    start = ms_of(START) + after_min * MINUTE_MS
    return Incident(f"test-{kind}", kind, start, start + minutes * MINUTE_MS, severity)


def shop(*incidents: Incident) -> Shop:
    return Shop(7, START, weeks=1, incidents=incidents)


@cache
def story(*incidents: Incident) -> list[dict[str, str]]:
    """What lines say of a day before the start and of all the time that is looked at."""
    lines = shop(*incidents).live(START - timedelta(hours=12), START + timedelta(hours=31))
    return [json.loads(line.body) for line in lines]


def happened(until: datetime, *incidents: Incident) -> list[dict[str, str]]:
    return [e for e in story(*incidents) if datetime.fromisoformat(e["at"]) < until]


def paid(events, low: datetime, high: datetime):
    """(number, sums by currency) of successful payments in [low, high)."""
    number, sums = 0, defaultdict[str, Decimal](Decimal)
    for e in events:
        at = datetime.fromisoformat(e["at"])
        if e["stream"] == "payments" and e["status"] == "ok" and low <= at < high:
            number += 1
            sums[e["currency"]] += Decimal(e["amount"])
    return number, sums


def lateness(events, now: datetime):
    """(late orders, hours beyond the promise, still waiting) as known at a moment."""
    placed: dict[str, datetime] = {}
    ended: dict[str, datetime] = {}
    for e in events:
        if e["stream"] == "orders":
            times = {"placed": placed, "shipped": ended, "cancelled": ended}.get(e["status"], {})
            times[e["key"]] = datetime.fromisoformat(e["at"])
    placed = {key: at for key, at in placed.items() if at <= now}
    waits = [min(ended.get(key, now), now) - at for key, at in placed.items()]
    beyond = [wait - PROMISE for wait in waits if wait > PROMISE]
    waiting = len([key for key in placed if key not in ended or ended[key] > now])
    return len(beyond), sum(beyond, timedelta()) / timedelta(hours=1), waiting


OUTAGE = incident("payment_outage", 20, 0.9)
DELAY = incident("warehouse_delay", 50, 0.8)
SPIKE = incident("call_spike", 15, 6.0)


@pytest.mark.parametrize("one", [OUTAGE, DELAY, SPIKE], ids=lambda i: i.kind)
@pytest.mark.parametrize("later", [timedelta(minutes=11), timedelta(hours=3), timedelta(hours=30)])
def test_the_truth_is_the_difference_of_the_two_worlds(one, later):
    moment = one.start + later
    truth = shop(one).truth.of(one, moment)
    actual, other = happened(moment, one), happened(moment)

    middle = min(one.end, moment)
    n, money = paid(actual, one.start, middle)
    n0, money0 = paid(other, one.start, middle)
    assert truth.gross == n0 - n
    assert {c: m for c, m in truth.gross_money.items() if m} == {
        c: money0[c] - money[c] for c in money0 if money0[c] != money[c]
    }
    n, n0 = (paid(events, middle, moment)[0] for events in (actual, other))
    assert truth.recovered == n - n0
    calls, calls0 = (sum(e["stream"] == "calls" for e in events) for events in (actual, other))
    assert truth.excess_calls == calls - calls0
    late, hours, waiting = lateness(actual, moment)
    late0, hours0, waiting0 = lateness(other, moment)
    assert truth.late_orders == late - late0
    assert truth.delay_hours == pytest.approx(hours - hours0, abs=1e-6)
    assert truth.waiting_orders == waiting - waiting0


@pytest.mark.parametrize("kind", ["payment_outage", "warehouse_delay", "call_spike"])
def test_an_incident_without_force_costs_nothing(kind):
    nothing = incident(kind, 30, 0.0)
    truth = shop(nothing).truth.final(nothing)
    assert (truth.gross, truth.recovered, truth.lost_for_good, truth.excess_calls) == (0, 0, 0, 0)
    assert (truth.late_orders, truth.delay_hours, truth.waiting_orders) == (0, 0.0, 0)
    assert truth.gross_money == truth.lost_money == truth.recovered_money == {}


def test_without_incidents_there_is_no_truth_to_tell():
    assert shop().truth.at(START + timedelta(days=1)) == ()


def test_a_share_comes_back_and_the_rest_is_lost_for_good():
    world = shop(OUTAGE)
    early, final = world.truth.of(OUTAGE, OUTAGE.end), world.truth.final(OUTAGE)
    assert early.recovered == 0
    assert early.gross == final.gross > 100
    assert final.gross - final.recovered == final.lost_for_good == early.lost_for_good
    assert 0.2 < final.recovered / final.gross < 0.7
    euros = final.gross_money["EUR"] - final.recovered_money["EUR"]
    assert euros == final.lost_money["EUR"] > 0
    assert final.excess_calls > 0


def test_recovery_takes_longer_than_an_exponential_of_its_median_would():
    world = shop(OUTAGE)
    total = world.truth.final(OUTAGE).recovered
    after = [world.truth.of(OUTAGE, OUTAGE.end + timedelta(minutes=m)).recovered for m in (20, 240)]
    assert 0.3 < after[0] / total < 0.75
    assert after[1] / total < 0.97  # an exponential with that start would be done


def test_carts_that_failed_and_were_never_paid_are_fewer_as_time_goes_on():
    world = shop(OUTAGE)
    at_end = world.truth.of(OUTAGE, OUTAGE.end).failed_keys
    final = world.truth.final(OUTAGE)
    assert at_end > final.failed_keys
    # Not every failed key is the incident's: some cards are declined in any world.
    assert final.failed_keys >= final.lost_for_good


def test_a_warehouse_delay_makes_orders_late_and_loses_no_payment():
    truth = shop(DELAY).truth.final(DELAY)
    assert truth.lost_for_good == truth.gross == 0
    assert truth.cohort_late_orders > 20
    assert truth.late_orders >= truth.cohort_late_orders
    assert truth.delay_hours >= truth.cohort_delay_hours > 0
    assert truth.excess_calls > 0  # some ask where their order is


def test_calls_rise_after_a_lag():
    world = shop(OUTAGE)
    first, third = (
        world.truth.of(OUTAGE, OUTAGE.start + timedelta(minutes=m)).excess_calls for m in (3, 60)
    )
    assert first < 0.2 * third


def test_the_scheduled_scenario_has_a_truth_for_every_incident_that_has_begun():
    world = Shop(7, START, weeks=1)
    truths = world.truth.at(START + timedelta(hours=2))
    kinds = [t.incident.kind for t in truths if t.incident.start >= START]
    assert kinds == ["payment_outage", "warehouse_delay", "call_spike"]
    assert all(t.as_of == START + timedelta(hours=2) for t in truths)
    later = world.truth.at(START + timedelta(hours=5))
    assert [t.lost_for_good for t in later[: len(truths)]] == [t.lost_for_good for t in truths]


def test_truth_does_not_depend_on_what_was_asked_before():
    world = Shop(7, START, weeks=1)
    world.live(START + timedelta(days=5), START + timedelta(days=5, hours=1))
    late = world.truth.at(START + timedelta(hours=2))
    assert late == Shop(7, START, weeks=1).truth.at(START + timedelta(hours=2))


def test_moments_are_exact():
    assert moment_of(ms_of(START)) == START
