"""How far reading has come, and how the data of each stream arrives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from impact.ports import StreamState
from ingest.sink import Arrival, Progress
from ingest.streams import StreamConfig
from ingest.times import from_ms
from store.clickhouse import Database
from store.rows import TIME, schema, to_table
from store.times import known_moment

PROGRESS, ARRIVALS = "progress", "arrivals"
PROGRESS_SCHEMA = schema(
    {
        "topic": pa.string(),
        "partition": pa.uint32(),
        "next_offset": pa.uint64(),
        "read_until": TIME,
        "lag": pa.uint64(),
    }
)
ARRIVALS_SCHEMA = schema(
    {
        "stream": pa.string(),
        "topic": pa.string(),
        "received_minute": pa.timestamp("s", tz="UTC"),
        "delay_ms": pa.int64(),
        "last_at": TIME,
        "last_received": TIME,
    }
)


@dataclass(frozen=True, slots=True)
class StreamCoverage:
    """What is stored of one stream."""

    stream: str
    first_minute: datetime
    last_minute: datetime
    minutes: int
    events: int
    statuses: tuple[str, ...]
    events_in_other: int  # events whose combination of segments had no place left


class PipelineTable:
    """Progress, arrivals, and what they say about each stream."""

    def __init__(self, database: Database, streams: Mapping[str, StreamConfig]) -> None:
        self._database = database
        self._streams = streams

    def record(self, progress: Sequence[Progress], arrivals: Sequence[Arrival]) -> None:
        """Keep how far reading has come; repeats change nothing."""
        read = [{name: getattr(p, name) for name in PROGRESS_SCHEMA.names} for p in progress]
        came = [{name: getattr(a, name) for name in ARRIVALS_SCHEMA.names} for a in arrivals]
        self._database.insert(ARRIVALS, to_table(came, ARRIVALS_SCHEMA))
        self._database.insert(PROGRESS, to_table(read, PROGRESS_SCHEMA))

    def progress(self) -> list[Progress]:
        """Every partition as it was last recorded."""
        return [
            Progress(
                topic=row["topic"],
                partition=row["partition"],
                next_offset=row["next_offset"],
                read_until=from_ms(row["read_until"]),
                lag=row["lag"],
            )
            for row in self._database.rows("progress")
        ]

    def stream_states(self) -> Mapping[str, StreamState]:
        """Every stream ever seen."""
        states: dict[str, StreamState] = {}
        declared = {name: config.source for name, config in self._streams.items() if config.source}
        said = self._database.rows(
            "stream_states", streams=list(declared), sources=list(declared.values())
        )
        for row in said:
            config = self._streams.get(row["stream"])
            states[row["stream"]] = StreamState(
                stream=row["stream"],
                first_at=known_moment(row["first_at"]),
                last_at=known_moment(row["last_at"]),
                last_received=known_moment(row["last_received"]),
                delay_s=row["delay_s"],
                read_until=known_moment(row["read_until"]),
                siblings_received=known_moment(row["siblings_received"]),
                cadence=config.cadence if config else None,
                pause_s=row["pause_s"],
                siblings=tuple(row["siblings"]),
                lag=row["lag"],
            )
        return states

    def coverage(self) -> list[StreamCoverage]:
        """What is stored of every stream, by name."""
        return [
            StreamCoverage(
                stream=row["stream"],
                first_minute=from_ms(row["first_minute"]),
                last_minute=from_ms(row["last_minute"]),
                minutes=row["minutes"],
                events=row["events"],
                statuses=tuple(row["statuses"]),
                events_in_other=row["events_in_other"],
            )
            for row in self._database.rows("coverage")
        ]
