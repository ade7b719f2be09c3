"""OpenTelemetry logs (OTLP) as business events and as signals. Which a record is, it says itself.

| a record with | is |
|---|---|
| the attribute `toll.stream` | a business event: its fields are `toll.id`, `toll.status`, `toll.amount`, `toll.segment.region`, ... |
| the attribute `toll.kind` or `toll.status`, without a stream | a signal; `toll.fingerprint`, `toll.severity`, `toll.summary`, ... are those of the normal form |
| an event name, and severity WARN or more | a signal that lasts as long as it is repeated |
| nothing of that | ordinary logging, which is not kept |

Labels of a signal are all resource and record attributes of simple type, and `service`, `event`. A
record without `toll.id` is named by a hash of what it says, so an export that is repeated changes
nothing. Ordinary events are told once a minute: that many say the same makes no difference.
Source: open-telemetry/opentelemetry-proto, `collector/logs/v1/logs_service.proto`, `docs/specification.md`.
"""  # noqa: E501  # a table

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from ingest.errors import InputError
from ingest.events import Severity, Signal
from ingest.exact import LAST_MS
from ingest.sources import body as native
from ingest.sources.generic import label_hash, normal_form
from ingest.times import from_ms

SOURCE = "otlp"  # what says itself when it begins and ends
LOGGED = "otlp-logs"  # what goes on for as long as it is logged
_OWN = "toll."
_SEGMENT = "toll.segment."
_EVENT_FIELDS = frozenset(
    {"id", "at", "status", "key", "customer", "amount", "currency", "count", "value"}
)
_SIGNAL_FIELDS = (
    "kind",
    "status",
    "severity",
    "summary",
    "url",
    "fingerprint",
    "availability",
    "started_at",
    "ended_at",
)
_WARN, _ERROR, _FATAL = 13, 17, 21

Scalar = str | int | float | bool


@dataclass(slots=True)
class Logs:
    """What an export holds that is not ordinary logging."""

    events: list[bytes] = field(default_factory=list)  # business events, a line of JSON each
    signals: list[Signal] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)  # why records are neither, though they claim to


def read_protobuf(body: bytes) -> ExportLogsServiceRequest:
    """The request in a protobuf body."""
    try:
        return ExportLogsServiceRequest.FromString(body)
    except DecodeError as error:
        raise InputError(f"the body is no ExportLogsServiceRequest: {error}") from error


def read_json(body: bytes) -> ExportLogsServiceRequest:
    """The request in a JSON body, in which OTLP writes ids in hexadecimal."""
    found = native.parse(body)
    if isinstance(found, list):
        raise InputError("expected an object with resourceLogs")
    _ids_as_protobuf_has_them(found)
    try:
        return ParseDict(found, ExportLogsServiceRequest(), ignore_unknown_fields=True)
    except (ParseError, ValueError, TypeError, AttributeError, OverflowError) as error:
        detail = " ".join(str(error).split())[:200]
        raise InputError(f"the body is no ExportLogsServiceRequest: {detail}") from error


def read_logs(request: ExportLogsServiceRequest, received_at: datetime) -> Logs:
    """The business events and signals of an export."""
    found = Logs()
    signals: dict[tuple[str, str], Signal] = {}  # each statement once
    for number, one in enumerate(_records(request)):
        try:
            if "toll.stream" in one.attributes:
                found.events.append(_event(one, received_at))
            elif (signal := _signal(one, f"record {number + 1}", received_at)) is not None:
                signals.setdefault((signal.source, signal.id), signal)
        except InputError as error:
            found.faults.append(str(error))
    found.signals = list(signals.values())
    return found


@dataclass(frozen=True, slots=True)
class _Record:
    """One record with the attributes of its resource; those of a simple type alone."""

    said: LogRecord
    resource: Mapping[str, Scalar]
    attributes: Mapping[str, Scalar]

    @property
    def event(self) -> str:
        return self.said.event_name or str(self.attributes.get("event.name", ""))

    def own(self, name: str) -> Scalar | None:
        return self.attributes.get(f"{_OWN}{name}")

    def text(self, name: str) -> str:
        return str(self.attributes.get(name, self.resource.get(name, "")))

    def at(self, received_at: datetime) -> datetime:
        """When it happened, to the millisecond; when it was received where it does not say."""
        nanoseconds = self.said.time_unix_nano or self.said.observed_time_unix_nano
        milliseconds = nanoseconds // 1_000_000
        if milliseconds >= LAST_MS:
            raise InputError(f"timeUnixNano {nanoseconds} is after the year 2100")
        return from_ms(milliseconds) if milliseconds else received_at

    def digest(self) -> str:
        """The identity of what it says: when it was observed is no part of that."""
        copy = LogRecord()
        copy.CopyFrom(self.said)
        if copy.time_unix_nano:
            copy.observed_time_unix_nano = 0
        said = [json.dumps(sorted(self.resource.items())).encode()]
        said.append(copy.SerializeToString(deterministic=True))
        return hashlib.sha256(b"\0".join(said)).hexdigest()[:32]


