"""First times of restamped ids, and events of sealed minutes."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from ingest.admit import settle_times, unsealed
from ingest.decode import decode
from ingest.streams import IngestConfig, StreamConfig
from tests.ingest.doubles import NOON, ListSink, line, record

DAY = timedelta(days=1)
OLD = NOON - 89.5 * DAY
RESTAMPED = {"taxis": StreamConfig("taxis", identity="id")}


@pytest.fixture
def sink() -> ListSink:
    return ListSink()


def times(events) -> dict[str, list[datetime]]:
    rows = events.to_pylist()
    return {id: [r["at"] for r in rows if r["id"] == id] for id in {r["id"] for r in rows}}


def test_a_restamped_id_gets_the_time_it_first_had(sink):
    config = IngestConfig(streams=RESTAMPED, salt=b"s")
    values = [line("a", NOON + n * DAY / 99, stream="taxis") for n in range(3)]
    for offset, value in enumerate(values):  # the retries come in batches of their own
        events = decode([record(value, offset)], config, NOON + DAY).events
        assert times(settle_times(events, config, sink)) == {"a": [NOON]}


def test_within_one_batch_the_first_in_the_log_counts(sink):
    config = IngestConfig(streams=RESTAMPED, salt=b"s")
    mixed = [
        line("a", NOON + DAY / 24, stream="taxis"),
        line("x"),
        line("a", NOON, stream="taxis"),
        line("x", NOON + DAY / 24),
    ]
    events = decode([record(b"\n".join(mixed))], config, NOON + DAY).events
    settled = settle_times(events, config, sink)
    assert times(settled) == {
        "a": [NOON + DAY / 24] * 2,
        "x": [NOON, NOON + DAY / 24],  # of another stream, as they are
    }
    assert settled.schema == events.schema


def test_without_such_a_stream_the_store_is_not_asked(sink):
    config = IngestConfig(streams=RESTAMPED, salt=b"s")
    events = decode([record(line("a"))], config, NOON).events
    assert settle_times(events, config, sink) is events
    assert sink.times == {}


def admit(sink: ListSink, *records):
    config = IngestConfig(salt=b"s")
    events = decode(records, config, NOON).events
    return unsealed(events, records, config, sink, NOON)


def test_only_old_events_are_asked_about(sink):
    events, letters = admit(sink, record(line("a", NOON - 88 * DAY)))
    assert (events.num_rows, letters, sink.asked_sealed) == (1, [], [])
    admit(sink, record(line("a", OLD) + b"\n" + line("b")))
    assert sink.asked_sealed == [OLD.strftime("%Y-%m-%dT%H:%M")]


def test_an_event_of_a_sealed_minute_becomes_a_dead_letter_with_its_line(sink):
    sink.sealed_minutes = [OLD.strftime("%Y-%m-%dT%H:%M")]
    lines = [line("new"), line("late", OLD), line("other stream", NOON - 100 * DAY)]
    events, (letter,) = admit(sink, record(b"\n".join(lines), 7, partition=3))
    assert events["id"].to_pylist() == ["new", "other stream"]
    place = (letter.topic, letter.partition, letter.offset, letter.line)
    assert place == ("toll.business", 3, 7, 1)
    assert (letter.reason, letter.raw, letter.received_at) == ("sealed", lines[1], NOON)


def test_of_a_batch_of_envelopes_the_late_one_is_kept(sink):
    sink.sealed_minutes = [OLD.strftime("%Y-%m-%dT%H:%M")]
    envelope = {"specversion": "1.0", "id": "1", "source": "s", "type": "t"}
    batch = [envelope | {"data": json.loads(line(id, at))} for id, at in [("a", NOON), ("b", OLD)]]
    value = json.dumps(batch, indent=1).encode()
    headers = (("content-type", b"application/cloudevents-batch+json"),)
    events, (letter,) = admit(sink, record(value, headers=headers))
    assert events["id"].to_pylist() == ["a"]
    assert (letter.line, json.loads(letter.raw)) == (1, batch[1])
