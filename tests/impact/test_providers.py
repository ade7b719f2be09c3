"""Providers scored: a day worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from enrich.incident import Episode, Incident
from enrich.model import Cost, Money, Node, Rate
from impact.money import MissingRate
from impact.providers import Score, scores
from impact.running import QUARTER, running_cost
from impact.tools import Grid
from tests.impact.arrays import at
from tests.impact.test_whatif import DAY, MAP, clock, lost, outage

GRID = Grid(at(days=DAY), 1440)
NODES = {
    **MAP.nodes,
    "stripe": replace(
        MAP.nodes["stripe"], sla=99.9, cost=Cost(Money(Decimal("1440.00"), "EUR"), "day")
    ),
}
SHOP = replace(MAP, nodes=NODES)


def page(incident: Incident, said: str, start: str, end: str | None) -> Incident:
    """The provider's own page reports the incident, too."""
    episode = Episode(
        f"page-{incident.id}", "statuspage:stripe", "x", "outage", "major", {}, "",
        clock(start), clock(end) if end else None, availability=0.5, nodes=("stripe",),
        heard_at=clock(said),
    )  # fmt: skip
    return replace(incident, episodes=(*incident.episodes, episode))


def score(*cases, now: datetime | None = None) -> Score:
    incidents, impacts = [i for i, _ in cases], [x for _, x in cases if x is not None]
    found, _ = scores(SHOP, GRID, now or GRID.end, incidents, impacts)
    return next(s for s in found if s.node == "stripe")


def test_admitted_against_lived_and_how_late():
    # 10:00 to 11:00 by our alerts and our business; the page says 10:20 to 10:50, from 10:25 on
    incident = page(outage("a", "stripe"), "10:25", "10:20", "10:50")
    found = score((incident, lost(incident, 100)))
    assert (found.lived, found.admitted, found.both) == (60, 30, 30)
    assert found.lag == timedelta(minutes=25)
    assert found.availability(found.lived) == pytest.approx(100 * (1 - 60 / 1440))
    assert found.allowed is not None and found.allowed == pytest.approx(1.44)
    assert found.lived > found.allowed
    assert found.money.money.mid == Decimal("1000.00")
    assert found.units == {"checkout/payments": ("lost", found.units["checkout/payments"][1])}
    # it costs a euro a minute, and 60 minutes of it were trouble
    assert found.running == Decimal("1440.00") and found.paid_while_down("EUR") == Decimal("60.00")


def test_a_provider_that_spoke_first_and_one_that_never_did():
    first = page(outage("a", "stripe"), "09:55", "09:55", "10:50")
    assert score((first, lost(first, 1))).lag == timedelta(minutes=-5)
    silent = outage("b", "stripe")
    found = score((silent, lost(silent, 1)))
    assert (found.lag, found.admitted, found.lived) == (None, 0, 60)
    assert found.statements[0].said_at is None and found.statements[0].lived


def test_the_business_may_be_the_first_to_know():
    # red from 09:40 on, before any signal; the page alone speaks, at 10:05
    incident = page(outage("a", "stripe", episodes=()), "10:05", "10:00", "11:00")
    impact = lost(incident, 100, effect=(clock("09:40"), clock("11:00")))
    found = score((incident, impact))
    assert found.lag == timedelta(minutes=25) and found.lived == 80


def test_what_was_loaded_long_afterwards_counts_from_when_it_began():
    incident = page(outage("a", "stripe"), "10:00", "10:10", "10:50")
    late = replace(incident.episodes[1], heard_at=clock("10:00") + timedelta(days=30))
    incident = replace(incident, episodes=(incident.episodes[0], late))
    assert score((incident, lost(incident, 1))).lag == timedelta(minutes=10)


def test_trouble_that_nobody_felt_is_admitted_and_not_lived():
    incident = page(outage("a", "stripe", episodes=()), "10:00", "10:00", "11:00")
    found = score((incident, lost(incident, 0, inputs={"ever_red": 0.0})))
    assert (found.admitted, found.lived) == (60, 0)
    assert not found.statements[0].lived


def test_maintenance_is_left_out():
    planned = outage("m", "stripe", "02:00", "04:00", kind="maintenance")
    incident = outage("a", "stripe")
    found = score((planned, lost(planned, 50)), (incident, lost(incident, 100)))
    assert found.minutes == 1440 - 120 and found.money.money.mid == Decimal("1000.00")


def test_incidents_of_another_root_are_anothers():
    incident = outage("a", "database")
    found = score((incident, lost(incident, 100)))
    assert (found.lived, found.money.count, found.statements) == (0, 0, ())


def test_shares_of_the_whole_loss():
    its, other = outage("a", "stripe"), outage("bb", "database", "14:00", "15:00")
    found = score((its, lost(its, 100)), (other, lost(other, 300)))
    assert found.share is not None
    assert found.share.mid == pytest.approx(0.25)
    assert found.share.low < 0.25 < found.share.high
    assert score((its, lost(its, 0))).share is None


def test_two_incidents_at_once_do_not_live_twice():
    one, two = outage("a", "stripe"), outage("bb", "stripe", "10:30", "11:30")
    found = score((one, lost(one, 10)), (two, lost(two, 10)))
    assert found.lived == 90


def test_what_it_costs_to_run():
    day = at(days=DAY).date()
    year = Node("x", "provider", "X", cost=Cost(Money(Decimal(12000), "EUR"), "year"))
    month = replace(year, cost=Cost(Money(Decimal(1000), "EUR"), "month"))
    assert running_cost(year, SHOP, QUARTER, day) == Decimal("3000.00")
    assert running_cost(month, SHOP, QUARTER, day) == Decimal("3000.00")
    assert running_cost(replace(year, cost=None), SHOP, QUARTER, day) is None
    dollars = replace(year, cost=Cost(Money(Decimal(1), "USD"), "hour"))
    assert isinstance(running_cost(dollars, SHOP, QUARTER, day), MissingRate)


def test_a_rate_that_begins_when_the_time_ends_is_not_its_own():
    dollars = replace(NODES["stripe"], cost=Cost(Money(Decimal(10), "USD"), "hour"))
    following = Rate("USD", at(days=DAY + 1).date(), Decimal("0.5"))
    shop = replace(
        SHOP,
        nodes={**NODES, "stripe": dollars},
        rates=(Rate("USD", None, Decimal("0.9")), following),
        timezone="America/New_York",
    )
    day = Grid(at(days=DAY, hours=4), 1440)  # of New York, to its midnight
    [found, *_], _ = scores(shop, day, day.end, [], [])
    assert (found.node, found.running) == ("stripe", Decimal("216.00"))