def _records(request: ExportLogsServiceRequest) -> Iterator[_Record]:
    for of_resource in request.resource_logs:
        resource = _scalars(of_resource.resource.attributes)
        for of_scope in of_resource.scope_logs:
            for record in of_scope.log_records:
                yield _Record(record, resource, _scalars(record.attributes))


def _scalars(attributes: Any) -> dict[str, Scalar]:
    found: dict[str, Scalar] = {}
    pair: KeyValue
    for pair in attributes:
        value = _scalar(pair.value)
        if value is not None:
            found[pair.key] = value
    return found


def _scalar(value: AnyValue) -> Scalar | None:
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "int_value":
            return value.int_value
        case "double_value" if math.isfinite(value.double_value):
            return value.double_value
        case _:
            return None


def _event(one: _Record, received_at: datetime) -> bytes:
    """A line of a business event; whether it is one is decided like that of any other line."""
    event: dict[str, Any] = {"stream": one.own("stream"), "id": one.digest()}
    event["at"] = one.at(received_at).isoformat(timespec="milliseconds")
    segment: dict[str, str] = {}
    for name, value in one.attributes.items():
        field_name = name.removeprefix(_OWN)
        if name.startswith(_SEGMENT):
            segment[name.removeprefix(_SEGMENT)] = _said(value)
        elif name.startswith(_OWN) and field_name in _EVENT_FIELDS:
            numeric = field_name in {"at", "count", "value", "amount"}
            event[field_name] = value if numeric else _said(value)
    if segment:
        event["segment"] = segment
    return json.dumps(event).encode()


def _signal(one: _Record, name: str, received_at: datetime) -> Signal | None:
    """The signal of a record; None where it is ordinary logging."""
    told = one.own("kind") is not None or one.own("status") is not None
    if not told and not (one.event and one.said.severity_number >= _WARN):
        return None
    source = SOURCE if told else LOGGED
    at = one.at(received_at)
    found: dict[str, Any] = {
        field_name: value
        for field_name in _SIGNAL_FIELDS
        if (value := one.own(field_name)) is not None
    }
    over = _said(found.get("status", "")).lower() == "resolved"
    found.setdefault("ended_at" if over else "started_at", at.isoformat())
    if (severity := _severity(one)) is not None:
        found.setdefault("severity", severity)
    kind = _said(found.get("kind", "alert"))
    thing = {n: one.text(n) for n in ("service.namespace", "service.name")} | {"event": one.event}
    found["fingerprint"] = _said(found.get("fingerprint", "")) or label_hash(source, kind, thing)
    minute = at.replace(second=0, microsecond=0).isoformat()
    if told:
        found["id"] = _said(one.own("id") or "") or one.digest()
    else:
        found["id"] = f"{found['fingerprint']}:{found.get('severity', '')}:{minute}"
    body = _scalar(one.said.body)
    said = native.without_secrets(_said(body)) if body is not None else ""
    found.setdefault("summary", said or one.event or one.text("service.name"))
    found |= {"source": source, "labels": _labels(one)}
    native_form = {"resource": dict(one.resource), "attributes": dict(one.attributes), "body": said}
    return normal_form(found, name, native.raw_of(native_form), received_at)


def _labels(one: _Record) -> dict[str, str]:
    known = {**one.resource, **one.attributes}
    labels = {name: _said(value) for name, value in known.items() if not name.startswith(_OWN)}
    for label, value in (("service", one.text("service.name")), ("event", one.event)):
        if value:
            labels.setdefault(label, value)
    return labels


def _severity(one: _Record) -> Severity | None:
    number, word = one.said.severity_number, one.said.severity_text
    if number == 0:
        return native.severity_of(word, "major") if word else None
    if number >= _FATAL:
        return "critical"
    if number >= _ERROR:
        return "major"
    return "minor" if number >= _WARN else "info"


def _said(value: Scalar) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _ids_as_protobuf_has_them(found: dict[str, Any]) -> None:
    for of_resource in _objects(found, "resourceLogs", "resource_logs"):
        for of_scope in _objects(of_resource, "scopeLogs", "scope_logs"):
            for record in _objects(of_scope, "logRecords", "log_records"):
                for name in {"traceId", "spanId", "trace_id", "span_id"} & record.keys():
                    try:
                        packed = bytes.fromhex(record[name])
                    except (TypeError, ValueError) as error:
                        raise InputError(f"{name} is not hexadecimal") from error
                    record[name] = base64.b64encode(packed).decode()


def _objects(found: dict[str, Any], *names: str) -> Iterator[dict[str, Any]]:
    for name in names:
        several = found.get(name)
        for one in several if isinstance(several, list) else ():
            if isinstance(one, dict):
                yield one
