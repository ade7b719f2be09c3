from __future__ import annotations

from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.graph import Graph
from enrich.model import AtLeast, BusinessMap, Hard, Need, Node, Process, Soft
from enrich.propagate import propagate, severities
from ingest.errors import NotFoundError


def a_graph(checkout: tuple[Need, ...], **nodes: tuple[Need, ...]) -> Graph:
    return Graph(
        BusinessMap(
            company="Example",
            currency="EUR",
            timezone="UTC",
            version="1",
            processes={"checkout": Process("checkout", "Checkout", needs=checkout)},
            nodes={n: Node(n, "service", n, needs=needs) for n, needs in nodes.items()},
        )
    )


def availability(need: Need, **own: float) -> float:
    graph = a_graph((need,), a=(), b=(), c=())
    return propagate(graph, own).get("checkout", 1.0)


def test_a_hard_need_takes_everything_with_it():
    assert availability(Hard("a"), a=0.0) == 0.0
    assert availability(Hard("a"), a=0.5) == 0.5
    assert availability(Hard("a"), b=0.0) == 1.0


def test_any_is_as_good_as_its_best_and_halves_do_not_add_up():
    assert availability(AtLeast(1, ("a", "b")), a=0.0) == 1.0
    assert availability(AtLeast(1, ("a", "b")), a=0.5, b=0.5) == 0.5
    assert availability(AtLeast(1, ("a", "b")), a=0.0, b=0.0) == 0.0


def test_at_least_shares_the_work_among_what_is_left():
    two_of_three = AtLeast(2, ("a", "b", "c"))
    assert availability(two_of_three, a=0.0) == 1.0
    assert availability(two_of_three, a=0.0, b=0.0) == 0.5
    assert availability(two_of_three, a=0.5, b=0.5, c=0.5) == 0.75


def test_a_soft_need_costs_its_weight():
    assert availability(Soft("a", 0.1), a=0.0) == 0.9
    assert availability(Soft("a", 0.0), a=0.0) == 1.0


def test_own_trouble_and_needs_multiply():
    graph = a_graph(
        (Hard("payment"),), payment=(Hard("host"), Soft("search", 0.5)), host=(), search=()
    )
    found = propagate(graph, {"payment": 0.9, "host": 0.5, "search": 0.0})
    assert found["payment"] == pytest.approx(0.9 * 0.5 * 0.5)
    assert found["checkout"] == found["payment"]


def test_severities_name_the_processes_that_are_hurt():
    graph = a_graph((AtLeast(1, ("a", "b")),), a=(), b=())
    assert severities(graph, {"a": 0.0}) == {}
    assert severities(graph, {"a": 0.0, "b": 0.25}) == {"checkout": 0.75}


def test_only_what_trouble_reaches_is_in_the_answer():
    graph = a_graph((Hard("a"),), a=(), b=(), c=(Hard("b"),))
    assert propagate(graph, {"b": 0.0}) == {"b": 0.0, "c": 0.0}
    assert propagate(graph, {}) == {}


def test_what_is_unknown_or_impossible_is_refused():
    graph = a_graph((Hard("a"),), a=())
    with pytest.raises(NotFoundError):
        propagate(graph, {"ghost": 0.0})
    with pytest.raises(ValueError, match="not in 0 to 1"):
        propagate(graph, {"a": 1.5})
    with pytest.raises(ValueError, match="not in 0 to 1"):
        propagate(graph, {"a": float("nan")})


def test_a_cycle_is_refused_rather_than_walked():
    graph = a_graph((Hard("a"),), a=(Hard("b"),), b=(Hard("a"),))
    with pytest.raises(ValueError, match="cycle"):
        propagate(graph, {"a": 0.0})


def naive(graph: Graph, name: str, own: dict[str, float]) -> float:
    """The definition, word by word and without any care for speed."""

    def met(need: Need) -> float:
        match need:
            case Hard(node):
                return naive(graph, node, own)
            case Soft(node, weight):
                return 1 - weight * (1 - naive(graph, node, own))
            case AtLeast(1, of):
                return max(naive(graph, node, own) for node in of)
            case AtLeast(count, of):
                return min(1, sum(naive(graph, node, own) for node in of) / count)

    return own.get(name, 1.0) * prod(met(need) for need in graph.needs(name))


SHARE = st.floats(0, 1, allow_subnormal=False)


@st.composite
def needs_of(draw, names):
    if not names:
        return ()
    several = st.lists(st.sampled_from(names), min_size=1, max_size=4, unique=True)
    need = st.one_of(
        st.builds(Hard, st.sampled_from(names)),
        st.builds(Soft, st.sampled_from(names), SHARE),
        several.flatmap(lambda of: st.builds(AtLeast, st.integers(1, len(of)), st.just(tuple(of)))),
    )
    return tuple(draw(st.lists(need, max_size=3)))


@st.composite
def troubled(draw):
    names = [f"n{i}" for i in range(draw(st.integers(1, 8)))]
    nodes = {name: draw(needs_of(names[i + 1 :])) for i, name in enumerate(names)}
    graph = a_graph(draw(needs_of(names)), **nodes)
    own = draw(st.dictionaries(st.sampled_from(names), SHARE, max_size=4))
    return graph, own


@given(troubled())
def test_it_equals_the_definition_and_stays_within_0_and_1(case):
    graph, own = case
    found = propagate(graph, own)
    for name in ["checkout", *graph.map.nodes]:
        assert found.get(name, 1.0) == pytest.approx(naive(graph, name, own), abs=1e-12)
        assert 0 <= found.get(name, 1.0) <= 1


@given(troubled(), st.data())
def test_worse_trouble_never_improves_anything(case, data):
    graph, own = case
    worse = {
        **own,
        data.draw(st.sampled_from(list(graph.map.nodes))): 0.0,
    }
    before, after = propagate(graph, own), propagate(graph, worse)
    for name in ["checkout", *graph.map.nodes]:
        assert after.get(name, 1.0) <= before.get(name, 1.0) + 1e-12


@given(troubled())
def test_the_order_in_which_trouble_is_told_does_not_matter(case):
    graph, own = case
    assert propagate(graph, own) == propagate(graph, dict(reversed(own.items())))


@given(troubled())
def test_what_stands_above_no_trouble_is_untouched(case):
    graph, own = case
    touched = set(own).union(*(graph.above(name) for name in own))
    assert set(propagate(graph, own)) == touched
