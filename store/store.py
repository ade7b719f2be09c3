"""The store as the other rooms see it: one object with a table of records for each purpose."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from enrich.model import Measure
from impact.ports import Cohort, LateHistory, StreamState, Volumes
from impact.promise import Clock
from ingest.dead_letters import DeadLetter
from ingest.events import Signal
from ingest.sink import Arrival, Minutes, Progress
from ingest.streams import StreamConfig
from store.clickhouse import Database, Row, open_embedded, open_server
from store.dead_letters import DeadLetterTable
from store.edits import EditTable
from store.estimates import EstimateTable
from store.events import EventTable
from store.incidents import IncidentTable
from store.journeys import JourneyTable
from store.maps import MapTable
from store.migrate import migrate
from store.minutes import MinuteCounter
from store.pipeline import PipelineTable, StreamCoverage
from store.records import MetaTable, Outbox, ReportTable
from store.signals import SignalTable
from store.subscribers import SubscriberTable
from store.times import utc_now
from store.trust import TrustTable
from store.volumes import VolumeTable

RETENTION = timedelta(days=90)


class Store:
    """Implements `ingest.sink.Sink` and `impact.ports.Reader`; records are in its attributes.

    Safe to share between threads.
    """

    def __init__(
        self,
        database: Database,
        *,
        retention: timedelta = RETENTION,
        streams: Mapping[str, StreamConfig] | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        known = streams or {}
        self.database = database
        self.signals = SignalTable(database, clock)
        self.dead_letters = DeadLetterTable(database)
        self.maps = MapTable(database)
        self.incidents = IncidentTable(database)
        self.estimates = EstimateTable(database)
        self.trust = TrustTable(database)
        self.edits = EditTable(database)
        self.outbox = Outbox(database)
        self.subscribers = SubscriberTable(database)
        self.reports = ReportTable(database)
        self.minutes = MinuteCounter(database, known, retention, clock)
        self._events = EventTable(database)
        self._volumes = VolumeTable(database)
        self._journeys = JourneyTable(database, clock)
        self._pipeline = PipelineTable(database, known)
        self._meta = MetaTable(database)

    # ingest.sink.Sink

    def insert_events(self, events: pa.Table, /) -> None:
        """Store events (`ingest.events.EVENT_SCHEMA`), durably."""
        self._events.insert(events)

    def insert_signals(self, signals: Sequence[Signal], /) -> None:
        """Store signals, durably."""
        self.signals.insert(signals)

    def insert_dead_letters(self, letters: Sequence[DeadLetter], /) -> None:
        """Store dead letters, durably."""
        self.dead_letters.insert(letters)

    def recompute(self, touched: Mapping[str, Minutes], /) -> None:
        """Write a new generation of these minutes (by stream) from what is stored."""
        self.minutes.recompute(touched)

    def sealed(self, stream: str, minutes: Minutes, /) -> Minutes:
        """Which of these minutes are no longer recomputed, since raw rows expire soon."""
        return self.minutes.sealed(stream, minutes)

    def first_times(
        self, stream: str, ids: Sequence[str], times_ms: Sequence[int], /
    ) -> Sequence[int]:
        """For a stream with `identity: id`: the `at` under which each id is known from now on."""
        return self._events.first_times(stream, ids, times_ms)

    def record_progress(self, progress: Sequence[Progress], arrivals: Sequence[Arrival], /) -> None:
        """Keep how far reading has come, for watermarks and readiness."""
        self._pipeline.record(progress, arrivals)

    # impact.ports.Reader

    def volumes(
        self, stream: str, statuses: Sequence[str], start: datetime, end: datetime, /
    ) -> Volumes:
        """Minutes in [start, end) that have rows with one of the statuses."""
        return self._volumes.volumes(stream, statuses, start, end)

    def stream_states(self) -> Mapping[str, StreamState]:
        """Every stream ever seen."""
        return self._pipeline.stream_states()

    def cohort(self, measure: Measure, start: datetime, end: datetime, /) -> Cohort:
        """Keys begun before `end` that were still open at `start`."""
        return self._journeys.cohort(measure, start, end)

    def late_history(
        self, measure: Measure, clock: Clock, start: datetime, end: datetime, as_of: datetime, /
    ) -> LateHistory:
        """Keys placed in [start, end), late as far as known at `as_of`, per hour of placement."""
        return self._journeys.late_history(measure, clock, start, end, as_of)

    def failed_keys(
        self, measure: Measure, start: datetime, end: datetime, until: datetime, /
    ) -> tuple[int | None, int | None]:
        """(keys, customers) that failed in [start, end) and did not succeed before `until`."""
        return self._journeys.failed_keys(measure, start, end, until)

    # for the outer room

    def money(
        self, stream: str, statuses: Sequence[str], start: datetime, end: datetime, /
    ) -> Mapping[str, Decimal]:
        """Exact sums of amounts in [start, end), by currency."""
        return self._volumes.money(stream, statuses, start, end)

    def taken(self, streams: Sequence[str], start: datetime, end: datetime, /) -> list[Row]:
        """Units and exact sums of amounts in [start, end) by stream (`name`), status, currency."""
        return self._volumes.taken(streams, start, end)

    def track_journeys(self, streams: Collection[str], /) -> None:
        """Keep the journeys of these streams too, with what is already stored of them."""
        self._journeys.track(streams)

    def progress(self) -> list[Progress]:
        """Every partition as it was last recorded."""
        return self._pipeline.progress()

    def coverage(self) -> list[StreamCoverage]:
        """What is stored of every stream, by name."""
        return self._pipeline.coverage()

    def meta(self, name: str, /) -> str | None:
        """A small fact about this store, None if it was never set."""
        return self._meta.get(name)

    def set_meta(self, name: str, value: str, /) -> None:
        """Set a small fact about this store."""
        self._meta.set(name, value)

    def news(self) -> str:
        """What changes whenever incidents, estimates, edits or maps were written: cheap to ask."""
        [row] = self.database.rows("news")
        return "-".join(str(value) for value in row.values())

    def ping(self) -> None:
        """Return if the store answers; raise `UnavailableError` if not."""
        self.database.rows("ping")

    def close(self) -> None:
        """Give back connections; an embedded engine stops with the last store of the process."""
        self.database.close()


def open_store(
    url: str | None,
    data: Path,
    *,
    retention: timedelta = RETENTION,
    streams: Mapping[str, StreamConfig] | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> Store:
    """The store behind `TOLL_CLICKHOUSE`, or the embedded one in `data/store`; migrated."""
    database = open_server(url) if url else open_embedded(data / "store")
    try:
        migrate(database, retention)
    except BaseException:
        database.close()
        raise
    return Store(database, retention=retention, streams=streams, clock=clock)
