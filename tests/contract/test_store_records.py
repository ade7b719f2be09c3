"""The same suite for records: signals, letters, maps, incidents, estimates, edits, notes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from enrich.edits import (
    Cause,
    Dismiss,
    Edit,
    End,
    Merge,
    Reach,
    Split,
    Start,
    Title,
    Undo,
)
from enrich.incident import Change, Episode, Incident, Reached
from impact.model import DRAWS, MeasureImpact, MoneyRange, Range
from ingest.dead_letters import DeadLetter
from ingest.events import Signal
from store.dead_letters import LetterCount
from store.incidents import IncidentVersion
from store.maps import MapVersion
from store.records import Note, Report
from store.rows import to_table
from store.store import Store
from store.subscribers import SCHEMA as SUBSCRIBERS
from store.subscribers import TABLE
from tests.clickhouse_engine import MakeStore
from tests.store.rows import NOON, later

pytestmark = [pytest.mark.engine, pytest.mark.network]

AWKWARD = 'it\'s "quoted" \\ back\nline\ttab {braces:String} – ünï 🦉'


@pytest.fixture(params=["chdb", "http"])
def store(request: pytest.FixtureRequest, make_store: MakeStore) -> Store:
    return make_store(str(request.param))


# signals


def signal(id: str, received: datetime | None = NOON, **more) -> Signal:
    values = {
        "id": id, "source": "alertmanager", "kind": "alert", "status": "firing",
        "severity": "critical", "labels": {"service": "payment"}, "summary": AWKWARD,
        "fingerprint": "f1", "started_at": later(-1), "received_at": received, "raw": "{}",
    }  # fmt: skip
    return Signal(**(values | more))  # type: ignore[arg-type]


def test_a_signal_comes_back_as_it_was(store):
    kept = [
        signal("a", labels={}, url="https://example.com/?a=b&c", availability=0.5),
        signal("b", later(1), status="resolved", ended_at=later(1, milliseconds=7)),
    ]
    store.insert_signals(kept)
    assert store.signals.all() == [replace(one, raw="") for one in kept]
    with store.database._client() as client:
        assert client.query("SELECT raw FROM signals").result_rows == [("{}",), ("{}",)]


def test_of_repeats_the_first_received_stays(store):
    store.insert_signals([signal("a", later(5)), signal("a", later(3))])
    store.insert_signals([signal("a", later(4))])
    assert [s.received_at for s in store.signals.all()] == [later(3)]


def test_the_store_says_when_a_signal_was_received_if_nobody_did(store, store_clock):
    store.insert_signals([signal("a", None)])
    assert store.signals.all()[0].received_at == store_clock.now


def test_signals_are_read_by_receipt_and_by_what_they_speak_of(store):
    rows = [
        signal("old", started_at=later(-90), ended_at=later(-60)),
        signal("now", started_at=later(-5)),
        signal("next", started_at=later(30)),
    ]
    store.insert_signals(rows)
    assert [s.id for s in store.signals.between(later(-10), later(10))] == ["now"]
    assert {s.id for s in store.signals.since(later(-1))} == {"old", "now", "next"}
    assert store.signals.since(later(10**6)) == []


# dead letters


def test_a_dead_letter_keeps_its_bytes_and_is_replayed_once(store, store_clock):
    now = store_clock.now
    letters = [
        DeadLetter("business", 1, 7, 0, "not_utf8", AWKWARD, b"\xff\x00\xfe", now),
        DeadLetter("business", 1, 7, 1, "bad_id", "empty id", b"{}", now - timedelta(minutes=1)),
    ]
    for _ in range(2):
        store.insert_dead_letters(letters)
    assert [kept.letter for kept in store.dead_letters.find()] == letters
    assert [k.letter for k in store.dead_letters.find(reason="bad_id")] == letters[1:]
    assert [k.letter for k in store.dead_letters.find(limit=1, skip=1)] == letters[1:]

    store.dead_letters.mark_replayed("business", 1, 7, 0, at=now)
    store.insert_dead_letters(letters)  # a repeat does not bring it back
    kept = store.dead_letters.get("business", 1, 7, 0)
    assert kept is not None and (kept.letter, kept.replayed_at) == (letters[0], now)
    assert [k.letter.line for k in store.dead_letters.find()] == [1]
    assert [k.letter.line for k in store.dead_letters.find(replayed=True)] == [0, 1]
    assert store.dead_letters.counts() == {
        "bad_id": LetterCount(1, 1), "not_utf8": LetterCount(1, 0),
    }  # fmt: skip
    assert store.dead_letters.get("business", 1, 8, 0) is None


# maps


def test_the_map_of_a_moment(store):
    first = MapVersion("v1", NOON, NOON, AWKWARD)
    second = MapVersion("v2", later(60), later(61), "two")
    back = MapVersion("v1", later(120), later(120), AWKWARD)
    assert store.maps.latest() is None
    for version in (first, second, back, first):
        store.maps.insert(version)
    assert store.maps.at(later(-1)) is None
    assert store.maps.at(later(59)) == first
    assert store.maps.at(later(60)) == second
    assert store.maps.latest() == back
    assert store.maps.all() == [first, second, back]


# incidents


def incident(id: str = "i1", **more) -> Incident:
    episode = Episode(
        "e1", "alertmanager", "f1", "alert", "critical", {"job": "x"}, "down", NOON, None,
        nodes=("db",),
    )  # fmt: skip
    values = {
        "id": id, "kind": "outage", "state": "open", "title": AWKWARD, "started_at": NOON,
        "ended_at": None, "root": "db", "explanation": "db -> checkout", "episodes": (episode,),
        "reached": (Reached("checkout", 0.75, ("db", "checkout")),),
        "trigger": Change(later(-3), "db", "deploy 1.2"), "map_version": "v1",
    }  # fmt: skip
    return Incident(**(values | more))  # type: ignore[arg-type]


def test_an_incident_is_what_it_was_known_as(store):
    opened = IncidentVersion(incident(), later(1), 1)
    settled = IncidentVersion(incident(state="settled", ended_at=later(30)), later(31), 1)
    for _ in range(2):
        store.incidents.insert([opened, settled])
    assert store.incidents.find() == [settled]
    assert store.incidents.find(as_of=later(2)) == [opened]
    assert store.incidents.find(as_of=NOON) == []
    assert store.incidents.find(states=["open"]) == []
    assert store.incidents.get("i1") == settled
    assert [(s.known_at, s.state, s.ended_at) for s in store.incidents.life("i1")] == [
        (later(1), "open", None),
        (later(31), "settled", later(30)),
    ]
    assert len(store.incidents.life("i1", as_of=later(2))) == 1
    assert store.incidents.get("i1", as_of=later(30)) == opened
    assert store.incidents.get("i2") is None


def test_incidents_of_a_period_newest_first(store):
    spans = {"early": (-90, -60), "long": (-90, None), "now": (1, 5), "next": (60, 61)}
    store.incidents.insert(
        IncidentVersion(
            incident(id, started_at=later(a), ended_at=None if b is None else later(b)), NOON, 1
        )
        for id, (a, b) in spans.items()
    )
    found = store.incidents.find(start=NOON, end=later(10))
    assert [v.incident.id for v in found] == ["now", "long"]


def test_an_incident_that_is_gone_is_not_listed(store):
    store.incidents.insert([IncidentVersion(incident(), later(1), 1)])
    store.incidents.insert([IncidentVersion(incident(), later(2), 1, gone=True)])
    assert store.incidents.find() == []
    kept = store.incidents.get("i1")
    assert kept is not None and kept.gone
    assert store.incidents.find(gone=True) == [kept]
    assert len(store.incidents.find(as_of=later(1))) == 1


def test_what_a_replaced_assessor_writes_is_not_read(store):
    first = store.incidents.take_generation("a")
    second = store.incidents.take_generation("b")
    assert 0 < first < second == store.incidents.generation()
    by_second = IncidentVersion(incident(title="right"), later(2), second)
    store.incidents.insert([by_second])
    store.incidents.insert([IncidentVersion(incident(title="stale"), later(3), first)])
    assert store.incidents.get("i1") == by_second
    assert store.incidents.find() == [by_second]
    assert [s.title for s in store.incidents.life("i1")] == ["right"]

    store.estimates.insert([impact()], second)
    store.estimates.insert([impact(as_of=later(20), share=0.1)], first)
    assert [i.share for i in store.estimates.latest()] == [1.0]
    assert [i.generation for i in store.estimates.history("i1")] == [second]


def test_nobody_assesses_at_first(store):
    assert store.incidents.generation() == 0


# estimates


def impact(**more) -> MeasureImpact:
    long = Decimal("18100.123456789012345")
    values = {
        "incident": "i1", "process": "checkout", "measure": "payments", "kind": "flow",
        "state": "live", "as_of": later(15), "method": "measured",
        "units": {"gross": Range(410.1, 450.2, 490.3), "lost": Range(-0.1, 270, 380)},
        "money": {"gross": MoneyRange(Decimal("-1.50"), long, Decimal("19900.00"), "EUR")},
        "lost_is": "forecast", "per_minute_units": 12.4, "per_minute_money": Decimal("498.00"),
        "data_until": later(14), "effect": (NOON, None), "settling_until": None, "red": None,
        "share": 1.0, "evidence": {"failed_keys": 371, "customers": None},
        "inputs": {"history_days": 56.0}, "warnings": (AWKWARD,),
        "draws": {"gross": tuple(float(i) - 7.5 for i in range(DRAWS))},
    }  # fmt: skip
    return MeasureImpact(**(values | more))  # type: ignore[arg-type]


def test_an_estimate_loses_nothing(store):
    kept = impact()
    store.estimates.insert([kept], 1)
    assert store.estimates.latest(draws=True) == [kept]
    (back,) = store.estimates.latest(["i1"])
    assert back == replace(kept, draws={})
    assert str(back.money["gross"].high) == "19900.00"  # the digits that were given
    assert store.estimates.latest(["i2"]) == []
    assert store.estimates.latest([]) == []


def test_the_draws_of_money_alone(store):
    draws = {"gross": (1.0, 2.0), "money:lost": (10.0, 20.0)}
    store.estimates.insert([impact(draws=draws)], 1)
    (found,) = store.estimates.latest(["i1"], draws="money")
    assert found.draws == {"money:lost": (10.0, 20.0)}


def test_what_was_said_before_can_still_be_read(store):
    said = [
        impact(),
        impact(as_of=later(16)),
        impact(as_of=later(17), measure="carts", units={}, money={}, draws={}),
        impact(as_of=later(90), state="final"),
    ]
    for _ in range(2):
        store.estimates.insert(said, 1)
    latest = {i.measure: i.as_of for i in store.estimates.latest()}
    assert latest == {"payments": later(90), "carts": later(17)}
    assert [i.as_of for i in store.estimates.latest(as_of=later(16))] == [later(16)]
    history = [i.impact for i in store.estimates.history("i1", draws=True)]
    assert history == said
    issued = [i.impact.as_of for i in store.estimates.issued(later(16), later(90))]
    assert issued == [later(16), later(17)]


def test_people_can_read_estimates_with_their_own_sql(store):
    store.incidents.insert([IncidentVersion(incident(), later(1), 1)])
    store.estimates.insert([impact(), impact(as_of=later(20))], 1)
    with store.database._client() as client:
        rows = client.query(
            "SELECT part, units_mid, money_mid, currency FROM v_impact ORDER BY part"
        ).result_rows
    assert rows == [
        ("gross", 450.2, Decimal("18100.123456789"), "EUR"),
        ("lost", 270.0, None, ""),
    ]


# edits, notes, reports


def test_edits_are_kept_in_order(store):
    def edit(number, incident, action):
        return Edit(str(number), incident, later(number), "desk@example.com", AWKWARD, action)

    edits = [
        edit(1, "i1", Cause("db")),
        edit(2, "i2", Dismiss()),
        edit(3, "i1", End(later(9, milliseconds=7))),
        edit(4, "i1", End(None)),
        edit(5, "i1", Start(later(-9))),
        edit(6, "i1", Reach(add=("checkout",), remove=("support",))),
        edit(7, "i1", Title(AWKWARD)),
        edit(8, "i1", Merge("i2")),
        edit(9, "i1", Split(("e1", "e2"))),
        edit(10, "i1", Undo("8")),
    ]
    store.edits.insert(edits)
    store.edits.insert(edits[:1])
    assert store.edits.find() == edits
    assert store.edits.find("i2") == [edits[1]]
    assert store.edits.find("i1", as_of=later(3)) == [edits[0], edits[2]]


def test_a_note_is_sent_once_whoever_queues_it_again(store):
    note = Note("i1", "costly", "desk@example.com", '{"text": "x"}', NOON, 1)
    store.outbox.queue([note, replace(note, subscriber="team@example.com")])
    store.outbox.queue([note])
    assert len(store.outbox.find()) == 2
    store.outbox.sent(note, later(1))
    store.outbox.queue([replace(note, generation=2)])
    assert [n.subscriber for n in store.outbox.find()] == ["team@example.com"]
    assert [n.changed_at for n in store.outbox.find("sent")] == [later(1)]
    assert store.outbox.find("sent", incident="i2") == []
    assert len(store.outbox.find("sent", incident="i1")) == 1


def test_failed_attempts_are_counted_until_given_up(store):
    store.outbox.queue([Note("i1", "costly", "desk@example.com", "{}", NOON, 1)])
    store.outbox.failed(store.outbox.find()[0], later(1), "refused")
    (note,) = store.outbox.find()
    assert (note.attempts, note.error, note.changed_at) == (1, "refused", later(1))
    store.outbox.failed(note, later(2), "refused again", give_up=True)
    assert store.outbox.find() == []
    assert [n.error for n in store.outbox.find("given_up", "sent")] == ["refused again"]


def test_an_attempt_is_claimed_by_one_assessor_alone(store):
    store.outbox.queue([Note("i1", "over:10", "desk", "{}", NOON, 1)])
    (note,) = store.outbox.find()
    claimed = store.outbox.claim(note, later(1), 1)
    assert claimed is not None and (claimed.state, claimed.attempts) == ("sending", 1)
    assert store.outbox.claim(note, later(2), 2) is None
    assert store.outbox.find() == []
    again = store.outbox.claim(claimed, later(3), 2)  # what became of the first is not known
    assert again is not None and (again.attempts, again.generation) == (2, 2)
    store.outbox.failed(again, later(4), "refused", due_at=later(9))
    (waiting,) = store.outbox.find()
    assert (waiting.attempts, waiting.due_at) == (2, later(9))
    store.outbox.failed(claimed, later(5), "late word of the first attempt")
    assert [n.error for n in store.outbox.find()] == ["refused"]


def test_who_is_told_is_so_since_they_were_first_seen(store):
    assert store.subscribers.since(["desk"], NOON) == {"desk": NOON}
    assert store.subscribers.since(["desk", "board"], later(5)) == {"desk": NOON, "board": later(5)}
    # Another assessor, which had seen them sooner, was slower to write it.
    store.database.insert(
        TABLE, to_table([{"subscriber": "board", "since": later(3)}], SUBSCRIBERS)
    )
    assert store.subscribers.since(["board"], later(9)) == {"board": later(3)}
    assert store.subscribers.since([], later(9)) == {}


def test_a_report_is_handed_out_as_it_was_first_issued(store):
    first = [
        Report("weekly/2026-W46.pdf", NOON, "application/pdf", bytes(range(256))),
        Report("weekly/2026-W46.md", NOON, "text/markdown", b"# W46"),
    ]
    store.reports.issue("weekly/2026-W46", first)
    # Another was slower, though it had begun earlier: none of its forms is ever seen.
    store.reports.issue(
        "weekly/2026-W46", [replace(r, made_at=later(-5), content=b"") for r in first]
    )
    store.reports.issue("weekly/2026-W47", [replace(first[0], name="weekly/2026-W47.pdf")])
    assert [store.reports.get(r.name) for r in first] == first
    assert [r.name for r in store.reports.names()] == [
        "weekly/2026-W46.md",
        "weekly/2026-W46.pdf",
        "weekly/2026-W47.pdf",
    ]
    assert store.reports.get("weekly/1999-W01.pdf") is None


def test_facts_about_the_store(store):
    assert store.meta("salt") is None
    store.set_meta("salt", "one")
    store.set_meta("salt", AWKWARD)
    assert store.meta("salt") == AWKWARD
    store.ping()


# the trust ledger


def test_the_ledger_reads_each_age_and_what_it_came_to(store):
    over = incident(started_at=NOON, ended_at=later(20), state="settled")
    store.incidents.insert([IncidentVersion(over, later(21), 7)])
    live = [impact(as_of=later(m)) for m in (0.2, 2, 11, 21, 85)]
    settled = [
        impact(as_of=later(m, days=3), state=state) for m, state in ((0, "final"), (1, "restated"))
    ]
    store.estimates.insert([*live, *settled], 7)
    store.estimates.insert([impact(as_of=later(22))], 6)  # by an assessor that had been replaced
    found = {said.age: said.impact.as_of for said in store.trust.said()}
    assert found == {
        "first": later(0.2), "ten_minutes": later(11), "cleared": later(21),
        "hour_after": later(85), "final": later(days=3), "newest": later(1, days=3),
    }  # fmt: skip
    assert store.trust.said("checkout", "payments", NOON, later(1)) == store.trust.said()
    for nothing in ({"process": "x"}, {"measure": "x"}, {"start": later(1)}, {"end": NOON}):
        assert store.trust.said(**nothing) == []


def test_an_incident_that_burns_is_not_in_the_ledger(store):
    store.incidents.insert([IncidentVersion(incident(), later(1), 7)])
    store.estimates.insert([impact()], 7)
    assert store.trust.said() == []
    assert store.trust.not_replayed() == []


def test_a_replay_is_kept_apart_from_what_was_said(store):
    over = incident(started_at=NOON, ended_at=later(20), state="settled")
    store.incidents.insert([IncidentVersion(over, later(days=9), 7)])
    store.estimates.insert([impact(as_of=later(days=9), state="final")], 7)
    assert store.trust.not_replayed() == ["i1"]
    for mid in (1.0, 2.0):  # the second replaces the first
        units = {"lost": Range(0.0, mid, 3.0)}
        replayed = impact(as_of=later(21), units=units, draws={})
        store.trust.insert_replays([("cleared", replayed)], later(mid, days=9))
    assert store.trust.not_replayed() == []
    (said,) = (s for s in store.trust.said() if s.replayed)
    assert (said.age, said.impact) == ("cleared", replayed)
    assert store.estimates.latest(as_of=later(days=1)) == []
