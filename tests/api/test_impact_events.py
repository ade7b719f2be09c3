"""CloudEvents of impact: what is told, once, whoever is the active assessor."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event

from api.assess.impact_events import HEARTBEAT, MARK, ImpactEvents, cloudevent, matters
from api.setup.mapfiles import read_map
from impact.model import Range
from ingest.errors import UnavailableError
from tests.api.app import SHOP, priced

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DOCUMENT = Path(__file__).parents[2] / "docs" / "events.md"


def later(before, mid=None, width=None, **more):
    """The same ten seconds later, its middle moved, its range changed."""
    lost = before.units["lost"]
    mid = lost.mid if mid is None else mid
    half = (lost.high - lost.low) / 2 if width is None else width / 2
    units = {**before.units, "lost": Range(mid - half, mid, mid + half)}
    return replace(before, as_of=before.as_of + 10 * SECOND, units=units, **more)


def test_an_estimate_matters_when_it_says_something_new():
    first = later(priced("i1", NOON), mid=1000.0, width=200.0)
    assert matters(None, first)
    assert not matters(first, later(first, mid=1019.0))  # within a tenth of the range
    assert matters(first, later(first, mid=1021.0))
    assert matters(first, later(first, width=140.0))
    assert matters(first, later(first, state="final"))
    assert matters(first, later(first, red=False))
    assert matters(first, later(first, effect=(NOON, NOON + SECOND)))
    assert matters(first, replace(first, as_of=first.as_of + HEARTBEAT))
    assert not matters(later(first, state="final"), later(first, state="final", mid=1001.0))
    withdrawn = later(first, state="restated")
    assert matters(withdrawn, replace(withdrawn, units={}, as_of=NOON + 60 * SECOND))


def test_a_narrow_range_does_not_make_every_breath_news():
    first = later(priced("i1", NOON), mid=1000.0, width=1.0)
    assert not matters(first, later(first, mid=1009.0))
    assert matters(first, later(first, mid=1011.0))


def test_the_id_is_made_of_the_estimate():
    shop = read_map(SHOP).map
    one, same = (cloudevent(priced("i1", NOON), shop, "/toll") for _ in range(2))
    assert one == same and len(one["id"]) == 32
    others = [
        priced("i2", NOON),
        priced("i1", NOON + SECOND),
        priced("i1", NOON, measure="carts"),
        priced("i1", NOON, state="final"),
    ]
    ids = {cloudevent(other, shop, "/toll")["id"] for other in others}
    assert len(ids) == 4 and one["id"] not in ids


def test_the_document_shows_the_event_as_it_is():
    [shown] = [
        orjson.loads(block.split("```")[0])
        for block in DOCUMENT.read_text("utf-8").split("```json\n")[1:]
    ]
    made = cloudevent(priced("20261122-5b1c2d3e4f", NOON), read_map(SHOP).map, "/toll")
    assert shown == made


# over a store and a log

pytestmark: list[pytest.MarkDecorator] = []
engine = pytest.mark.engine


@pytest.fixture
def topic(toll):
    return toll.parts.settings.impact_topic


def told(toll, topic):
    found = []
    for record in toll.records(topic):
        event = from_kafka_event(
            KafkaMessage({k: bytes(v) for k, v in record.headers}, record.key, record.value or b"")
        )
        found.append((event.get_id(), event.get_type(), event.get_data(), record.key))
    return found


def issue(toll, events, *impacts, generation=1):
    toll.parts.store.estimates.insert(impacts, generation)
    events.take(impacts, generation, max(i.as_of for i in impacts))


@engine
def test_the_official_client_reads_what_is_written(toll, topic):
    events = ImpactEvents(toll.parts)
    now = datetime.now(UTC) + SECOND
    issue(toll, events, priced("i1", now))
    events.turn()
    [(_, kind, data, key)] = told(toll, topic)
    assert kind == "dev.toll.impact.updated.v1" and key == b"i1"
    assert data["units"]["lost"] == {"low": 190, "mid": 270, "high": 380}
    assert data["money"]["lost"]["mid"] == "10900.00" and data["lost_is"] == "forecast"
    issue(toll, events, priced("i1", now + SECOND))  # the same: nothing new
    issue(toll, events, priced("i1", now + 2 * SECOND, state="final"))
    issue(toll, events, priced("i1", now + 3 * SECOND, state="restated"))
    events.turn()
    kinds = [kind.split(".")[3] for _, kind, _, _ in told(toll, topic)]
    assert kinds == ["updated", "final", "restated"]


@engine
def test_who_takes_over_tells_what_was_not_told_and_repeats_are_known(toll, topic, monkeypatch):
    events = ImpactEvents(toll.parts)
    now = datetime.now(UTC) + SECOND
    issue(toll, events, priced("i1", now))
    kept = toll.parts.store.set_meta
    monkeypatch.setattr(toll.parts.store, "set_meta", _dies(MARK, kept, after=1))
    with pytest.raises(UnavailableError):
        events.turn()  # it was written, but that was not kept
    monkeypatch.setattr(toll.parts.store, "set_meta", kept)
    toll.parts.store.estimates.insert([priced("i2", now + SECOND, state="final")], 1)
    other = ImpactEvents(toll.parts)  # that one died after storing, before handing over
    issue(toll, other, priced("i3", now + 2 * SECOND), generation=2)
    other.turn()
    ids = [id_ for id_, *_ in told(toll, topic)]
    assert len(ids) == 4 and len(set(ids)) == 3  # the first is there twice, under one id
    third = ImpactEvents(toll.parts)
    third.take([], 3, now)
    third.turn()
    assert len(told(toll, topic)) == 4


def _dies(name, kept, after):
    calls = {"made": 0}

    def set_meta(which, value):
        calls["made"] += which == name
        if calls["made"] > after:
            raise UnavailableError("the store is away")
        kept(which, value)

    return set_meta


@engine
def test_what_was_issued_before_anybody_listened_is_not_told(toll, topic):
    toll.parts.store.estimates.insert([priced("old", NOON - timedelta(days=9), state="final")], 1)
    events = ImpactEvents(toll.parts)
    events.take([], 1, NOON)
    events.turn()
    assert told(toll, topic) == []


@engine
def test_a_log_that_is_away_holds_up_no_tick_and_nothing_is_lost(toll, topic, monkeypatch):
    events = ImpactEvents(toll.parts)
    now = datetime.now(UTC) + SECOND

    class Away:
        def send(self, messages) -> None:
            raise UnavailableError("the log is away")

    events._producer = Away()  # type: ignore[assignment]  # it has what is called
    issue(toll, events, priced("i1", now))
    with pytest.raises(UnavailableError):
        events.turn()
    monkeypatch.setattr("api.assess.impact_events.MOST", 2)
    for n in range(1, 5):  # more than is kept in memory: the store knows them
        issue(toll, events, priced(f"i{n}", now + n * SECOND, state="final"))
    events._producer = None
    events.turn()
    assert {key for *_, key in told(toll, topic)} == {b"i1", b"i2", b"i3", b"i4"}
