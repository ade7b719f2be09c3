"""The cost of an incident as a sum of named parts, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.edits import Response
from enrich.incident import Episode, Incident, Responder
from enrich.model import BusinessMap, Measure, Money, Process, Rate, Value
from impact.cost import Part, measured_parts, plus, response_part, spread, together
from impact.model import DRAWS, Range
from impact.totals import total_money
from tests.impact.arrays import at
from tests.impact.test_totals import impact

MEASURES = (
    Measure("checkout", "payments", "flow", "payments", value=Value("amount"), margin=0.4),
    Measure("checkout", "orders", "lead_time", "orders", value=Value("per_unit")),
    Measure("checkout", "calls", "load", "calls", value=Value("per_unit")),
    Measure("checkout", "carts", "flow", "carts", same_money_as="checkout/payments"),
)
MAP = BusinessMap(
    "Example Shop",
    "EUR",
    "Europe/Berlin",
    "v1",
    {"checkout": Process("checkout", "Web checkout", measures=MEASURES)},
    {},
    labour_rate=Money(Decimal("85"), "EUR"),
    rates=(Rate("USD", None, Decimal("0.9")),),
)
NOW = at(days=1)


def incident(*responders: tuple[str, float], said: Response | None = None) -> Incident:
    """From minute 0 to 120; responders by the minute in which the pager named them."""
    named = tuple(Responder(who, at(minute)) for who, minute in responders)
    firing = Episode(
        "e", "pagerduty", "f", "alert", "major", {}, "", at(), at(120), responders=named
    )
    made = Incident("i", "outage", "settled", "Down", at(), at(120), "", "", (firing,))
    return replace(made, response=said)


def part(found: Incident, business_map: BusinessMap = MAP) -> Part:
    made = response_part(found, business_map, NOW)
    assert made is not None
    return made


def ends(found: Part) -> tuple[Decimal, Decimal, Decimal]:
    assert found.money is not None
    return found.money.low, found.money.mid, found.money.high


def lost(kind: Literal["flow", "lead_time", "load"], measure: str, middle: float):
    draws = middle + np.linspace(-10, 10, DRAWS)
    name = {"flow": "lost", "lead_time": "delayed", "load": "excess"}[kind]
    made = impact("i", draws, measure=measure)
    return replace(
        made,
        kind=kind,
        units={name: made.units["lost"]},
        money={name: made.money["lost"]},
        draws={name: made.draws["lost"], f"money:{name}": made.draws["lost"]},
    )


# people's time


def test_what_people_say_is_known_to_half_of_its_last_digit():
    assert ends(part(incident(said=Response(4, Decimal("3"))))) == (
        Decimal("850.00"),  # 4 people, 2.5 h
        Decimal("1020.00"),
        Decimal("1190.00"),
    )
    finer = part(incident(said=Response(4, Decimal("3.0"))))
    assert ends(finer) == (Decimal("1003.00"), Decimal("1020.00"), Decimal("1037.00"))
    assert finer.method == "people" and finer.inputs == {"people": 4.0}


def test_without_hours_people_worked_as_long_as_it_lasted():
    found = part(incident(("P1", 30), said=Response(2)))
    assert ends(found) == (Decimal("340.00"),) * 3
    assert "from its start to its end" in found.rests_on


def test_nobody_s_time_costs_nothing():
    assert ends(part(incident(("P1", 30), said=Response(0)))) == (Decimal(0),) * 3


def test_the_pager_tells_people_from_the_first_acknowledgement_to_the_end():
    # P1 from 30, P2 from 60, until 120: low 1.5 + 1 h, middle 2 x 1.5 h, high 2 x 2 h
    found = part(incident(("P1", 30), ("P2", 60)))
    assert ends(found) == (Decimal("212.50"), Decimal("255.00"), Decimal("340.00"))
    assert found.hours == Range(2.5, 3.0, 4.0) and found.method == "pager"


def test_one_person_named_by_two_alerts_is_one():
    twice = incident(("P1", 30))
    again = replace(twice.episodes[0], id="e2", responders=(Responder("P1", at(60)),))
    assert part(replace(twice, episodes=(*twice.episodes, again))).inputs == {"people": 1.0}


def test_while_it_goes_on_time_runs():
    open_ = replace(incident(("P1", 0)), ended_at=None)
    found = response_part(open_, MAP, at(60))
    assert found is not None and ends(found)[1] == Decimal("85.00")


def test_nobody_is_guessed():
    found = part(incident())
    assert found.money is None and found.hours is None
    assert found.rests_on == "nobody has said who worked on it: `toll incident edit --people`"


def test_without_a_rate_of_labour_there_are_hours_and_no_money():
    bare = replace(MAP, labour_rate=None)
    found = part(incident(said=Response(4, Decimal("3"))), bare)
    assert found.money is None and found.hours == Range(10.0, 12.0, 14.0)
    assert "no `labour`" in found.rests_on
    assert response_part(incident(), bare, NOW) is None


def test_labour_of_another_currency_takes_the_rate_of_the_day():
    dollars = replace(MAP, labour_rate=Money(Decimal("100"), "USD"))
    assert ends(part(incident(said=Response(1, Decimal("2.00"))), dollars))[1] == Decimal("180.00")
    yen = replace(MAP, labour_rate=Money(Decimal("100"), "JPY"))
    found = part(incident(said=Response(1)), yen)
    assert found.money is None and "no rate from JPY" in found.rests_on


def test_labour_takes_the_rate_of_the_companys_own_day():
    tuesday = (Rate("USD", None, Decimal("0.9")), Rate("USD", at(days=1).date(), Decimal("0.8")))
    dollars = replace(MAP, labour_rate=Money(Decimal("100"), "USD"), rates=tuesday)
    late = replace(incident(said=Response(1, Decimal("2.00"))), started_at=at(hours=23.5))
    assert ends(part(late, dollars))[1] == Decimal("160.00")  # half past midnight in Berlin


@given(
    st.lists(st.tuples(st.sampled_from("ABCD"), st.floats(-30, 200)), min_size=1, max_size=6),
    st.integers(0, 10**6),
)
def test_hours_are_a_range_and_draws_stay_inside(named, seed):
    found = part(incident(*named))
    low, mid, high = ends(found)
    assert 0 <= low <= mid <= high
    assert float(low) - 0.01 <= found.draws.min() and found.draws.max() <= float(high) + 0.01
    drawn = spread(Range(1.0, 2.0, 5.0), str(seed))
    assert np.quantile(drawn, [0.05, 0.95]) == pytest.approx([1.0, 5.0], abs=0.05)


# the sum


def test_the_parts_of_measures_are_named_by_kind_and_add_up_to_the_total():
    impacts = [
        lost("flow", "payments", 100.0),
        lost("lead_time", "orders", 40.0),
        lost("load", "calls", 10.0),
        lost("flow", "carts", 500.0),  # the same customers' money: no part of it
    ]
    parts = {p.name: p for p in measured_parts(impacts, MAP)}
    assert list(parts) == ["lost_value", "delay", "extra_calls"]
    whole = total_money(impacts, MAP.carriers(), "EUR")
    assert sum(p.money.mid for p in parts.values() if p.money) == whole.money.mid
    assert sum(p.draws for p in parts.values()) == pytest.approx(whole.draws)
    assert parts["lost_value"].rests_on == ("Web checkout: payments (contribution, 40% of revenue)")


def test_a_part_rests_on_what_is_added_and_says_what_has_no_rate():
    francs = impact("i", 50 + np.linspace(-10, 10, DRAWS), measure="visits", currency="CHF")
    visits = Measure("checkout", "visits", "flow", "visits", value=Value("amount"))
    shop = Process("checkout", "Web checkout", measures=(*MEASURES, visits))
    [found] = measured_parts(
        [lost("flow", "payments", 100), francs], replace(MAP, processes={"checkout": shop})
    )
    assert found.money is not None and found.money.mid == 100
    assert "visits" not in found.rests_on and found.inputs == {"measures": 1.0}
    assert found.rests_on.endswith("; without what is in CHF, which has no rate")


def test_a_part_that_is_off_is_shown_and_not_added():
    off = replace(MAP, costs_off=("delay", "response_time"))
    impacts = [lost("flow", "payments", 100.0), lost("lead_time", "orders", 40.0)]
    parts = measured_parts(impacts, off)
    assert [(p.name, p.adds) for p in parts] == [("lost_value", True), ("delay", False)]
    total = total_money(impacts, off.carriers(), "EUR")
    assert total.money.mid == parts[0].money.mid  # type: ignore[union-attr]
    response = part(incident(said=Response(4, Decimal("3"))), off)
    assert response.money is not None and plus(total, [response]).money == total.money


def test_a_total_adds_draws_of_the_parts_beside_it():
    total = total_money([lost("flow", "payments", 100.0)], MAP.carriers(), "EUR")
    response = part(incident(("P1", 30), ("P2", 60)))
    found = plus(total, [response])
    assert found.money.mid == total.money.mid + Decimal("255.00")
    assert found.count == total.count + 1
    assert np.array_equal(found.draws, total.draws + response.draws)
    width = float(found.money.high - found.money.low)
    assert width < float(total.money.high - total.money.low) + 127.5  # ends are not added
    again = plus(total, measured_parts([lost("flow", "payments", 100.0)], MAP))
    assert again.money == total.money and again.count == total.count


def test_what_cannot_be_added_is_left_out_and_said():
    total = total_money([], MAP.carriers(), "EUR")
    assert plus(total, [part(incident())]).left_out == ()  # nothing is known: nothing is missing
    found = plus(total, [part(incident(said=Response(1)), replace(MAP, labour_rate=None))])
    assert not found.count and found.left_out[0].startswith("response_time: one person")


def test_parts_of_several_incidents_come_together_by_name():
    one, other = part(incident(("P1", 30))), part(incident(("P1", 30), ("P2", 60)))
    [found] = together([one, other, part(incident())])
    assert found.money is not None and found.money.mid == Decimal("127.50") + Decimal("255.00")
    assert np.array_equal(found.draws, one.draws + other.draws)
    assert found.rests_on == "2 incidents" and together([one]) == [one]


def test_an_incident_of_a_moment_takes_no_time():
    short = replace(incident(said=Response(3)), ended_at=at() + timedelta(0))
    assert ends(part(short))[1] == Decimal(0)
