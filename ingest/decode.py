"""Business events from records: what the consumer stores, and what it keeps as dead letters.

Every line of every record becomes one event or one dead letter; blank lines between them are
nothing, a record of nothing else is one dead letter, `empty`. Plain lines are read in columns
(`ingest.columns`), the rest one by one (`ingest.exact`), with identical results. A column of keys
is hashed last, once for each distinct value.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from ingest import cloudevents, columns
from ingest.dead_letters import DeadLetter
from ingest.events import EVENT_SCHEMA, LINE_BITS
from ingest.exact import Event, Fault, Rules, read_line, read_object
from ingest.lines import Ints, Lines, plain, split
from ingest.log import Record
from ingest.mapping import PLAIN, shape_of
from ingest.personal import hash_values
from ingest.streams import IngestConfig
from ingest.times import to_ms

RAW_BYTES = 64 * 1024  # how much of a rejected line or record is kept
FRAME_SCHEMA = pl.Schema([("record", pl.Int64()), ("line", pl.Int64()), *columns.SCHEMA.items()])

_EVENT_FIELDS = [name for name in columns.SCHEMA if name != "row"]
_SEGMENT = EVENT_SCHEMA.field("segment").type
_MOST_LINES = 1 << LINE_BITS
_BLANK = b" \t\r"


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a batch of records held. Events are in the order of the records and their lines."""

    events: pa.Table  # `ingest.events.EVENT_SCHEMA`
    dead: tuple[DeadLetter, ...] = ()


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


def decode(records: Sequence[Record], config: IngestConfig, received_at: datetime) -> Decoded:
    """Read business events; `received_at` is when the batch was polled.

    Raises `ValueError` when keys are to be hashed and the config has no salt, `SettingsError` for
    a mapping that is none.
    """
    found = read_records(records, config, received_at)
    return Decoded(
        _table(in_order(found), records, config, received_at), _letters(found, records, received_at)
    )


def read_records(records: Sequence[Record], config: IngestConfig, received_at: datetime) -> Found:
    """The events as they were written, before keys are hashed, and what is none."""
    found = Found()
    received_ms = to_ms(received_at)
    by_topic: dict[str, list[int]] = {}  # mapped topics apart, all others together under ""
    for index, record in enumerate(records):
        value = record.value or b""
        if fault := _oversized(value, config):
            found.put(index, 0, fault, value)
        elif record.headers and cloudevents.is_structured(record.headers):
            rules = Rules(received_ms, shape_of(config.mappings.get(record.topic)))
            _read_structured(found, index, value, rules)
        else:
            topic = record.topic if record.topic in config.mappings else ""
            by_topic.setdefault(topic, []).append(index)
    for topic, indexes in by_topic.items():
        rules = Rules(received_ms, shape_of(config.mappings.get(topic)))
        _read_values(found, records, np.array(indexes, np.int64), rules)
    return found


def _oversized(value: bytes, config: IngestConfig) -> Fault | None:
    if len(value) > config.max_record_bytes:
        size = f"the record has {len(value)} bytes, the limit is {config.max_record_bytes}"
        return Fault("too_large", size)
    if len(value) >= _MOST_LINES and value.count(b"\n") >= _MOST_LINES:
        return Fault("too_large", f"the record has more than {_MOST_LINES} lines")
    return None


def _read_structured(found: Found, index: int, value: bytes, rules: Rules) -> None:
    """A CloudEvent (or a batch of them) whose envelope is JSON around the event."""
    opened = cloudevents.open_structured(value)
    if isinstance(opened, Fault):
        found.put(index, 0, opened, value)
        return
    for line, letter in enumerate(opened):
        if isinstance(letter, Fault):
            found.put(index, line, letter, value)
        else:
            its = Rules(rules.received_ms, rules.shape, letter.defaults)
            found.put(index, line, read_object(letter.data, its), value)


def _read_values(found: Found, records: Sequence[Record], indexes: Ints, rules: Rules) -> None:
    """All lines of these records, which share one shape."""
    lines = split([records[index].value or b"" for index in indexes])
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


