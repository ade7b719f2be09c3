from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.graph import Graph
from enrich.model import AtLeast, BusinessMap, Hard, Need, Node, Process, Soft, needed
from ingest.errors import NotFoundError

Needs = Mapping[str, tuple[Need, ...]]


def a_map(processes: Needs, nodes: Needs) -> BusinessMap:
    return BusinessMap(
        company="Example",
        currency="EUR",
        timezone="UTC",
        version="1",
        processes={p: Process(p, p.title(), needs=needs) for p, needs in processes.items()},
        nodes={n: Node(n, "service", n.title(), needs=needs) for n, needs in nodes.items()},
    )


SHOP = a_map(
    processes={"checkout": (Hard("storefront"), Hard("payment")), "support": ()},
    nodes={
        "storefront": (Soft("search", 0.2),),
        "payment": (AtLeast(1, ("stripe", "adyen")),),
        "search": (Hard("host"),),
        "stripe": (),
        "adyen": (),
        "host": (),
    },
)


def test_below_is_everything_it_needs_and_above_everything_that_needs_it():
    graph = Graph(SHOP)
    assert graph.below("payment") == {"stripe", "adyen"}
    assert graph.below("checkout") == set(SHOP.nodes)
    assert graph.above("host") == {"search", "storefront", "checkout"}
    assert graph.above("checkout") == graph.below("host") == frozenset()


def test_needed_by_names_the_direct_ones_only():
    assert Graph(SHOP).needed_by("host") == ("search",)
    assert Graph(SHOP).needs("search") == (Hard("host"),)


def test_trouble_reaches_upwards():
    graph = Graph(SHOP)
    assert "checkout" in graph.above("host")
    assert "host" not in graph.above("checkout")
    assert "storefront" not in graph.above("stripe")


def test_the_path_up_is_the_shortest_from_cause_to_effect():
    graph = Graph(SHOP)
    assert graph.path_up("host", "checkout") == ("host", "search", "storefront", "checkout")
    assert graph.path_up("host", "host") == ("host",)
    assert graph.path_up("host", "payment") is None


def test_of_two_shortest_paths_the_first_on_the_map_is_named():
    needs = {"a": (Hard("root"),), "b": (Hard("root"),), "root": ()}
    assert Graph(a_map({"p": (Hard("b"), Hard("a"))}, needs)).path_up("root", "p") == (
        "root",
        "a",
        "p",
    )


def test_the_processes_that_a_node_reaches():
    graph = Graph(SHOP)
    assert graph.processes("host") == ("checkout",)
    assert graph.processes("support") == ("support",)


@pytest.mark.parametrize("question", ["below", "above", "needs", "needed_by", "processes"])
def test_an_unknown_name_is_never_silently_ignored(question):
    with pytest.raises(NotFoundError, match=r"the map has no 'strip'; did you mean 'stripe'\?"):
        getattr(Graph(SHOP), question)("strip")
    with pytest.raises(NotFoundError):
        Graph(SHOP).path_up("host", "strip")


@st.composite
def layered(draw):
    """Acyclic maps: each node may need nodes after it."""
    size = draw(st.integers(1, 12))
    names = [f"n{i}" for i in range(size)]
    needs = {
        name: tuple(Hard(n) for n in draw(st.lists(st.sampled_from(names[i + 1 :]), unique=True)))
        if i + 1 < size
        else ()
        for i, name in enumerate(names)
    }
    return a_map({"p": (Hard(names[0]),)}, needs)


@given(layered())
def test_above_and_below_are_each_others_mirror_and_paths_are_made_of_needs(business_map):
    graph = Graph(business_map)
    names = [*business_map.processes, *business_map.nodes]
    for a in names:
        for b in names:
            assert (b in graph.above(a)) == (a in graph.below(b))
            path = graph.path_up(a, b)
            assert (path is not None) == (a == b or b in graph.above(a))
            for lower, upper in zip(path or (), (path or ())[1:], strict=False):
                assert lower in {n for need in graph.needs(upper) for n in needed(need)}
