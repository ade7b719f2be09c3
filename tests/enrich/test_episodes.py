import math
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.episodes import DEFAULT_EXPIRY, episode_id, episodes, expiry_of
from enrich.resolve import Resolver
from ingest.events import Severity, Signal
from tests.enrich.signals import at, put_together, shop, signal

MAP = shop({"checkout": ["payment"], "payment": ["db"]})


def spans(signals: list[Signal], now: float = 10_000) -> list[tuple[float, float | None, bool]]:
    """(start, end, stale) in minutes after noon."""

    def minute(moment):
        return None if moment is None else (moment - at(0)) / timedelta(minutes=1)

    together = put_together(signals, MAP, now)
    return [(minute(e.started_at), minute(e.ended_at), e.stale) for e in together]


def test_a_firing_and_its_resolved_are_one_episode():
    [episode] = put_together([signal("db", 0), signal("db", 0, 20)], MAP)
    assert (episode.started_at, episode.ended_at) == (at(0), at(20))
    assert episode.nodes == ("db",)
    assert episode.availability == 0.0
    assert episode.id == episode_id("alertmanager", "Down@db", at(0))


def test_resolved_may_come_before_firing():
    told = [signal("db", 0, 20, heard=20), signal("db", 0, heard=25)]
    assert spans(told) == spans(told[::-1]) == [(0, 20, False)]


def test_resolved_alone_is_an_episode_if_it_says_when_it_began():
    assert spans([signal("db", 3, 20)]) == [(3, 20, False)]


def test_resolved_alone_without_a_start_tells_of_nothing():
    assert spans([signal("db", 20, 20)]) == []


def test_resolved_without_a_start_ends_what_is_firing():
    assert spans([signal("db", 0), signal("db", 20, 20)]) == [(0, 20, False)]


def test_resolved_without_a_start_comes_too_late_after_the_expiry():
    assert spans([signal("db", 0), signal("db", 400, 400)]) == [(0, 360, True)]


def test_a_repeated_firing_is_the_same_episode():
    again = [signal("db", 0, heard=minute) for minute in (1, 241, 481)]
    assert spans(again, now=500) == [(0, None, False)]
    assert spans(again, now=5_000) == [(0, 481 + 360, True)]


def test_a_new_start_is_a_new_episode_and_ends_the_one_before_it():
    assert spans([signal("db", 0), signal("db", 60), signal("db", 60, 70)]) == [
        (0, 60, False),
        (60, 70, False),
    ]


def test_an_alert_that_never_resolves_goes_stale():
    assert spans([signal("db", 0)], now=359) == [(0, None, False)]
    assert spans([signal("db", 0)], now=360) == [(0, 360, True)]


def test_an_alert_lives_until_the_end_that_its_last_word_gave_it():
    posted = [replace(signal("db", 0, heard=m), ended_at=at(m + 5)) for m in (0, 5, 10)]
    assert spans(posted, now=14) == [(0, None, False)]
    assert spans(posted, now=60) == spans(posted[::-1], now=60) == [(0, 15, True)]
    webhook = signal("db", 0, heard=1)  # the same alert, also heard of without an end
    assert spans([*posted, webhook], now=60) == [(0, None, False)]
    assert spans([*posted, signal("db", 0, 12)], now=60) == [(0, 12, False)]


def pager(minute: float, action: str = "trigger", severity: Severity = "critical") -> Signal:
    """An event of a source that dedupes: it knows what it is about, not when that began."""
    resolves = action == "resolve"
    return signal(
        "" if resolves else "db",
        minute,
        minute if resolves else None,
        source="pagerduty:nagios",
        severity=severity,
        labels={"event_action": action},
        heard=minute,
    )


def pages(*signals: Signal, now: float = 100_000) -> list[tuple[float, float | None, bool]]:
    return spans([replace(s, fingerprint="one") for s in signals], now)


def test_a_repeat_of_a_source_that_dedupes_goes_on_with_what_fires():
    told = (pager(0), pager(5), pager(40), pager(60, "resolve"), pager(61), pager(70, "resolve"))
    assert pages(*told) == pages(*told[::-1]) == [(0, 60, False), (61, 70, False)]
    week = 7 * 24 * 60
    assert pages(pager(0), pager(100)) == [(0, 100 + week, True)]
    assert pages(pager(0), pager(week + 1)) == [(0, week, True), (week + 1, 2 * week + 1, True)]


def test_an_acknowledgement_begins_ends_and_describes_nothing():
    assert pages(pager(0, "acknowledge")) == []
    assert pages(pager(0, "acknowledge"), pager(5), pager(9, "resolve")) == [(5, 9, False)]
    told = [replace(s, fingerprint="one") for s in (pager(0), pager(7, "acknowledge", "info"))]
    [episode] = put_together(told, MAP, 100_000)
    assert (episode.severity, episode.started_at) == ("critical", at(0))
    assert episode.ended_at == at(7) + timedelta(days=7)  # it was still spoken of


def test_who_works_on_it_is_everybody_named_by_any_statement_since_the_first():
    def named(people: str, minute: float) -> Signal:
        labels = {"responders": people, "responders_at": at(minute).isoformat()}
        return signal("db", 0, heard=minute, labels=labels)

    said = [signal("db", 0, heard=0), named("P1 P2", 10), named("P2 P3", 5)]
    for told in (said, said[::-1]):
        [episode] = put_together(told, MAP, 100)
        assert [(r.person, r.since) for r in episode.responders] == [
            ("P2", at(5)),
            ("P3", at(5)),
            ("P1", at(10)),
        ]


