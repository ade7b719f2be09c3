from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.correlate import beside, correlate, incident_id, quiet_point, successors
from enrich.graph import Graph
from enrich.life import settle
from enrich.model import AtLeast
from enrich.rootcause import TRIGGER_WINDOW
from ingest.events import Signal
from tests.enrich.signals import at, incidents, put_together, shop, signal

# checkout -> storefront, payment; payment -> payments-app -> db -> dc; storefront -> web -> dc
MAP = shop(
    {
        "checkout": ["storefront", "payment"],
        "support": ["crm"],
        "storefront": ["web"],
        "payment": ["payments-app"],
        "payments-app": ["db"],
        "web": ["dc"],
        "db": ["dc"],
    },
    processes=("checkout", "support"),
)


def groups(signals: list[Signal], business_map=MAP, now: float = 100_000) -> list[list[str]]:
    """The nodes of each incident's signals, in order."""
    found = incidents(signals, business_map, now)
    return [[e.nodes[0] for e in incident.episodes] for incident in found]


def test_a_cause_and_its_symptoms_are_one_incident():
    [incident] = incidents(
        [signal("db", 0, 30), signal("payments-app", 2, 32), signal("payment", 4, 33)], MAP
    )
    assert (incident.root, incident.kind, incident.state) == ("db", "outage", "settled")
    assert (incident.started_at, incident.ended_at) == (at(0), at(33))
    [reached] = incident.reached
    assert (reached.process, reached.severity) == ("checkout", 1.0)
    assert reached.path == ("db", "payments-app", "payment", "checkout")
    assert incident.map_version == MAP.version
    assert incident.title == "db: Down on db"
    assert incident.explanation == (
        "db (service) -> payments-app (service) -> payment (service) -> checkout"
    )


def test_a_root_found_after_its_symptoms_takes_over_and_the_id_stays():
    early = [signal("payment", 0, 30), signal("storefront", 1, 30)]
    late = [signal("dc", 3, 30)]
    before = incidents(early, MAP)
    [after] = incidents(early + late, MAP)
    assert [i.root for i in before] == ["payment", "storefront"]
    assert after.root == "dc"
    assert after.id == before[0].id
    assert successors([after])[before[1].id] == after.id


def test_a_late_signal_with_an_earlier_start_does_not_rename_the_incident():
    first = signal("payment", 0, heard=0.5)
    [before] = incidents([first], MAP)
    [after] = incidents([first, signal("db", -5, heard=9)], MAP)
    assert (after.id, after.root, after.started_at) == (before.id, "db", at(-5))


def test_outages_that_only_share_a_process_are_two():
    assert groups([signal("payments-app", 0, 20), signal("web", 3, 20)]) == [
        ["payments-app"],
        ["web"],
    ]


def test_nodes_above_one_firing_node_are_one():
    # dc has been failing for so long that nothing joins its incident any more.
    said = [signal("dc", -60, 90), signal("payment", 0, 20), signal("storefront", 3, 20)]
    assert groups(said) == [["dc"], ["payment", "storefront"]]


def test_a_node_below_that_has_recovered_joins_nothing():
    said = [signal("dc", -60, -30), signal("payment", 0, 20), signal("storefront", 3, 20)]
    assert groups(said) == [["dc"], ["payment"], ["storefront"]]


def test_a_root_found_late_is_joined_for_ten_minutes_from_its_own_start():
    late = [signal("payment", 0, 60), signal("dc", 8, 60), signal("web", 15, 60)]
    assert groups(late) == [["payment", "dc", "web"]]
    assert groups([*late, signal("storefront", 19, 60)]) == [
        ["payment", "dc", "web"],
        ["storefront"],
    ]


def test_what_was_merged_is_joined_as_one():
    merged = [signal("payment", 0, 5), signal("storefront", 1, 60), signal("dc", 3, 5)]
    again = [signal("storefront", 70, 75), signal("payment", 85, 90)]
    assert groups(merged + again) == [["payment", "storefront", "dc", "storefront", "payment"]]


def test_nothing_chains_from_signal_to_signal():
    # payments-app needs db, and both web and db need dc, but dc does not fire.
    said = [signal("db", 0, 20), signal("payments-app", 1, 20), signal("web", 2, 20)]
    assert groups(said) == [["db", "payments-app"], ["web"]]


def test_a_root_cannot_walk_away_from_its_first_signals():
    said = [signal("payment", 0, 60), signal("db", 8, 60), signal("dc", 16, 60)]
    assert groups(said) == [["payment", "db"], ["dc"]]


def test_a_symptom_joins_for_ten_minutes_after_the_root():
    assert groups([signal("db", 0, 60), signal("payment", 10, 60)]) == [["db", "payment"]]
    assert groups([signal("db", 0, 60), signal("payment", 11, 60)]) == [["db"], ["payment"]]
    said = [signal("db", 0, 60), signal("payment", 10, 60), signal("payments-app", 12, 60)]
    assert groups(said) == [["db", "payment"], ["payments-app"]]


