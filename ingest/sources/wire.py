"""Signals on Toll's own topic: the normal form as JSON, one signal a line, or CloudEvents of it.

Whoever wrote the record, a repeat has the same ids, so reading it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import orjson

from ingest.dead_letters import DeadLetter, Fault
from ingest.errors import InputError
from ingest.events import Signal
from ingest.exact import read_json
from ingest.log import Record
from ingest.reading import RAW_BYTES
from ingest.sources import body as native
from ingest.sources.cloudevents import from_kafka, in_kafka
from ingest.sources.generic import normal_form


def encode_signal(signal: Signal) -> bytes:
    """One line of JSON, from which `decode_signals` makes the same signal, to the ms."""
    written = {
        "id": signal.id,
        "source": signal.source,
        "kind": signal.kind,
        "status": signal.status,
        "severity": signal.severity,
        "labels": dict(signal.labels),
        "summary": signal.summary,
        "url": signal.url,
        "started_at": _written(signal.started_at),
        "ended_at": _written(signal.ended_at),
        "fingerprint": signal.fingerprint,
        "availability": signal.availability,
        "received_at": _written(signal.received_at),
        "raw": signal.raw,
    }
    return orjson.dumps({name: value for name, value in written.items() if value is not None})


def _written(when: datetime | None) -> str | None:
    return None if when is None else native.to_the_ms(when).isoformat(timespec="milliseconds")


def decode_signals(
    records: Sequence[Record], received_at: datetime
) -> tuple[list[Signal], list[DeadLetter]]:
    """The signals of some records, and what is none; `received_at` where a record tells no time."""
    signals: list[Signal] = []
    dead: list[DeadLetter] = []
    for record in records:
        if in_kafka(record.headers):
            try:
                signals += from_kafka(record.value or b"", record.headers, received_at)
            except InputError as error:
                if isinstance(error, native.PartlyReadError):
                    signals += error.signals
                fault = Fault("bad_signal", str(error))
                dead.append(_letter(record, 0, record.value or b"", fault, received_at))
            continue
        lines = [
            (number, line)
            for number, line in enumerate((record.value or b"").split(b"\n"))
            if line.strip()
        ]
        for number, line in lines or [(0, b"")]:
            found = _read(line, received_at)
            if isinstance(found, Signal):
                signals.append(found)
            else:
                dead.append(_letter(record, number, line, found, received_at))
    return signals, dead


def _read(line: bytes, received_at: datetime) -> Signal | Fault:
    if not line:
        return Fault("empty", "the record's value is empty or blank")
    checked = read_json(line)
    if isinstance(checked, Fault):
        return checked
    try:
        found = native.parse(line)
        if isinstance(found, list):
            return Fault("not_json", "expected one JSON object a line, found an array")
        received = native.moment(found.get("received_at"), "received_at") or received_at
        return normal_form(found, "the signal", native.text(found, "raw"), received)
    except InputError as error:
        return Fault("bad_signal", str(error))


def _letter(
    record: Record, number: int, line: bytes, fault: Fault, received_at: datetime
) -> DeadLetter:
    return DeadLetter.of(record, number, fault, line[:RAW_BYTES], received_at)
