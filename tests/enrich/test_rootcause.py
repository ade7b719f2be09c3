import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.graph import Graph
from enrich.rootcause import rank, trigger
from tests.enrich.signals import at, put_together, shop, signal

MAP = shop(
    {
        "checkout": ["payment", "storefront"],
        "payment": ["app"],
        "storefront": ["app"],
        "app": ["db", "cache"],
    }
)
GRAPH = Graph(MAP)


def ranked(*fired: tuple[str, float]) -> list[str]:
    said = [signal(node, minute, minute + 10) for node, minute in fired]
    return [c.node for c in rank(put_together(said, MAP), GRAPH)]


def test_whoever_explains_most_comes_first_however_late():
    assert ranked(("payment", 0), ("storefront", 1), ("app", 3)) == [
        "app",
        "payment",
        "storefront",
    ]


def test_equals_are_ranked_by_start_then_by_name():
    assert ranked(("db", 2), ("cache", 1), ("app", 3))[:2] == ["cache", "db"]
    assert ranked(("db", 1), ("cache", 1))[:2] == ["cache", "db"]


def test_reasons_are_in_words():
    said = [signal("payment", 0, 9), signal("storefront", 1, 9), signal("app", 3, 9)]
    first, second, _ = rank(put_together(said, MAP), GRAPH)
    assert first.explains == ("payment", "storefront")
    assert first.reason == (
        "2 of 2 other firing nodes need it (payment, storefront); fires since 12:03:00 UTC"
    )
    assert second.reason == "explains none of the 2 other firing nodes; fires since 12:00:00 UTC"
    [alone] = rank(put_together(said[:1], MAP), GRAPH)
    assert alone.reason == "the only node that fires, since 12:00:00 UTC"


def test_many_explained_nodes_are_counted():
    wide = shop({f"s{i}": ["db"] for i in range(9)}, [])
    said = [signal("db", 0, 9), *(signal(f"s{i}", 1, 9) for i in range(9))]
    first = rank(put_together(said, wide), Graph(wide))[0]
    assert first.reason.startswith("9 of 9 other firing nodes need it (s0, s1, s2 and 6 more)")


def change(node: str, minute: float):
    [episode] = put_together([signal(node, minute, kind="change", severity="info")], MAP)
    return episode


@pytest.mark.parametrize(
    ("node", "minute", "found"),
    [
        ("app", -30, True),
        ("db", -60, True),  # beneath it, just within the hour
        ("db", 0, True),
        ("db", -61, False),
        ("db", 1, False),  # after the start: perhaps the repair
        ("payment", -5, False),  # above it
    ],
)
def test_a_trigger_is_a_change_at_or_beneath_the_root_in_the_hour_before(node, minute, found):
    named = trigger([change(node, minute)], "app", at(0), GRAPH)
    assert (named is not None) == found
    assert named is None or (named.node, named.at) == (node, at(minute))


def test_the_last_of_several_changes_is_the_trigger_and_the_root_goes_before_what_is_beneath():
    changes = [change("db", -20), change("app", -10), change("db", -10), change("app", -40)]
    named = trigger(changes, "app", at(0), GRAPH)
    assert named is not None
    assert (named.node, named.at) == ("app", at(-10))


def test_without_a_root_on_the_map_there_is_no_trigger():
    assert trigger([change("db", -1)], "", at(0), GRAPH) is None


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(MAP.nodes)), st.integers(0, 20)), min_size=1))
def test_each_firing_node_is_ranked_once_and_no_root_needs_a_candidate_that_explains_it(fired):
    order = ranked(*((node, float(minute)) for node, minute in fired))
    assert sorted(order) == sorted({node for node, _ in fired})
    assert not GRAPH.below(order[0]) & set(order)
