from __future__ import annotations

import base64
import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import InputError
from ingest.events import Signal
from ingest.log import Headers, Record
from ingest.sources.cloudevents import from_http, from_kafka
from ingest.sources.wire import decode_signals, encode_signal

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
JSON = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
DATA = {"severity": "critical", "labels": {"service": "payment"}}


def envelope(**members: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "e1",
        "source": "/checks",
        "type": "check.failed",
        "subject": "latency",
        "time": "2026-11-22T10:15:00Z",
        **members,
    }


def read(body: Any, headers: dict[str, str] = JSON) -> list[Signal]:
    return from_http(json.dumps(body).encode(), headers, NOW)


def test_the_envelope_says_what_the_data_lacks() -> None:
    (signal,) = read(envelope(data=DATA))
    assert (signal.source, signal.id, signal.fingerprint) == ("/checks", "e1", "latency")
    assert signal.started_at == datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
    assert signal.summary == "check.failed latency"
    assert signal.labels == {
        "service": "payment",
        "ce_type": "check.failed",
        "ce_source": "/checks",
        "ce_subject": "latency",
    }
    assert json.loads(signal.raw) == DATA


def test_what_the_data_says_itself_counts() -> None:
    own = {"id": "own", "source": "mine", "summary": "slow", "started_at": "2026-11-22T09:00:00Z"}
    (signal,) = read(envelope(data=own))
    assert (signal.source, signal.id, signal.fingerprint) == ("mine", "own", "own")
    assert (signal.summary, signal.started_at.hour) == ("slow", 9)


def test_a_subject_fires_and_is_over() -> None:
    (began,) = read(envelope(data=DATA))
    (ended,) = read(
        envelope(id="e2", time="2026-11-22T10:30:00Z", data={**DATA, "status": "resolved"})
    )
    assert began.fingerprint == ended.fingerprint and began.id != ended.id
    assert ended.ended_at == datetime(2026, 11, 22, 10, 30, tzinfo=UTC)


def test_without_a_subject_the_labels_name_the_thing() -> None:
    of = envelope(subject=None)
    (one,), (again,) = read({**of, "data": DATA}), read({**of, "id": "e2", "data": DATA})
    (other,) = read({**of, "data": {"labels": {"service": "cart"}}})
    assert one.fingerprint == again.fingerprint != other.fingerprint


def test_all_modes_say_the_same() -> None:
    event = envelope(data=DATA)
    (structured,) = read(event)
    binary = {f"ce-{k}": str(v).replace("/", "%2F") for k, v in event.items() if k != "data"}
    assert read(DATA, binary) == [structured]
    (first, second) = read([event, envelope(id="e2", data=DATA)], BATCH)
    assert first == structured and second.id == "e2"
    packed = base64.b64encode(json.dumps(DATA).encode()).decode()
    assert read(envelope(data_base64=packed)) == [structured]
    attributes = tuple((f"ce_{k}", str(v).encode()) for k, v in event.items() if k != "data")
    assert from_kafka(json.dumps(DATA).encode(), attributes, NOW) == [structured]
    kept = (("content-type", b"application/cloudevents+json"),)
    assert from_kafka(json.dumps(event).encode(), kept, NOW) == [structured]


def test_an_event_without_data_is_a_signal_by_its_envelope() -> None:
    (signal,) = read(envelope())
    assert signal.fingerprint == "latency" and signal.severity == "major"


def test_secrets_are_not_kept() -> None:
    of = envelope(source="https://me:pw@checks.example/a?token=abc", data={"api_key": "k3y"})
    (signal,) = read(of)
    said = encode_signal(signal).decode()
    assert "pw" not in said and "abc" not in said and "k3y" not in said


@pytest.mark.parametrize(
    ("body", "headers", "said"),
    [
        (DATA, {"content-type": "application/json"}, "not a CloudEvent"),
        (envelope(specversion="0.3"), JSON, "specversion"),
        (envelope(id=""), JSON, "attribute id"),
        (envelope(type=None), JSON, "attribute type"),
        (envelope(data=[1]), JSON, "one signal"),
        (envelope(data_base64="***"), JSON, "not base64"),
        (envelope(data={"status": "odd"}), JSON, "status"),
        ([envelope(), 7], BATCH, "event 2 is no object"),
        (envelope(), {"content-type": "application/cloudevents+avro"}, "application/cloudevents"),
    ],
)
def test_what_is_none_says_why(body: Any, headers: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(body, headers)


def record(value: bytes | None, headers: Headers) -> Record:
    return Record("toll.signals", 0, 0, 0, None, value, headers)


def test_a_record_with_headers_is_read_or_a_dead_letter() -> None:
    headers = (
        ("ce_specversion", b"1.0"),
        ("ce_id", b"e1"),
        ("ce_source", b"/x"),
        ("ce_type", b"t"),
    )
    found, dead = decode_signals([record(b'{"labels": {"service": "payment"}}', headers)], NOW)
    assert [s.source for s in found] == ["/x"] and dead == []
    found, dead = decode_signals([record(b"no json", headers), record(None, headers[:1])], NOW)
    assert found == [] and [d.reason for d in dead] == ["bad_signal", "bad_signal"]


def test_of_a_batch_in_a_record_only_what_cannot_be_read_is_a_dead_letter() -> None:
    headers = tuple((name, told.encode()) for name, told in BATCH.items())
    value = json.dumps([envelope(), 7, envelope(id="e2")]).encode()
    found, [letter] = decode_signals([record(value, headers)], NOW)
    assert [signal.id for signal in found] == ["e1", "e2"]
    assert (letter.reason, letter.detail) == ("bad_signal", "event 2 is no object")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
envelopes = st.builds(
    lambda changed: envelope(**changed),
    st.dictionaries(
        st.sampled_from([*envelope(), "data", "data_base64"]),
        anything | st.dictionaries(st.sampled_from(["id", "labels", "status", "kind"]), anything),
        max_size=4,
    ),
)


@given(st.one_of(st.binary(max_size=40), st.one_of(envelopes, anything).map(json.dumps)))
@settings(deadline=None, max_examples=200)
def test_any_body_is_signals_or_an_input_error(body: bytes | str) -> None:
    value = body if isinstance(body, bytes) else body.encode()
    binary = {"ce-specversion": "1.0", "ce-id": "%zz", "ce-source": "a", "ce-type": "b"}
    for headers in (JSON, BATCH, binary):
        with contextlib.suppress(InputError):
            for signal in from_http(value, headers, NOW):
                assert decode_signals([record(encode_signal(signal), ())], NOW) == ([signal], [])
    for told in ((("content-type", b"application/cloudevents+json"),), (("ce_specversion", b"1"),)):
        found, dead = decode_signals([record(value, told)], NOW)
        assert bool(found) != bool(dead) or value.strip() == b"[]"
