from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.decode import check_lines
from ingest.errors import InputError
from ingest.log import Record
from ingest.sources.otlp import Logs, read_json, read_logs, read_protobuf
from ingest.sources.wire import decode_signals, encode_signal
from ingest.streams import IngestConfig

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
AT = "1795342443123456789"  # 2026-11-22T10:14:03.123456789Z
ERROR = {"timeUnixNano": AT, "severityNumber": 17, "eventName": "provider.unreachable"}
SALE = {
    "toll.stream": "payments",
    "toll.id": "p1",
    "toll.status": "ok",
    "toll.amount": "39.90",
    "toll.currency": "EUR",
    "toll.segment.region": "north",
    "other": "x",
}


def attributes(found: dict[str, Any]) -> list[dict[str, Any]]:
    kinds = {str: "stringValue", bool: "boolValue", int: "intValue", float: "doubleValue"}
    return [{"key": k, "value": {kinds[type(v)]: v}} for k, v in found.items()]


def export(*records: dict[str, Any], **resource: str) -> bytes:
    of = {name.replace("_", "."): value for name, value in resource.items()}
    scopes = [{"scope": {"name": "tests"}, "logRecords": list(records)}]
    logs = [{"resource": {"attributes": attributes(of)}, "scopeLogs": scopes}]
    return json.dumps({"resourceLogs": logs, "unknown": 1}).encode()


def record(said: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"timeUnixNano": AT, "attributes": attributes(said or {}), **more}


def read(*records: dict[str, Any], **resource: str) -> Logs:
    return read_logs(read_json(export(*records, **resource)), NOW)


def test_a_record_with_a_stream_is_a_business_event() -> None:
    (line,) = read(record(SALE), service_name="till").events
    assert json.loads(line) == {
        "stream": "payments",
        "id": "p1",
        "at": "2026-11-22T10:14:03.123+00:00",
        "status": "ok",
        "amount": "39.90",
        "currency": "EUR",
        "segment": {"region": "north"},
    }
    assert len(check_lines(line, IngestConfig(salt=b"s"), NOW).accepted) == 1


def test_an_event_without_an_id_is_named_by_what_it_says() -> None:
    nameless = {k: v for k, v in SALE.items() if k != "toll.id"}
    seen = record(nameless, observedTimeUnixNano="1795342444000000000")
    again = record(nameless, observedTimeUnixNano="1795342999000000000")
    other = record({**nameless, "toll.status": "declined"})
    ids = [json.loads(line)["id"] for line in read(seen, again, other).events]
    assert ids[0] == ids[1] != ids[2]


def test_a_warning_with_a_name_is_a_signal_for_as_long_as_it_is_logged() -> None:
    words = {"body": {"stringValue": "no answer from https://u:pw@x.example"}}
    logs = read(ERROR | words, ERROR | words, service_name="payment", k8s_pod_name="a")
    (signal,) = logs.signals
    assert (signal.source, signal.kind, signal.severity) == ("otlp-logs", "alert", "major")
    assert signal.labels["service"] == "payment" == signal.labels["service.name"]
    assert signal.labels["event"] == "provider.unreachable"
    assert signal.summary == "no answer from https://x.example"
    assert signal.started_at == datetime(2026, 11, 22, 10, 14, 3, 123000, UTC)
    (elsewhere,) = read(ERROR, service_name="payment", k8s_pod_name="b").signals
    assert elsewhere.fingerprint == signal.fingerprint, "one thing, wherever it is logged"
    (another,) = read(ERROR, service_name="cart").signals
    assert another.fingerprint != signal.fingerprint


