from __future__ import annotations

import pytest

from enrich.explain import explain_incident, path_in_words, reach
from enrich.graph import Graph
from enrich.incident import Reached
from enrich.mapfile import load
from ingest.errors import NotFoundError

SHOP = Graph(
    load(
        {
            "map.yaml": """
company: Example Shop
currency: EUR
timezone: UTC
processes:
  checkout: {title: Web checkout, needs: [payment, {soft: search, weight: 0.1}]}
  support: {needs: [telephony]}
services:
  payment: {needs: [payments-app, {any: [stripe, adyen]}]}
  search: {needs: [host-a]}
  telephony:
  attic:
applications:
  payments-app: {needs: [{at_least: 2, of: [host-a, host-b, host-c]}]}
infrastructure: {host-a: , host-b: , host-c: }
providers: {stripe: , adyen: }
"""
        }
    )
)


def test_the_reach_of_a_node_in_words():
    assert reach(SHOP, "host-a").words == (
        "Host a (infrastructure) is needed by Search, Payments app, "
        "and through these by two more; it needs nothing.",
        "Web checkout loses 10% if it fails: "
        "Host a (infrastructure) -> Search (service) -> Web checkout",
        "Payments app: two of three infrastructure nodes are left.",
    )


def test_the_same_as_objects():
    found = reach(SHOP, "host-a")
    assert found.needed_by == ("search", "payments-app")
    assert found.further == 2
    (checkout,) = found.processes
    assert checkout.process == "checkout"
    assert checkout.severity == pytest.approx(0.1)
    assert checkout.path == ("host-a", "search", "checkout")


def test_redundancy_that_absorbs_a_failure_is_said():
    found = reach(SHOP, "stripe")
    assert [r.severity for r in found.processes] == [0.0]
    assert found.words[1].startswith("Web checkout loses nothing if it fails")
    (choice,) = found.redundancy
    assert (choice.owner, choice.of, choice.needed) == ("payment", ("stripe", "adyen"), 1)
    assert choice.left == ("adyen",)
    assert choice.words == "one of two providers is left"


def test_what_fails_already_counts():
    found = reach(SHOP, "stripe", own={"adyen": 0.5})
    assert found.processes[0].severity == 0.5
    assert found.redundancy[0].words == "none of two providers works fully, one must work"


def test_a_redundancy_that_is_used_up_says_how_many_must_work():
    found = reach(SHOP, "host-b", own={"host-c": 0.0})
    assert found.redundancy[0].words == "one of three infrastructure nodes is left, two must work"


def test_a_node_that_nothing_needs():
    assert reach(SHOP, "attic").words == (
        "Attic (service) is needed by nothing; it needs nothing.",
        "No business process needs it.",
    )


def test_an_unknown_node_is_refused():
    with pytest.raises(NotFoundError, match="did you mean 'stripe'"):
        reach(SHOP, "Strype")


def test_a_path_in_words_names_the_layers():
    path = ("stripe", "payment", "checkout")
    assert path_in_words(SHOP, path) == "Stripe (provider) -> Payment (service) -> Web checkout"


def test_an_incident_is_explained_by_its_paths_the_worst_first():
    reached = [
        Reached("support", 0.5, ("telephony", "support")),
        Reached("checkout", 1.0, ("stripe", "payment", "checkout")),
    ]
    assert explain_incident(SHOP, "stripe", reached) == (
        "Stripe (provider) -> Payment (service) -> Web checkout; Telephony (service) -> Support"
    )


def test_many_paths_are_counted():
    reached = [Reached("support", 1.0, ("telephony", "support"))] * 5
    words = explain_incident(SHOP, "telephony", reached)
    assert words.endswith("; and two more processes")


def test_an_incident_without_process_or_without_signal():
    assert explain_incident(SHOP, "attic", []) == (
        "Attic (service), which no business process needs"
    )
    assert "tools are green" in explain_incident(SHOP, "", [])
