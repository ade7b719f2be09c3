"""When a shortfall is an incident of its own, for how long, and when it no longer is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from api.business_first import business_first
from enrich.graph import Graph
from enrich.incident import Incident, Reached
from enrich.model import BusinessMap, Measure, Process
from impact.shortfall import Shortfall

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CHECKOUT = Process(
    "checkout",
    "Web checkout",
    measures=(
        Measure("checkout", "payments", "flow", "payments", title="Payments"),
        Measure("checkout", "carts", "flow", "carts", title="Carts"),
    ),
)
SUPPORT = Process(
    "support",
    "Support",
    measures=(
        Measure("support", "calls", "load", "calls", title="Calls", driven_by=("checkout",)),
    ),
)
GRAPH = Graph(
    BusinessMap(
        company="Shop",
        currency="EUR",
        timezone="UTC",
        version="1",
        processes={"checkout": CHECKOUT, "support": SUPPORT},
        nodes={},
    )
)
SHORT = Shortfall("checkout/payments", NOW - 20 * MINUTE, None, 1.5, 0.8)


def technical(process: str, start: datetime, end: datetime | None = None) -> Incident:
    reached = (Reached(process, 1.0, ("stripe", process)),)
    return Incident(
        "t", "outage", "open", "Stripe", start, end, "stripe", "Stripe -> ...", reached=reached
    )


def test_a_shortfall_without_a_signal_opens_an_incident():
    ((name, incident),) = business_first(GRAPH, {}, [SHORT], [], NOW).items()
    assert name == incident.id
    assert (incident.kind, incident.started_at, incident.ended_at) == (
        "business",
        SHORT.start,
        None,
    )
    assert incident.title == "Web checkout: fewer than usual payments, and no alert"
    assert incident.measures == ("checkout/payments",)
    assert "tools are green" in incident.explanation


def test_it_stays_one_while_its_start_is_estimated_anew_and_more_measures_turn_red():
    before = business_first(GRAPH, {}, [SHORT], [], NOW)
    moved = replace(SHORT, start=SHORT.start - 3 * MINUTE)
    carts = replace(SHORT, measure="checkout/carts")
    after = business_first(GRAPH, before, [moved, carts], [], NOW + MINUTE)
    assert after.keys() == before.keys()
    (incident,) = after.values()
    assert incident.started_at == SHORT.start  # it keeps its own
    assert incident.measures == ("checkout/payments", "checkout/carts")


def test_it_ends_when_nothing_is_red_any_more():
    before = business_first(GRAPH, {}, [SHORT], [], NOW)
    (ended,) = business_first(GRAPH, before, [], [], NOW + 5 * MINUTE).values()
    assert ended.ended_at == NOW + 5 * MINUTE
    back = replace(SHORT, end=NOW + 2 * MINUTE)
    (known,) = business_first(GRAPH, before, [back], [], NOW + 5 * MINUTE).values()
    assert known.ended_at == NOW + 2 * MINUTE


def test_before_anybody_has_looked_nothing_ends():
    before = business_first(GRAPH, {}, [SHORT], [], NOW)
    assert business_first(GRAPH, before, None, [], NOW + MINUTE) == before


def test_a_technical_incident_that_reaches_the_process_explains_it():
    before = business_first(GRAPH, {}, [SHORT], [], NOW)
    alert = technical("checkout", SHORT.start + 15 * MINUTE)
    assert business_first(GRAPH, before, [SHORT], [alert], NOW) == {}
    assert business_first(GRAPH, {}, [SHORT], [alert], NOW) == {}


def test_one_elsewhere_or_long_over_explains_nothing():
    elsewhere = technical("support", SHORT.start)
    over = technical("checkout", SHORT.start - timedelta(hours=3), SHORT.start - timedelta(hours=2))
    assert len(business_first(GRAPH, {}, [SHORT], [elsewhere, over], NOW)) == 1


def test_what_drives_a_load_explains_its_rise():
    calls = replace(SHORT, measure="support/calls")
    (alone,) = business_first(GRAPH, {}, [calls], [], NOW).values()
    assert alone.title == "Support: more than usual calls, and no alert"
    assert business_first(GRAPH, {}, [calls], [technical("checkout", SHORT.start)], NOW) == {}
