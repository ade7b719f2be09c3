"""One batch on its way into the store: what to write, and which minutes that touches. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa

from ingest.log import Record, TopicPartition
from ingest.sink import NO_DELAY, Arrival, Minutes

Channel: TypeAlias = tuple[str, str, int]  # stream, topic, partition

HISTORY_HEADER = ("toll-history", b"1")  # of records that load history, as `toll import` does
_LIVE_MS = 26 * 3600 * 1000  # older than a daily export: history that is being loaded


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


def is_history(records: Sequence[Record]) -> bool:
    """Whether any of the records says that it loads history, so that its age is no delay."""
    return any(name == HISTORY_HEADER[0] for r in records for name, _ in r.headers)


def arrivals(
    events: pa.Table, received_at: datetime, newest: dict[Channel, int], *, history: bool = False
) -> list[Arrival]:
    """How each stream's events of this batch arrived; `newest` is brought up to date.

    The delay is how old the newest event was, plus how far (99th percentile) events lagged behind
    newer ones of their partition. History that is loaded, declared or by its age, says nothing
    about delays (`NO_DELAY`).
    """
    if not events.num_rows:
        return []
    channel = ("stream", "topic", "partition")
    frame = _frame(events, *channel, "at").with_columns(at=pl.col("at").dt.epoch("ms"))
    before = {c: newest.get(c, 0) for c in frame.select(channel).unique().iter_rows()}
    known = pl.DataFrame(
        [(*c, at) for c, at in before.items()],
        schema={**frame.select(channel).schema, "before": pl.Int64},
        orient="row",
    )
    seen = pl.col("at").cum_max().shift(1).over(channel).fill_null(0)
    frame = frame.join(known, on=channel, maintain_order="left").with_columns(
        late=(pl.max_horizontal(seen, "before") - pl.col("at")).clip(lower_bound=0)
    )
    for *place, at in frame.group_by(channel).agg(pl.col("at").max()).iter_rows():
        key = (place[0], place[1], place[2])
        newest[key] = max(newest.get(key, 0), at)
    by_stream = frame.group_by("stream", "topic").agg(
        late=pl.col("late").quantile(0.99), last_at=pl.col("at").max()
    )
    minute = received_at.replace(second=0, microsecond=0)
    now = int(received_at.timestamp() * 1000)
    found = []
    for stream, topic, late, last_at in by_stream.iter_rows():
        age = max(0, now - last_at)
        delay = NO_DELAY if history or age > _LIVE_MS else age + int(late)
        at = datetime.fromtimestamp(last_at / 1000, UTC)
        found.append(Arrival(stream, topic, minute, delay, at, received_at))
    return found


def _frame(events: pa.Table, *columns: str) -> pl.DataFrame:
    frame = pl.from_arrow(events.select(list(columns)))
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("an Arrow table makes a data frame")
    return frame
