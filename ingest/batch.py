"""One batch on its way into the store: what to write, and which minutes that touches. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
import pyarrow as pa

from ingest.log import Record, TopicPartition
from ingest.sink import Arrival, Minutes


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one poll or several, in order per partition."""

    records: Sequence[Record]

    def next_offsets(self) -> dict[TopicPartition, int]:
        """Per partition, the offset to read after this batch."""
        ends: dict[TopicPartition, int] = {}
        for record in self.records:
            ends[TopicPartition(record.topic, record.partition)] = record.offset + 1
        return ends

    def split(self, topic: str) -> tuple[list[Record], list[Record]]:
        """The records of one topic, and the others."""
        chosen = [r for r in self.records if r.topic == topic]
        return chosen, [r for r in self.records if r.topic != topic] if chosen else list(
            self.records
        )

    def halves(self) -> Iterator[Batch]:
        """The batch in two, to find the record that the store refuses."""
        middle = len(self.records) // 2
        yield Batch(self.records[:middle])
        yield Batch(self.records[middle:])


def touched_minutes(events: pa.Table) -> dict[str, Minutes]:
    """Per stream, the minutes that have events in the table."""
    if not events.num_rows:
        return {}
    frame = (
        _frame(events, "stream", "at")
        .select("stream", minute=pl.col("at").dt.replace_time_zone(None).dt.truncate("1m"))
        .unique()
        .sort("stream", "minute")
    )
    return {
        str(name): part["minute"].to_numpy().astype("datetime64[m]")
        for (name,), part in frame.group_by("stream", maintain_order=True)
    }


def merge_minutes(one: Mapping[str, Minutes], other: Mapping[str, Minutes]) -> dict[str, Minutes]:
    """The union of two sets of touched minutes."""
    merged = dict(one)
    for stream, minutes in other.items():
        merged[stream] = np.union1d(merged[stream], minutes) if stream in merged else minutes
    return merged


def arrivals(events: pa.Table, received_at: datetime) -> list[Arrival]:
    """How each stream's events of this batch arrived; the delay is their 99th percentile."""
    if not events.num_rows:
        return []
    frame = (
        _frame(events, "stream", "topic", "at", "received_at")
        .group_by("stream", "topic")
        .agg(
            delay=(pl.col("received_at") - pl.col("at")).dt.total_milliseconds().quantile(0.99),
            last_at=pl.col("at").max(),
        )
    )
    minute = received_at.replace(second=0, microsecond=0)
    return [
        Arrival(row["stream"], row["topic"], minute, int(row["delay"]), row["last_at"], received_at)
        for row in frame.iter_rows(named=True)
    ]


def _frame(events: pa.Table, *columns: str) -> pl.DataFrame:
    frame = pl.from_arrow(events.select(list(columns)))
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("an Arrow table makes a data frame")
    return frame
