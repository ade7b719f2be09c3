from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.graph import Graph
from enrich.layout import crossings, layout
from enrich.mapfile import load
from enrich.model import BusinessMap, Hard, Node, Process

SHOP = Path(__file__).parents[2] / "deploy" / "examples" / "shop" / "map.yaml"
LAYERS = ("service", "application", "infrastructure", "provider")


def a_map(edges: list[tuple[int, int]], layers: list[int]) -> BusinessMap:
    """Nodes n0, n1, ... in these layers; each needs only later ones."""
    size = len(layers)
    needs: dict[int, dict[str, Hard]] = {i: {} for i in range(size)}
    for one, other in edges:
        a, b = sorted((one % size, other % size))
        if a != b:
            needs[a][f"n{b}"] = Hard(f"n{b}")
    nodes = {
        f"n{i}": Node(f"n{i}", cast(Any, LAYERS[layer]), f"N{i}", needs=tuple(needs[i].values()))
        for i, layer in enumerate(layers)
    }
    process = Process("p", "P", needs=(Hard("n0"),))
    return BusinessMap("X", "EUR", "UTC", "v", {"p": process}, nodes)


PAIRS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40)


@settings(max_examples=100)
@given(PAIRS, st.lists(st.integers(0, 3), min_size=1, max_size=20))
def test_nothing_stands_on_anything_else_and_every_need_has_its_line(edges, layers):
    graph = Graph(a_map(edges, layers))
    found = layout(graph)
    assert set(found.at) == set(graph.names)
    columns: dict[int, list[float]] = {}
    for column, height in found.at.values():
        columns.setdefault(column, []).append(height)
    for heights in columns.values():
        heights.sort()
        assert all(b - a > 0.999 for a, b in pairwise(heights))
    assert {(x.upper, x.lower) for x in found.lines} == {
        (name, cast(Hard, need).node) for name in graph.names for need in graph.needs(name)
    }
    for line in found.lines:
        upper, lower = found.at[line.upper][0], found.at[line.lower][0]
        assert [column for column, _ in line.through] == list(range(upper + 1, lower))
    assert layout(graph) == found, "the same map always looks the same"


def test_processes_stand_first_and_providers_last():
    found = layout(Graph(load({"m": SHOP.read_text("utf-8")})))
    assert found.columns[0] == "process" and found.columns[-1] == "provider"
    assert found.at["checkout"][0] == 0
    assert found.at["recommender"][0] == found.at["storefront"][0] + 1, "needed in its own layer"


def test_crossings_are_counted():
    links: dict[Any, list[Any]] = {"a": ["y"], "b": ["x"], "c": ["x", "y"]}
    assert crossings([["a", "b", "c"], ["x", "y"]], links) == 2
    assert crossings([["b", "c", "a"], ["x", "y"]], links) == 0


def test_lines_that_need_not_cross_do_not():
    edges = [(0, 4), (1, 3), (2, 5)]
    found = layout(Graph(a_map(edges, [0, 0, 0, 1, 1, 1])))
    for one in found.lines:
        for other in found.lines:
            if one.upper != other.upper and "p" not in (one.upper, other.upper):
                upper = found.at[one.upper][1] < found.at[other.upper][1]
                assert upper == (found.at[one.lower][1] < found.at[other.lower][1])


def test_a_part_of_a_map_is_drawn_by_itself():
    graph = Graph(load({"m": SHOP.read_text("utf-8")}))
    found = layout(graph, {"telephony", "carrier-one"})
    assert set(found.at) == {"telephony", "carrier-one"}
    assert [(x.upper, x.lower) for x in found.lines] == [("telephony", "carrier-one")]
