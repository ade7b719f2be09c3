"""The ingester's loop: poll, decode, insert, recompute the touched minutes, commit.

The order is the guarantee. Offsets are committed only after the events are stored and the minutes
they touch are counted again; a crash anywhere repeats records, and repeats change nothing.

Polling stays on the calling thread, since a group member must poll to stay one. Everything slow
(decoding, inserting, recomputing) runs on one worker, so that both overlap. While the worker is
behind, or the store is away, partitions are paused and polling goes on without records.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event

from ingest.admit import settle_times, unsealed
from ingest.batch import Batch, Channel, arrivals, is_history, merge_minutes, touched_minutes
from ingest.dead_letters import DeadLetter
from ingest.decode import decode
from ingest.errors import TollError, UnavailableError
from ingest.log import Consumer, Record, TopicPartition
from ingest.sink import Arrival, Minutes, Progress, Sink
from ingest.sources.wire import decode_signals
from ingest.streams import IngestConfig

logger = logging.getLogger(__name__)

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ConsumerConfig:
    """The rhythm of the loop."""

    signals_topic: str = "toll.signals"
    max_records: int = 20_000  # of one batch
    max_bytes: int = 16 * 1024 * 1024  # of one batch, so that memory stays flat
    recompute_every_s: float = 2.0  # under load, a busy minute is counted again this often
    recompute_idle_s: float = 0.4  # with nothing waiting, soon, so that people see it soon
    poll_s: float = 0.2
    backoff_s: float = 0.5  # doubles up to `backoff_max_s`
    backoff_max_s: float = 10.0
    heartbeat_s: float = 5.0  # an idle ingester says this often that it has read everything


@dataclass(slots=True)
class Stats:
    """What the loop has done since it started; read by metrics and readiness."""

    records: int = 0
    events: int = 0
    signals: int = 0
    dead_letters: int = 0
    commits: int = 0
    failures: int = 0
    failing_since: datetime | None = None
    last_error: str = ""
    lag: int = 0
    last_commit: datetime | None = None


@dataclass(slots=True)
class _Written:
    """What is stored but not yet counted and committed."""

    offsets: dict[TopicPartition, int] = field(default_factory=dict)
    minutes: dict[str, Minutes] = field(default_factory=dict)
    arrivals: list[Arrival] = field(default_factory=list)
    read_until: dict[TopicPartition, datetime] = field(default_factory=dict)
    since: float | None = None  # monotonic seconds of the oldest of it


def _no_step(_: str) -> None:
    return None


class Ingester:
    """Runs the loop of one group member. One instance, one `run`."""

    def __init__(
        self,
        consumer: Consumer,
        sink: Sink,
        worker: Executor,
        config: IngestConfig,
        rhythm: ConsumerConfig | None = None,
        step: Step = _no_step,
    ) -> None:
        self.stats = Stats()
        self._consumer, self._sink, self._worker = consumer, sink, worker
        self._config, self._rhythm = config, rhythm or ConsumerConfig()
        self._step = step  # told the name of each step before it is done; tests crash there
        self._pending: deque[Record] = deque()
        self._pending_bytes = 0
        self._written = _Written()
        self._job: Future[Callable[[], None]] | None = None
        self._task: Callable[[], Callable[[], None]] | None = None  # what the job runs, to retry it
        self._failures, self._retry_at = 0, 0.0
        self._paused = False
        self.idle_since: float | None = None  # monotonic; None while anything is under way
        self._positions: dict[TopicPartition, int] = {}
        self._newest: dict[Channel, int] = {}  # event time per channel, to tell the late ones
        self._said_at = 0.0  # monotonic, of the last progress written

    def run(self, stop: Event) -> None:
        """Ingest until told to stop, then finish what was begun and commit it."""
        try:
            while not stop.is_set():
                self.turn()
            self._finish()
        finally:
            self._consumer.close()

    def turn(self) -> None:
        """One turn: poll, take back finished work, hand out the next."""
        wait = 0.01 if self._pending else self._rhythm.poll_s
        polled = self._consumer.poll(wait, self._take())
        if polled.records:
            self._pending.extend(polled.records)
            self._pending_bytes += sum(len(r.value or b"") for r in polled.records)
        self._throttle()
        self._note_idle(nothing_came=not polled.records)
        if self._job is not None and self._job.done():
            self._collect(self._job)
        if self._job is None and time.monotonic() >= self._retry_at:
            self._hand_out()

    def _note_idle(self, *, nothing_came: bool) -> None:
        busy = self._pending or self._job or self._task or self._written.since is not None
        if busy or not nothing_came or not self._consumer.assigned():
            self.idle_since = None
        elif self.idle_since is None:
            self.idle_since = time.monotonic()

    # -- what to do next ---------------------------------------------------------------------

    def _take(self) -> int:
        return max(1, self._rhythm.max_records - len(self._pending))

    def _full(self) -> bool:
        return (
            len(self._pending) >= self._rhythm.max_records
            or self._pending_bytes >= self._rhythm.max_bytes
        )

    def _throttle(self) -> None:
        if self._full() or self._failures:
            if not self._paused:
                self._consumer.pause()
                self._paused = True
        elif self._paused:
            self._consumer.resume()
            self._paused = False

    def _hand_out(self) -> None:
        if self._task is None:
            if self._due():
                self._task = self._count_job()
            elif self._pending:
                self._task = self._store_job(self._next_batch())
            elif self._heartbeat_due():
                self._written.read_until = self._read_until(())
                self._task = self._count_job()
            else:
                return
        self._job = self._worker.submit(self._task)

    def _due(self) -> bool:
        since = self._written.since
        if since is None:
            return False
        wait = self._rhythm.recompute_every_s if self._pending else self._rhythm.recompute_idle_s
        return time.monotonic() - since >= wait

    def _heartbeat_due(self) -> bool:
        quiet = time.monotonic() - self._said_at >= self._rhythm.heartbeat_s
        return quiet and self.idle_since is not None

    def _read_until(self, records: Sequence[Record]) -> dict[TopicPartition, datetime]:
        """Per partition, up to when all that the log got will be counted with these records.

        Where the log holds no more, that is now; else it is when the last of them was appended.
        """
        now, lag = datetime.now(UTC), self._consumer.lag()
        until = {
            TopicPartition(r.topic, r.partition): datetime.fromtimestamp(r.timestamp_ms / 1000, UTC)
            for r in records
        }
        return until | {p: now for p in self._consumer.assigned() if lag.get(p) == 0}

    def _next_batch(self) -> Batch:
        """Pending records of partitions that are still ours; the others are somebody else's now."""
        mine = self._consumer.assigned()
        records = [r for r in self._pending if TopicPartition(r.topic, r.partition) in mine]
        self._pending.clear()
        self._pending_bytes = 0
        return Batch(records)

    def _collect(self, job: Future[Callable[[], None]]) -> None:
        self._job = None
        try:
            done = job.result()
            done()
        except UnavailableError as error:
            self._failed(error)
            return
        if self._failures:
            logger.info("ingest goes on after %d failed tries", self._failures)
        self._task, self._failures, self._retry_at = None, 0, 0.0
        self.stats.failing_since, self.stats.last_error = None, ""

    def _failed(self, error: TollError) -> None:
        """Keep the work and try it again later; meanwhile polling goes on, paused."""
        self._failures += 1
        wait = min(self._rhythm.backoff_max_s, self._rhythm.backoff_s * 2 ** (self._failures - 1))
        self._retry_at = time.monotonic() + wait
        self.stats.failures += 1
        self.stats.last_error = str(error)
        self.stats.failing_since = self.stats.failing_since or datetime.now(UTC)
        logger.warning("ingest waits %.1f s, nothing is lost: %s", wait, error)

    def _finish(self) -> None:
        """On a stop, commit the work at hand; what fails now is read again after the next start."""
        if self._job is not None:
            self._collect(self._job)
        if self._failures or self._written.since is None:
            return
        self._job = self._worker.submit(self._count_job())
        self._collect(self._job)

    # -- the steps ---------------------------------------------------------------------------

    def _store_job(self, batch: Batch) -> Callable[[], Callable[[], None]]:
        read_until = self._read_until(batch.records)

        def store() -> Callable[[], None]:
            minutes, arrived = self._store(batch, datetime.now(UTC))

            def done() -> None:
                written = self._written
                written.offsets.update(batch.next_offsets())
                written.minutes = merge_minutes(written.minutes, minutes)
                written.arrivals.extend(arrived)
                written.since = written.since or time.monotonic()
                written.read_until.update(read_until)
                self.stats.records += len(batch.records)

            return done

        return store

    def _store(self, batch: Batch, now: datetime) -> tuple[dict[str, Minutes], list[Arrival]]:
        """Decode and insert one batch; a record that the store refuses becomes a dead letter."""
        try:
            return self._decode_and_insert(batch, now)
        except UnavailableError:
            raise
        except TollError as error:
            if len(batch.records) > 1:
                minutes: dict[str, Minutes] = {}
                arrived: list[Arrival] = []
                for half in batch.halves():
                    some, more = self._store(half, now)
                    minutes, arrived = merge_minutes(minutes, some), arrived + more
                return minutes, arrived
            self._sink.insert_dead_letters([_refused(r, str(error), now) for r in batch.records])
            self.stats.dead_letters += len(batch.records)
            return {}, []

    def _decode_and_insert(
        self, batch: Batch, now: datetime
    ) -> tuple[dict[str, Minutes], list[Arrival]]:
        self._step("decode")
        signal_records, event_records = batch.split(self._rhythm.signals_topic)
        decoded = decode(event_records, self._config, now)
        signals, bad_signals = decode_signals(signal_records, now)
        events = settle_times(decoded.events, self._config, self._sink)
        events, sealed = unsealed(events, batch.records, self._config, self._sink, now)
        letters = [*decoded.dead, *bad_signals, *sealed]
        self._step("insert")
        if events.num_rows:
            self._sink.insert_events(events)
        self._step("insert signals")
        if signals:
            self._sink.insert_signals(signals)
        if letters:
            self._sink.insert_dead_letters(letters)
        self.stats.events += events.num_rows
        self.stats.signals += len(signals)
        self.stats.dead_letters += len(letters)
        return touched_minutes(events), arrivals(
            events, now, self._newest, history=is_history(event_records)
        )

    def _count_job(self) -> Callable[[], Callable[[], None]]:
        written, self._written = self._written, _Written()

        def count() -> Callable[[], None]:
            self._step("recompute")
            if written.minutes:
                self._sink.recompute(written.minutes)

            def done() -> None:
                self._step("commit")
                if written.offsets:
                    self._consumer.commit(written.offsets)
                    self.stats.commits += 1
                    self.stats.last_commit = datetime.now(UTC)
                self._step("progress")
                self._note_progress(written)

            return done

        return count

    def _note_progress(self, written: _Written) -> None:
        lag = self._consumer.lag()
        self.stats.lag = sum(lag.values())
        self._positions.update(written.offsets)
        rows = [
            Progress(place.topic, place.partition, self._positions.get(place, 0), until, lag[place])
            for place, until in written.read_until.items()
            if place in lag
        ]
        self._sink.record_progress(rows, written.arrivals)
        self._said_at = time.monotonic()


def _refused(record: Record, detail: str, now: datetime) -> DeadLetter:
    return DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        line=0,
        reason="refused",
        detail=detail,
        raw=record.value or b"",
        received_at=now,
    )


def topics_of(config: IngestConfig, business: str, signals: str) -> Sequence[str]:
    """Every topic the ingester reads: Toll's own two and the mapped ones."""
    return (business, signals, *(t for t in config.mappings if t not in (business, signals)))
