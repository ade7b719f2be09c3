"""CloudEvents 1.0 as signals: `data` is Toll's normal form, and the envelope says what it lacks.

| missing in `data` | taken from the envelope |
|---|---|
| `source` | `source` |
| `id` | `id`; with `source` it is the statement's identity, as CloudEvents have it |
| `fingerprint` (and `id`) | `subject`; without one a hash of source, kind and labels |
| `started_at`, or `ended_at` of what is resolved | `time` |
| `summary` | `type` and `subject` |

Labels gain `ce_type`, `ce_source` and `ce_subject`, so that rules of the map may go by them. An
event without `data` is a signal by its envelope alone.
Source: cloudevents/spec, `spec.md` and the HTTP and Kafka protocol bindings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from ingest.cloudevents import STRUCTURED, is_structured, is_version_1, unpacked
from ingest.errors import InputError
from ingest.events import Signal
from ingest.log import Headers
from ingest.sources import body as native
from ingest.sources.generic import label_hash, normal_form

_FORMATS = (f"{STRUCTURED}+json", f"{STRUCTURED}-batch+json")
_LABELS = ("type", "source", "subject")


@dataclass(frozen=True, slots=True)
class Envelope:
    """One CloudEvent: its attributes as texts, and its data."""

    attributes: Mapping[str, str]
    data: dict[str, Any]


def from_http(
    body: bytes, headers: Mapping[str, str], received_at: datetime | None = None
) -> list[Signal]:
    """The signals of an HTTP request in any of the three modes."""
    names = {name.lower(): value for name, value in headers.items()}
    attributes = {
        name.removeprefix("ce-"): unquote(value)  # one round, as the binding says
        for name, value in names.items()
        if name.startswith("ce-")
    }
    return _signals(body, names.get("content-type", ""), attributes, received_at)


def from_kafka(value: bytes, headers: Headers, received_at: datetime | None) -> list[Signal]:
    """The signals of a Kafka record in structured or binary mode."""
    names = {name.lower(): told.decode(errors="replace") for name, told in headers}
    attributes = {n.removeprefix("ce_"): told for n, told in names.items() if n.startswith("ce_")}
    return _signals(value, names.get("content-type", ""), attributes, received_at)


def in_kafka(headers: Headers) -> bool:
    """Whether a Kafka record is a CloudEvent, in either mode."""
    binary = any(name.lower() == "ce_specversion" for name, _ in headers)
    return binary or is_structured(headers)


def is_format(content_type: str) -> bool:
    """Whether a structured content type is one that is read: JSON, one event or a batch."""
    return content_type.partition(";")[0].strip().lower() in _FORMATS


def _signals(
    body: bytes, content_type: str, attributes: Mapping[str, str], received_at: datetime | None
) -> list[Signal]:
    if content_type.lower().startswith(STRUCTURED):
        if not is_format(content_type):
            raise InputError(f"CloudEvents come as {' or '.join(_FORMATS)}, not as {content_type}")
        found = native.parse(body)
        gathered = native.Gathered()
        gathered.each(
            found if isinstance(found, list) else [found],
            "event",
            lambda one, name: [_signal(_structured(one, name), name, received_at)],
        )
        return gathered.all()
    if "specversion" not in attributes:
        raise InputError("not a CloudEvent: there is neither a specversion header nor its type")
    _check_version(attributes.get("specversion"), "the event")
    data = _object(native.parse(body), "the event") if body.strip() else {}
    return [_signal(Envelope(attributes, data), "the event", received_at)]


def _structured(found: dict[str, Any], name: str) -> Envelope:
    _check_version(found.get("specversion"), name)
    attributes = {
        key: value
        for key, value in found.items()
        if isinstance(value, str) and key not in {"data", "data_base64"}
    }
    encoded = found.get("data_base64")
    if encoded is None:
        data = found.get("data")
        return Envelope(attributes, {} if data is None else _object(data, name))
    decoded = unpacked(encoded)
    if decoded is None:
        raise InputError(f"data_base64 of {name} is not base64")
    return Envelope(attributes, _object(native.parse(decoded), name))


def _check_version(version: object, name: str) -> None:
    if not is_version_1(version):
        raise InputError(f"{name} is no CloudEvent with specversion 1.0")


def _object(data: object, name: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise InputError(f"data of {name} must be one signal, a JSON object")
    return data


def _signal(envelope: Envelope, name: str, received_at: datetime | None) -> Signal:
    said, of = envelope.data, envelope.attributes
    for required in ("id", "source", "type"):
        if not of.get(required):
            raise InputError(f"{name} lacks the attribute {required}, which CloudEvents must have")
    labels = native.labels(said.get("labels"))
    for attribute in _LABELS:
        if told := of.get(attribute):
            labels.setdefault(f"ce_{attribute}", native.without_secrets(told))
    source = native.without_secrets(native.text(said, "source") or of["source"])
    found = {**said, "labels": labels, "source": source}
    if not native.text(said, "fingerprint") and not native.text(said, "id"):
        kind = native.text(said, "kind") or "alert"
        own = native.labels(said.get("labels"))
        found["fingerprint"] = of.get("subject") or label_hash(source, kind, own)
    if not native.text(said, "id"):
        found["id"] = of["id"]
    over = native.text(said, "status").lower() == "resolved"
    when = "ended_at" if over else "started_at"
    if said.get(when) is None and of.get("time"):
        found[when] = of["time"]
    if not native.text(said, "summary"):
        found["summary"] = " ".join(filter(None, (of["type"], of.get("subject"))))
    return normal_form(found, name, native.raw_of(said), received_at)
