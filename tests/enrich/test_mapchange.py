"""Maps as they might be: what changes, and what is refused in the words of a real map."""

from __future__ import annotations

import pytest

from api.setup.mapfiles import read_map
from enrich.graph import Graph
from enrich.mapchange import MapChange, supposed
from enrich.model import Hard
from enrich.propagate import severities
from ingest.errors import InputError, NotFoundError
from tests.api.app import SHOP

MAP = read_map(SHOP).map


def hit(change: MapChange, **own: float) -> dict[str, float]:
    return severities(Graph(supposed(MAP, change)), own)


def test_no_change_is_the_map_itself():
    assert supposed(MAP, MapChange()) is MAP and not MapChange()


def test_other_needs():
    either = MapChange(needs={"payment": "[payments-app, {any: [stripe, adyen]}]"})
    assert hit(MapChange(), stripe=0.0) == {"checkout": 0.5}
    assert hit(either, stripe=0.0) == {}
    assert hit(either, stripe=0.0, adyen=0.0) == {"checkout": 1.0}
    assert hit(MapChange(needs={"checkout": "[]"}), stripe=0.0) == {}


def test_needs_may_name_a_node_that_is_added():
    third = "[payments-app, {at_least: 2, of: [stripe, adyen, third]}]"
    assert hit(MapChange(added=("third",), needs={"payment": third}), stripe=0.0) == {}


def test_a_twin_stands_in_whatever_the_form_of_the_need():
    assert hit(MapChange(twins=("database",)), database=0.0) == {}  # hard
    assert hit(MapChange(twins=("stripe",)), stripe=0.0) == {}  # at_least
    assert hit(MapChange(twins=("stripe",)), adyen=0.0) == {"checkout": 0.5}  # for Stripe alone
    soft = hit(MapChange(), recommender=0.0)["checkout"]
    assert soft == pytest.approx(0.1)
    assert hit(MapChange(twins=("recommender",)), recommender=0.0) == {}


def test_a_twin_needs_what_the_node_needs():
    assert hit(MapChange(twins=("database",)), **{"data-centre": 0.0})["checkout"] == 1.0


def test_needs_may_speak_of_a_twin():
    needs = {"payment": "[payments-app, 'stripe:pair']"}
    assert hit(MapChange(twins=("stripe",), needs=needs), adyen=0.0) == {}


def test_names_are_taken_as_they_are_written():
    change = MapChange(added=("no", "010"), needs={"payment": "[no, 010]"})
    assert supposed(MAP, change).nodes["payment"].needs == (Hard("no"), Hard("010"))


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (MapChange(needs={"payment": "[paymnts-app]"}), InputError, "did you mean 'payments-app'"),
        (MapChange(needs={"paymen": "[]"}), NotFoundError, "did you mean 'payment'"),
        (MapChange(needs={"database": "[payments-app]"}), InputError, "needs itself"),
        (MapChange(needs={"payment": "[a"}), InputError, "write it like"),
        (MapChange(needs={"payment": "3"}), InputError, "expected a list"),
        (MapChange(needs={"payment": "[&a stripe, *a]"}), InputError, "anchors are not taken"),
        (MapChange(needs={"payment": "[2026-02-30]"}), InputError, "not on the map"),
        (MapChange(needs={"payment": "a\n---\nb"}), InputError, "more than one document"),
        (MapChange(needs={"payment": "[" * 9 + "]" * 9}), InputError, "nested too deep"),
        (MapChange(needs={"payment": "[" * 10**5}), InputError, "nested more than"),
        (MapChange(needs={"payment": "[{{a: b}: c}]"}), InputError, "expected a name"),
        (MapChange(twins=("strip",)), NotFoundError, "did you mean 'stripe'"),
        (MapChange(twins=("checkout",)), NotFoundError, "no node 'checkout'"),
        (MapChange(added=("stripe",)), InputError, "is on the map already"),
        (MapChange(added=("no name",)), InputError, "is not a name"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(change, error, said):
    with pytest.raises(error, match=said) as refused:
        supposed(MAP, change)
    assert "\n" not in str(refused.value)
