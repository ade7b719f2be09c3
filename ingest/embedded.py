"""The embedded log: what Kafka does for Toll, in one local file, for one process.

Topics, partitions, groups and offsets behave as `ingest.log` says. Where it differs from Kafka:

- One process at a time: a lock file beside the log keeps a second one out (`BusyError`).
- Groups live in this process. A rebalance happens at once when a member joins or leaves; nobody
  is put out for not polling.
- What it keeps, and what it does when full: `ingest.embedded_file`.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from ingest.embedded_file import POLL_BYTES, Limits, LogFile
from ingest.errors import BusyError, InputError, SettingsError, UnavailableError
from ingest.log import (
    Message,
    Polled,
    Record,
    TopicPartition,
    choose_partition,
    refuse_oversized,
)

GIB = 1024**3
IDLE_S = 1.0  # how often a waiting poll looks after retention


class EmbeddedLog:
    """A durable log in one SQLite file. Safe to share between threads."""

    def __init__(
        self,
        path: Path,
        *,
        partitions_default: int = 4,
        retention: timedelta = timedelta(days=7),
        max_bytes: int = 10 * GIB,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._lock_file = _lock(path)
        self._partitions_default = partitions_default
        try:
            self.file = LogFile(path, Limits(retention.total_seconds(), max_bytes), clock)
        except BaseException:
            os.close(self._lock_file)
            raise
        self.changed = threading.Condition()  # guards groups and positions; told of every append
        self.closed = False
        self._groups: dict[str, list[EmbeddedConsumer]] = {}
        self._creating = threading.Lock()

    def producer(self) -> EmbeddedProducer:
        """A producer of this log."""
        return EmbeddedProducer(self)

    def consumer(self, group: str, topics: Iterable[str], /) -> EmbeddedConsumer:
        """A member of `group`; it takes its share of the partitions at once."""
        names = frozenset(topics)
        self.file.subscribe(group, names)
        member = EmbeddedConsumer(self, group, names)
        with self.changed:
            self._groups.setdefault(group, []).append(member)
            self._rebalance(group)
        return member

    def ensure_topics(self, topics: Mapping[str, int], /) -> None:
        """Create those topics that do not exist, and hand them to the groups that wait for them."""
        with self._creating:
            missing = {name: n for name, n in topics.items() if not self.file.partitions(name)}
            if any(count < 1 for count in missing.values()):
                raise InputError("a topic needs at least one partition")
            for name, count in missing.items():
                self.file.create(name, count)
        if missing:
            with self.changed:
                for group, members in self._groups.items():
                    if any(member.topics & missing.keys() for member in members):
                        self._rebalance(group)

    def partitions(self, topic: str) -> int:
        """How many partitions the topic has; creates the topic where it is missing."""
        if not self.file.partitions(topic):
            self.ensure_topics({topic: self._partitions_default})
        return self.file.partitions(topic)

    def leave(self, member: EmbeddedConsumer) -> None:
        """Take a member out of its group; the others share its partitions."""
        with self.changed:
            members = self._groups.get(member.group, [])
            if member in members:
                members.remove(member)
                member.take(frozenset())
                self._rebalance(member.group)

    def close(self) -> None:
        """Close the file, after the write in progress, and let go of it."""
        with self.changed:
            if self.closed:
                return
            self.closed = True
            self.changed.notify_all()
        self.file.close()
        os.close(self._lock_file)

    def _rebalance(self, group: str) -> None:
        """Deal the partitions of each topic out to its members, in turn. `changed` is held."""
        members = self._groups[group]
        shares: dict[EmbeddedConsumer, set[TopicPartition]] = {member: set() for member in members}
        for topic in sorted({topic for member in members for topic in member.topics}):
            readers = [member for member in members if topic in member.topics]
            for number in range(self.file.partitions(topic)):
                shares[readers[number % len(readers)]].add(TopicPartition(topic, number))
        for member, share in shares.items():
            member.take(frozenset(share))
        self.changed.notify_all()


class EmbeddedProducer:
    """Writes records. Safe to share between threads; holds nothing of its own."""

    def __init__(self, log: EmbeddedLog) -> None:
        self._log = log
        self._spread = itertools.count()

    def send(self, messages: Sequence[Message], /) -> None:
        """Return once every message is on disk (fsync); all of them are, or none."""
        refuse_oversized(messages)
        batches: dict[TopicPartition, list[Message]] = {}
        for message in messages:
            batches.setdefault(self._place(message), []).append(message)
        self._log.file.append(batches)
        with self._log.changed:
            self._log.changed.notify_all()

    def partitions(self, topic: str, /) -> int:
        """How many partitions the topic has; creates the topic where it is missing."""
        return self._log.partitions(topic)

    def close(self) -> None:
        """Nothing to give back: the file belongs to the log."""

    def _place(self, message: Message) -> TopicPartition:
        count = self._log.partitions(message.topic)
        return TopicPartition(message.topic, choose_partition(message, count, self._spread))


class EmbeddedConsumer:
    """A member of a group. All calls but `take` come from one thread."""

    def __init__(self, log: EmbeddedLog, group: str, topics: frozenset[str]) -> None:
        self.group, self.topics = group, topics
        self._log = log
        self._reader: sqlite3.Connection | None = log.file.reader()
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._assignment = 0
        self._positions: dict[TopicPartition, int] = {}  # of this assignment
        self._turn = 0  # which partition is read first, so that none starves
        self._paused = False
        self._readable = True

    def take(self, share: frozenset[TopicPartition]) -> None:
        """Hold these partitions from now on. For the log, with `changed` held."""
        self._assigned, self._positions = share, {}
        self._assignment += 1

    def poll(self, timeout_s: float, max_records: int, /) -> Polled:
        """Wait up to `timeout_s` for records of the assigned, unpaused partitions."""
        deadline = time.monotonic() + timeout_s
        while True:
            positions, assignment = self._wait(deadline)
            if not positions:
                return Polled((), assignment)
            try:
                records, reached = self._read(positions, max_records)
                self._readable = True
            except UnavailableError:
                self._readable = False  # `healthy` tells
                with self._log.changed:  # do not spin on a broken disk
                    self._log.changed.wait(max(0.0, min(IDLE_S, deadline - time.monotonic())))
                return Polled((), assignment)
            with self._log.changed:
                if assignment != self._assignment:
                    return Polled((), self._assignment)
                self._positions.update(reached)
            if records:
                return Polled(records, assignment)

    def commit(self, offsets: Mapping[TopicPartition, int], /) -> None:
        """Keep offsets of the group durably, for those partitions that are still assigned."""
        with self._log.changed:
            assignment = self._assignment
            mine = {at: offset for at, offset in offsets.items() if at in self._assigned}
        if mine:
            self._log.file.commit(self.group, mine, lambda: self._assignment == assignment)

    def pause(self) -> None:
        """Stop fetching: `poll` returns no records until `resume`."""
        self._paused = True

    def resume(self) -> None:
        """Fetch again."""
        self._paused = False

    def rewind(self, offsets: Mapping[TopicPartition, int], /) -> None:
        """Read assigned partitions again from these offsets."""
        with self._log.changed:
            self._positions.update(
                {at: offset for at, offset in offsets.items() if at in self._assigned}
            )

    def assigned(self) -> frozenset[TopicPartition]:
        """The partitions this consumer holds now."""
        return self._assigned

    def lag(self) -> Mapping[TopicPartition, int]:
        """Records behind the end of each assigned partition."""
        with self._log.changed:
            return {at: self._log.file.end(at) - self._position(at) for at in self._assigned}

    def positions(self) -> Mapping[TopicPartition, int]:
        """The offset of each assigned partition that is polled next."""
        with self._log.changed:
            return {at: self._position(at) for at in self._assigned}

    def offsets_at(self, moment_ms: int, /) -> Mapping[TopicPartition, int]:
        """Per assigned partition the first offset appended at or after a moment, else the end."""
        if self._reader is None:
            return {}
        try:
            return {
                at: self._log.file.first_at(self._reader, at, moment_ms) for at in self._assigned
            }
        except UnavailableError:
            self._readable = False  # `healthy` tells
            return {}

    def healthy(self) -> bool:
        """Whether the last read worked."""
        return self._readable and not self._log.closed

    def close(self) -> None:
        """Leave the group at once, without committing anything more."""
        self._log.leave(self)
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _position(self, at: TopicPartition) -> int:
        return self._positions.get(at, self._log.file.committed(self.group, at))

    def _wait(self, deadline: float) -> tuple[dict[TopicPartition, int], int]:
        """Positions of partitions that have more to read; none when time is up."""
        log = self._log
        while True:
            with log.changed:
                ready = {
                    at: self._position(at)
                    for at in self._assigned
                    if not self._paused and self._position(at) < log.file.end(at)
                }
                left = deadline - time.monotonic()
                if log.closed or self._reader is None:
                    return {}, self._assignment
                if ready or left <= 0:
                    return ready, self._assignment
                told = log.changed.wait(min(left, IDLE_S))
            if not told:
                log.file.trim()

    def _read(
        self, positions: Mapping[TopicPartition, int], max_records: int
    ) -> tuple[list[Record], dict[TopicPartition, int]]:
        """Records from these positions on, and the positions after them."""
        assert self._reader is not None
        order = sorted(positions)
        self._turn += 1
        start = self._turn % len(order)
        records: list[Record] = []
        reached: dict[TopicPartition, int] = {}
        size = 0
        for at in order[start:] + order[:start]:
            if len(records) >= max_records or size >= POLL_BYTES:
                break
            end = self._log.file.end(at)
            more = self._log.file.read(self._reader, at, positions[at], max_records - len(records))
            # Nothing there although the partition goes on: retention took it.
            reached[at] = more[-1].offset + 1 if more else end
            size += sum(len(record.value or b"") for record in more)
            records += more
        return records, reached


def _lock(path: Path) -> int:
    """Hold the log for this process: an open lock file, beside it, with our process id."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SettingsError(f"{path} cannot be used as a log ({error})") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.read(held, 32).decode(errors="replace").strip() or "unknown"
        os.close(held)
        raise BusyError(
            f"{path} is in use by process {owner}: stop it, or talk to it over HTTP (TOLL_URL)"
        ) from error
    except OSError as error:
        os.close(held)
        raise SettingsError(f"{path} cannot be locked for this process ({error})") from error
    os.truncate(held, 0)
    os.write(held, f"{os.getpid()}\n".encode())
    return held
