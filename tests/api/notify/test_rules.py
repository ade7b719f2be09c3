"""When a note is due."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.notify.rules import (
    NOTHING,
    Cost,
    Said,
    cost_of,
    counted,
    is_news,
    known_before,
    passed,
    rule_due,
    wants,
)
from tests.api.app import euros, priced
from tests.api.notify.notes import NOON, episode, incident, subscriber

TEN = Decimal(10_000)


def said(rule: str, low: int = 0, mid: int = 0, high: int = 0) -> Said:
    return Said(rule, Decimal(low), Decimal(mid), Decimal(high))


def due(
    mid: int, *before: Said, final: bool = False, news: bool = True, known: Cost = NOTHING
) -> str | None:
    return rule_due(TEN, Cost(Decimal(mid), final), before, news=news, known=known)


def test_a_note_comes_when_the_cost_has_passed_the_threshold_and_each_double():
    assert due(9_999) is None
    assert due(10_000) == "over:10000"
    assert due(19_999, said("over:10000")) is None
    assert due(20_000, said("over:10000")) == "over:20000"
    assert due(12_000, said("over:10000"), said("over:20000")) is None  # it fell again


def test_a_cost_that_jumps_over_several_doubles_is_told_once():
    assert due(95_000) == "over:80000"
    assert due(95_000, said("over:80000")) is None


def test_when_it_is_over_the_final_number_is_told_to_those_who_were_told():
    assert due(12_000, said("over:10000"), final=True) == "final"
    assert due(500, said("over:10000"), final=True) == "final"  # it came to less: good news, too
    assert due(500, final=True) is None
    assert due(11_000, final=True) == "final"  # the forecast had stayed below
    assert due(11_000, final=True, news=False) is None  # imported history


def test_a_final_number_is_corrected_only_beyond_its_range():
    final = said("final", 9_000, 12_000, 15_000)
    assert due(14_999, final, final=True) is None
    assert due(15_001, final, final=True) == "restated:1"
    again = said("restated:1", 15_000, 16_000, 17_000)
    assert due(12_000, final, again, final=True) == "restated:2"
    assert due(90_000, final) is None  # live once more after an edit: the next final number tells


def test_what_was_merged_into_an_incident_counts_for_it():
    assert due(15_000, said("over:10000")) is None
    assert due(15_000, said("over:10000"), final=True) == "final"


def test_what_was_known_when_they_came_is_no_news():
    live, final = Cost(Decimal(12_000), final=False), Cost(Decimal(12_000), final=True)
    assert due(19_999, known=live) is None
    assert due(20_000, known=live) == "over:20000"
    assert due(12_000, final=True, known=live) == "final"  # it was none yet
    assert due(12_000, final=True, known=final) is None
    assert due(95_000, final=True, known=final) is None  # a correction of what they were not told
    assert due(95_000, known=final) is None


def test_only_what_was_over_when_they_came_had_been_known():
    quiet = incident(ended_at=NOON - timedelta(hours=1))
    then = priced("i1", NOON, effect=(NOON - timedelta(hours=2), NOON - timedelta(hours=1)))
    assert known_before(quiet, [then], NOON) == [then]
    assert not known_before(quiet, [then], NOON - timedelta(hours=1, minutes=1))
    assert not known_before(incident(), [then], NOON)
    red_still = priced("i1", NOON)
    assert not known_before(quiet, [then, red_still], NOON)


def test_a_feed_without_data_gives_no_cost():
    modelled = priced("i1", NOON, method="modelled")
    assert counted([modelled], subscriber()) == []
    assert cost_of([], {"checkout/payments"}, "EUR") == Cost(Decimal(0), False)


def test_only_measures_that_carry_money_of_their_own_are_added():
    one = priced("i1", NOON)
    other = priced("i1", NOON, measure="carts")
    assert cost_of([one, other], {"checkout/payments"}, "EUR").mid == Decimal("10900.00")
    foreign = priced("i1", NOON, money={"lost": euros("1", "2", "3")})
    assert cost_of([foreign], {"checkout/payments"}, "USD").mid == 0


def test_a_cost_is_final_when_no_part_of_it_is_forecast():
    one, other = priced("i1", NOON, state="final"), priced("i1", NOON, state="restated")
    assert cost_of([one, other], set(), "EUR").final
    assert not cost_of([one, priced("i1", NOON)], set(), "EUR").final


def test_a_subscriber_hears_of_its_processes():
    support = subscriber(processes=("support",))
    assert counted([priced("i1", NOON)], support) == []
    assert len(counted([priced("i1", NOON)], subscriber())) == 1


@pytest.mark.parametrize("sort", ["maintenance", "simulated"])
def test_maintenance_and_simulated_data_are_told_to_those_alone_who_ask_for_it(sort: Any):
    found = (
        incident(kind="maintenance")
        if sort == "maintenance"
        else incident(episodes=(episode("simulator"),))
    )
    assert not wants(subscriber(), found)
    assert wants(subscriber(**dict[str, Any]({sort: True})), found)
    assert wants(subscriber(), incident(episodes=(episode("grafana"),)))
    assert not wants(subscriber(), incident(), simulated=True)  # all of a demo's
    assert not wants(subscriber(above=None), incident())


def test_an_incident_is_news_for_a_week():
    assert is_news(incident(), NOON)
    assert is_news(incident(ended_at=NOON - timedelta(days=6)), NOON)
    assert not is_news(incident(ended_at=NOON - timedelta(days=8)), NOON)


MIDS = st.integers(min_value=-50_000, max_value=2_000_000)


@given(st.lists(st.tuples(MIDS, st.booleans()), max_size=60))
def test_no_rule_ever_asks_twice(estimates):
    """Whatever the estimates do, each rule gives one note, and thresholds only rise."""
    before: list[Said] = []
    for mid, final in estimates:
        rule = due(mid, *before, final=final)
        if rule is not None:
            assert rule not in [one.rule for one in before]
            before.append(said(rule, mid - 100, mid, mid + 100))
        assert due(mid, *before, final=final) is None  # and at once nothing more
    levels = [one.level for one in before if one.level]
    assert levels == sorted(set(levels))
    assert [one.kind for one in before].count("final") <= 1


@given(MIDS, st.booleans())
def test_who_comes_is_told_nothing_of_what_is_over_before_something_changes(mid, final):
    assert due(mid, final=final, known=Cost(Decimal(mid), final)) is None


@given(st.integers(min_value=1, max_value=10**6), st.integers(min_value=0, max_value=10**12))
def test_what_was_passed_is_below_the_cost_and_within_half_of_it(above, mid):
    level = passed(Decimal(above), Decimal(mid))
    if mid < above:
        assert level == 0
    else:
        assert level <= mid < 2 * level
