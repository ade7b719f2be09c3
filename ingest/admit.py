"""Which decoded events are admitted, where that depends on the store: first times, sealing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.cloudevents import dump_json, envelopes, is_structured
from ingest.dead_letters import DeadLetter, Fault
from ingest.events import LINE_BITS, MOST_LINES
from ingest.log import Record
from ingest.sink import Sink
from ingest.streams import IngestConfig

Place: TypeAlias = tuple[str, int, int]  # topic, partition, offset


def settle_times(events: pa.Table, config: IngestConfig, sink: Sink) -> pa.Table:
    """For streams whose producer restamps retries, give each id the time it first had."""
    at = events.schema.get_field_index("at")
    for stream in (s.name for s in config.streams.values() if s.identity == "id"):
        mine = pc.equal(events["stream"], pa.scalar(stream))
        rows = events.filter(mine)
        if not rows.num_rows:
            continue
        given = [int(t or 0) for t in rows["at"].cast(pa.int64()).to_pylist()]
        first = sink.first_times(stream, [str(i) for i in rows["id"].to_pylist()], given)
        field = events.schema.field(at)
        rows = rows.set_column(at, field, pa.array(first, pa.int64()).cast(field.type))
        events = pa.concat_tables([events.filter(pc.invert(mine)), rows])
    return events


def unsealed(
    events: pa.Table, records: Sequence[Record], config: IngestConfig, sink: Sink, now: datetime
) -> tuple[pa.Table, list[DeadLetter]]:
    """Without events of sealed minutes, which could no longer be counted exactly.

    A minute is sealed a day before its first raw event expires, so only old ones need asking.
    """
    edge = now - config.retention + timedelta(days=1)
    old = pc.less(events["at"], pa.scalar(edge, events.schema.field("at").type))
    if not events.num_rows or not pc.any(old).as_py():
        return events, []
    minutes = events["at"].to_numpy().astype("datetime64[m]")
    streams = events["stream"].to_numpy(zero_copy_only=False)
    aged = old.to_numpy(zero_copy_only=False)
    late = np.zeros(events.num_rows, dtype=bool)
    for stream in set(streams[aged]):
        mine = aged & (streams == stream)
        late |= mine & np.isin(minutes, sink.sealed(stream, np.unique(minutes[mine])))
    if not late.any():
        return events, []
    places = {(r.topic, r.partition, r.offset): r for r in records}
    rows = events.filter(pa.array(late)).select(["topic", "partition", "position", "at"])
    taken_apart: dict[Place, list[bytes]] = {}  # once each: a record may hold many such events
    letters = []
    for row in rows.to_pylist():
        place = (row["topic"], row["partition"], row["position"] >> LINE_BITS)
        line = row["position"] % MOST_LINES
        if place not in taken_apart:
            taken_apart[place] = _lines(places[place])
        said = f"the minute of {row['at']} is sealed: its raw events are about to expire"
        raw = taken_apart[place][line]
        letters.append(DeadLetter.of(places[place], line, Fault("sealed", said), raw, now))
    return events.filter(pa.array(~late)), letters


def _lines(record: Record) -> list[bytes]:
    """What the events of a record are replayed from, by their line."""
    value = record.value or b""
    if not is_structured(record.headers):
        return value.split(b"\n")
    found = envelopes(value)
    if isinstance(found, Fault) or len(found) == 1:
        return [value]
    return [dump_json(envelope).encode() for envelope in found]
