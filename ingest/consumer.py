"""The ingester's loop: poll, decode, insert, recompute the touched minutes, commit.

The order is the guarantee. Offsets are committed only after the events are stored and the minutes
they touch are counted again; a crash anywhere repeats records, and repeats change nothing.

Polling stays on the calling thread, since a group member must poll to stay one. Everything slow
runs on workers: one stores and counts, batch after batch, while others read the next batches. While
they are behind, or the store is away, partitions are paused and polling goes on without records.

A new assignment of partitions ends all work at hand: whoever has a partition now, we ourselves
included, reads it again from its committed offset.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any, NamedTuple, Optional, TypeAlias

from ingest.batch import Channel
from ingest.errors import TollError, UnavailableError
from ingest.log import Consumer
from ingest.pending import Pending
from ingest.records import Records
from ingest.reread import go_back
from ingest.rhythm import ConsumerConfig, Stats
from ingest.sink import Sink
from ingest.storing import BatchStore, Prepared, Step, Stored
from ingest.streams import IngestConfig
from ingest.written import Reached, Written, reach_of

logger = logging.getLogger(__name__)

READERS = 2  # batches that are read at the same time, while the last one is stored
WORKERS = READERS + 1  # threads that an ingester has use for
AWAY_S = 5.0  # a log that is away for longer is worth a line; a client that connects is not
LOOK_SOON_S = 0.01  # how long a poll may wait while a worker is busy: it may be done any moment

# A task runs on a worker; what it returns is done on the polling thread, and may be followed.
Done: TypeAlias = Callable[[], Optional["Task"]]
Task: TypeAlias = Callable[[], Done]


class _Reading(NamedTuple):
    """A batch that a worker reads, or has read."""

    records: Records
    full: bool  # as large as batches get
    reach: Reached  # how far the log is read with it
    future: Future[Prepared | TollError]


class _Job(NamedTuple):
    """A task at work on the store, and the assignment it works for."""

    task: Task
    future: Future[Done]
    assignment: int


def _no_step(_: str) -> None:
    return None


class Ingester:
    """Runs the loop of one group member. One instance, one `run`."""

    def __init__(
        self,
        consumer: Consumer,
        sink: Sink,
        workers: Executor,
        config: IngestConfig,
        rhythm: ConsumerConfig | None = None,
        step: Step = _no_step,
    ) -> None:
        self.stats = Stats()
        self.idle_since: float | None = None  # monotonic; None while anything is under way
        self._consumer, self._sink, self._workers = consumer, sink, workers
        self._rhythm = rhythm or ConsumerConfig()
        self._step = step  # told the name of each step before it is done; tests crash there
        self._batches = BatchStore(sink, config, self._rhythm.signals_topic, step)
        self._assignment = 0
        self._pending = Pending(self._rhythm.max_records, self._rhythm.max_bytes)
        self._readings: deque[_Reading] = deque()  # in the order in which they are stored
        self._written = Written()
        self._job: _Job | None = None
        self._task: Task | None = None  # to be run next: again after a failure, or what follows
        self._failures, self._retry_at = 0, 0.0
        self._answered_at, self._told_away = time.monotonic(), False  # the log
        self._paused = False
        self._newest: dict[Channel, int] = {}  # event time per channel, to tell the late ones
        self._said_at = float("-inf")  # monotonic, of the last progress written
        self._counting_s = 0.0  # how long the last recompute took
        self._took_along = False  # a batch, since counting is due
        self.owes_reread = self._rhythm.reread is not None  # until the log was wound back
        if self.owes_reread:
            consumer.pause()  # until then, nothing is to come
            self._paused = True

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
        waiting = bool(self._pending or self._readings or self._job) and not self._failures
        polled = self._consumer.poll(
            LOOK_SOON_S if waiting else self._rhythm.poll_s, self._pending.room()
        )
        self._tell_of_the_log()
        if polled.assignment != self._assignment:
            self._start_over(polled.assignment)
        if self._rhythm.reread is not None and self.owes_reread:
            self._wind_back(self._rhythm.reread)
            return
        if polled.records:
            self._pending.add(Records.of(polled.records))
        self._note_idle(nothing_came=not polled.records)
        late = self._pending.full() and not self._room_soon()
        if self._job is not None and self._job.future.done():
            self._collect()
        self._hand_out()
        self._throttle(late=late)

    def _tell_of_the_log(self) -> None:
        """Say once that the log is away (polling it raises nothing), and once that it is back."""
        now = time.monotonic()
        if self._consumer.healthy():
            if self._told_away:
                logger.info("the log answers again after %.0f s", now - self._answered_at)
            self._answered_at, self._told_away = now, False
        elif not self._told_away and now - self._answered_at >= AWAY_S:
            self._told_away = True
            logger.warning("the log does not answer; ingest goes on by itself when it does")

    def _start_over(self, assignment: int) -> None:
        """Forget what is not committed: every partition is read again from its committed offset.

        Work under way comes to nothing when it ends; what it stores is stored again.
        """
        self._assignment = assignment
        self._pending.clear()
        self._readings.clear()
        self._written, self._task = Written(), None
        self._newest.clear()
        self._went_well()

    def _wind_back(self, reread: timedelta) -> None:
        """Start that far back, once there are partitions of ours, and before anything is stored."""
        if time.monotonic() < self._retry_at:
            return
        try:
            if not go_back(self._consumer, datetime.now(UTC) - reread):
                return  # nothing is ours yet, or the log does not answer
        except UnavailableError as error:
            self._failed(error)
            return
        self.owes_reread = False
        self._went_well()
        self._consumer.resume()
        self._paused = False

    def _note_idle(self, *, nothing_came: bool) -> None:
        at_work = self._readings or self._job or self._task
        busy = self._pending or at_work or self._written.since is not None
        if busy or not nothing_came or not self._read_all():
            self.idle_since = None
        elif self.idle_since is None:
            self.idle_since = time.monotonic()

    def _read_all(self) -> bool:
        """Whether there are partitions of ours, and the log is known to hold no more of them."""
        mine = self._consumer.assigned()
        lag = self._consumer.lag()
        return bool(mine) and self._consumer.healthy() and all(lag.get(p) == 0 for p in mine)

    # -- what to do next ---------------------------------------------------------------------

    def _room_soon(self) -> bool:
        """Whether a worker is done, given a moment: to pause drops what was fetched ahead."""
        if len(self._readings) < READERS:
            return True
        work: list[Future[Any]] = [self._readings[0].future]
        if self._job is not None:
            work.append(self._job.future)
        under_way = [future for future in work if not future.done()]
        if not under_way:
            return True
        patience_s = 0 if self._paused else self._rhythm.patience_s
        return bool(wait(under_way, patience_s, FIRST_COMPLETED).done)

    def _throttle(self, *, late: bool = False) -> None:
        """Pause while the worker is late or the store away, until there is room again."""
        if late or self._failures:
            if not self._paused:
                self._consumer.pause()
                self._paused = True
        elif self._paused and not self._pending.full():
            self._consumer.resume()
            self._paused = False

    def _hand_out(self) -> None:
        """Give the workers what they have time for: a batch to read, a task on the store."""
        self._read_pending()
        if self._job is None and time.monotonic() >= self._retry_at:
            task = self._task or self._next_task()
            if task is not None:
                self._start(task)
        self._read_pending()  # the batch before it may just have gone on to be stored

    def _start(self, task: Task) -> None:
        self._job = _Job(task, self._workers.submit(task), self._assignment)
        self._task = None

    def _read_pending(self) -> None:
        if len(self._readings) >= READERS or not self._pending:
            return
        full, records = self._pending.full(), self._pending.take()
        reach = reach_of(records.last(), self._consumer)
        future = self._workers.submit(self._batches.prepare, records, datetime.now(UTC))
        self._readings.append(_Reading(records, full, reach, future))

    def _next_task(self) -> Task | None:
        ready = bool(self._readings) and self._readings[0].future.done()
        if self._due():
            # A batch that is ready is counted along: one more to store is less than to count twice.
            if not ready or self._took_along:
                return self._count_task()
            self._took_along = True
        if self._readings:
            return self._store_task() if ready else None
        if not self._pending and self._heartbeat_due():
            return self._progress_task(Written(reach=reach_of({}, self._consumer)))
        return None

    def _due(self) -> bool:
        """Whether to count what is written: soon, but not so often that little else gets done."""
        since = self._written.since
        if since is None:
            return False
        rhythm = self._rhythm
        if self._pending.full() or any(reading.full for reading in self._readings):
            wait_s = rhythm.recompute_every_s
        elif self._pending or self._readings:
            rest_s = max(rhythm.recompute_idle_s, rhythm.recompute_rest * self._counting_s)
            wait_s = min(rest_s, rhythm.recompute_every_s)
        elif self._written.records >= rhythm.recompute_at:
            wait_s = 0.0  # so much is worth counting by itself
        else:
            wait_s = rhythm.recompute_idle_s
        return time.monotonic() - since >= wait_s

    def _heartbeat_due(self) -> bool:
        nothing_left = self._written.since is None and bool(self._consumer.assigned())
        return nothing_left and time.monotonic() - self._said_at >= self._rhythm.heartbeat_s

    def _collect(self) -> None:
        """Take a job back, which has ended or is waited for."""
        job, self._job = self._job, None
        assert job is not None
        try:
            done = job.future.result()
            if job.assignment != self._assignment:
                return
            self._task = done()
        except UnavailableError as error:
            if job.assignment == self._assignment:
                self._task = job.task
                self._failed(error)
            return
        self._went_well()

    def _went_well(self) -> None:
        if self._failures:
            logger.info("ingest goes on after %d failed tries", self._failures)
        self._failures, self._retry_at = 0, 0.0
        self.stats.failing_since, self.stats.last_error = None, ""

    def _failed(self, error: UnavailableError) -> None:
        """Keep the work and try it again later; meanwhile polling goes on, paused."""
        self._failures += 1
        rhythm = self._rhythm
        pause_s = min(rhythm.backoff_max_s, rhythm.backoff_s * 2 ** (self._failures - 1))
        self._retry_at = time.monotonic() + pause_s
        self.stats.failures += 1
        self.stats.last_error = str(error)
        self.stats.failing_since = self.stats.failing_since or datetime.now(UTC)
        logger.warning("ingest waits %.1f s, nothing is lost: %s", pause_s, error)

    def _finish(self) -> None:
        """On a stop, commit the work at hand; what fails now is read again after the next start."""
        while True:
            if self._job is not None:
                self._collect()
            if self._failures:
                return
            if self._task is None and self._readings:
                self._task = self._store_task()
            if self._task is None and self._written.since is not None:
                self._task = self._count_task()
            if self._task is None:
                return
            self._start(self._task)

    # -- the steps ---------------------------------------------------------------------------

    def _store_task(self) -> Task:
        records, _, reach, future = self._readings.popleft()
        prepared = future.result()  # done, or waited for at the end

        def store() -> Done:
            newest = dict(self._newest)  # a copy: a failed try must leave no trace
            stored = self._batches.store(records, prepared, datetime.now(UTC), newest)

            def done() -> None:
                self._newest = newest
                self._written.add(records, reach, stored)
                self._written.since = self._written.since or time.monotonic()
                self._note_stored(len(records), stored)

            return done

        return store

    def _note_stored(self, records: int, stored: Stored) -> None:
        self.stats.records += records
        self.stats.events += stored.events
        self.stats.signals += stored.signals
        self.stats.dead_letters += stored.dead_letters

    def _count_task(self) -> Task:
        written, self._written = self._written, Written()
        self._took_along = False

        def count() -> Done:
            self._step("recompute")
            began = time.monotonic()
            if written.minutes:
                self._sink.recompute(written.minutes)
            counting_s = time.monotonic() - began

            def done() -> Task:
                self._counting_s = counting_s
                self._step("commit")
                if written.offsets:
                    self._consumer.commit(written.offsets)
                    self.stats.commits += 1
                return self._progress_task(written)

            return done

        return count

    def _progress_task(self, written: Written) -> Task:
        lag = self._consumer.lag()
        self.stats.lag = sum(lag.values())
        rows = written.progress(lag)

        def say() -> Done:
            self._step("progress")
            self._sink.record_progress(rows, written.arrivals)

            def done() -> None:
                self._said_at = time.monotonic()

            return done

        return say


def topics_of(config: IngestConfig, business: str, signals: str) -> Sequence[str]:
    """Every topic the ingester reads: Toll's own two and the mapped ones."""
    return (business, signals, *(t for t in config.mappings if t not in (business, signals)))
