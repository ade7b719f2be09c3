"""One batch on its way into the store: what to write, and which minutes that touches. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa

from ingest.events import LINE_BITS
from ingest.log import Headers, Record, TopicPartition
from ingest.sink import NO_DELAY, Arrival, Minutes

Channel: TypeAlias = tuple[str, str, int]  # stream, topic, partition

HISTORY_HEADER = ("toll-history", b"1")  # of records that load history, as `toll import` does
_LIVE_MS = 26 * 3600 * 1000  # older than a daily export: history that is being loaded


@dataclass(frozen=True)
class Batch:
    """Records of one poll or several, in order per partition."""

    records: Sequence[Record]

    @cached_property
    def last(self) -> dict[TopicPartition, Record]:
        """The last record of each partition."""
        last = {record[:2]: record for record in self.records}  # no object per record
        return {TopicPartition(*place): record for place, record in last.items()}

    def next_offsets(self) -> dict[TopicPartition, int]:
        """Per partition, the offset to read after this batch."""
        return {place: record.offset + 1 for place, record in self.last.items()}

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
    frame = _with_lateness(_with_history(events, records), newest)
    minute = received_at.replace(second=0, microsecond=0)
    live = ~pl.col("history")
    first = pl.col("at").filter(live).arg_max()
    by_stream = frame.group_by("stream", "topic", maintain_order=True).agg(
        pl.col("partition", "offset").filter(live).get(first),
        live_at=pl.col("at").filter(live).max(),
        late=pl.col("late").filter(live).quantile(0.99),
        last_at=pl.col("at").max(),
    )
    logged = _logged(by_stream, records, _ms(received_at))
    found = []
    for row in by_stream.iter_rows(named=True):
        at = datetime.fromtimestamp(row["last_at"] / 1000, UTC)
        delay = NO_DELAY
        if row["live_at"] is not None:
            age = logged[row["topic"], row["partition"], row["offset"]] - row["live_at"]
            if age <= _LIVE_MS:
                delay = max(0, age) + int(row["late"])
        found.append(Arrival(row["stream"], row["topic"], minute, delay, at, received_at))
    return found


def _with_history(events: pa.Table, records: Sequence[Record]) -> pl.DataFrame:
    """The events with the offset of their record, and whether that was sent as history."""
    frame = _frame(events, "stream", "topic", "partition", "position", "at").with_columns(
        at=pl.col("at").dt.epoch("ms"), offset=pl.col("position") // (1 << LINE_BITS)
    )
    sent = [r[:3] for r in records if r.headers and _is_history(r.headers)]
    if not sent:
        return frame.with_columns(history=pl.lit(False))
    place = {"topic": pl.String, "partition": pl.UInt32, "offset": pl.UInt64}
    history = pl.DataFrame(sent, schema=place, orient="row").unique()
    return frame.join(
        history.with_columns(history=pl.lit(True)),
        on=list(place),
        how="left",
        maintain_order="left",
    ).with_columns(pl.col("history").fill_null(False))


def _logged(
    newest: pl.DataFrame, records: Sequence[Record], now_ms: int
) -> dict[tuple[str, int, int], int]:
    """When the log got these few records, ms. A time that cannot be says nothing: now."""
    wanted = set(newest.select("topic", "partition", "offset").iter_rows())
    return {
        r[:3]: r.timestamp_ms if 1 <= r.timestamp_ms <= now_ms else now_ms
        for r in records
        if r[:3] in wanted
    }


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


def _is_history(headers: Headers) -> bool:
    return any(name == HISTORY_HEADER[0] for name, _ in headers)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _frame(events: pa.Table, *columns: str) -> pl.DataFrame:
    frame = pl.from_arrow(events.select(list(columns)))
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("an Arrow table makes a data frame")
    return frame
