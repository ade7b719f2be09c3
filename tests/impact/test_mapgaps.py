from __future__ import annotations

from dataclasses import replace

from enrich.graph import Graph
from enrich.incident import Incident, Reached
from enrich.model import AtLeast
from impact.mapgaps import map_gaps
from impact.model import MeasureImpact, Range
from tests.enrich.signals import at, shop

GRAPH = Graph(
    shop(
        {"checkout": ["payment"], "support": ["crm"], "payment": [AtLeast(1, ("stripe", "adyen"))]},
        processes=("checkout", "support"),
    )
)


def outage(name: str, root: str, start: float, **severity: float) -> Incident:
    reached = tuple(Reached(p, s, (root, p)) for p, s in severity.items())
    return Incident(
        name, "outage", "settled", root, at(start), at(start + 20), root, "", (), reached
    )


def business(name: str, start: float, measure: str = "checkout/payments") -> Incident:
    return Incident(
        name, "business", "settled", name, at(start), at(start + 20), "", "", measures=(measure,)
    )


def impact(incident: str, process: str, *, red: bool) -> MeasureImpact:
    return MeasureImpact(
        incident=incident,
        process=process,
        measure="payments",
        kind="flow",
        state="final",
        as_of=at(500),
        method="measured",
        units={"lost": Range(0, 1, 2)},
        money={},
        lost_is="measured",
        per_minute_units=None,
        per_minute_money=None,
        data_until=at(400),
        effect=(at(0), at(20)),
        settling_until=None,
        red=red,
        share=1.0,
        evidence={},
        inputs={"ever_red": float(red)},
        draws={},
    )


def told(*incidents: Incident, impacts: tuple[MeasureImpact, ...] = ()):
    return [
        (g.kind, g.process, g.node, [e.incident.id for e in g.evidence], g.agreed)
        for g in map_gaps(GRAPH, incidents, impacts)
    ]


def test_a_fall_beside_a_spared_node_doubts_the_redundancy():
    found = [business("b", 10), outage("t", "stripe", 0), outage("u", "stripe", 900)]
    assert told(*found) == [("fell_unpredicted", "checkout", "stripe", ["b"], 1)]
    [gap] = map_gaps(GRAPH, found, ())
    assert gap.evidence[0].beside == found[1]
    assert gap.words == (
        "checkout fell once while stripe was in trouble, which the map says it can spare: a "
        "redundancy may not carry what it should, or a need be more than soft"
    )


def test_a_fall_beside_a_node_that_is_not_connected_misses_a_need():
    [gap] = map_gaps(GRAPH, [business("b", 10), outage("t", "crm", 0, support=1.0)], ())
    assert "which the map does not connect with it: a need may be missing" in gap.words


def test_a_fall_just_after_signals_that_foretold_it_is_no_gap():
    assert told(business("b", 30), outage("t", "payment", 0, checkout=1.0)) == []


def test_no_incident_is_taken_off_twice_from_those_that_agree():
    slight = outage("t", "stripe", 0, checkout=0.1)  # in which the map says next to nothing is lost
    assert told(business("b", 30), slight) == [("fell_unpredicted", "checkout", "stripe", ["b"], 0)]


def test_a_fall_out_of_nothing_misses_signals():
    [gap] = map_gaps(GRAPH, [business("b", 10), business("c", 300)], ())
    assert (gap.node, [e.incident.id for e in gap.evidence]) == ("", ["c", "b"])
    assert gap.words.startswith("checkout fell twice while nothing on the map was in trouble")


def test_harm_that_did_not_come_is_held_against_harm_that_did():
    incidents = [outage(n, "payment", 100 * i, checkout=0.5) for i, n in enumerate("abc")]
    impacts = tuple(impact(n, "checkout", red=n == "b") for n in "abc")
    assert told(*incidents, impacts=impacts) == [
        ("predicted_but_stood", "checkout", "payment", ["c", "a"], 1)
    ]


def test_what_could_not_be_seen_is_no_gap():
    faint = outage("a", "payment", 0, checkout=0.1)
    assert told(faint, impacts=(impact("a", "checkout", red=False),)) == []
    strong = outage("a", "payment", 0, checkout=1.0)
    for unseen in (
        replace(impact("a", "checkout", red=False), method="modelled"),
        replace(impact("a", "checkout", red=False), state="live"),
    ):
        assert told(strong, impacts=(unseen,)) == []
