"""What would have been saved: small outages worked out by hand, and what always holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.graph import Graph
from enrich.incident import Episode, Incident, Reached
from enrich.mapchange import MapChange, supposed
from enrich.mapfile import load
from enrich.model import BusinessMap
from impact.model import DRAWS, MeasureImpact, MoneyRange, Range
from impact.totals import quantile_range, total_money
from impact.whatif import Saving, World, savings, supposed_world, trusted
from tests.impact.arrays import at

# Stripe and Adyen take half of the payments each; the database carries everything.
TEXT = """
company: Example Shop
currency: EUR
timezone: UTC
processes:
  checkout:
    needs: [payment]
    measures:
      payments: {kind: flow, stream: payments, value: 10 EUR}
  support:
    measures:
      calls: {kind: load, stream: calls, value: 5 EUR, driven_by: [checkout]}
services:
  payment: {needs: [database, {at_least: 2, of: [stripe, adyen]}]}
infrastructure:
  database: {}
providers:
  stripe: {}
  adyen: {}
"""


def read(text: str) -> BusinessMap:
    return load({"map.yaml": text})


MAP = read(TEXT)
MEASURES = {m.id: m for m in MAP.measures()}
DAY = 20
EITHER = {"payment": "[database, {any: [stripe, adyen]}]"}


def clock(text: str) -> datetime:
    """`10:30` of the day; 24:00 and later are the next one's."""
    hour, minute = text.split(":")
    return at(days=DAY, hours=int(hour), minutes=int(minute))


def outage(name: str, node: str, start: str = "10:00", end: str = "11:00", **more: Any) -> Incident:
    episode = Episode(
        name, "t", name, "alert", "critical", {}, "", clock(start), clock(end),
        availability=0.0, nodes=(node,),
    )  # fmt: skip
    found = Incident(
        name, "outage", "settled", name, clock(start), clock(end), node, "", (episode,),
        (Reached("checkout", 1.0, (node, "payment", "checkout")),),
    )  # fmt: skip
    return replace(found, **more)


def lost(incident: Incident, count: float, **more: Any) -> MeasureImpact:
    """So many payments of 10 EUR lost, give or take a fifth."""
    draws = count * np.random.default_rng(len(incident.id)).normal(1, 0.1, DRAWS)
    ends = quantile_range(count, draws)
    low, mid, high = (Decimal(str(round(10 * x, 2))) for x in (ends.low, ends.mid, ends.high))
    found = MeasureImpact(
        incident=incident.id, process="checkout", measure="payments", kind="flow",
        state="final", as_of=clock("20:00"), method="measured",
        units={"lost": ends}, money={"lost": MoneyRange(low, mid, high, "EUR")}, lost_is="measured",
        per_minute_units=None, per_minute_money=None, data_until=clock("20:00"),
        effect=(incident.started_at, incident.ended_at), settling_until=None, red=False,
        share=1.0, evidence={}, inputs={"ever_red": 1.0},
        draws={"lost": tuple(draws), "money:lost": tuple(10 * draws)},
    )  # fmt: skip
    return replace(found, **more)


def ask(
    *cases: tuple[Incident, MeasureImpact],
    change: MapChange | None = None,
    shorten: timedelta = timedelta(0),
    nodes: frozenset[str] = frozenset(),
    gone: frozenset[str] = frozenset(),
    real: BusinessMap = MAP,
    usual: dict[str, np.ndarray] | None = None,
) -> list[Saving]:
    incidents = {i.id: i for i, _ in cases}
    world = World(Graph(real), incidents)
    other = Graph(supposed(real, change)) if change else world.graph
    shorter = dict.fromkeys(incidents, shorten)
    supposed_ = supposed_world(world, other, not_failed=nodes, gone=gone, shorter=shorter)
    return savings([impact for _, impact in cases], world, supposed_, MEASURES, usual or {})


def case(name: str, node: str, units: float, start: str = "10:00", end: str = "11:00"):
    incident = outage(name, node, start, end)
    return incident, lost(incident, units)


def units(found: list[Saving]) -> list[Any]:  # approximately
    return [pytest.approx(s.saved.units["lost"].mid, abs=1e-6) for s in found]


def test_had_either_provider_been_enough_nothing_would_have_been_lost():
    [found] = ask(case("a", "stripe", 100), change=MapChange(needs=EITHER))
    assert found.saved.units["lost"].mid == 100
    assert found.saved.money["lost"].mid == Decimal("1000.00")
    # yet the map's word is no measurement: perhaps not all of it
    assert found.saved.money["lost"].low < Decimal(700)
    assert found.saved.method == "modelled" and found.kept == 0.0


