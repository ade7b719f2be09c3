from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from enrich.incident import Incident
from enrich.model import BusinessMap, Measure, Money, Process, Value
from impact.assess import Missing, Tick, known_windows
from impact.baselines import Baselines
from impact.ports import Cohort, LateHistory, StreamState
from impact.totals import total_money
from tests.impact.arrays import NOWHERE, ArrayReader, at, business_map, daily, incident, stamp

DAYS = 42
FIVE = timedelta(minutes=5)
EURO = Value("per_unit", Money(Decimal("1.00"), "EUR"))
PAYMENTS = Measure("checkout", "payments", "flow", "payments", failed=("failed",), value=EURO)
ORDERS = Measure(
    "fulfilment",
    "orders",
    "lead_time",
    "orders",
    start="placed",
    finish="shipped",
    promise=timedelta(hours=24),
    value=Value("per_hour_late", Money(Decimal("4.00"), "EUR")),
)
START = at(days=DAYS - 2, hours=10)
USUAL = float(daily(DAYS, 20.0)[600:660].sum())  # payments in the hour from START


def world(
    *outages: tuple[float, float, float], seed: int = 0, per_minute: float = 20.0
) -> ArrayReader:
    """Poisson payments; each outage is (hours after START, hours long, what is left)."""
    expected = daily(DAYS, per_minute)
    first = int((START - at()).total_seconds() // 60)
    for after, hours, left in outages:
        begin = first + int(after * 60)
        expected[begin : begin + int(hours * 60)] *= left
    counts = np.random.default_rng(seed).poisson(expected).astype(float)
    return ArrayReader({("payments", "ok"): (at(), counts)}, failed=(371, None))


def ask(
    reader: ArrayReader, *incidents: Incident, hours: float, where: BusinessMap | None = None
) -> Tick:
    """A tick so many hours after START."""
    now = START + timedelta(hours=hours)
    reader.now = now
    where = where or business_map(PAYMENTS)
    return Tick(where, reader, Baselines(where, reader, step=FIVE), incidents, now=now)


def hit(name: str = "a", start: float = 0.0, end: float | None = 1.0, **reached: float) -> Incident:
    """An incident in hours after START."""
    over = None if end is None else START + timedelta(hours=end)
    return incident(name, START + timedelta(hours=start), over, reached or {"checkout": 1.0})


def test_an_incident_is_live_until_it_has_settled():
    reader, a = world((0, 1, 0.0)), hit()
    (early,) = ask(reader, a, hours=1.5).assess(a).impacts
    (late,) = ask(reader, a, hours=14).assess(a).impacts
    assert (early.state, early.lost_is) == ("live", "forecast")
    assert (late.state, late.lost_is) == ("final", "measured")
    for impact in (early, late):
        assert impact.units["gross"].mid == pytest.approx(USUAL, rel=0.1)
        assert impact.units["gross"].low < USUAL < impact.units["gross"].high
    assert late.money["lost"].mid == pytest.approx(
        Decimal(late.units["lost"].mid), abs=Decimal("0.01")
    )


def test_evidence_stands_beside_the_estimate():
    a = hit()
    (impact,) = ask(world((0, 1, 0.0)), a, hours=2).assess(a).impacts
    assert impact.evidence == {"failed_keys": 371, "customers": None}


def test_what_cannot_be_said_is_listed():
    where = business_map(PAYMENTS, Measure("returns", "parcels", "flow", "parcels"))
    where = replace(where, processes={**where.processes, "hr": Process("hr", "HR")})
    a = hit(checkout=1.0, returns=0.5, hr=0.5)
    found = ask(world(), a, hours=1, where=where).assess(a)
    assert [i.measure for i in found.impacts] == ["payments"]
    assert set(found.missing) == {
        Missing("hr", "", "the process has no measures"),
        Missing("returns", "parcels", "no data in stream parcels"),
    }


def test_without_a_week_of_history_there_is_only_evidence():
    reader = world()
    reader.streams["payments", "ok"] = (START - timedelta(days=3), np.full(9000, 20.0))
    a = hit()
    (impact,) = ask(reader, a, hours=2).assess(a).impacts
    assert (impact.method, impact.units) == ("evidence_only", {})
    assert impact.evidence["failed_keys"] == 371


def test_an_incident_before_the_data_has_nothing_to_compare_with():
    old = incident("old", at(days=-5), at(days=-5, hours=1), {"checkout": 1.0})
    a = hit()
    tick = ask(world((0, 1, 0.0)), replace(old, ended_at=None), a, hours=1.5)
    (impact,) = tick.assess(replace(old, ended_at=None)).impacts
    assert impact.method == "evidence_only"
    assert tick.assess(a).impacts[0].method == "measured"


def test_a_feed_that_died_with_the_outage_is_modelled_and_says_so():
    reader, a = world(), hit(end=None, checkout=0.5)
    reader.states["payments"] = StreamState(
        "payments", at(), START, START, 0.0, START + timedelta(hours=1), None
    )
    (impact,) = ask(reader, a, hours=1).assess(a).impacts
    assert impact.method == "modelled"
    assert impact.units["gross"].mid == pytest.approx(USUAL / 2, rel=0.1)
    assert impact.units["gross"].high - impact.units["gross"].low > USUAL / 2  # it is a guess
    assert any("feed silent or business stopped" in w for w in impact.warnings)


def test_a_sibling_stream_makes_the_silence_a_loss():
    reader, a = world((0, 1, 0.0)), hit(end=None)
    now = START + timedelta(hours=1)
    reader.states["payments"] = StreamState("payments", at(), START, START, 0.0, now, now)
    (impact,) = ask(reader, a, hours=1).assess(a).impacts
    assert impact.method == "measured"
    assert impact.units["gross"].mid == pytest.approx(USUAL, rel=0.15)


def test_parts_and_the_unexplained_are_the_whole():
    rng = np.random.default_rng(5)
    for _ in range(4):
        starts = rng.uniform(0, 2, 3)
        incidents = [
            hit(str(i), s, s + rng.uniform(0.3, 2), checkout=rng.uniform(0, 1))
            for i, s in enumerate(starts)
        ]
        tick = ask(world((0, 3, 0.3)), *incidents, hours=4.5)
        found = [tick.assess(i).impacts[0] for i in incidents]
        mids = {f.incident: f.units["gross"].mid for f in found}
        for group in tick._groups.values():
            assert group.estimate.gross is not None
            parts = sum(mids[m.incident.id] for m in group.members)
            whole = group.estimate.gross.mid
            assert parts + group.unexplained["gross"] == pytest.approx(whole)


def test_what_was_lost_is_what_was_missing_less_what_came_back():
    reader = world((0, 1.5, 0.2), (1.5, 2, 1.3))
    both = hit("a", checkout=0.3), hit("b", 0.5, 1.5, checkout=0.9)
    tick = ask(reader, *both, hours=20)
    for one in both:
        (impact,) = tick.assess(one).impacts
        gross, recovered, lost = (impact.units[n].mid for n in ("gross", "recovered", "lost"))
        assert impact.state == "final" and recovered > 0
        assert gross - recovered == pytest.approx(lost)


def test_the_order_of_incidents_changes_nothing():
    a, b = hit("a", checkout=0.3), hit("b", 0.5, 1.5, checkout=0.9)
    one = ask(world((0, 1.5, 0.2)), a, b, hours=3).assess(a)
    other = ask(world((0, 1.5, 0.2)), b, a, hours=3).assess(a)
    assert one == other


def test_the_same_question_has_the_same_answer():
    a = hit()
    assert ask(world(), a, hours=3).assess(a) == ask(world(), a, hours=3).assess(a)


def test_thirty_placebo_incidents_sum_to_about_nothing():
    reader = world(seed=11)
    incidents = [
        incident(str(n), at(days=11 + n, hours=10), at(days=11 + n, hours=11), {"checkout": 0.5})
        for n in range(30)
    ]
    tick = ask(reader, *incidents, hours=20)
    found = [impact for i in incidents for impact in tick.assess(i).impacts]
    total = total_money(found, {"checkout/payments"}, "EUR")
    assert total.count == 30
    assert total.money.low <= 0 <= total.money.high
    passed = 30 * USUAL  # payments in all thirty windows
    assert abs(float(total.money.mid)) < 0.03 * passed
    assert float(total.money.high - total.money.low) < 0.1 * passed


def journeys(late_from: float = 0.0, late_hours: float = 0.0) -> Cohort:
    """One order a minute, shipped after ten hours; those of one hour after START take longer."""
    minutes = np.arange(DAYS * 1440)
    started = stamp(at()) + minutes * np.timedelta64(60, "s")
    took = np.full(len(minutes), 600.0)
    first = int((START - at()).total_seconds() // 60) + int(late_from * 60)
    took[first : first + 60] += late_hours * 60
    finished = started + (took * 60).astype("timedelta64[s]")
    nothing = np.full(len(minutes), NOWHERE)
    return Cohort(started, finished, nothing, np.full(len(minutes), np.nan))


def test_orders_that_ship_too_late_are_priced_by_the_hour():
    reader, a = world(), hit(fulfilment=1.0)
    reader.journeys = journeys(late_hours=20)  # 30 hours instead of 10: 6 beyond the promise
    where = business_map(ORDERS)
    reader.streams["orders", "placed"] = (at(), np.ones(DAYS * 1440))
    (impact,) = ask(reader, a, hours=36, where=where).assess(a).impacts
    assert impact.units["delayed"].mid == pytest.approx(60, abs=3)
    assert impact.units["delay_hours"].mid == pytest.approx(360, abs=18)
    assert float(impact.money["delay_hours"].mid) == pytest.approx(1440, abs=72)
    assert (impact.kind, impact.state, impact.lost_is) == ("lead_time", "live", "")
    assert impact.settling_until == START + timedelta(hours=1 + 24 + 48)


def test_orders_that_an_earlier_incident_delayed_are_not_usual():
    reader, a = world(), hit(fulfilment=1.0)
    reader.journeys = journeys(late_from=-7 * 24, late_hours=20)  # the same hour a week before
    where = business_map(ORDERS)
    reader.streams["orders", "placed"] = (at(), np.ones(DAYS * 1440))
    reader.now = START + timedelta(hours=36)
    week = timedelta(days=7)
    known = {ORDERS.id: ((START - week, START - week + timedelta(hours=1)),)}
    ticks = [
        Tick(where, reader, Baselines(where, reader), [a], now=reader.now, known=k)
        for k in ({}, known)
    ]
    unaware, aware = (t.assess(a).impacts[0].units["delayed"] for t in ticks)
    assert unaware.mid < -5  # a fifth of sixty late units every Monday would be usual
    assert aware.mid == pytest.approx(0, abs=1)


def test_two_incidents_share_delayed_orders():
    reader = world()
    reader.journeys = journeys(late_hours=20)
    reader.streams["orders", "placed"] = (at(), np.ones(DAYS * 1440))
    a, b = hit("a", fulfilment=1.0), hit("b", fulfilment=1.0)
    tick = ask(reader, a, b, hours=36, where=business_map(ORDERS))
    both = [tick.assess(i).impacts[0] for i in (a, b)]
    assert [i.share for i in both] == [0.5, 0.5]
    assert sum(i.units["delayed"].mid for i in both) == pytest.approx(60, abs=3)


@dataclass
class CountingReader(ArrayReader):
    """Counts how often a history of lateness is asked for."""

    histories: int = 0

    def late_history(self, *asked: Any) -> LateHistory:
        self.histories += 1
        return super().late_history(*asked)


def delayed_orders(*incidents: Incident) -> tuple[CountingReader, Callable[[datetime], list[Any]]]:
    """A reader of orders that an outage delays, and what a tick says at a moment."""
    reader = CountingReader(journeys=journeys(late_hours=20))
    reader.streams["orders", "placed"] = (at(), np.ones(DAYS * 1440))
    where = business_map(ORDERS)
    baselines = Baselines(where, reader)

    def says(now: datetime) -> list[Any]:
        reader.now = now
        tick = Tick(where, reader, baselines, incidents, now=now)
        return [tick.assess(i).impacts[0] for i in incidents]

    return reader, says


def test_delays_stand_until_a_minute_has_passed_or_an_order_has_moved():
    open_ones = [incident(name, START, None, {"fulfilment": 1.0}) for name in "ab"]
    reader, says = delayed_orders(*open_ones)
    now = START + timedelta(hours=12)
    first = says(now)
    assert reader.histories == 1  # for both of them
    again = says(now + timedelta(seconds=10))
    assert reader.histories == 1
    assert [i.units for i in again] == [i.units for i in first]
    assert says(now + timedelta(seconds=60)) and reader.histories == 2
    orders = journeys(late_hours=20)
    waiting = np.flatnonzero((orders.started < stamp(now)) & (orders.finished > stamp(now)))
    orders.finished[waiting[0]] = stamp(now - timedelta(minutes=30))  # an event that came late
    reader.journeys = orders
    assert says(now + timedelta(seconds=70)) and reader.histories == 3
    # the same as one who has not seen the ticks before
    fresh, ask_anew = delayed_orders(*open_ones)
    fresh.journeys = reader.journeys
    moment = now + timedelta(seconds=90)
    assert [i.units for i in ask_anew(moment)] == [i.units for i in says(moment)]


def test_of_a_crowd_that_delays_orders_the_least_severe_get_no_part():
    crowd = [incident(f"i{n}", START, None, {"fulfilment": (n + 1) / 30}) for n in range(20)]
    _, says = delayed_orders(*crowd)
    found = says(START + timedelta(hours=12))
    assert sum(i.share for i in found) == pytest.approx(1.0)
    assert [i.share > 0.0 for i in found] == [False] * 8 + [True] * 12
    assert "20 incidents at once: the 8 least got no part" in found[0].warnings


def office(first: datetime, back: float = 0.0) -> ArrayReader:
    """Business from 8 to 18 on weekdays; the hour from `first` is lost, and comes back or not.

    What comes back does so in the two hours after the doors have opened again.
    """
    minute = np.arange(DAYS * 1440)
    open_ = (minute // 60 % 24 >= 8) & (minute // 60 % 24 < 18) & (minute // 1440 % 7 < 5)
    expected = np.where(open_, 20.0, 0.0)
    begin = int((first - at()) / timedelta(minutes=1))
    opens = begin + 60 + int(np.argmax(open_[begin + 60 :]))
    expected[begin : begin + 60] = 0.0
    expected[opens : opens + 120] *= 1.0 + back / 2
    counts = np.random.default_rng(2).poisson(expected).astype(float)
    return ArrayReader({("payments", "ok"): (at(), counts)})


@pytest.mark.parametrize(
    ("day", "opens"),
    [
        (DAYS - 12, timedelta(hours=14)),  # a Wednesday's last hour: over night
        (DAYS - 10, timedelta(hours=62)),  # a Friday's: over the weekend
    ],
)
def test_what_was_lost_before_the_doors_closed_settles_after_they_open(day, opens):
    first = at(days=day, hours=17)
    end = first + timedelta(hours=1)
    a = incident("a", first, end, {"checkout": 1.0})
    reader, where = office(first, back=0.5), business_map(PAYMENTS)

    def says(moment: datetime) -> Any:
        reader.now = moment
        baselines = Baselines(where, reader, step=FIVE)
        return Tick(where, reader, baselines, [a], now=moment).assess(a).impacts[0]

    for hours in (1.0, 13.0):  # nothing can have come back yet
        assert says(end + timedelta(hours=hours)).state == "live"
    found = says(end + opens + timedelta(hours=1))  # half of it is on its way
    assert (found.state, found.effect[1] is not None) == ("live", True)
    assert found.settling_until >= end + opens + timedelta(hours=2)
    final = says(end + opens + timedelta(hours=49))
    assert final.state == "final"
    assert final.units["recovered"].mid == pytest.approx(600, abs=150)
    assert final.units["lost"].mid == pytest.approx(600, abs=200)


def test_windows_that_are_over_and_were_felt_are_left_out_of_the_history():
    a = hit()
    (felt,) = ask(world((0, 1, 0.0)), a, hours=14).assess(a).impacts
    (unfelt,) = ask(world(), a, hours=14).assess(a).impacts
    assert known_windows([felt]) == {"checkout/payments": (felt.effect,)}
    assert known_windows([unfelt]) == {}


def test_more_incidents_at_once_than_can_be_told_apart():
    crowd = [hit(str(n), checkout=0.2 + 0.04 * n) for n in range(15)]
    tick = ask(world((0, 1, 0.2)), *crowd, hours=3)
    found = [tick.assess(i).impacts[0] for i in crowd]
    assert [f.share > 0 for f in found] == [False] * 3 + [True] * 12
    assert sum(f.share for f in found) == pytest.approx(1.0)
    assert "15 incidents at once: the 3 least got no part" in found[0].warnings
