from __future__ import annotations

from dataclasses import replace
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from enrich.episodes import DEFAULT_EXPIRIES
from enrich.eras import Era, Graphs, put_together
from enrich.graph import Graph
from enrich.resolve import Resolver
from tests.enrich.signals import at, shop, signal

NEVER = at(-100_000)
OLD = replace(shop({"checkout": ["payment"], "payment": ["stripe"]}), version="old")
NEW = replace(shop({"checkout": ["payment"], "payment": ["stripe", "vault"]}), version="new")


def eras(*since_and_map):
    return [Era(at(since), m.version, partial(both, m)) for since, m in since_and_map]


def both(business_map):
    return Graph(business_map), Resolver(business_map)


TWO = eras((-90_000, OLD), (60, NEW))


def read(*said, now=300, maps=TWO):
    _, found = put_together(said, maps, DEFAULT_EXPIRIES, at(now), NEVER)
    return [(i.root, i.map_version) for i in found]


def test_what_is_over_keeps_the_map_of_its_time():
    over = [signal("stripe", 0), signal("stripe", 0, 10)]
    later = [signal("stripe", 100, alert="Slow"), signal("stripe", 100, 110, alert="Slow")]
    assert read(*over, *later) == [("stripe", "old"), ("stripe", "new")]


def test_what_goes_on_while_the_map_changes_is_read_by_the_new_one_from_its_start():
    assert read(signal("stripe", 50), signal("stripe", 50, 70)) == [("stripe", "new")]
    joined = [signal("payment", 50), signal("vault", 55)]
    assert read(*joined) == [("vault", "new")]


def test_a_signal_that_only_the_new_map_knows_is_found_if_it_still_fires():
    assert read(signal("vault", 50), signal("vault", 50, 70)) == [("vault", "new")]
    assert read(signal("vault", 0), signal("vault", 0, 9)) == []


def test_a_map_of_before_all_time_reads_everything_as_one_map_does():
    said = [signal("stripe", 0, 10), signal("payment", 90), signal("stripe", 200, alert="Slow")]
    assert read(*said, maps=eras((-90_000, NEW))) == read(
        *said, maps=eras((-90_000, OLD), (-80_000, NEW))
    )


MINUTES = st.integers(0, 200)


@given(
    st.lists(st.tuples(st.sampled_from(["stripe", "payment", "vault"]), MINUTES, MINUTES)),
    MINUTES,
    st.randoms(use_true_random=False),
)
def test_the_order_of_arrival_and_the_time_of_the_look_decide_nothing(told, border, random):
    said = [
        signal(node, start, start + lasts, alert=f"a{i}")
        for i, (node, start, lasts) in enumerate(told)
    ]
    maps = eras((-90_000, OLD), (border, NEW))
    found = read(*said, now=1000, maps=maps)
    random.shuffle(said)
    assert read(*said, now=2000, maps=maps) == found


def test_many_quiet_versions_of_the_map_cost_nothing():
    maps = eras((-90_000, OLD), *((minute, NEW) for minute in range(50, 60)), (60, NEW))
    assert read(signal("stripe", 0, 5), maps=maps) == [("stripe", "old")]
    assert [era.version for era in maps if "_found" in vars(era)] == ["old", "new", "new"]


def test_a_graph_is_found_by_its_version():
    graphs = Graphs(TWO)
    assert set(graphs) == {"old", "new"}
    assert graphs["old"].map == OLD
    assert graphs.get("gone") is None