def test_a_twin_of_the_node_that_failed_does_as_much():
    [found] = ask(case("a", "stripe", 100), change=MapChange(twins=("stripe",)))
    assert units([found]) == [100]
    [found] = ask(case("a", "adyen", 100), change=MapChange(twins=("stripe",)))
    assert units([found]) == [0]


def test_two_of_three_providers():
    needs = {"payment": "[database, {at_least: 2, of: [stripe, adyen, third]}]"}
    [found] = ask(case("a", "stripe", 100), change=MapChange(added=("third",), needs=needs))
    assert units([found]) == [100]


def test_a_quarter_of_an_hour_less_of_an_hour_is_a_quarter():
    [found] = ask(case("a", "stripe", 100), shorten=timedelta(minutes=15))
    assert units([found]) == [25]
    [found] = ask(case("a", "stripe", 100), shorten=timedelta(hours=5))
    assert units([found]) == [100]


def test_the_last_hour_counts_by_what_is_usual_in_it():
    # day 20 is a Sunday: 3 units in its last hour, one in the first hour of the Monday
    week = np.zeros(168)
    week[6 * 24 + 23], week[0] = 3.0, 1.0
    found = ask(
        case("a", "stripe", 100, "23:00", "25:00"),
        shorten=timedelta(hours=1),
        usual={"checkout/payments": week},
    )
    assert [round(u.expected, 3) for u in units(found)] == [25]


def test_what_one_incident_sheds_the_other_takes_on():
    # v: stripe 0.5, database 1, both 1; by Shapley a quarter and three quarters of 100
    both = case("stripe", "stripe", 25), case("db", "database", 75)
    # with either provider enough the database alone takes everything: 25 more
    assert units(ask(*both, change=MapChange(needs=EITHER))) == [25, -25]
    # with a twin of the database Stripe alone takes half: 50, which is 25 more
    found = ask(*both, change=MapChange(twins=("database",)))
    assert units(found) == [-25, 75]
    whole = total_money([s.saved for s in found], {"checkout/payments"}, "EUR")
    assert whole.money.mid == Decimal("500.00") and whole.draws.min() >= 0.0
    # with both nothing is left
    all_ = ask(*both, change=MapChange(twins=("database", "stripe")))
    assert units(all_) == [25, 75]


def test_incidents_that_overlap_for_half_of_the_time():
    # alone half an hour each: 50 and 100 units an hour; together 25 % and 75 % of 100 an hour
    # Stripe 10:00 to 11:00: 25 alone + 12.5; database 10:30 to 11:30: 37.5 + 50 alone
    both = case("stripe", "stripe", 37.5), case("db", "database", 87.5, "10:30", "11:30")
    assert units(ask(*both, change=MapChange(needs=EITHER))) == [37.5, -12.5]
    assert units(ask(*both, gone=frozenset({"stripe"}))) == [37.5, -12.5]
    assert units(ask(*both, gone=frozenset({"db"}))) == [-12.5, 87.5]


def test_a_map_that_lets_more_fail_would_have_cost_more():
    needs = {"payment": "[database, stripe, adyen]"}
    [found] = ask(case("a", "stripe", 100), change=MapChange(needs=needs))
    assert units([found]) == [-100]


def test_a_node_that_had_not_failed():
    two = outage("a", "stripe")
    two = replace(two, episodes=(*two.episodes, *outage("b", "database").episodes))
    both = two, lost(two, 100)
    assert units(ask(both, nodes=frozenset({"stripe", "database"}))) == [100]
    assert units(ask(both, nodes=frozenset({"database"}))) == [50]
    assert units(ask(both, nodes=frozenset({"stripe"}))) == [0]


def test_a_symptom_follows_its_cause():
    # payments fire because Stripe does: with either provider enough, neither would have
    incident = outage("a", "stripe")
    symptom = replace(outage("b", "payment").episodes[0], availability=0.5)
    both = replace(incident, episodes=(*incident.episodes, symptom)), lost(incident, 100)
    assert units(ask(both, change=MapChange(needs=EITHER))) == [100]
    assert units(ask(both, nodes=frozenset({"stripe"}))) == [100]
    # of the payments' own trouble a twin of Stripe says nothing
    own = replace(incident, episodes=(symptom,)), lost(incident, 100)
    assert units(ask(own, change=MapChange(twins=("stripe",)))) == [0]


