"""What the numbers need to read. The store implements these Protocols; tests use arrays.

All times are UTC. Minutes are starts of minutes. A minute without rows is absent, not zero:
whether it means zero is decided by the watermark (`impact.watermark`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from enrich.model import Measure
from impact.model import FloatArray, TimeArray
from impact.promise import Clock


@dataclass(frozen=True)
class Volumes:
    """Counts per minute of one stream and some of its statuses, minutes with rows only.

    times: shape (T,), datetime64[s], ascending. count: (T,) units. amounts: per currency (T,), the
    sum of amounts in that currency as float64 (for means and weights; sums of record are Decimal in
    the store). value_sum, value_count: (T,), for `level` measures.
    """

    times: TimeArray
    count: FloatArray
    amounts: Mapping[str, FloatArray]
    value_sum: FloatArray | None = None
    value_count: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class StreamState:
    """How a stream's data arrives."""

    stream: str
    first_at: datetime | None  # of the oldest minute known
    last_at: datetime | None  # newest event time seen
    last_received: datetime | None  # when anything of it last arrived
    delay_s: float | None  # learned arrival delay, a high quantile; None: unknown
    read_until: datetime | None  # the ingesters have read its topics up to here; None: never read
    siblings_received: datetime | None  # when another stream of the same source last had news
    cadence: timedelta | None = None  # declared rhythm, from the settings
    pause_s: float | None = None  # between two arrivals, a high quantile; None: unknown
    siblings: tuple[str, ...] = ()  # the other streams of its source
    lag: int = 0  # records of its topics that the ingesters have still to read


@dataclass(frozen=True)
class Cohort:
    """Journeys that were open or placed in a window: first times per key, NaT where not (yet).

    Each array has shape (N,), datetime64[s]. amount: the order's value, NaN where unknown.
    """

    started: TimeArray
    finished: TimeArray
    closed: TimeArray
    amount: FloatArray


@dataclass(frozen=True)
class LateHistory:
    """Per hour of placement: how many units were placed and how many took longer than promised.

    hours: (H,) datetime64[s]; placed, late, late_hours (sum of hours beyond the promise): (H,).
    Cancelled units are counted in `placed` only if they were late when they were cancelled.
    ages: (H, BINS of impact.progress) units by how long they took until they were finished or
    cancelled, PER_PROMISE bins to the promise; the last bin also holds those still open.
    """

    hours: TimeArray
    placed: FloatArray
    late: FloatArray
    late_hours: FloatArray
    ages: FloatArray


class VolumeReader(Protocol):
    """Counts per minute."""

    def volumes(
        self, stream: str, statuses: Sequence[str], start: datetime, end: datetime, /
    ) -> Volumes:
        """Minutes in [start, end) that have rows with one of the statuses."""

    def stream_states(self) -> Mapping[str, StreamState]:
        """Every stream ever seen."""


class JourneyReader(Protocol):
    """First times per key."""

    def cohort(self, measure: Measure, start: datetime, end: datetime, /) -> Cohort:
        """Keys begun (status `measure.start`) before `end` that were still open at `start`."""

    def late_history(
        self, measure: Measure, clock: Clock, start: datetime, end: datetime, as_of: datetime, /
    ) -> LateHistory:
        """Keys placed in [start, end), late as far as known at `as_of`, per hour of placement.

        clock: what the measure's promise is read from.
        """


class EvidenceReader(Protocol):
    """Counted, not modelled."""

    def failed_keys(
        self, measure: Measure, start: datetime, end: datetime, until: datetime, /
    ) -> tuple[int | None, int | None]:
        """(keys, customers) that failed in [start, end) and did not succeed before `until`.

        None where the events carry no keys or no customers, or where raw events have expired.
        """


class Reader(VolumeReader, JourneyReader, EvidenceReader, Protocol):
    """Everything that pricing an incident reads."""
