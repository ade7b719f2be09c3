"""Counting minutes: whole new generations from what is stored, and which minutes are sealed.

`minutes` is a pure function of `business_events`. A materialised view would count a repeat twice;
a recompute cannot. The generation is the store's clock, read after the caller's insert and before
the recompute's own read: whichever of two recomputes carries the larger one has seen both inserts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ingest.sink import Minutes
from ingest.streams import StreamConfig
from ingest.times import from_ms, to_ms
from store.clickhouse import Database
from store.times import to_minutes

COMBINATIONS = 200  # of segments per stream; the rest is counted as `other`
SEAL_MARGIN = timedelta(days=1)  # a minute is sealed this long before its first raw row expires
_RUNS = 2_000  # runs of minutes in one statement
_SPAN = 366 * 24 * 60  # minutes from the first to the last of one statement
_LONGEST = 50_000  # minutes counted by one statement

Run = tuple[int, int]  # minutes since the epoch, half open
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ChangedMinutes:
    """Minutes of one stream that were counted anew: from the first to the last of them."""

    stream: str
    first: datetime
    last: datetime
    generation: int  # the newest among them
    minutes: int  # how many


class MinuteCounter:
    """Recomputes and seals minutes."""

    def __init__(
        self,
        database: Database,
        streams: Mapping[str, StreamConfig],
        retention: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._streams = streams
        self._age = retention - SEAL_MARGIN
        self._clock = clock
        self._full: set[str] = set()  # streams whose combinations of segments are used up

    def recompute(self, touched: Mapping[str, Minutes]) -> None:
        """Write a new generation of these minutes (by stream); sealed ones stay as they are."""
        for stream, minutes in touched.items():
            kept = np.setdiff1d(minutes, self.sealed(stream, minutes), assume_unique=True)
            for runs in batches(kept):
                self.count(stream, runs, self.read_generation(stream, runs))

    def read_generation(self, stream: str, runs: Sequence[Run]) -> int:
        """The store's clock: to be read after an insert and before `count` reads."""
        start, stop = _bounds(runs)
        found = self._database.rows("recompute_generation", stream=stream, start=start, stop=stop)
        return int(found[0]["generation"])

    def count(self, stream: str, runs: Sequence[Run], generation: int) -> None:
        """Count these minutes from what is stored now, as this generation."""
        config = self._streams.get(stream)
        segments = list(config.segments) if config else []
        start, stop = _bounds(runs)
        if segments and stream not in self._full:
            self._register(stream, segments, runs)
        self._database.run(
            "recompute",
            stream=stream,
            runs=runs,
            start=start,
            stop=stop,
            segments=segments,
            generation=generation,
        )

    def newest(self) -> int:
        """The newest generation of any minute, from which `changed` goes on; 0 without any."""
        [row] = self._database.rows("minutes_newest")
        return int(row["newest"])

    def changed(self, since: int) -> list[ChangedMinutes]:
        """What was counted by generations after `since`, by stream."""
        return [
            ChangedMinutes(
                row["stream"],
                from_ms(row["first_ms"]),
                from_ms(row["last_ms"]),
                row["newest"],
                row["minutes"],
            )
            for row in self._database.rows("minutes_changed", since=since)
        ]

    def sealed(self, stream: str, minutes: Minutes) -> Minutes:
        """Which of these minutes hold an event that expires within a day (recent: no query)."""
        limit = self._clock() - self._age
        old = minutes[minutes <= np.datetime64(limit.replace(tzinfo=None), "m")]
        found = [
            row["number"]
            for runs in batches(old)
            for row in self._database.rows("sealed", stream=stream, runs=runs, limit=to_ms(limit))
        ]
        return to_minutes(found)

    def _register(self, stream: str, segments: Sequence[str], runs: Sequence[Run]) -> None:
        known = int(self._database.rows("segments_known", stream=stream)[0]["known"])
        if known >= COMBINATIONS:
            self._full.add(stream)
            return
        start, stop = _bounds(runs)
        self._database.run(
            "segments_register",
            stream=stream,
            runs=runs,
            start=start,
            stop=stop,
            segments=segments,
            room=COMBINATIONS - known,
        )


def batches(minutes: Minutes) -> Iterator[Sequence[Run]]:
    """Runs of minutes, so many to a statement that neither its text nor its reach grows too large.

    A live batch touches a handful of minutes, an import hundreds of thousands in a row: runs keep
    the text short, and closeness in time keeps a statement from reading what lies between.
    """
    batch: list[Run] = []
    total = 0
    for run in chain.from_iterable(_cut(run) for run in _runs(minutes)):
        length = run[1] - run[0]
        if batch and (
            len(batch) >= _RUNS or run[1] - batch[0][0] > _SPAN or total + length > _LONGEST
        ):
            yield batch
            batch, total = [], 0
        batch.append(run)
        total += length
    if batch:
        yield batch


def _runs(minutes: Minutes) -> Iterator[Run]:
    numbers: IntArray = minutes.astype("datetime64[m]").astype(np.int64)
    if not len(numbers):
        return
    breaks = np.flatnonzero(np.diff(numbers) != 1)
    starts = numbers[np.concatenate(([0], breaks + 1))]
    stops = numbers[np.concatenate((breaks, [len(numbers) - 1]))] + 1
    yield from zip(starts.tolist(), stops.tolist(), strict=True)


def _cut(run: Run) -> Iterator[Run]:
    for start in range(run[0], run[1], _LONGEST):
        yield start, min(start + _LONGEST, run[1])


def _bounds(runs: Sequence[Run]) -> tuple[int, int]:
    """From the first to the last minute of some runs, ms since the epoch, half open."""
    return runs[0][0] * 60_000, runs[-1][1] * 60_000
