"""Tools and business, minute by minute: small days worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.graph import Graph
from enrich.incident import Episode, Incident, Reached
from enrich.model import BusinessMap, Hard, Measure, Money, Node, Process, Value
from impact.model import DRAWS, MeasureImpact, MoneyRange, Range
from impact.perception import PARTS, Perception, Question, Sight, perceive, thin_hours
from impact.tools import Grid
from tests.impact.arrays import at

EUR = Value("per_unit", Money(Decimal(10), "EUR"))
PAYMENTS = Measure("checkout", "payments", "flow", "payments", value=EUR)
CALLS = Measure("support", "calls", "load", "calls", value=EUR, driven_by=("checkout",))
ORDERS = Measure("fulfilment", "orders", "lead_time", "orders", value=EUR)
MAP = BusinessMap(
    "Example Shop",
    "EUR",
    "UTC",
    "v1",
    {
        "checkout": Process("checkout", "Checkout", needs=(Hard("payment"),), measures=(PAYMENTS,)),
        "support": Process("support", "Support", needs=(Hard("desk"),), measures=(CALLS,)),
        "fulfilment": Process("fulfilment", "Fulfilment", measures=(ORDERS,)),
    },
    {
        "payment": Node("payment", "service", "Payment", needs=(Hard("stripe"),)),
        "stripe": Node("stripe", "provider", "Stripe"),
        "desk": Node("desk", "service", "Desk"),
    },
)
GRAPH = Graph(MAP)
DAY = Grid(at(days=20), 1440)
NEVER_THIN = np.zeros(168, dtype=bool)
ALWAYS = Sight(at(), at(days=99), NEVER_THIN)


def clock(text: str) -> datetime:
    """`10:30` of the day."""
    hour, minute = text.split(":")
    return at(days=20, hours=int(hour), minutes=int(minute))


def alarm(node: str, start: str, end: str | None, availability: float = 0.0) -> Episode:
    over = clock(end) if end else None
    name = f"{node}{start}"
    return Episode(
        name, "t", name, "alert", "critical", {}, "", clock(start), over,
        availability=availability, nodes=(node,),
    )  # fmt: skip


def outage(name: str, *episodes: Episode, root: str = "stripe", **changes: Any) -> Incident:
    ends = [e.ended_at for e in episodes]
    found = Incident(
        name, "outage", "settled", name, min(e.started_at for e in episodes),
        max(e for e in ends if e) if all(ends) else None, root, "", episodes,
        (Reached("checkout", 1.0, ("stripe", "payment", "checkout")),),
    )  # fmt: skip
    return replace(found, **changes)


def impact(
    incident: str,
    start: str,
    end: str | None,
    euros: float,
    red: bool | None = True,
    **more: object,
) -> MeasureImpact:
    """A final impact on the payments that lost so much, give or take a tenth."""
    drawn = euros * (1.0 + 0.1 * np.linspace(-1.0, 1.0, DRAWS))
    money = MoneyRange(Decimal(0), Decimal(repr(euros)), Decimal(0), "EUR")
    found = MeasureImpact(
        incident, "checkout", "payments", "flow", "final", at(days=22), "measured",
        {"lost": Range(0, euros / 10, 0)}, {"lost": money}, "measured", None, None, at(days=22),
        (clock(start), clock(end) if end else None), None, bool(red) if red is not None else None,
        1.0, {}, {"ever_red": float(bool(red))}, {"money:lost": tuple(drawn.tolist())},
    )  # fmt: skip
    return replace(found, **more)  # type: ignore[arg-type]


def look(
    *incidents: Incident, impacts: tuple[MeasureImpact, ...] = (), grid: Grid = DAY, **more: object
) -> tuple[dict[str, Perception], dict[str, Perception]]:
    sights = {"checkout/payments": ALWAYS, "support/calls": ALWAYS}
    question = Question(GRAPH, grid, at(days=22), incidents, impacts, sights, {})
    processes, nodes = perceive(replace(question, **more), MAP.processes)  # type: ignore[arg-type]
    return {p.name: p for p in processes}, {n.name: n for n in nodes}


def minutes(perception: Perception) -> dict[str, int]:
    return {part: n for part, n in perception.minutes.items() if n}


def euros(perception: Perception) -> dict[str, float]:
    return {part: float(sum_.mid) for part, sum_ in perception.money.items()}


def test_the_business_is_hurt_before_the_first_alert_and_after_the_last():
    a = outage("a", alarm("stripe", "10:00", "11:00"))
    lost = impact("a", "9:50", "11:20", 900)
    processes, nodes = look(a, impacts=(lost,), delivered={"checkout": Decimal(9100)})
    checkout = processes["checkout"]
    assert minutes(checkout) == {"both_green": 1350, "only_business_red": 30, "both_red": 60}
    assert euros(checkout) == {"only_business_red": 300, "both_red": 600}
    assert 540 < checkout.money["both_red"].low < 560 < 640 < checkout.money["both_red"].high < 660
    assert checkout.own == 1.0 and checkout.effective == pytest.approx(1 - 60 / 1440)
    assert checkout.delivered is not None
    assert checkout.delivered.mid == pytest.approx(0.91)
    assert checkout.delivered.low < 0.91 < checkout.delivered.high
    stripe = nodes["stripe"]
    assert minutes(stripe) == minutes(checkout) and euros(stripe) == euros(checkout)
    assert stripe.own == stripe.effective == pytest.approx(1 - 60 / 1440)
    assert minutes(processes["support"]) == {"both_green": 1440}


def test_an_alert_that_hurts_nobody():
    a = outage("a", alarm("stripe", "3:00", "3:30", availability=0.5))
    noise = impact("a", "3:00", "3:30", -5, red=False)
    processes, nodes = look(a, impacts=(noise,))
    for found in (processes["checkout"], nodes["stripe"]):
        assert minutes(found) == {"both_green": 1410, "only_tools_red": 30}
        assert euros(found) == {"only_tools_red": -5}
        assert found.effective == pytest.approx(1 - 0.5 * 30 / 1440)


def test_the_business_goes_red_and_no_tool_says_a_word():
    alone = Incident(
        "b", "business", "settled", "b", clock("14:00"), clock("15:00"), "", "",
        measures=("checkout/payments",),
    )  # fmt: skip
    processes, nodes = look(alone, impacts=(impact("b", "14:00", "15:00", 500),))
    assert minutes(processes["checkout"]) == {"both_green": 1380, "only_business_red": 60}
    assert euros(processes["checkout"]) == {"only_business_red": 500}
    assert processes["checkout"].effective == 1.0 and nodes == {}


def test_what_cannot_be_judged_is_neither_green_nor_red():
    a = outage("a", alarm("stripe", "10:00", "11:00"))
    thin = impact("a", "10:00", "11:00", 20, red=None)
    processes, _ = look(a, impacts=(thin,))
    assert minutes(processes["checkout"]) == {"both_green": 1380, "cannot_tell": 60}
    assert euros(processes["checkout"]) == {"cannot_tell": 20}
    assert minutes(processes["fulfilment"]) == {"cannot_tell": 1440}  # only orders, one by one


def test_thin_hours_and_times_without_data_cannot_be_told():
    nights = np.tile(np.arange(24) < 6, 7)
    sight = Sight(clock("2:00"), clock("22:00"), nights)
    processes, _ = look(sights={"checkout/payments": sight})
    assert minutes(processes["checkout"]) == {"both_green": 16 * 60, "cannot_tell": 8 * 60}


def test_late_orders_are_red_and_orders_in_time_are_green():
    a = outage("a", alarm("stripe", "10:00", "11:00"))
    late = impact(
        "a", "10:00", "11:00", 100, process="fulfilment", measure="orders", kind="lead_time",
        red=None, units={"delayed": Range(5, 10, 15)},
    )  # fmt: skip
    assert minutes(look(a, impacts=(late,))[0]["fulfilment"])["only_business_red"] == 60
    in_time = replace(late, units={"delayed": Range(-5, 0, 5)})
    assert minutes(look(a, impacts=(in_time,))[0]["fulfilment"])["both_green"] == 60
    waiting = replace(in_time, state="live")
    assert minutes(look(a, impacts=(waiting,))[0]["fulfilment"]) == {"cannot_tell": 1440}


def test_planned_maintenance_is_held_against_nobody():
    planned = outage("m", alarm("stripe", "2:00", "4:00"), kind="maintenance")
    during = outage("a", alarm("stripe", "3:00", "5:00"))
    lost = (impact("m", "2:00", "4:00", 50), impact("a", "3:00", "5:00", 120))
    processes, nodes = look(planned, during, impacts=lost, delivered={"checkout": Decimal(9830)})
    checkout = processes["checkout"]
    assert minutes(checkout) == {"both_green": 1260, "both_red": 60, "maintenance": 120}
    assert euros(checkout) == {"both_red": 60, "maintenance": 110}
    assert checkout.effective == nodes["stripe"].own == pytest.approx(1 - 60 / 1320)
    assert checkout.delivered is not None
    assert checkout.delivered.mid == pytest.approx(1 - 60 / 10000)


def test_the_tools_of_a_driver_are_those_of_the_calls_it_brings():
    a = outage("a", alarm("stripe", "10:00", "11:00"))
    calls = impact("a", "10:00", "11:30", 90, process="support", measure="calls", kind="load")
    support = look(a, impacts=(calls,))[0]["support"]
    assert minutes(support) == {"both_green": 1350, "both_red": 60, "only_business_red": 30}
    assert support.effective == 1.0


def test_a_symptom_is_an_alert_about_something_but_costs_nothing_of_its_own():
    a = outage("a", alarm("stripe", "10:00", "11:00"), alarm("payment", "10:10", "11:30"))
    _, nodes = look(a, impacts=(impact("a", "10:00", "11:00", 600),))
    assert minutes(nodes["payment"]) == {"both_green": 1360, "both_red": 50, "only_tools_red": 30}
    assert nodes["payment"].money == {}
    assert nodes["payment"].own == pytest.approx(1 - 80 / 1440)
    assert nodes["payment"].effective == pytest.approx(1 - 90 / 1440)
    assert euros(nodes["stripe"]) == {"both_red": 600}


def test_of_an_incident_on_the_edge_only_the_part_inside_counts():
    a = outage("a", alarm("stripe", "10:00", None))
    burning = impact("a", "10:00", None, 600, data_until=clock("12:00"))
    processes, _ = look(a, impacts=(burning,), grid=Grid(clock("11:00"), 120))
    assert minutes(processes["checkout"]) == {"both_red": 60, "only_tools_red": 60}
    assert euros(processes["checkout"]) == {"both_red": 300}


def test_money_that_cannot_be_added_is_named():
    a = outage("a", alarm("stripe", "10:00", "11:00"))
    foreign = MoneyRange(Decimal(1), Decimal(2), Decimal(3), "USD")
    lost = impact("a", "10:00", "11:00", 2, money={"lost": foreign})
    nothing = impact("a", "10:00", "11:00", 2, money={})
    processes, _ = look(a, impacts=(lost, nothing))
    assert processes["checkout"].left_out == ("a payments: in USD", "a payments: no money")
    assert processes["checkout"].money == {}


spans = st.tuples(st.integers(-100, 1500), st.integers(0, 300))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(spans, spans, st.sampled_from([True, False, None]), st.booleans()), max_size=5
    )
)
def test_minutes_sum_to_the_time_and_money_to_what_lies_in_it(cases):
    incidents, impacts = [], []
    for n, ((start, length), (begin, lasts), red, planned) in enumerate(cases):
        first, last = (DAY.start + timedelta(minutes=m) for m in (start, start + length))
        episode = replace(alarm("stripe", "1:00", None), id=str(n), started_at=first, ended_at=last)
        kind: Literal["maintenance", "outage"] = "maintenance" if planned else "outage"
        incidents.append(replace(outage(str(n), episode), kind=kind, ended_at=last))
        effect = tuple(DAY.start + timedelta(minutes=m) for m in (begin, begin + lasts))
        impacts.append(impact(str(n), "1:00", "2:00", 100.0, red=red, effect=effect))
    processes, nodes = look(*incidents, impacts=tuple(impacts))
    for found in (*processes.values(), *nodes.values()):
        assert sum(found.minutes.values()) == DAY.size and set(found.minutes) == set(PARTS)
        assert 0.0 <= found.effective <= found.own <= 1.0
    for found in processes.values():
        assert [r.first for r in found.runs] == [0, *(r.stop for r in found.runs[:-1])]
        assert all(one.part != other.part for one, other in pairwise(found.runs))
        for part in PARTS:
            assert found.minutes[part] == sum(
                r.stop - r.first for r in found.runs if r.part == part
            )
    inside = 0.0
    for one in impacts:
        start, end = ((t - DAY.start) / timedelta(minutes=1) for t in one.effect if t)
        end = max(end, start + 1)  # an effect takes a minute at least
        inside += 100.0 * max(min(end, DAY.size) - max(start, 0), 0) / (end - start)
    assert sum(euros(processes["checkout"]).values()) == pytest.approx(inside, abs=0.1)


def test_an_hour_is_thin_while_half_a_day_holds_no_full_bin():
    day = np.zeros(24)
    day[8:20] = 5.0  # 30 units have come by two in the afternoon, and lie within 12 hours until two
    thin = thin_hours(np.tile(day, 7))[24:48]
    assert np.flatnonzero(~thin).tolist() == [0, 1, *range(13, 24)]
    assert thin_hours(np.full(168, 2.4)).all() and not thin_hours(np.full(168, 2.5)).any()
