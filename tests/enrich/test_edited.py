"""What people correct stays corrected, whatever signals come and in whatever order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.correlate import Builder
from enrich.edited import Edited, edited
from enrich.edits import (
    Action,
    Cause,
    Dismiss,
    Edit,
    End,
    Merge,
    Reach,
    Response,
    Split,
    Start,
    Title,
    Undo,
    standing,
)
from enrich.graph import Graph
from enrich.incident import PEOPLE, Incident
from ingest.events import Signal
from tests.enrich.signals import at, incidents, shop, signal

MAP = shop(
    {
        "checkout": ["payment", "storefront"],
        "fulfilment": ["warehouse"],
        "payment": ["db"],
        "storefront": ["cdn"],
        "warehouse": ["db"],
    },
    ["checkout", "fulfilment"],
)
GRAPH = Graph(MAP)
PAYMENT, CDN = signal("payment", 0, heard=1), signal("cdn", 60, heard=61)
LATER = 10_000.0


def edit(incident: str, action: Action, number: int = 1, minute: float = 500) -> Edit:
    return Edit(f"edit-{number}", incident, at(minute), "an operator", "a reason", action)


def applied(said: Iterable[Signal], edits: Sequence[Edit], now: float = LATER) -> Edited:
    found = {i.id: i for i in incidents(said, MAP, now)}
    return edited(found, edits, lambda _: Builder((), GRAPH, at(now)))


def ids(said: Iterable[Signal]) -> list[str]:
    return [i.id for i in incidents(said, MAP)]


def one(found: Edited) -> Incident:
    (incident,) = found.incidents.values()
    return incident


def nodes(incident: Incident) -> list[str]:
    return [n for e in incident.episodes for n in e.nodes if e.source != PEOPLE]


def over(node: str, start: float, end: float, **more: float) -> list[Signal]:
    return [signal(node, start, **more), signal(node, start, end, **more)]  # type: ignore[arg-type]


# one field at a time


def test_who_worked_on_it_is_what_people_said_last():
    (name,) = ids([PAYMENT])
    four = edit(name, Response(4, Decimal("1.5")))
    assert one(applied([PAYMENT], [four])).response == Response(4, Decimal("1.5"))
    five = edit(name, Response(5), 2, 501)
    assert one(applied([PAYMENT], [four, five])).response == Response(5)
    undone = [four, five, edit(name, Undo(five.id), 3, 502)]
    assert one(applied([PAYMENT], undone)).response == four.action
    assert one(applied([PAYMENT], [])).response is None


def test_who_worked_on_a_part_worked_on_the_whole():
    first, second = ids([PAYMENT, CDN])
    said = edit(second, Response(2))
    whole = one(applied([PAYMENT, CDN], [said, edit(second, Merge(first), 2, 501)]))
    assert whole.response == Response(2)


def test_start_and_end_are_what_people_say():
    said = over("payment", 0, 30)
    (name,) = ids(said)
    found = one(applied(said, [edit(name, Start(at(-20))), edit(name, End(at(45)), 2)]))
    assert (found.started_at, found.ended_at) == (at(-20), at(45))
    assert found.edits == ("edit-1", "edit-2")
    assert found.state == "settled"


def test_an_end_taken_back_to_open_goes_on():
    said = over("payment", 0, 30)
    (name,) = ids(said)
    found = one(applied(said, [edit(name, End(None))]))
    assert (found.ended_at, found.state) == (None, "open")


def test_the_last_word_on_a_field_counts():
    said = over("payment", 0, 30)
    (name,) = ids(said)
    edits = [edit(name, Title("later"), 2, minute=501), edit(name, Title("earlier"), 1)]
    assert one(applied(said, edits)).title == "later"


def test_a_named_cause_brings_its_reach_and_its_path():
    said = over("payment", 0, 30)
    (name,) = ids(said)
    found = one(applied(said, [edit(name, Cause("db"))]))
    assert found.root == "db"
    assert {r.process: r.path for r in found.reached} == {
        "checkout": ("db", "payment", "checkout"),
        "fulfilment": ("db", "warehouse", "fulfilment"),
    }
    assert found.title == "db"
    assert [c.node for c in found.causes] == ["payment"]  # what the signals say is kept
    assert nodes(found) == ["payment"]


def test_a_cause_that_fires_already_only_moves_to_the_front():
    said = [*over("payment", 0, 30), *over("storefront", 5, 30, heard=5), *over("db", 2, 30)]
    name = ids(said)[0]
    found = applied(said, [edit(name, Cause("payment"))]).incidents[name]
    assert found.root == "payment"
    assert PEOPLE not in {e.source for e in found.episodes}


def test_processes_come_and_go():
    said = over("payment", 0, 30)
    (name,) = ids(said)
    more = one(applied(said, [edit(name, Reach(add=("fulfilment",)))]))
    assert {r.process: r.severity for r in more.reached} == {"checkout": 1.0, "fulfilment": 1.0}
    none = one(applied(said, [edit(name, Reach(remove=("checkout",)))]))
    assert none.reached == ()
    both = [edit(name, Reach(remove=("checkout",))), edit(name, Reach(add=("checkout",)), 2)]
    assert [r.process for r in one(applied(said, both)).reached] == ["checkout"]


def test_what_was_none_is_gone_but_can_be_read():
    said = over("payment", 0, 30)
    (name,) = ids(said)
    found = applied(said, [edit(name, Dismiss())])
    assert found.incidents == {}
    assert found.gone[name].dismissed


def test_an_undo_brings_back_what_was_and_can_be_undone():
    said = over("payment", 0, 30)
    (name,) = ids(said)
    dismissed, undone = edit(name, Dismiss()), edit(name, Undo("edit-1"), 2, 501)
    back = one(applied(said, [dismissed, undone]))
    assert replace(back, edits=()) == incidents(said, MAP)[0]
    assert back.edits == ("edit-1", "edit-2")
    again = edit(name, Undo("edit-2"), 3, 502)
    assert applied(said, [dismissed, undone, again]).incidents == {}
    assert standing([dismissed, undone, again]) == [dismissed]


# merge


def test_merged_incidents_stay_one_when_more_comes():
    said = [*over("payment", 0, 30), *over("cdn", 60, 90)]
    payment, cdn = ids(said)
    merge = edit(cdn, Merge(payment))
    whole = applied(said, [merge])
    assert whole.incidents.keys() == {payment}
    assert whole.gone[cdn].merged_into == payment
    assert (one(whole).started_at, one(whole).ended_at) == (at(0), at(90))
    more = [*said, signal("cdn", 95), signal("storefront", 65)]
    assert sorted(nodes(one(applied(more, [merge])))) == ["cdn", "cdn", "payment", "storefront"]


def test_a_merged_incident_brings_its_corrections_along():
    said = [*over("payment", 0, 30), *over("cdn", 60, 90)]
    payment, cdn = ids(said)
    edits = [
        edit(cdn, Start(at(-5)), 1),
        edit(cdn, Merge(payment), 2, 501),
        edit(cdn, Title("one outage"), 3, 502),  # under its old name
    ]
    found = one(applied(said, edits))
    assert (found.id, found.title, found.started_at) == (payment, "one outage", at(-5))
    assert one(applied(said, [*edits, edit(payment, Start(at(3)), 4, 503)])).started_at == at(3)


def test_merging_in_a_row_and_in_a_circle_ends_in_one():
    said = [*over("payment", 0, 9), *over("cdn", 60, 69), *over("warehouse", 120, 129)]
    a, b, c = ids(said)
    edits = [edit(a, Merge(b), 1), edit(b, Merge(c), 2), edit(c, Merge(a), 3)]
    found = applied(said, edits)
    assert found.incidents.keys() == {c}
    assert {g.merged_into for g in found.gone.values()} == {c}


# split


def test_split_signals_are_an_incident_of_their_own_and_do_not_grow_back():
    said = [*over("db", 0, 30, heard=0), *over("warehouse", 3, 40, heard=3)]
    (name,) = ids(said)
    (incident,) = incidents(said, MAP)
    off = next(e.id for e in incident.episodes if "warehouse" in e.nodes)
    split = edit(name, Split((off,)), minute=60)
    found = applied(said, [split]).incidents
    assert len(found) == 2 and nodes(found[name]) == ["db"]
    # the same alert again, another on the same node, and one of the part that stayed
    more = [
        signal("warehouse", 61, heard=61),
        signal("warehouse", 5, heard=62, alert="Slow"),
        signal("payment", 5, heard=63),
        signal("db", 45, heard=64),
    ]
    later = applied([*said, *more], [split]).incidents
    assert later.keys() == found.keys()
    (other,) = later.keys() - {name}
    assert sorted(nodes(later[name])) == ["db", "db", "payment"]
    assert nodes(later[other]) == ["warehouse"] * 3


def test_the_part_that_stays_keeps_the_name_though_its_first_signal_left():
    said = [*over("db", 0, 30, heard=0), *over("warehouse", 3, 40, heard=3)]
    (incident,) = incidents(said, MAP)
    first = incident.episodes[0].id
    edits = [edit(incident.id, Split((first,)), 1), edit(incident.id, Title("rest"), 2, 501)]
    found = applied(said, edits).incidents
    assert nodes(found[incident.id]) == ["warehouse"]
    (part,) = found.keys() - {incident.id}
    renamed = edit(part, Title("the database"), 3, 502)
    assert applied(said, [*edits, renamed]).incidents[part].title == "the database"


def test_a_split_of_all_or_of_nothing_waits():
    said = over("db", 0, 30)
    (incident,) = incidents(said, MAP)
    for off in [(incident.episodes[0].id,), ("not heard of yet",)]:
        assert applied(said, [edit(incident.id, Split(off))]).incidents.keys() == {incident.id}


# the end, and what comes after


def test_after_a_corrected_end_a_new_firing_is_another_incident():
    stuck = [signal("db", 0, heard=0), *over("warehouse", 5, 20, heard=5)]  # db never resolves
    (name,) = ids(stuck)
    end = edit(name, End(at(20)), minute=100)
    again = [*stuck, signal("warehouse", 200, heard=200)]
    assert ids(again) == [name]  # the signals alone keep one open
    found = applied(again, [end], now=210).incidents
    assert found[name].ended_at == at(20)
    (new,) = (i for i in found.values() if i.id != name)
    assert (nodes(new), new.state) == (["warehouse"], "open")
    soon = applied([*stuck, signal("warehouse", 45, heard=45)], [end], now=60).incidents
    assert soon.keys() == {name}


def test_a_later_word_on_the_end_takes_the_cut_back():
    said = [signal("db", 0, heard=0), signal("warehouse", 200, heard=200)]
    said.append(replace(said[1], id="again", fingerprint=said[0].fingerprint))
    (name,) = {ids(said)[0]}
    edits = [edit(name, End(at(20)), 1), edit(name, End(at(300)), 2, 501)]
    assert len(applied(said, edits[:1], now=400).incidents) > len(
        applied(said, edits, now=400).incidents
    )


def test_a_start_after_the_end_of_the_signals_leaves_nothing_negative():
    said = over("payment", 0, 30)
    (name,) = ids(said)
    found = one(applied(said, [edit(name, Start(at(40)))]))
    assert found.started_at == found.ended_at == at(40)


# incidents that only the business shows

BUSINESS = Incident(
    "20260302-b",
    "business",
    "open",
    "Checkout: fewer than usual payments",
    at(0),
    None,
    "",
    "no signal explains it",
    measures=("checkout/payments",),
    map_version="map-1",
)


def of_business(*edits: Edit) -> Edited:
    return edited({BUSINESS.id: BUSINESS}, edits, lambda _: Builder((), GRAPH, at(100)))


def test_a_business_first_incident_is_corrected_without_signals():
    found = one(of_business(edit(BUSINESS.id, Start(at(-9))), edit(BUSINESS.id, End(at(30)), 2)))
    assert (found.started_at, found.ended_at, found.kind) == (at(-9), at(30), "business")
    assert (found.title, found.measures, found.unedited) == (
        BUSINESS.title,
        BUSINESS.measures,
        BUSINESS,
    )


def test_a_cause_that_people_name_gives_it_a_path():
    found = one(of_business(edit(BUSINESS.id, Cause("db"))))
    assert (found.kind, found.root) == ("business", "db")
    assert [r.process for r in found.reached] == ["checkout", "fulfilment"]
    assert "db (service) -> payment (service) -> checkout" in found.explanation


def test_merged_with_a_technical_one_it_keeps_its_own_start():
    said = over("payment", 40, 70)
    (technical,) = incidents(said, MAP)
    both = {BUSINESS.id: replace(BUSINESS, ended_at=at(80)), technical.id: technical}
    found = edited(
        both,
        [edit(technical.id, Merge(BUSINESS.id))],
        lambda _: Builder((), GRAPH, at(100)),
    )
    whole = one(found)
    assert (whole.id, whole.kind, whole.root) == (BUSINESS.id, "outage", "payment")
    assert (whole.started_at, whole.ended_at) == (at(0), at(80))


# properties


def test_edits_of_what_is_not_known_yet_wait():
    said = over("payment", 0, 30)
    assert applied([], [edit(ids(said)[0], Title("x"))]) == ({}, {})
    assert one(applied(said, [edit("20200101-unknown", Dismiss())])) == incidents(said, MAP)[0]


WORLD = [
    *over("db", 0, 30, heard=0),
    *over("warehouse", 3, 40, heard=3),
    *over("payment", 4, 35, heard=4),
    *over("cdn", 60, 90, heard=60),
    *over("db", 200, 230, heard=200),
    *over("storefront", 62, 70, heard=62),
]
NAMES = ids(WORLD)
EPISODES = [e.id for i in incidents(WORLD, MAP) for e in i.episodes]


def actions() -> st.SearchStrategy[Action]:
    moments = st.integers(-30, 300).map(at)
    return st.one_of(
        st.builds(Start, moments),
        st.builds(End, st.one_of(st.none(), moments)),
        st.builds(Cause, st.sampled_from(sorted(MAP.nodes))),
        st.builds(Reach, st.just(("fulfilment",)), st.just(("checkout",))),
        st.builds(Merge, st.sampled_from(NAMES)),
        st.builds(Split, st.lists(st.sampled_from(EPISODES), max_size=3).map(tuple)),
        st.builds(Dismiss),
        st.builds(Undo, st.sampled_from([f"edit-{n}" for n in range(6)])),
    )


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from(NAMES), actions()), max_size=6),
    st.randoms(use_true_random=False),
)
def test_any_edits_in_any_order_of_arrival_lose_no_signal(chosen, rng):
    edits = [edit(name, action, n, 500 + n) for n, (name, action) in enumerate(chosen)]
    found = applied(WORLD, edits)
    shuffled_signals, shuffled_edits = list(WORLD), list(edits)
    rng.shuffle(shuffled_signals)
    rng.shuffle(shuffled_edits)
    assert applied(shuffled_signals, shuffled_edits) == found
    there = [*found.incidents.values(), *(g for g in found.gone.values() if g.dismissed)]
    kept = [e.id for i in there for e in i.episodes if e.source != PEOPLE]
    assert sorted(kept) == sorted(EPISODES)
    for incident in there:
        assert incident.ended_at is None or incident.ended_at >= incident.started_at
    assert found.incidents.keys().isdisjoint(found.gone)


@pytest.mark.parametrize("edits", [[], [edit("20200101-unknown", Dismiss())]])
def test_without_edits_nothing_changes(edits):
    assert applied(WORLD, edits).incidents == {i.id: i for i in incidents(WORLD, MAP)}
