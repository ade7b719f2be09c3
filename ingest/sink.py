"""Where the consumer writes to. The store implements this Protocol; tests use lists.

Every call may be repeated after a crash: repeats must change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ingest.dead_letters import DeadLetter
from ingest.events import Signal

NO_DELAY = -1

Minutes = NDArray[np.datetime64]  # datetime64[m], UTC, unique, ascending


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one partition has been read, stored and counted."""

    topic: str
    partition: int
    next_offset: int
    read_until: datetime  # everything that was in the log by then has been counted
    lag: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """How the events of one stream arrived, within one minute of arrival."""

    stream: str
    topic: str
    received_minute: datetime
    delay_ms: int  # how late events usually come, `NO_DELAY` where the batch does not tell
    last_at: datetime
    last_received: datetime


class Sink(Protocol):
    """The store as the consumer sees it. Raises `UnavailableError` where a retry may help."""

    def insert_events(self, events: pa.Table, /) -> None:
        """Store events (`ingest.events.EVENT_SCHEMA`), durably."""

    def insert_signals(self, signals: Sequence[Signal], /) -> None:
        """Store signals, durably."""

    def insert_dead_letters(self, letters: Sequence[DeadLetter], /) -> None:
        """Store dead letters, durably."""

    def recompute(self, touched: Mapping[str, Minutes], /) -> None:
        """Write a new generation of these minutes (by stream) from what is stored."""

    def sealed(self, stream: str, minutes: Minutes, /) -> Minutes:
        """Which of these minutes are sealed: no longer recomputed, since raw rows expire soon."""

    def first_times(
        self, stream: str, ids: Sequence[str], times_ms: Sequence[int], /
    ) -> Sequence[int]:
        """For a stream with `identity: id`: the `at` under which each id is known from now on.

        An id never seen keeps the given time, which is stored; a known one gets its first time.
        """

    def record_progress(self, progress: Sequence[Progress], arrivals: Sequence[Arrival], /) -> None:
        """Keep how far reading has come, for watermarks and readiness."""
