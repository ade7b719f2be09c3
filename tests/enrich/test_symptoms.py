"""Signals as they would have been: what only showed a cause goes with it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from api.setup.mapfiles import read_map
from enrich.graph import Graph
from enrich.incident import Episode, Incident
from enrich.mapchange import MapChange, supposed
from enrich.symptoms import otherwise
from tests.api.app import SHOP
from tests.impact.arrays import at

MAP = read_map(SHOP).map
REAL = Graph(MAP)
EITHER = Graph(
    supposed(MAP, MapChange(needs={"payment": "[payments-app, {any: [stripe, adyen]}]"}))
)


def fires(availability: float, *nodes: str) -> Episode:
    return Episode(
        "-".join(nodes), "t", "f", "alert", "major", {}, "", at(), at(60),
        availability=availability, nodes=nodes,
    )  # fmt: skip


def incident(*episodes: Episode) -> Incident:
    return Incident("i", "outage", "settled", "", at(), at(60), "stripe", "", episodes)


def left(found: Incident | None) -> dict[str, float]:
    assert found is not None
    return {n: e.availability for e in found.episodes for n in e.nodes}


def test_the_same_map_changes_nothing():
    one = incident(fires(0.0, "stripe"), fires(0.5, "payment"))
    assert otherwise(one, REAL, REAL) is one


def test_what_is_absorbed_shows_no_symptom():
    one = incident(fires(0.0, "stripe"), fires(0.5, "payment"))
    assert left(otherwise(one, REAL, EITHER)) == {"stripe": 0.0}


def test_a_symptom_is_less_where_less_reaches_it():
    three = "[payments-app, {at_least: 4, of: [stripe, adyen, c, d]}]"
    other = Graph(supposed(MAP, MapChange(added=("c", "d"), needs={"payment": three})))
    one = incident(fires(0.0, "stripe"), fires(0.5, "payment"))
    # half was missing beneath it, now a quarter: so is its own trouble halved
    assert left(otherwise(one, REAL, other)) == {"stripe": 0.0, "payment": 0.75}


def test_trouble_of_its_own_stays():
    assert left(otherwise(incident(fires(0.5, "payment")), REAL, EITHER)) == {"payment": 0.5}
    # the recommender stands beside Stripe, and payments do not need it
    both = incident(fires(0.0, "recommender"), fires(0.5, "payment"))
    assert left(otherwise(both, REAL, EITHER)) == {"recommender": 0.0, "payment": 0.5}


def test_nodes_that_had_not_failed_take_their_symptoms_along():
    one = incident(fires(0.0, "stripe"), fires(0.5, "payment"))
    assert otherwise(one, REAL, REAL, frozenset({"stripe"})) is None
    assert left(otherwise(one, REAL, REAL, frozenset({"payment"}))) == {"stripe": 0.0}


def test_one_signal_of_several_nodes_comes_apart():
    one = incident(fires(0.0, "stripe", "payment"))
    assert left(otherwise(one, REAL, EITHER)) == {"stripe": 0.0}


def test_nodes_that_a_map_does_not_know_are_no_cause():
    one = incident(fires(0.0, "elsewhere"), fires(0.5, "payment"))
    assert left(otherwise(one, REAL, EITHER)) == {"elsewhere": 0.0, "payment": 0.5}


@pytest.mark.parametrize("nodes", [(), ("elsewhere",)])
def test_an_incident_without_nodes_of_the_map_is_as_it_was(nodes):
    one = incident(replace(fires(0.0, "x"), nodes=nodes))
    assert otherwise(one, REAL, EITHER) == one