def test_calls_follow_the_mean_of_the_processes_that_drive_them():
    # support itself has nothing to do with Stripe, the checkout is at a half: v = 0.25 -> 0
    incident = outage("a", "stripe")
    calls = lost(incident, 40, process="support", measure="calls", kind="load")
    calls = replace(
        calls, units={"excess": calls.units["lost"]}, money={"excess": calls.money["lost"]},
        draws={"excess": calls.draws["lost"], "money:excess": calls.draws["money:lost"]},
    )  # fmt: skip
    [found] = ask((incident, calls), change=MapChange(needs=EITHER))
    assert found.saved.units["excess"].mid == 40


def test_what_no_signal_explains_says_nothing_about_another_map():
    incident = outage("a", "stripe", kind="business", episodes=(), root="")
    known = incident, lost(incident, 100)
    [found] = ask(known, change=MapChange(needs=EITHER))
    assert (units([found]), found.weighed) == ([0], False)
    [found] = ask(known, shorten=timedelta(minutes=30))
    assert units([found]) == [50]


def test_an_impact_without_numbers_is_left_out():
    incident = outage("a", "stripe")
    assert ask((incident, lost(incident, 1, units={}, money={}, draws={}))) == []


def test_the_maps_word_is_doubted_but_not_beyond_everything():
    some, all_ = trusted(0.5, "m"), trusted(1.0, "m")
    assert np.mean(some) == pytest.approx(0.5, abs=0.05)
    assert np.quantile(some, 0.05) < 0.3 and np.quantile(some, 0.95) > 0.7
    assert all_.max() == 1.0 and np.quantile(all_, 0.05) < 0.6
    assert np.all(some <= all_) and not trusted(0.0, "m").any()


NODES = st.sampled_from(["stripe", "adyen", "database"])
CHANGES = st.sampled_from(
    [
        MapChange(needs=EITHER),
        MapChange(twins=("stripe",)),
        MapChange(twins=("database",)),
        MapChange(twins=("adyen", "database")),
    ]
)


@st.composite
def worlds(draw):
    """Up to four outages within some hours, each with a loss."""
    cases = []
    for n in range(draw(st.integers(1, 4))):
        first = draw(st.integers(8, 12))
        last = first + draw(st.integers(1, 4))
        incident = outage(f"i{'x' * n}", draw(NODES), f"{first}:00", f"{last}:00")
        cases.append((incident, lost(incident, draw(st.floats(0, 1e4)))))
    return cases


def draws_of(impact: MeasureImpact) -> np.ndarray:
    return np.array(impact.draws["money:lost"])


@settings(max_examples=40, deadline=None)
@given(worlds())
def test_a_change_that_alters_nothing_saves_nothing(cases):
    same = MapChange(needs={"payment": "[database, {at_least: 2, of: [stripe, adyen]}]"})
    for found in ask(*cases, change=same):
        assert found.kept == 1.0
        assert found.saved.money["lost"].mid == 0 and not draws_of(found.saved).any()


@settings(max_examples=40, deadline=None)
@given(worlds(), st.data())
def test_an_incident_that_had_not_been_saves_exactly_its_share(cases, data):
    name = data.draw(st.sampled_from([i.id for i, _ in cases]))
    for found in ask(*cases, gone=frozenset({name})):
        if found.impact.incident == name:
            assert found.saved.money["lost"].mid == found.impact.money["lost"].mid
            assert np.array_equal(draws_of(found.saved), draws_of(found.impact))
        else:
            assert found.saved.units["lost"].mid <= 1e-6  # others may take some of it on


@settings(max_examples=40, deadline=None)
@given(worlds(), CHANGES)
def test_redundancy_never_costs_and_never_saves_more_than_was_lost(cases, change):
    found = ask(*cases, change=change)
    saved = sum(draws_of(s.saved) for s in found)
    cost = sum(draws_of(s.impact) for s in found)
    assert np.all(saved >= -1e-6) and np.all(saved <= cost + 1e-6)


@settings(max_examples=40, deadline=None)
@given(worlds(), st.integers(0, 400))
def test_a_shorter_outage_never_costs_more_nor_saves_more_than_was_lost(cases, minutes):
    found = ask(*cases, shorten=timedelta(minutes=minutes))
    saved = sum(draws_of(s.saved) for s in found)
    cost = sum(draws_of(s.impact) for s in found)
    assert np.all(saved >= -1e-6 * (1 + cost)) and np.all(saved <= cost + 1e-6 * (1 + cost))


def test_ranges_of_a_saving_hold_their_middle():
    [found] = ask(case("a", "stripe", 100), shorten=timedelta(minutes=15))
    range_: Range = found.saved.units["lost"]
    assert range_.low < range_.mid < range_.high
