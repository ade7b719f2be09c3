"""What the ingester is tested between: a log and a store of lists, and a worker that waits."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.dead_letters import DeadLetter
from ingest.errors import TollError
from ingest.events import Signal
from ingest.log import Headers, Polled, Record, TopicPartition
from ingest.sink import Arrival, Minutes, Progress

TOPIC, SIGNALS = "toll.business", "toll.signals"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def line(id: str, at: datetime = NOON, **more: Any) -> bytes:
    """One event of the stream `payments` as JSON."""
    return json.dumps({"id": id, "stream": "payments", "at": at.isoformat(), **more}).encode()


def record(
    value: bytes | None,
    offset: int = 0,
    *,
    partition: int = 0,
    topic: str = TOPIC,
    logged: datetime = NOON,
    headers: Headers = (),
) -> Record:
    ms = int(logged.timestamp() * 1000)
    return Record(topic, partition, offset, ms, None, value, headers)


def home(partition: int = 0, topic: str = TOPIC) -> TopicPartition:
    return TopicPartition(topic, partition)


class ScriptedConsumer:
    """A member of a group, on a log of lists; the test says what it holds and what happens."""

    def __init__(self, *partitions: int, journal: list[str] | None = None) -> None:
        self.log: dict[TopicPartition, list[Record]] = {}
        self.committed: dict[TopicPartition, int] = {}
        self.journal = journal if journal is not None else []
        self.paused = self.closed = False
        self.answers = True
        self.fails: list[Exception] = []  # of the next commits
        self.polls = 0
        self._assignment = 0
        self._positions: dict[TopicPartition, int] = {}
        self.assign(*partitions)

    def write(self, *values: bytes | None, partition: int = 0, **more: Any) -> None:
        kept = self.log.setdefault(home(partition, more.get("topic", TOPIC)), [])
        for value in values:
            kept.append(record(value, len(kept), partition=partition, **more))

    def assign(self, *partitions: int) -> None:
        """A rebalance: these are ours now, read again from their committed offsets."""
        places = [home(p, topic) for p in partitions for topic in (TOPIC, SIGNALS)]
        self._positions = {at: self.committed.get(at, 0) for at in places}
        self._assignment += 1

    def poll(self, timeout_s: float, max_records: int, /) -> Polled:
        self.polls += 1
        records: list[Record] = []
        if not self.paused and self.answers:
            for at in self._positions:
                new = self.log.get(at, [])[self._positions[at] :][: max_records - len(records)]
                self._positions[at] += len(new)
                records += new
        return Polled(records, self._assignment)

    def commit(self, offsets: Mapping[TopicPartition, int], /) -> None:
        if self.fails:
            raise self.fails.pop(0)
        mine = {at: offset for at, offset in offsets.items() if at in self._positions}
        self.journal.append("commit")
        self.committed |= mine

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def rewind(self, offsets: Mapping[TopicPartition, int], /) -> None:
        self._positions |= {at: o for at, o in offsets.items() if at in self._positions}

    def assigned(self) -> frozenset[TopicPartition]:
        return frozenset(self._positions)

    def lag(self) -> Mapping[TopicPartition, int]:
        return {at: len(self.log.get(at, [])) - place for at, place in self._positions.items()}

    def positions(self) -> Mapping[TopicPartition, int]:
        return dict(self._positions)

    def offsets_at(self, moment_ms: int, /) -> Mapping[TopicPartition, int]:
        if not self.answers:
            return {}
        records = {at: self.log.get(at, []) for at in self._positions}
        return {
            at: next((r.offset for r in kept if r.timestamp_ms >= moment_ms), len(kept))
            for at, kept in records.items()
        }

    def healthy(self) -> bool:
        return self.answers

    def close(self) -> None:
        self.closed = True


class ListSink:
    """A store that keeps what it is told; the test may let calls fail, or refuse events."""

    def __init__(self, journal: list[str] | None = None) -> None:
        self.journal = journal if journal is not None else []
        self.events: list[dict[str, Any]] = []
        self.signals: list[Signal] = []
        self.letters: list[DeadLetter] = []
        self.recomputed: list[dict[str, Minutes]] = []
        self.progress: list[Progress] = []
        self.arrivals: list[Arrival] = []
        self.times: dict[tuple[str, str], int] = {}
        self.sealed_minutes: list[str] = []
        self.asked_sealed: list[str] = []
        self.refuses: Callable[[dict[str, Any]], bool] = lambda _: False
        self.refusal: Callable[[], Exception] = lambda: TollError("no such value")
        self.fails: dict[str, list[Exception]] = {}  # by call

    def insert_events(self, events: pa.Table, /) -> None:
        self._called("insert_events")
        rows = events.to_pylist()
        if any(self.refuses(row) for row in rows):
            raise self.refusal()
        self.events += rows

    def insert_signals(self, signals: Sequence[Signal], /) -> None:
        self._called("insert_signals")
        self.signals += signals

    def insert_dead_letters(self, letters: Sequence[DeadLetter], /) -> None:
        self._called("insert_dead_letters")
        self.letters += letters

    def recompute(self, touched: Mapping[str, Minutes], /) -> None:
        self._called("recompute")
        self.recomputed.append(dict(touched))

    def sealed(self, stream: str, minutes: Minutes, /) -> Minutes:
        self.asked_sealed += [str(minute) for minute in minutes]
        return minutes[np.isin(minutes, np.array(self.sealed_minutes, "datetime64[m]"))]

    def first_times(
        self, stream: str, ids: Sequence[str], times_ms: Sequence[int], /
    ) -> Sequence[int]:
        pairs = zip(ids, times_ms, strict=True)
        return [self.times.setdefault((stream, id), time) for id, time in pairs]

    def record_progress(self, progress: Sequence[Progress], arrivals: Sequence[Arrival], /) -> None:
        self._called("record_progress")
        self.progress += progress
        self.arrivals += arrivals

    def ids(self) -> list[str]:
        return [row["id"] for row in self.events]

    def _called(self, name: str) -> None:
        if failures := self.fails.get(name):
            raise failures.pop(0)
        self.journal.append(name)


class Worker(Executor):
    """Runs each task as it is handed in; or, held, when the test says so."""

    def __init__(self) -> None:
        self.held = False
        self._waiting: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **more: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._waiting.append((future, lambda: fn(*args, **more)))
        if not self.held:
            self.work()
        return future

    def work(self) -> None:
        """Do what waits."""
        while self._waiting:
            future, task = self._waiting.pop(0)
            try:
                future.set_result(task())
            except TollError as error:
                future.set_exception(error)


class Clock:
    """Stands in for the module `time` of the consumer."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds
