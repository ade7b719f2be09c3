"""Ingesters on threads of this process, watched by a test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pyarrow as pa

from ingest.consumer import WORKERS, Ingester
from ingest.errors import UnavailableError
from ingest.log import Consumer, Log, Polled, TopicPartition
from ingest.rhythm import ConsumerConfig
from ingest.sink import Sink
from ingest.streams import IngestConfig
from tests.e2e.oracle import BUSINESS, SIGNALS

GROUP = "toll-ingest"
CONFIG = IngestConfig(salt=b"salt")
RHYTHM = ConsumerConfig(
    max_records=20, recompute_every_s=0.1, recompute_idle_s=0.05, poll_s=0.05,
    backoff_s=0.1, backoff_max_s=0.4,
)  # fmt: skip


class Watched:
    """A consumer that notes its polls and assignments."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self.polls = 0
        self.assignments: set[int] = set()
        self.paused = False
        self.up = False
        self.holds: frozenset[TopicPartition] = frozenset()

    def poll(self, timeout_s: float, max_records: int, /) -> Polled:
        polled = self._consumer.poll(timeout_s, max_records)
        self.polls += 1
        self.assignments.add(polled.assignment)
        self.up, self.holds = self._consumer.healthy(), self._consumer.assigned()
        return polled

    def commit(self, offsets: Mapping[TopicPartition, int], /) -> None:
        self._consumer.commit(offsets)

    def pause(self) -> None:
        self.paused = True
        self._consumer.pause()

    def resume(self) -> None:
        self.paused = False
        self._consumer.resume()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)


class Refusing:
    """A store that does not take events while the test says so."""

    def __init__(self, store: Sink) -> None:
        self._store = store
        self.refuses = False

    def insert_events(self, events: pa.Table, /) -> None:
        if self.refuses:
            raise UnavailableError("the store takes nothing for now")
        self._store.insert_events(events)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class Running:
    """One ingester at work."""

    def __init__(self, log: Log, sink: Sink, worker: ThreadPoolExecutor, topics: Sequence[str]):
        self.consumer = Watched(log.consumer(GROUP, topics))
        rhythm = replace(RHYTHM, signals_topic=topics[1])
        self.ingester = Ingester(self.consumer, sink, worker, CONFIG, rhythm)
        self.stats = self.ingester.stats


@contextmanager
def running(log: Log, *sinks: Sink, topics: Sequence[str] = (BUSINESS, SIGNALS)) -> Iterator[Any]:
    """One member of a group for each sink; in the end they are stopped, and their errors raised."""
    stop = threading.Event()
    with (
        ThreadPoolExecutor(WORKERS * len(sinks)) as workers,
        ThreadPoolExecutor(len(sinks)) as threads,
    ):
        members = [Running(log, sink, workers, topics) for sink in sinks]
        ends = [threads.submit(member.ingester.run, stop) for member in members]
        try:
            yield members[0] if len(members) == 1 else members
        finally:
            stop.set()
        for end in ends:
            end.result(30)


def is_idle(member: Ingester) -> bool:
    """Whether all that the log holds is counted."""
    return member.idle_since is not None


def holds_some(consumer: Watched) -> bool:
    """Whether the member has partitions."""
    return bool(consumer.holds)


def wait(until: Callable[[], bool], patience_s: float = 40) -> None:
    """Look until it is so; fail when it does not become so."""
    deadline = time.monotonic() + patience_s
    while not until():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come about")
        time.sleep(0.05)