def test_a_signal_that_says_when_it_is_over() -> None:
    began = record({"toll.kind": "outage", "toll.severity": "critical"}, eventName="down")
    ended = record(
        {"toll.kind": "outage", "toll.status": "resolved", "toll.ended_at": "2026-11-22T11:00:00Z"},
        eventName="down",
    )
    first, second = read(began, ended, service_name="payment").signals
    assert (first.source, first.status, first.kind) == ("otlp", "firing", "outage")
    assert (second.status, second.ended_at) == ("resolved", datetime(2026, 11, 22, 11, tzinfo=UTC))
    assert first.fingerprint == second.fingerprint and first.id != second.id
    (change,) = read(record({"toll.kind": "change", "toll.summary": "release 7"})).signals
    assert (change.kind, change.severity, change.summary) == ("change", "info", "release 7")


@pytest.mark.parametrize(
    ("number", "severity"), [(24, "critical"), (21, "critical"), (20, "major"), (13, "minor")]
)
def test_severity_by_number(number: int, severity: str) -> None:
    assert read({**ERROR, "severityNumber": number}).signals[0].severity == severity


def test_ordinary_logging_is_nothing() -> None:
    ordinary = [
        record({"a": "b"}, severityNumber=9),
        {**ERROR, "severityNumber": 12},
        record({}, severityNumber=21, body={"stringValue": "a stack trace"}),
    ]
    assert read(*ordinary) == Logs()


def test_what_claims_to_be_a_signal_and_is_none_is_said() -> None:
    logs = read(record({"toll.kind": "odd"}), ERROR)
    assert len(logs.signals) == 1
    assert logs.faults == ["kind of record 1 must be one of alert, outage, maintenance, change"]


def test_secrets_are_not_kept() -> None:
    said = record({"api_key": "k3y", "url": "https://x.example?token=abc"}, **ERROR)
    (signal,) = read(said | ERROR, service_name="payment").signals
    wire = encode_signal(signal).decode()
    assert "k3y" not in wire and "abc" not in wire


def test_json_and_protobuf_say_the_same() -> None:
    ids = {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174"}
    request = read_json(export(record(SALE), {**ERROR, **ids}, service_name="payment"))
    of_record = request.resource_logs[0].scope_logs[0].log_records[1]
    assert of_record.trace_id.hex() == ids["traceId"]
    packed = read_protobuf(request.SerializeToString())
    assert read_logs(packed, NOW) == read_logs(request, NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"7",
        b"{",
        b'{"resourceLogs": 7}',
        b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": "xyz"}]}]}]}',
        b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": -1}]}]}]}',
        b"[" * 10_000,
    ],
)
def test_what_is_no_export_says_so(body: bytes) -> None:
    with pytest.raises(InputError):
        read_json(body)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
own = st.sampled_from(
    ["stream", "kind", "status", "id", "at", "amount", "count", "ended_at", "url"]
)
scalars = st.text(max_size=6) | st.booleans() | st.integers(-9, 2**62) | st.floats()
told = st.dictionaries(own.map(lambda name: f"toll.{name}"), scalars, max_size=4)
records = st.builds(
    lambda said, more: {**ERROR, "attributes": attributes(said), **more},
    told,
    st.dictionaries(
        st.sampled_from(["timeUnixNano", "severityNumber", "eventName", "body", "attributes"]),
        anything | st.integers(0, 2**64 - 1).map(str),
        max_size=2,
    ),
)


@given(st.binary(max_size=60) | anything.map(json.dumps) | records.map(export))
@settings(deadline=None, max_examples=300)
def test_any_body_is_an_export_or_an_input_error(body: bytes | str) -> None:
    value = body if isinstance(body, bytes) else body.encode()
    for reader in (read_json, read_protobuf):
        with contextlib.suppress(InputError):
            request = reader(value)
            logs = read_logs(request, NOW)
            assert isinstance(MessageToDict(request), dict)
            for signal in logs.signals:
                wire = Record("t", 0, 0, 0, None, encode_signal(signal))
                assert decode_signals([wire], NOW)[1] == []
            checked = check_lines(b"\n".join(logs.events), IngestConfig(salt=b"s"), NOW)
            assert len(checked.accepted) + len(checked.rejected) == len(logs.events)
