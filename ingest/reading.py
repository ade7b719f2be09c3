"""The lines of a batch of records, each read as an event or a fault, with its place in the batch.

Every line of every record becomes one or the other; blank lines between them are nothing, a record
of nothing else is one fault, `empty`. Plain lines are read in columns (`ingest.columns`), the rest
one by one (`ingest.exact`), with identical results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import compress
from typing import cast

import numpy as np
import polars as pl

from ingest import cloudevents, columns
from ingest.dead_letters import Fault
from ingest.events import MOST_LINES
from ingest.exact import Event, Json, Rules, read_line, read_object
from ingest.lines import Bools, Ints, Lines, plain, split
from ingest.mapping import PLAIN, shape_of
from ingest.records import Records
from ingest.streams import IngestConfig
from ingest.times import to_ms

RAW_BYTES = 64 * 1024  # how much of a rejected line or record is kept
FRAME_SCHEMA = pl.Schema([("record", pl.Int64()), ("line", pl.Int64()), *columns.SCHEMA.items()])

_EVENT_FIELDS = [name for name in columns.SCHEMA if name != "row"]
_BLANK = b" \t\r"


@dataclass(slots=True)
class Found:
    """What has been found so far; places are (record, line) of the batch."""

    frames: list[pl.DataFrame] = field(default_factory=list)  # columns.SCHEMA, record, line
    events: list[tuple[int, int, Event]] = field(default_factory=list)
    faults: list[tuple[int, int, Fault, bytes]] = field(default_factory=list)

    def put(self, record: int, line: int, found: Event | Fault, raw: bytes) -> None:
        """Keep one line that was read exactly."""
        if isinstance(found, Fault):
            self.faults.append((record, line, found, raw[:RAW_BYTES]))
        else:
            self.events.append((record, line, found))


def read_records(records: Records, config: IngestConfig, received_at: datetime) -> Found:
    """The events as they were written, before keys are hashed, and what is none."""
    found = Found()
    received_ms = to_ms(received_at)
    values = np.ones(len(records), np.bool_)  # records whose value is lines of events
    for index in _unusually_long(records, config):
        value = records.values[index] or b""
        if fault := _oversized(value, config):
            found.put(index, 0, fault, value)
            values[index] = False
    for index, headers in records.headers.items():
        if values[index] and cloudevents.is_structured(headers):
            shape = shape_of(config.mappings.get(records[index].topic))
            _read_structured(found, index, records.values[index] or b"", Rules(received_ms, shape))
            values[index] = False
    # Mapped topics apart, all others together.
    for topic in {place.topic for place in records.places} & config.mappings.keys():
        mapped = records.of_topics([topic]) & values
        shape = shape_of(config.mappings[topic])
        _read_values(found, records, mapped, Rules(received_ms, shape))
        values &= ~mapped
    _read_values(found, records, values, Rules(received_ms, PLAIN))
    return found


def _unusually_long(records: Records, config: IngestConfig) -> list[int]:
    """Records of which there may be too much: by their bytes alone."""
    long: list[int] = np.flatnonzero(
        records.sizes > min(config.max_record_bytes, MOST_LINES - 1)
    ).tolist()
    return long


def _oversized(value: bytes, config: IngestConfig) -> Fault | None:
    if len(value) > config.max_record_bytes:
        size = f"the record has {len(value)} bytes, the limit is {config.max_record_bytes}"
        return Fault("too_large", size)
    if len(value) >= MOST_LINES and value.count(b"\n") >= MOST_LINES:
        return Fault("too_large", f"the record has more than {MOST_LINES} lines")
    return None


def _read_structured(found: Found, index: int, value: bytes, rules: Rules) -> None:
    """A CloudEvent (or a batch of them) whose envelope is JSON around the event."""
    envelopes = cloudevents.envelopes(value)
    if isinstance(envelopes, Fault):
        found.put(index, 0, envelopes, value)
        return
    for line, envelope in enumerate(envelopes):
        read = _read_envelope(envelope, rules)
        raw = b""
        if isinstance(read, Fault):  # of a batch, only what is bad: each is kept
            raw = value if len(envelopes) == 1 else cloudevents.dump_json(envelope).encode()
        found.put(index, line, read, raw)


def _read_envelope(envelope: Json, rules: Rules) -> Event | Fault:
    opened = cloudevents.open_envelope(envelope)
    if isinstance(opened, Fault):
        return opened
    return read_object(opened.data, Rules(rules.received_ms, rules.shape, opened.defaults))


def _read_values(found: Found, records: Records, chosen: Bools, rules: Rules) -> None:
    """All lines of these records, which share one shape."""
    if not chosen.any():
        return
    indexes = np.flatnonzero(chosen)
    lines = split(_bytes(records, chosen), records.sizes[chosen])
    fast = plain(lines, floats="value" if rules.shape is PLAIN else None)
    frame = columns.read(lines, fast, rules)
    rows = frame["row"].to_numpy()
    found.frames.append(
        frame.with_columns(
            pl.Series("record", indexes[lines.value[rows]], pl.Int64),
            pl.Series("line", lines.number[rows], pl.Int64),
        ).select(FRAME_SCHEMA.names())
    )
    slow = np.ones(len(lines), np.bool_)
    slow[rows] = False
    if slow.any():
        _read_slowly(found, records, indexes, lines, np.flatnonzero(slow), rules)


def _bytes(records: Records, chosen: Bools) -> Sequence[bytes]:
    """The values of these records, a tombstone's as an empty one."""
    if chosen.all() and records.sizes.all():
        return cast("list[bytes]", records.values)  # as nearly always: no list to be made
    return [value or b"" for value in compress(records.values, chosen)]


def _read_slowly(
    found: Found, records: Records, indexes: Ints, lines: Lines, rows: Ints, rules: Rules
) -> None:
    """The lines at `rows`, one by one; and the records that hold nothing but blank lines."""
    filled = np.ones(len(lines), np.bool_)
    for row in rows.tolist():
        filled[row] = bool(lines.line(row).strip(_BLANK))
    for value in np.setdiff1d(lines.value[rows], lines.value[filled]).tolist():
        nothing = "the record has no value (a tombstone)"
        if (raw := records.values[indexes[value]]) is not None:
            nothing = "the record's value is empty or blank"
        found.put(int(indexes[value]), 0, Fault("empty", nothing), raw or b"")
    for row in rows[filled[rows]].tolist():
        index, number, line = (
            int(indexes[lines.value[row]]),
            int(lines.number[row]),
            lines.line(row),
        )
        defaults = cloudevents.defaults(records.headers.get(index, ()))
        its = Rules(rules.received_ms, rules.shape, defaults) if defaults else rules
        found.put(index, number, read_line(line, its), line)


def in_order(found: Found) -> pl.DataFrame:
    """All events found: `columns.SCHEMA` with `record` and `line`, in the order of the batch."""
    frames = list(found.frames)
    if found.events:
        frames.append(
            pl.DataFrame(
                [
                    {"record": record, "line": line, "row": 0, **_as_row(event)}
                    for record, line, event in found.events
                ],
                schema=FRAME_SCHEMA,
            )
        )
    if not frames:
        return FRAME_SCHEMA.to_frame()
    return frames[0] if len(frames) == 1 else pl.concat(frames).sort("record", "line")


def _as_row(event: Event) -> dict[str, object]:
    return {name: getattr(event, name) for name in _EVENT_FIELDS}