@pytest.mark.parametrize("when", ["", "yesterday", "2026-03-02", "2026-03-02T10:00:00"])
def test_labels_of_other_senders_that_are_called_like_the_pagers_name_nobody(when: str):
    labels = {"responders": "team-a", "responders_at": when}
    [episode] = put_together([signal("db", 0, heard=0, labels=labels)], MAP, 100)
    assert episode.responders == ()


def test_maintenance_ends_as_announced_and_is_not_stale():
    planned = replace(signal("db", 0, kind="maintenance"), ended_at=at(90))
    assert spans([planned], now=60) == [(0, None, False)]
    assert spans([planned], now=120) == [(0, 90, False)]


def test_maintenance_that_overruns_goes_on_as_long_as_it_is_spoken_of():
    planned = replace(signal("db", 0, kind="maintenance", heard=0), ended_at=at(90))
    assert spans([planned, replace(planned, received_at=at(100))], now=200) == [(0, None, False)]


def test_a_change_ends_when_it_begins():
    assert spans([signal("db", 5, kind="change", severity="info")]) == [(5, 5, False)]


def test_the_latest_of_several_ends_wins():
    said = [signal("db", 0, 20, heard=21), signal("db", 0, 35, heard=60)]
    assert spans(said) == spans(said[::-1]) == [(0, 35, False)]


def test_severity_and_texts_are_those_of_the_latest_firing():
    said = [
        signal("db", 0, severity="minor", summary="slow", heard=0),
        signal("db", 0, severity="critical", summary="down", heard=5),
        signal("db", 0, 20, severity="info", summary="", labels={"node": ""}, heard=20),
    ]
    [episode] = put_together(said, MAP)
    assert (episode.severity, episode.summary, episode.nodes) == ("critical", "down", ("db",))
    assert episode.heard_at == at(0)


@pytest.mark.parametrize(
    ("severity", "own", "availability"),
    [
        ("critical", None, 0.0),
        ("major", None, 0.5),
        ("minor", None, 0.9),
        ("info", None, 1.0),
        ("critical", 0.7, 0.7),
        ("critical", 1.7, 1.0),
        ("major", -3.0, 0.0),
        ("major", math.nan, 0.5),
    ],
)
def test_availability_is_by_severity_unless_the_signal_says(severity, own, availability):
    [episode] = put_together([signal("db", 0, severity=severity, availability=own)], MAP)
    assert episode.availability == availability


def test_an_unmapped_signal_is_kept_without_nodes():
    [episode] = put_together([signal("elsewhere", 0, 5)], MAP)
    assert episode.nodes == ()


def test_the_same_fingerprint_of_two_sources_is_two_things():
    assert len(spans([signal("db", 0, 5), signal("db", 0, 5, source="grafana")])) == 2


def test_expiry_is_by_source_then_by_family_then_the_default():
    expiries = {"statuspage": timedelta(days=7), "statuspage:acme": timedelta(days=1)}
    assert expiry_of("statuspage:acme", expiries) == timedelta(days=1)
    assert expiry_of("statuspage:other", expiries) == timedelta(days=7)
    assert expiry_of("generic", expiries) == DEFAULT_EXPIRY


minutes = st.integers(0, 30).map(float)
told = st.builds(
    lambda node, start, length, severity, heard: signal(
        node,
        start,
        None if length is None else start + length,
        severity=severity,
        heard=heard,
        summary=severity,
    ),
    st.sampled_from(["db", "payment"]),
    minutes,
    st.none() | minutes,
    st.sampled_from(["critical", "major", "info"]),
    st.none() | minutes,
)


@settings(deadline=None)
@given(st.data(), st.lists(told, max_size=12))
def test_any_order_with_repeats_gives_the_same(data, said):
    shuffled = data.draw(st.permutations(said + said[: len(said) // 2]))
    assert put_together(shuffled, MAP, 100) == put_together(said, MAP, 100)


@settings(deadline=None)
@given(st.lists(told, max_size=12))
def test_episodes_of_one_thing_have_distinct_starts_and_never_end_before_them(said):
    together = episodes(said, Resolver(MAP), {}, at(100))
    assert len({(e.source, e.fingerprint, e.started_at) for e in together}) == len(together)
    assert all(e.ended_at is None or e.ended_at >= e.started_at for e in together)
    assert all(e.ended_at is not None for e in together if e.stale)


def planned(start: float, heard: float, source: str = "statuspage:pay", **more):
    told = signal("db", start, heard=heard)
    return replace(
        told, kind="maintenance", source=source, ended_at=at(start + 60), id=f"{start} {heard}"
    )


def test_maintenance_that_was_put_off_did_not_happen_when_it_was_planned_first():
    put_off = [planned(300, heard=0), planned(1_740, heard=30)]
    assert spans(put_off) == spans(put_off[::-1]) == [(1_740, 1_800, False)]
    assert spans([planned(300, heard=0), planned(120, heard=30)]) == [(120, 180, False)]


def test_maintenance_that_had_begun_is_not_put_off_by_the_next():
    again = [planned(300, heard=0), planned(1_740, heard=310)]
    assert spans(again) == [(300, 360, False), (1_740, 1_800, False)]


def test_of_other_sources_one_maintenance_may_be_many_windows():
    calendar = [planned(day * 1_440, heard=0, source="calendar") for day in (1, 2, 3)]
    assert len(spans(calendar)) == 3
