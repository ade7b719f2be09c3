"""Expected losses per quarter: what few and many incidents tell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impact.model import DRAWS
from impact.portfolio import History, expected_losses


def costs(*means: float, spread: float = 0.1) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [mean * rng.normal(1.0, spread, DRAWS) for mean in means]


def node(name: str, *means: float, layer: str = "service", hour: float = 100.0) -> History:
    return History(name, layer, costs(*means), hour)


def test_many_alike_incidents_give_their_rate_times_their_cost():
    # 40 incidents of 1,000 in 4 quarters; one node, so that the prior's rate is its own
    found = expected_losses([node("a", *[1000.0] * 40)], 4.0)["a"]
    assert found.per_quarter.mid == pytest.approx(10.0, rel=0.03)
    assert found.expected.mid == pytest.approx(10_000, rel=0.05)
    assert found.expected.low > 7000 and found.expected.high < 13_500
    assert found.method == "measured" and found.incidents == 40


def test_few_incidents_give_a_wide_range():
    one = expected_losses([node("a", 1000.0)], 4.0)["a"].expected
    many = expected_losses([node("a", *[1000.0] * 40)], 4.0)["a"].expected
    assert (one.high - one.low) / one.mid > 3 * (many.high - many.low) / many.mid


def test_a_node_that_never_failed_is_not_infallible():
    found = expected_losses([node("a", 1000.0, 1000.0), node("b", hour=50.0)], 1.0)
    # rate usual in the layer: 1 a quarter, prior worth half an incident: 0.5 / 1.5 of it,
    # each half as dear as those of a
    assert found["b"].per_quarter.mid == pytest.approx(1 / 3, rel=0.08)
    assert found["b"].expected.mid == pytest.approx(1000 / 2 / 3, rel=0.1)
    assert found["b"].method == "modelled"
    assert found["b"].expected.low < 0.1 * found["b"].expected.mid


def test_a_node_whose_loss_hurts_nobody_loses_nothing():
    found = expected_losses([node("a", 1000.0), node("spare", hour=0.0)], 1.0)
    assert found["spare"].expected.mid == found["spare"].bad_quarter == 0.0


def test_layers_lend_to_each_other_only_without_any_of_their_own():
    failing, well = node("p", *[10.0] * 8, layer="provider"), node("q", layer="provider")
    found = expected_losses([failing, well, node("s", layer="service")], 1.0)
    assert found["q"].per_quarter.mid > found["s"].per_quarter.mid > 0.0


def test_without_any_incident_there_is_nothing_to_go_by():
    assert expected_losses([node("a"), node("b")], 1.0) == {}
    with pytest.raises(ValueError, match="quarters"):
        expected_losses([node("a")], 0.0)


def test_a_bad_quarter_is_worse_than_the_expected_one():
    found = expected_losses([node("a", 100.0, 5000.0)], 4.0)["a"]
    assert found.bad_quarter > found.expected.mid


def test_incidents_without_effect_come_to_nothing():
    rng = np.random.default_rng(3)
    history = History("a", "service", [rng.normal(0, 100, DRAWS) for _ in range(30)], 100.0)
    found = expected_losses([history], 1.0)["a"].expected
    assert found.low < 0.0 < found.high


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 1e6), max_size=6), st.floats(0.1, 8))
def test_ranges_hold_their_middle_and_repeat(means, quarters):
    histories = [node("a", *means), node("b", 50.0)]
    found = expected_losses(histories, quarters)
    assert found == expected_losses(histories, quarters)
    for one in found.values():
        assert one.expected.low <= one.expected.mid <= one.expected.high
        assert 0 < one.per_quarter.low <= one.per_quarter.mid <= one.per_quarter.high
