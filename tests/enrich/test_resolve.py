from __future__ import annotations

import re
from typing import SupportsIndex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.model import BusinessMap, Layer, Node
from enrich.resolve import Resolver


def resolver(**matches: tuple[dict[str, str], ...]) -> Resolver:
    return Resolver(a_map({n: Node(n, "service", n, match=m) for n, m in matches.items()}))


def a_map(nodes: dict[str, Node]) -> BusinessMap:
    return BusinessMap("Example", "EUR", "UTC", "1", {}, nodes)


def test_any_label_set_is_enough_and_all_its_labels_must_match():
    found = resolver(payment=({"service": "payment", "env": "prod"}, {"job": "payment-.*"}))
    assert found.nodes({"service": "payment", "env": "prod", "pod": "x"}) == ("payment",)
    assert found.nodes({"job": "payment-worker"}) == ("payment",)
    assert found.nodes({"service": "payment", "env": "test"}) == ()
    assert found.nodes({"service": "payment"}) == ()


def test_expressions_match_from_end_to_end():
    found = resolver(payment=({"job": "pay(ment)?"},))
    assert found.nodes({"job": "pay"}) == found.nodes({"job": "payment"}) == ("payment",)
    assert found.nodes({"job": "payments"}) == found.nodes({"job": "prepay"}) == ()


class Sliced(str):
    """A text that counts how often a part of it is taken."""

    slices = 0

    def __getitem__(self, key: SupportsIndex | slice) -> str:
        self.slices += 1
        return super().__getitem__(key)


def test_a_label_is_read_no_further_than_the_rules_go():
    found = resolver(payment=({"job": "pay-.*"},))
    long = Sliced("x" * 100_000)
    assert found.nodes({"job": long}) == ()
    assert long.slices <= len("pay-") + 1
    assert found.nodes({"job": Sliced("pay-" + long)}) == ("payment",)


def test_a_signal_may_mean_several_nodes_in_the_order_of_the_map():
    found = resolver(b=({"rack": "7"},), a=({"rack": "[0-9]"},), c=({"rack": "8|7"},))
    assert found.nodes({"rack": "7"}) == ("b", "a", "c")
    assert found.nodes({"rack": "8"}) == ("a", "c")


def test_the_label_node_names_a_node_whatever_rules_it_has():
    found = resolver(payment=({"job": "x"},))
    assert found.nodes({"node": "payment"}) == ("payment",)
    assert found.nodes({"node": "Payment"}) == ()


@pytest.mark.parametrize(
    ("layer", "label"),
    [
        ("service", "service"),
        ("application", "application"),
        ("application", "app"),
        ("infrastructure", "host"),
        ("provider", "provider"),
    ],
)
def test_without_rules_a_node_is_found_by_its_layers_label(layer: Layer, label: str):
    assert Resolver(a_map({"x": Node("x", layer, "X")})).nodes({label: "x"}) == ("x",)
    ruled = Node("x", layer, "X", match=({"job": "x"},))
    assert Resolver(a_map({"x": ruled})).nodes({label: "x"}) == ()


@pytest.mark.parametrize(
    ("pattern", "value", "matches"),
    [
        (r"api\.example\.com", "api.example.com", True),
        (r"api\.example\.com", "api-example-com", False),
        (r"a\|b", "a|b", True),
        (r"a\|b", "a", False),
        (r"\\-*x", "\\x", True),
        (r"ab*", "a", True),
        (r"ab{2}", "abb", True),
        (r"(?i)Payment", "pAYMENT", True),
        (r"\d+", "42", True),
        ("", "", True),
        ("a|b.*", "bcd", True),
    ],
)
def test_what_the_index_makes_of_an_expression(pattern, value, matches):
    assert resolver(x=({"l": pattern},)).nodes({"l": value}) == (("x",) if matches else ())


PATTERN = st.from_regex(
    r"[ab\-]{0,3}(\.|\\\.|\\-|a\*|b\?|\||\[ab\]|a\{2\}){0,2}[ab]{0,2}", fullmatch=True
)
LABELS = st.dictionaries(st.sampled_from("xyz"), st.text("ab.-", max_size=5), max_size=3)


@given(
    st.lists(st.dictionaries(st.sampled_from("xyz"), PATTERN, min_size=1, max_size=3), max_size=6),
    LABELS,
)
def test_the_index_finds_exactly_what_trying_every_rule_finds(rules, labels):
    found = resolver(**{f"n{i}": (rule,) for i, rule in enumerate(rules)}).nodes(labels)
    naive = tuple(
        f"n{i}"
        for i, rule in enumerate(rules)
        if all(k in labels and re.fullmatch(p, labels[k]) for k, p in rule.items())
    )
    assert found == naive
