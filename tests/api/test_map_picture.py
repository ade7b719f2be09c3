from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from api.charts.map_picture import MOST, State, around, map_svg
from enrich.graph import Graph
from enrich.mapfile import load
from enrich.model import BusinessMap, Node
from enrich.propagate import propagate
from ingest.errors import InputError

SHOP = Path(__file__).parents[2] / "deploy" / "examples" / "shop" / "map.yaml"
SVG = "{http://www.w3.org/2000/svg}"


def shop() -> Graph:
    return Graph(load({"m": SHOP.read_text("utf-8")}))


def names(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return ["".join(title.itertext()) for title in root.iter(f"{SVG}title")]


def test_everything_has_a_name_that_can_be_read_out():
    found = names(map_svg(shop()))
    assert found[0] == "The map of Example Shop"
    assert "Payment (service). Needs Payments application; 2 of 2: Stripe, Adyen" in found
    assert "Recommendations, without which 10% is lost" in found
    assert "1 of 2: First carrier, Second carrier" in found


def test_a_state_is_told_by_words_and_not_by_colour_alone():
    graph, own = shop(), {"stripe": 0.5}
    state = State(propagate(graph, own), own, ["checkout"])
    found = names(map_svg(graph, state=state))
    assert "Stripe (provider). Now: fires" in found
    assert any(n.startswith("Payment (service)") and n.endswith("Now: −25%") for n in found)
    assert any(n.startswith("Web checkout (process)") and n.endswith("Now: red") for n in found)
    svg = map_svg(graph, state=state)
    assert "In trouble: Stripe. Business red: Web checkout" in svg
    assert svg.count('class="line hard hurt"') == 2


def test_paper_is_light_dark_or_as_the_reader_likes():
    graph = shop()
    assert "prefers-color-scheme" in map_svg(graph)
    light, dark = map_svg(graph, theme="light"), map_svg(graph, theme="dark")
    assert "prefers-color-scheme" not in light + dark and light != dark


def test_texts_of_a_map_cannot_break_the_picture():
    title = '<b> & "quotes" \' ]]>' + "x" * 80
    node = Node("n", "service", title, owner="</title>")
    found = map_svg(Graph(BusinessMap(title, "EUR", "UTC", "v", {}, {"n": node})))
    assert f"{title} (service), owner </title>" in names(found)


def test_around_a_node_is_what_it_needs_and_whom_it_reaches():
    assert around(shop(), "carrier-one") == {"carrier-one", "telephony", "support"}


def test_a_wall_of_boxes_is_refused():
    nodes = {f"n{i}": Node(f"n{i}", "service", f"N{i}") for i in range(MOST + 1)}
    with pytest.raises(InputError, match="draw around it"):
        map_svg(Graph(BusinessMap("X", "EUR", "UTC", "v", {}, nodes)))


def test_the_picture_beside_the_example_is_of_the_example():
    """`toll map draw --map deploy/examples/shop/map.yaml -o deploy/examples/shop/map.svg`."""
    assert SHOP.with_suffix(".svg").read_text("utf-8") == map_svg(shop())