def test_a_symptom_of_two_roots_joins_the_one_fewest_steps_away():
    business_map = shop({"checkout": ["s"], "s": ["near", "mid"], "mid": ["far"]})
    said = [signal("near", 0, 30), signal("far", 1, 30), signal("s", 2, 30)]
    assert groups(said, business_map) == [["near", "s"], ["far"]]


def test_a_symptom_of_two_equal_roots_joins_the_later_one():
    business_map = shop({"checkout": ["s"], "s": ["a", "b"]})
    said = [signal("a", 0, 30), signal("b", 3, 30), signal("s", 4, 30)]
    assert groups(said, business_map) == [["a"], ["b", "s"]]


@pytest.mark.parametrize("alert", ["Down", "Errors", "Slow", "Full", "Lost", "Late"])
def test_causes_come_before_symptoms_that_start_in_the_same_moment(alert):
    business_map = shop({"checkout": ["s"], "s": ["near", "mid"], "mid": ["far"]})
    said = [signal(node, 0, 30, alert=alert) for node in ("s", "far", "near")]
    found = sorted(sorted(group) for group in groups(said, business_map))
    assert found == [["far"], ["near", "s"]]


def test_a_flapping_alert_is_one_incident():
    said = [signal("db", minute, minute + 5) for minute in range(0, 300, 20)]
    [incident] = incidents(said, MAP)
    assert len(incident.episodes) == 15
    assert (incident.started_at, incident.ended_at) == (at(0), at(285))


def test_the_same_alert_half_an_hour_after_the_end_is_another_incident():
    assert len(groups([signal("db", 0, 5), signal("db", 34.9, 40)])) == 1
    assert len(groups([signal("db", 0, 5), signal("db", 35, 40)])) == 2


def test_the_same_alert_in_march_and_november_is_two():
    november = 245 * 24 * 60
    assert len(groups([signal("db", 0, 5), signal("db", november, november + 5)], now=1e6)) == 2


def test_the_same_pager_incident_is_one():
    pager = {"pager_incident": "P1"}
    said = [signal("web", 0, 60, labels=pager), signal("crm", 45, 60, labels=pager)]
    assert groups(said) == [["web", "crm"]]
    assert len(groups([signal("web", 0, 60), signal("crm", 45, 60)])) == 2


def test_a_storm_is_one_incident():
    nodes = ["payment", "storefront", "payments-app", "web", "db"]
    storm = [signal("dc", 0, 30)] + [
        signal(nodes[i % 5], i / 5_000, 25, alert=f"Alert{i}") for i in range(5_000)
    ]
    [incident] = incidents(storm, MAP)
    assert (incident.root, len(incident.episodes)) == ("dc", 5_001)


def test_resolved_before_firing_changes_nothing():
    said = [signal("db", 0, 20), signal("db", 0), signal("payment", 1), signal("payment", 1, 21)]
    assert incidents(said, MAP) == incidents(said[::-1], MAP)


def test_an_alert_that_never_resolves_ends_with_its_expiry():
    said = [signal("db", 0)]
    assert [i.state for i in incidents(said, MAP, now=100)] == ["open"]
    assert [i.state for i in incidents(said, MAP, now=370)] == ["recovering"]
    [incident] = incidents(said, MAP, now=400)
    assert (incident.state, incident.ended_at) == ("settled", at(360))


def test_a_week_of_unrelated_noise_stays_apart():
    business_map = shop({"checkout": [f"n{i}" for i in range(40)]})
    noise = [signal(f"n{i * 7 % 40}", i * 97, i * 97 + 15) for i in range(100)]
    assert all(len(group) == 1 for group in groups(noise, business_map))


def test_info_changes_and_unmapped_signals_open_nothing():
    said = [
        signal("db", 0, 5, severity="info"),
        signal("db", 1, kind="change"),
        signal("nowhere", 2, 9),
    ]
    assert incidents(said, MAP) == []


def test_info_and_changes_do_not_join_but_annotate():
    remark = signal("payment", 1, 5, alert="Note", severity="info")
    deployed = signal("payments-app", -20, kind="change", severity="info", summary="v2")
    elsewhere = signal("crm", -20, kind="change", severity="info")
    said = [signal("payments-app", 0, 30), remark, deployed, elsewhere]
    [incident] = incidents(said, MAP)
    assert len(incident.episodes) == 1
    assert incident.trigger is not None
    assert (incident.trigger.summary, incident.trigger.at) == ("v2", at(-20))
    others = beside(incident, put_together(said, MAP), Graph(MAP))
    assert [e.summary for e in others] == ["v2", "Note on payment"]


def test_maintenance_never_mixes_with_outages():
    planned = signal("db", 0, 60, kind="maintenance", severity="info")
    found = incidents([planned, signal("payment", 2, 30)], MAP)
    assert [(i.kind, i.root) for i in found] == [("maintenance", "db"), ("outage", "payment")]


def test_maintenance_that_has_not_begun_is_no_incident():
    planned = replace(signal("db", 60, kind="maintenance"), ended_at=at(120))
    assert incidents([planned], MAP, now=30) == []
    assert [i.state for i in incidents([planned], MAP, now=90)] == ["open"]