def _read_slowly(
    found: Found, records: Sequence[Record], indexes: Ints, lines: Lines, rows: Ints, rules: Rules
) -> None:
    """The lines at `rows`, one by one; and the records that hold nothing but blank lines."""
    filled = np.ones(len(lines), np.bool_)
    for row in rows.tolist():
        filled[row] = bool(lines.line(row).strip(_BLANK))
    for value in np.setdiff1d(lines.value[rows], lines.value[filled]).tolist():
        nothing = "the record has no value (a tombstone)"
        if (raw := records[indexes[value]].value) is not None:
            nothing = "the record's value is empty or blank"
        found.put(int(indexes[value]), 0, Fault("empty", nothing), raw or b"")
    for row in rows[filled[rows]].tolist():
        index, number, line = (
            int(indexes[lines.value[row]]),
            int(lines.number[row]),
            lines.line(row),
        )
        defaults = cloudevents.defaults(records[index].headers) if records[index].headers else {}
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


def _letters(
    found: Found, records: Sequence[Record], received_at: datetime
) -> tuple[DeadLetter, ...]:
    return tuple(
        DeadLetter(
            topic=records[index].topic,
            partition=records[index].partition,
            offset=records[index].offset,
            line=line,
            reason=fault.reason,
            detail=fault.detail,
            raw=raw,
            received_at=received_at,
        )
        for index, line, fault, raw in sorted(found.faults, key=lambda fault: fault[:2])
    )


def _table(
    frame: pl.DataFrame, records: Sequence[Record], config: IngestConfig, received_at: datetime
) -> pa.Table:
    """The events as they are stored: keys hashed, places in the log added."""
    record = frame["record"].to_numpy()
    offset = np.fromiter((r.offset for r in records), np.uint64, len(records))[record]
    partition = np.fromiter((r.partition for r in records), np.uint32, len(records))[record]
    line = frame["line"].to_numpy().astype(np.uint64)
    stored = {
        **frame.to_dict(as_series=True),
        "key": _hashed(frame, "key", config),
        "customer": _hashed(frame, "customer", config),
        "at": frame["at_ms"].cast(pl.Datetime("ms", "UTC")),
        "received_at": pl.Series([to_ms(received_at)]).cast(pl.Datetime("ms", "UTC")),
        "topic": pl.Series([r.topic for r in records], dtype=pl.String).gather(record),
        "partition": pl.Series(partition),
        "position": pl.Series(offset << np.uint64(LINE_BITS) | line),
    }
    stored["received_at"] = stored["received_at"].new_from_index(0, frame.height)
    arrays = {name: stored[name].to_arrow() for name in EVENT_SCHEMA.names if name != "segment"} | {
        "segment": _maps(frame["segment"])
    }
    return pa.table(
        [arrays[column.name].cast(column.type) for column in EVENT_SCHEMA], schema=EVENT_SCHEMA
    )


def _hashed(frame: pl.DataFrame, column: str, config: IngestConfig) -> pl.Series:
    """A column of keys or customers, hashed for those streams that do not want them plain."""
    values = frame[column]
    if not (values.str.len_bytes() > 0).any():
        return values
    plain_streams = [
        name for name in frame["stream"].unique() if config.stream(name).keys == "plain"
    ]
    personal = ~frame["stream"].is_in(plain_streams)
    if not personal.any():
        return values
    hidden = values.set(~personal, "")
    hashed = pl.Series(column, hash_values(hidden.to_list(), config.salt), pl.String)
    return values.zip_with(~personal, hashed) if plain_streams else hashed


def _maps(segment: pl.Series) -> pa.Array[Any]:
    """Segments from their canonical JSON: parsed once each, then spread over the rows."""
    texts = segment.to_arrow().dictionary_encode()
    maps = pa.array([list(json.loads(text.as_py()).items()) for text in texts.dictionary], _SEGMENT)
    spread: pa.Array[Any] = maps.take(texts.indices)
    return spread
