"""One batch on its way into the store: what to write, and which minutes that touches. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa

from ingest.events import LINE_BITS
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


def arrivals(
    events: pa.Table,
    records: Sequence[Record],
    received_at: datetime,
    newest: dict[Channel, int],
) -> list[Arrival]:
    """How each stream's events of this batch arrived; `newest` is brought up to date.

    The delay is how old the newest event was when the log got it (not when it was read: a backlog
    of ours delays no source), plus how far (99th percentile) events lagged behind newer ones of
    their partition. History that is loaded, declared or by its age, says nothing about delays
    (`NO_DELAY`).
    """
    if not events.num_rows:
        return []
    frame = _with_lateness(_with_logged(events, records, _ms(received_at)), newest)
    minute = received_at.replace(second=0, microsecond=0)
    found = []
    live = ~pl.col("history")
    age = (pl.col("logged") - pl.col("at")).filter(live).get(pl.col("at").filter(live).arg_max())
    by_stream = frame.group_by("stream", "topic", maintain_order=True).agg(
        late=pl.col("late").filter(live).quantile(0.99), age=age, last_at=pl.col("at").max()
    )
    for stream, topic, late, age_ms, last_at in by_stream.iter_rows():
        at = datetime.fromtimestamp(last_at / 1000, UTC)
        delay = NO_DELAY
        if age_ms is not None and age_ms <= _LIVE_MS:
            delay = max(0, age_ms) + int(late)
        found.append(Arrival(stream, topic, minute, delay, at, received_at))
    return found


def _with_logged(events: pa.Table, records: Sequence[Record], now_ms: int) -> pl.DataFrame:
    """The events with when the log got them (ms), and whether they were sent as history."""
    place = ("topic", "partition", "offset")
    logged = pl.DataFrame(
        [(r.topic, r.partition, r.offset, r.timestamp_ms, _is_history(r)) for r in records],
        schema={
            "topic": pl.String,
            "partition": pl.UInt32,
            "offset": pl.UInt64,
            "logged": pl.Int64,
            "history": pl.Boolean,
        },
        orient="row",
    ).unique(place, keep="first")
    # A producer's clock may have set the time: one that cannot be says nothing.
    said = pl.col("logged")
    logged = logged.with_columns(pl.when(said.is_between(1, now_ms)).then(said).otherwise(now_ms))
    return (
        _frame(events, "stream", "topic", "partition", "position", "at")
        .with_columns(at=pl.col("at").dt.epoch("ms"), offset=pl.col("position") // (1 << LINE_BITS))
        .join(logged, on=place, how="left", maintain_order="left")
    )


def _with_lateness(frame: pl.DataFrame, newest: dict[Channel, int]) -> pl.DataFrame:
    """With how far each event lies behind the newest before it in its channel (ms)."""
    channel = ("stream", "topic", "partition")
    before = {c: newest.get(c, 0) for c in frame.select(channel).unique().iter_rows()}
    known = pl.DataFrame(
        [(*c, at) for c, at in before.items()],
        schema={**frame.select(channel).schema, "before": pl.Int64},
        orient="row",
    )
    live = pl.when("history").then(0).otherwise("at")
    seen = live.cum_max().shift(1).over(channel).fill_null(0)
    frame = frame.join(known, on=channel, maintain_order="left").with_columns(
        late=(pl.max_horizontal(seen, "before") - pl.col("at")).clip(lower_bound=0)
    )
    for stream, topic, partition, at in frame.group_by(channel).agg(live.max()).iter_rows():
        key = (stream, topic, partition)
        newest[key] = max(newest.get(key, 0), at)
    return frame


def _is_history(record: Record) -> bool:
    return any(name == HISTORY_HEADER[0] for name, _ in record.headers)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _frame(events: pa.Table, *columns: str) -> pl.DataFrame:
    frame = pl.from_arrow(events.select(list(columns)))
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("an Arrow table makes a data frame")
    return frame
