from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.graph import Graph
from enrich.model import AtLeast, Hard, Need, Soft
from enrich.propagate import severities
from enrich.risks import NearMiss, losses
from tests.enrich.signals import shop

MAP = shop(
    {
        "checkout": ["payment", Soft("hints", 0.1)],
        "support": [AtLeast(2, ("line-a", "line-b"))],
        "payment": [AtLeast(1, ("host-a", "host-b")), "ledger"],
        "host-a": ["hall"],
        "host-b": ["hall"],
        "ledger": ["disk"],
    },
    processes=("checkout", "support"),
)


def rounded(hit):
    return {process: round(value, 9) for process, value in hit.items()}


def test_every_single_loss_is_told_with_what_it_stops():
    found = {node: rounded(hit) for node, hit in losses(Graph(MAP)).severity.items()}
    assert found == {
        "payment": {"checkout": 1.0},
        "hints": {"checkout": 0.1},
        "ledger": {"checkout": 1.0},
        "disk": {"checkout": 1.0},
        "hall": {"checkout": 1.0},
        "line-a": {"support": 0.5},
        "line-b": {"support": 0.5},
    }


def test_only_what_cuts_below_the_share_is_listed():
    found = losses(Graph(MAP))
    assert "line-a" not in found.below(0.5)
    assert found.below(0.6)["line-a"] == {"support": 0.5}
    assert set(found.below(0.0)) == {"payment", "ledger", "disk", "hall"}


def test_groups_that_only_look_redundant_are_near_misses():
    assert losses(Graph(MAP)).near_misses == [
        NearMiss("support", 2, ("line-a", "line-b"), "no_spare", ""),
        NearMiss("payment", 1, ("host-a", "host-b"), "shared", "hall"),
    ]


@st.composite
def maps(draw):
    """Random maps without cycles: a thing needs only those of larger numbers."""
    size = draw(st.integers(3, 9))
    needs: dict[str, list[Need]] = {}
    for i in range(size - 1):
        later = st.lists(st.integers(i + 1, size - 1), unique=True, max_size=4)
        names = [f"n{j}" for j in draw(later)]
        own: list[Need] = []
        while names:
            taken = names[: draw(st.integers(1, len(names)))]
            names = names[len(taken) :]
            form = draw(st.sampled_from(["hard", "group", "soft"]))
            if form == "group":
                own.append(AtLeast(draw(st.integers(1, len(taken))), tuple(taken)))
            else:
                own += [Hard(n) if form == "hard" else Soft(n, 0.25) for n in taken]
        needs[f"n{i}"] = own
    return shop(needs, processes=("n0", "n1"))


@settings(max_examples=200)
@given(maps())
def test_losses_are_those_of_propagation(business_map):
    business_map = replace(
        business_map,
        processes={
            n: replace(p, needs=tuple(x for x in p.needs if "n1" not in str(x)))
            for n, p in business_map.processes.items()
        },
    )
    graph = Graph(business_map)
    found = losses(graph).severity
    for node in business_map.nodes:
        expected = severities(graph, {node: 0.0})
        assert found.get(node, {}) == pytest.approx(expected)
