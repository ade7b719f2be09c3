"""What a map says of costs: switches of parts, and credits for months below an availability."""

from __future__ import annotations

from decimal import Decimal

import pytest

from enrich.graph import Graph
from enrich.mapdiff import diff
from enrich.mapfile import MapError, load
from enrich.mapwrite import as_yaml
from enrich.model import BusinessMap, Credit, Money

HEAD = "company: Example Shop\ncurrency: EUR\ntimezone: Europe/Berlin\n"
PAYMENTS = "measures: {payments: {kind: flow, stream: payments, value: amount}}"


def read(
    costs: str = "", process: str = "", provider: str = "cost: 12000 EUR/month"
) -> BusinessMap:
    text = f"""{HEAD}{costs}
processes:
  checkout: {{needs: [stripe], {PAYMENTS}{process}}}
providers:
  stripe: {{{provider}}}
"""
    return load({"map.yaml": text})


def mistakes(costs: str = "", process: str = "", provider: str = "cost: 12000 EUR/month") -> str:
    with pytest.raises(MapError) as raised:
        read(costs, process, provider)
    return "\n".join(m.text for m in raised.value.mistakes)


FULL = read(
    "costs: {delay: on, response_time: off}",
    ", promise: 99.9, credits: [{below: 99.9, share: 0.05}, {below: 99, amount: 5000 EUR}]",
    "cost: 12000 EUR/month, sla: 99.9, "
    "credits: [{below: 99.9, share: 10%}, {below: 99, share: 25%}]",
)


def test_a_part_that_is_switched_off_is_known_and_its_measures_carry_nothing():
    assert FULL.costs_off == ("response_time",)
    assert FULL.carriers() == {"checkout/payments"}
    assert read("costs: {lost_value: off}").carriers() == frozenset()


def test_credits_stand_in_the_order_of_availability():
    assert FULL.nodes["stripe"].credits == (
        Credit(Decimal(99), Decimal("0.25")),
        Credit(Decimal("99.9"), Decimal("0.1")),
    )
    checkout = FULL.processes["checkout"]
    assert checkout.promise == 99.9
    assert checkout.credits == (
        Credit(Decimal(99), amount=Money(Decimal(5000), "EUR")),
        Credit(Decimal("99.9"), Decimal("0.05")),
    )


def test_what_is_written_reads_back_as_the_same_map():
    assert load({"map.yaml": as_yaml(FULL)}).version == FULL.version
    assert read().version != FULL.version


def test_a_diff_tells_of_credits_and_switches():
    said = {c.name: c.words for c in diff(Graph(read()), Graph(FULL)).changes}
    assert said["costs"] == ("costs: {response_time: off}",)
    assert "credits: now {below: 99, share: 0.25}" in said["stripe"]
    assert "promise: 99.9" in said["checkout"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"costs": "costs: {respons_time: off}"}, "did you mean 'response_time'"),
        ({"costs": "costs: {delay: maybe}"}, "'maybe' is neither on nor off"),
        ({"provider": "credits: [{below: 99.9, share: 10%}]"}, "write cost: 12000 EUR/month, too"),
        ({"provider": "cost: 1 EUR/month, credits: [{below: 99.9}]"}, "either a share (10%) or"),
        ({"provider": "cost: 1 EUR/month, credits: [{share: 10%}]"}, "below is missing"),
        ({"provider": "cost: 1 EUR/month, credits: [{below: 9, share: 110%}]"}, "is not a share"),
        (
            {"provider": "cost: 1 EUR/day, credits: [" + "{below: 9, share: 1%}, " * 2 + "]"},
            "there are two for below 9",
        ),
        ({"process": ", promise: 99.9"}, "write credits: [{below: 99.9, share: 10%}], too"),
        ({"process": ", credits: [{below: 99, amount: 5 EUR}]"}, "write promise: 99.9, too"),
    ],
)  # fmt: skip
def test_mistakes_say_what_is_meant(wrong: dict[str, str], said: str):
    assert said in mistakes(**wrong)


def test_a_share_of_revenue_needs_a_flow_with_a_value():
    text = f"""{HEAD}
processes:
  support:
    needs: [desk]
    promise: 99
    credits: [{{below: 99, share: 10%}}]
    measures: {{calls: {{kind: load, stream: calls}}}}
services: {{desk: {{}}}}
"""
    with pytest.raises(MapError) as raised:
        load({"map.yaml": text})
    assert "needs a flow with a value" in str(raised.value)
