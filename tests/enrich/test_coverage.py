from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.coverage import StaleOwner, Unmatched, coverage, paste, rule
from enrich.graph import Graph
from enrich.mapfile import load
from enrich.resolve import Resolver

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
HEAD = "company: Example\ncurrency: EUR\ntimezone: UTC\n"


def a_graph() -> Graph:
    return Graph(
        load(
            {
                "map.yaml": HEAD
                + """
processes:
  checkout:
    needs: [payment]
    measures:
      payments: {kind: flow, stream: payments, value: amount}
      carts: {kind: flow, stream: carts}
  returns: {measures: {parcels: {kind: flow, stream: parcels, value: 3 EUR}}}
  support:
services: {payment: {needs: [stripe]}, attic: {needs: [cellar]}}
infrastructure: {cellar: }
providers: {stripe: }
"""
            }
        )
    )


def test_every_kind_of_gap_is_listed():
    found = coverage(a_graph(), {"payments": NOW, "returns": NOW, "parcels": None}, [])
    assert found.processes_without_measures == ("support",)
    assert found.processes_without_volume == ("returns",)
    assert found.services_without_process == ("attic",)
    assert found.orphans == ("cellar",)
    assert found.measures_without_data == ("checkout/carts", "returns/parcels")
    assert found.measures_without_value == ("checkout/carts",)
    assert found.streams_without_measure == ("returns",)
    assert found.unmatched == ()


def test_unmatched_signals_are_grouped_by_what_they_are_about():
    signals = [
        {"alertname": "Slow", "service": "paymnt", "pod": "a-1"},
        {"alertname": "Down", "service": "paymnt", "pod": "a-2"},
        {"provider": "GitHub", "page": "GitHub", "component": "API Requests"},
        {"strange": "1"},
    ]
    assert coverage(a_graph(), {}, signals).unmatched == (
        Unmatched({"service": "paymnt"}, 2, "match: [{service: paymnt}]", "payment"),
        Unmatched(
            {"provider": "GitHub", "component": "API Requests"},
            1,
            "match: [{provider: GitHub, component: API Requests}]",
            "",
        ),
        Unmatched({"strange": "1"}, 1, 'match: [{strange: "1"}]', ""),
    )


def test_a_signal_without_labels_has_no_rule():
    (found,) = coverage(a_graph(), {}, [{}]).unmatched
    assert found == Unmatched({}, 1, "", "")


@pytest.mark.parametrize("value", ["null", "no", "a: b", "pay.*", "x#1", '"', "[a]", "ünïcode"])
def test_a_proposed_rule_finds_exactly_the_signals_it_was_made_from(value):
    check_rule({"job": value})


LABELS = st.dictionaries(
    st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=12),
    min_size=1,
    max_size=3,
).filter(lambda labels: all(value.strip() for value in labels.values()))


@given(LABELS)
def test_whatever_the_labels_their_rule_finds_them(labels):
    check_rule(labels)


def check_rule(labels: dict[str, str]) -> None:
    text = HEAD + "processes: {p: }\nservices:\n  found:\n    " + rule(labels)
    resolver = Resolver(load({"map.yaml": text}))
    assert resolver.nodes(labels) == ("found",)
    label = next(iter(labels))
    assert resolver.nodes({**labels, label: labels[label] + "x"}) == ()


OWNED = (
    HEAD
    + """
processes:
  checkout: {needs: [payment], owner: "#sales"}
  returns: {owner: anna@example.com}
  support:
services:
  payment: {owner: pay-team, match: [{job: "pay-.*"}]}
  crm: {owner: crm-team}
  ivr: {owner: voice}
"""
)


def test_owners_whom_nobody_can_reach_are_listed():
    found = coverage(Graph(load({"m": OWNED})), {}, [])
    assert found.processes_without_owner == ("support",)
    assert [(o.owner, o.why) for o in found.stale_owners] == [
        ("pay-team", "no_contact"),
        ("crm-team", "no_contact"),
        ("voice", "no_contact"),
    ]
    named = OWNED + "owners: {pay-team: pay@example.com, crm-team: }"
    assert coverage(Graph(load({"m": named})), {}, []).stale_owners == (
        StaleOwner("crm-team", "no_contact", ("crm",)),
        StaleOwner("voice", "unknown", ("ivr",)),
    )


@pytest.mark.parametrize(
    ("labels", "name", "layer"),
    [
        ({"service": "paymnt"}, "payment", "service"),
        ({"job": "node exporter"}, "node-exporter", "application"),
        ({"instance": "10.0.0.7:9100"}, "10-0-0-7-9100", "infrastructure"),
        ({"provider": "GitHub", "component": "API Requests"}, "api-requests", "provider"),
        ({"alertname": "Slow"}, "slow", "service"),
    ],
)
def test_what_is_proposed_can_be_pasted_into_the_map(labels, name, layer):
    business_map = load({"m": OWNED})
    [unmatched] = coverage(Graph(business_map), {}, [labels]).unmatched
    lines = paste(business_map, unmatched)
    if name == "payment":  # lines that take the place of the node's own
        found = load({"m": OWNED.split("services:")[0], "pasted": lines})
        assert Resolver(found).nodes({"job": "pay-api"}) == ("payment",)
    else:
        found = (
            load({"m": OWNED, "pasted": lines})
            if "services:" not in lines
            else load({"m": OWNED + lines.removeprefix("services:\n")})
        )
    assert found.nodes[name].layer == layer
    assert Resolver(found).nodes(labels) == (name,)