def test_redundancy_that_holds_is_not_reached():
    business_map = shop({"checkout": ["payment"], "payment": [AtLeast(1, ("stripe", "adyen"))]})
    [held] = incidents([signal("stripe", 0, 30)], business_map)
    assert held.reached == ()
    assert held.explanation == "stripe (service): by the map no process is hit"
    one_after_the_other = [signal("stripe", 0, 30), signal("payment", 1, 2, severity="minor")]
    [incident] = incidents(one_after_the_other, business_map)
    assert [(r.process, round(r.severity, 6)) for r in incident.reached] == [("checkout", 0.1)]


def test_a_node_that_the_map_no_longer_has_is_left_out():
    [episode] = put_together([signal("db", 0, 5)], MAP)
    old = replace(episode, nodes=("gone",))
    assert correlate([old], Graph(MAP), at(100)) == []


def test_the_id_says_the_day_of_the_first_signal():
    [incident] = incidents([signal("db", 0, 5)], MAP)
    assert incident.id == incident_id(incident.episodes[0])
    assert incident.id.startswith("20260302-")


def test_quiet_point_is_before_whatever_is_open_or_in_its_tail():
    known = put_together([signal("db", 0, 10), signal("web", 100, 110), signal("crm", 120)], MAP)
    assert quiet_point(known, at(99)) == at(99)
    assert quiet_point(known, at(39)) == at(0)
    assert quiet_point(known, at(40)) == at(40)
    assert quiet_point(known, at(200)) == at(100)
    assert quiet_point([], at(5)) == at(5)
    back_to_back = put_together([signal("db", 0, 10), signal("web", 40)], MAP)
    assert quiet_point(back_to_back, at(50)) == at(40)


nodes = st.sampled_from(["db", "dc", "web", "payment", "storefront", "crm", "nowhere"])
minutes = st.integers(0, 300).map(float)
drawn = st.builds(
    lambda node, start, length, severity, kind: signal(
        node, start, None if length is None else start + length, severity=severity, kind=kind
    ),
    nodes,
    minutes,
    st.none() | st.integers(0, 50).map(float),
    st.sampled_from(["critical", "minor", "info"]),
    st.sampled_from(["alert", "alert", "alert", "change", "maintenance"]),
)


@settings(deadline=None)
@given(st.data(), st.lists(drawn, max_size=15))
def test_incidents_do_not_depend_on_the_order_of_arrival(data, said):
    shuffled = data.draw(st.permutations(said + said[:3]))
    assert incidents(shuffled, MAP, 310) == incidents(said, MAP, 310)


@settings(deadline=None)
@given(st.lists(drawn, max_size=20))
def test_every_outage_on_the_map_is_in_exactly_one_incident(said):
    found = incidents(said, MAP, 310)
    members = [e.id for i in found for e in i.episodes]
    taking_part = [
        e.id
        for e in put_together(said, MAP, 310)
        if e.nodes and e.kind != "change" and (e.kind == "maintenance" or e.severity != "info")
    ]
    assert sorted(members) == sorted(taking_part)
    assert len({i.id for i in found}) == len(found)


far_apart = drawn.flatmap(
    lambda s: st.integers(0, 5).map(
        lambda n: replace(
            s,
            started_at=s.started_at + timedelta(hours=5 * n),
            ended_at=s.ended_at and s.ended_at + timedelta(hours=5 * n),
        )
    )
)


@settings(max_examples=100, deadline=None)
@given(st.lists(far_apart, max_size=20), st.lists(far_apart, max_size=4))
def test_from_the_quiet_point_on_is_as_good_as_everything(old, new):
    now, graph = at(2_000), Graph(MAP)
    known = correlate(put_together(old, MAP, 1_900), graph, at(1_900))
    first = min([s.started_at for s in new], default=now)
    quiet = quiet_point([e for i in known for e in i.episodes], first)
    recent = [s for s in old + new if s.started_at >= quiet - TRIGGER_WINDOW]
    read = put_together(recent, MAP, 2_000)
    fresh = [e for e in read if e.started_at >= quiet or e.kind == "change"]
    ticked = [i for i in known if i.started_at < quiet] + correlate(fresh, graph, now)
    everything = correlate(put_together(old + new, MAP, 2_000), graph, now)
    # Only what time does to an incident that nobody spoke of again is left to `life.settle`.
    assert [settle(i, now, None) for i in ticked] == everything


@settings(deadline=None)
@given(st.lists(drawn, max_size=20))
def test_every_incident_has_a_window_a_root_and_a_path_to_whom_it_reaches(said):
    for incident in incidents(said, MAP, 310):
        assert incident.started_at == min(e.started_at for e in incident.episodes)
        assert incident.root in {n for e in incident.episodes for n in e.nodes}
        assert (incident.ended_at is None) == (incident.state == "open")
        for reached in incident.reached:
            assert 0 < reached.severity <= 1
            assert reached.path[-1] == reached.process
        assert incident.ended_at is None or incident.ended_at - incident.started_at >= timedelta()
