"""CloudEvents 1.0: envelopes around business events, over HTTP and Kafka.

`data` (or `data_base64`) is the event object. Where it has no `id` or no `at` of its own, it takes
the envelope's `id` and `time`; all other attributes are ignored. In binary mode the attributes are
headers and the value is the event itself.
Source: cloudevents/spec, `spec.md` and the HTTP and Kafka protocol bindings.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple
from urllib.parse import unquote

from ingest.dead_letters import Fault
from ingest.errors import InputError
from ingest.events import MOST_LINES
from ingest.exact import Json, read_json
from ingest.log import Headers

STRUCTURED = "application/cloudevents"  # +json; the batch format has -batch between
_TAKEN = {"id": "id", "time": "at"}  # attributes that stand in for fields of the event


class Opened(NamedTuple):
    """An envelope's content, and what it offers for fields that the content lacks."""

    data: Json
    defaults: Mapping[str, str]


def is_structured(headers: Headers) -> bool:
    """Whether a Kafka record's value is an envelope (or a batch of them) in JSON."""
    return any(
        name.lower() == "content-type" and value.lower().startswith(STRUCTURED.encode())
        for name, value in headers
    )


def defaults(headers: Headers) -> dict[str, str]:
    """What the headers of a Kafka record in binary mode offer for missing fields."""
    attributes = {name.lower(): value for name, value in headers}
    if "ce_specversion" not in attributes:
        return {}
    return {
        taken: attributes[f"ce_{name}"].decode(errors="replace")
        for name, taken in _TAKEN.items()
        if f"ce_{name}" in attributes
    }


def open_structured(value: bytes) -> list[Opened | Fault] | Fault:
    """The contents of one envelope or of a batch, in order."""
    found = envelopes(value)
    return found if isinstance(found, Fault) else [open_envelope(one) for one in found]


def envelopes(value: bytes) -> list[Json] | Fault:
    """The one envelope of a value, or those of a batch, in order."""
    found = read_json(value)
    if isinstance(found, Fault):
        return Fault("empty", "the record has no value") if not value.strip() else found
    if not isinstance(found, list):
        return [found]
    if not found:
        return Fault("empty", "the batch holds no CloudEvents")
    if len(found) > MOST_LINES:
        return Fault("too_large", f"the batch holds more than {MOST_LINES} CloudEvents")
    return found


def open_envelope(envelope: Json) -> Opened | Fault:
    """What one envelope holds."""
    if not isinstance(envelope, dict):
        return Fault("not_json", "expected a CloudEvent, which is a JSON object")
    if not is_version_1(envelope.get("specversion")):
        return Fault("missing_field", "expected a CloudEvent with specversion 1.0")
    offered = {
        taken: attribute
        for name, taken in _TAKEN.items()
        if isinstance(attribute := envelope.get(name), str)
    }
    if (data := envelope.get("data")) is not None:
        return Opened(data, offered)
    encoded = envelope.get("data_base64")
    if encoded is None:
        return Fault("missing_field", "the CloudEvent has no data")
    decoded = unpacked(encoded)
    if decoded is None:
        return Fault("wrong_type", "data_base64 of the CloudEvent is not base64")
    content = read_json(decoded)
    return content if isinstance(content, Fault) else Opened(content, offered)


def is_version_1(version: object) -> bool:
    """Whether a `specversion` is one of those that are read."""
    return isinstance(version, str) and version.startswith("1.")


def unpacked(data_base64: object) -> bytes | None:
    """The content of `data_base64`; None where it is not base64."""
    if not isinstance(data_base64, str):
        return None
    try:
        return base64.b64decode(data_base64, validate=True)
    except ValueError:
        return None


def is_cloudevent(headers: Mapping[str, str]) -> bool:
    """Whether an HTTP request carries CloudEvents in any of the three modes."""
    names = {name.lower(): value for name, value in headers.items()}
    return "ce-specversion" in names or names.get("content-type", "").lower().startswith(STRUCTURED)


def lines_from_http(body: bytes, headers: Mapping[str, str]) -> list[bytes]:
    """The business events of an HTTP request with CloudEvents, one line of JSON each.

    Raises `InputError` where an envelope cannot be opened. Whether a line is an event is decided
    like that of any other line.
    """
    names = {name.lower(): value for name, value in headers.items()}
    opened: list[Opened | Fault] | Fault
    if names.get("content-type", "").lower().startswith(STRUCTURED):
        opened = open_structured(body)
    elif "ce-specversion" in names:
        offered = {
            taken: unquote(
                names[f"ce-{name}"]
            )  # one round of percent-decoding, as the binding says
            for name, taken in _TAKEN.items()
            if f"ce-{name}" in names
        }
        content = read_json(body)
        opened = content if isinstance(content, Fault) else [Opened(content, offered)]
    else:
        raise InputError("not a CloudEvent: there is neither a ce-specversion header nor its type")
    if isinstance(opened, Fault):
        raise InputError(opened.detail)
    return [_line(number, found) for number, found in enumerate(opened)]


def _line(number: int, found: Opened | Fault) -> bytes:
    if isinstance(found, Fault):
        raise InputError(f"CloudEvent {number}: {found.detail}")
    if not isinstance(found.data, dict):
        raise InputError(f"CloudEvent {number}: data must be one business event, a JSON object")
    lacking = {name: text for name, text in found.defaults.items() if found.data.get(name) is None}
    return dump_json({**found.data, **lacking}).encode()


def dump_json(value: Json) -> str:
    """JSON on one line, every digit of its numbers kept. For what `read_json` returned."""
    if isinstance(value, Decimal):
        return str(value) if value.is_finite() else json.dumps(str(value))
    if isinstance(value, list):
        return f"[{','.join(map(dump_json, value))}]"
    if isinstance(value, dict):
        members = (f"{json.dumps(name)}:{dump_json(member)}" for name, member in value.items())
        return f"{{{','.join(members)}}}"
    return json.dumps(value)
