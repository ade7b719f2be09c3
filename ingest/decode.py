"""Business events as the consumer stores them, and as a request is checked before it is logged.

How lines are read is `ingest.reading`. Here events get their place in the log, and a column of keys
is hashed, once for each distinct value.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from ingest.bodies import numbered_lines, with_stream
from ingest.dead_letters import DeadLetter, Reason
from ingest.events import EVENT_SCHEMA, LINE_BITS
from ingest.log import Record
from ingest.personal import hash_column
from ingest.reading import Found, in_order, read_records
from ingest.records import Records
from ingest.streams import IngestConfig
from ingest.times import to_ms

_SEGMENT = EVENT_SCHEMA.field("segment").type


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a batch of records held. Events are in the order of the records and their lines."""

    events: pa.Table  # `ingest.events.EVENT_SCHEMA`
    dead: tuple[DeadLetter, ...] = ()


class Accepted(NamedTuple):
    """One event, ready for the log."""

    key: str  # what to choose the partition by: its `key`, else its `id`
    value: bytes  # one line of JSON


@dataclass(frozen=True, slots=True)
class Rejected:
    """One line that is no event, and why: as its dead letter would say it."""

    line: int  # of the body, or place in its array, from 0
    reason: Reason
    detail: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Checked:
    """Every line that is not blank is in one of the two, in the order of the body."""

    accepted: tuple[Accepted, ...]
    rejected: tuple[Rejected, ...]


def decode(records: Sequence[Record], config: IngestConfig, received_at: datetime) -> Decoded:
    """Read business events; `received_at` is when the batch was polled.

    Raises `ValueError` when keys are to be hashed and the config has no salt, `SettingsError` for
    a mapping that is none.
    """
    columns = Records.of(records)
    found = read_records(columns, config, received_at)
    return Decoded(
        _table(in_order(found), columns, config, received_at), _letters(found, columns, received_at)
    )


def check_lines(
    body: bytes, config: IngestConfig, received_at: datetime, stream: str | None = None
) -> Checked:
    """Check the events of a request's body; `stream` is for those that name none.

    The rules are those of `decode`, so that what is accepted here is read there; only settings
    that change can come between. Raises `InputError` for a JSON array that is broken.
    """
    lines = numbered_lines(body)
    values = [value if stream is None else with_stream(value, stream) for _, value in lines]
    records = [Record("", 0, place, 0, None, value) for place, value in enumerate(values)]
    found = read_records(Records.of(records), config, received_at)
    rejected = [
        Rejected(lines[place][0], fault.reason, fault.detail, values[place])
        for place, _, fault, _ in sorted(found.faults, key=lambda fault: fault[:2])
    ]
    columns = in_order(found).select("record", "id", "key")
    accepted = (
        Accepted(key or event_id, values[place]) for place, event_id, key in columns.iter_rows()
    )
    return Checked(tuple(accepted), tuple(rejected))


def _letters(found: Found, records: Records, received_at: datetime) -> tuple[DeadLetter, ...]:
    return tuple(
        DeadLetter.of(records[index], line, fault, raw, received_at)
        for index, line, fault, raw in sorted(found.faults, key=lambda fault: fault[:2])
    )


def _table(
    frame: pl.DataFrame, records: Records, config: IngestConfig, received_at: datetime
) -> pa.Table:
    """The events as they are stored: keys hashed, places in the log added."""
    found = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    columns = {name: _whole(found[name]) for name in found.column_names}
    streams = columns["stream"].cast(pa.string()).dictionary_encode()
    record = frame["record"].to_numpy()
    place = records.place[record]
    partitions = np.array([p.partition for p in records.places], np.uint32)
    offset = records.offsets[record].astype(np.uint64)
    line = frame["line"].to_numpy().astype(np.uint64)
    stored = columns | {
        "stream": streams,
        "status": columns["status"].cast(pa.string()).dictionary_encode(),
        "currency": columns["currency"].cast(pa.string()).dictionary_encode(),
        "key": _hashed(columns["key"].cast(pa.string()), streams, config),
        "customer": _hashed(columns["customer"].cast(pa.string()), streams, config),
        "at": columns["at_ms"],
        "segment": _maps(columns["segment"]),
        "received_at": pa.repeat(pa.scalar(to_ms(received_at)), frame.height),
        "topic": _topics(records).take(pa.array(place)),
        "partition": pa.array(partitions[place]),
        "position": pa.array(offset << np.uint64(LINE_BITS) | line),
    }
    return pa.table(
        [stored[column.name].cast(column.type) for column in EVENT_SCHEMA], schema=EVENT_SCHEMA
    )


def _topics(records: Records) -> pa.DictionaryArray[Any, Any]:
    """The topic of each place, a text of which there are few."""
    return pa.array([p.topic for p in records.places], pa.string()).dictionary_encode()


def _whole(column: pa.ChunkedArray[Any]) -> pa.Array[Any]:
    whole: pa.Array[Any] = (
        pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    )
    return whole


def _hashed(
    values: pa.Array[Any], streams: pa.DictionaryArray[Any, Any], config: IngestConfig
) -> pa.Array[Any]:
    """A column of keys or customers, hashed for those streams that do not want them plain."""
    if pc.all(pc.equal(values, pa.scalar(""))).as_py():
        return values  # nothing to hide
    names = streams.dictionary.to_pylist()
    plain = [name for name in names if config.stream(str(name)).keys == "plain"]
    if not plain:
        return hash_column(values, config.salt)
    if len(plain) == len(names):
        return values
    shown = pc.is_in(streams, pa.array(plain, pa.string()))
    hidden = hash_column(pc.if_else(shown, "", values), config.salt)
    mixed: pa.Array[Any] = pc.if_else(shown, values, hidden)
    return mixed


def _maps(segment: pa.Array[Any]) -> pa.Array[Any]:
    """Segments from their canonical JSON: parsed once each, then spread over the rows."""
    texts = segment.dictionary_encode()
    maps = pa.array([list(json.loads(text.as_py()).items()) for text in texts.dictionary], _SEGMENT)
    spread: pa.Array[Any] = maps.take(texts.indices)
    return spread
