"""The file of the embedded log: one SQLite database of records, offsets and groups.

A record's row id is its partition's number and its offset (`part << OFFSET_BITS | offset`), so
that one B-tree holds all partitions, each in order, and appending or reading is one range of it.

Retention. Records older than `retention_s` go, read or not. Above `max_bytes` the oldest records
go that every group of their topic has read; what a group has still to read is never given up for
room: then new records are refused, and the error says who has to read. Deletion goes in steps of
some `STEP_BYTES`; freed pages are used again, the file itself does not shrink.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import orjson

from ingest.durable import keep_names
from ingest.embedded_writer import GroupWriter
from ingest.errors import SettingsError, UnavailableError
from ingest.log import Headers, Message, Record, TopicPartition

OFFSET_BITS = 44  # 17 trillion records in each of half a million partitions
STEP_BYTES, STEP_ROWS = 16 * 1024 * 1024, 4096
POLL_BYTES = 32 * 1024 * 1024
PAGE_BYTES = 16 * 1024
CHECKPOINT_BYTES = 64 * 1024 * 1024
AGE_EVERY_S = 10.0

_SCHEMA = """
CREATE TABLE partitions (
    id INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    next_offset INTEGER NOT NULL DEFAULT 0,  -- outlives the records: no offset is used twice
    UNIQUE (topic, partition)
);
CREATE TABLE records (
    id INTEGER PRIMARY KEY,  -- partitions.id << 44 | offset
    timestamp_ms INTEGER NOT NULL,
    key BLOB,
    headers BLOB,
    value BLOB
);
CREATE TABLE readers (  -- which groups have to read a topic before it is trimmed for room
    grp TEXT NOT NULL,
    topic TEXT NOT NULL,
    PRIMARY KEY (grp, topic)
) WITHOUT ROWID;
CREATE TABLE offsets (
    grp TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    PRIMARY KEY (grp, topic, partition)
) WITHOUT ROWID;
"""


class Limits(NamedTuple):
    """How much the file keeps."""

    retention_s: float
    max_bytes: int


@dataclass(slots=True)
class _Part:
    """A partition: its number in the file and its next offset."""

    id: int
    end: int

    def row(self, offset: int) -> int:
        return self.id << OFFSET_BITS | offset


class LogFile:
    """The SQLite file. Safe to share between threads; each consumer reads on a `reader`."""

    def __init__(self, path: Path, limits: Limits, clock: Callable[[], float]) -> None:
        self._path, self._limits, self._clock = path, limits, clock
        # The small tables, in memory; changed after the transaction that changes the file.
        self._parts: dict[TopicPartition, _Part] = {}
        self._counts: dict[str, int] = {}  # topic -> partitions
        self._readers: dict[str, set[str]] = {}  # topic -> groups
        self._committed: dict[tuple[str, TopicPartition], int] = {}
        self._aged_at = float("-inf")
        try:
            self._connection = self._open()
            self._load()
        except (sqlite3.Error, OSError) as error:
            raise SettingsError(f"{path} cannot be used as a log ({error})") from error
        self._writer = GroupWriter(path, self._connection)

    # What is in it

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; 0 where it does not exist."""
        return self._counts.get(topic, 0)

    def end(self, at: TopicPartition) -> int:
        """The offset that the next record of this partition will get."""
        return self._parts[at].end

    def committed(self, group: str, at: TopicPartition) -> int:
        """Where a group goes on reading; 0, the start, where it has committed nothing."""
        return self._committed.get((group, at), 0)

    def reader(self) -> sqlite3.Connection:
        """A connection to read with, for one consumer."""
        connection = self._connect()
        connection.execute("PRAGMA query_only = ON")
        return connection

    def read(
        self, reader: sqlite3.Connection, at: TopicPartition, offset: int, limit: int
    ) -> list[Record]:
        """Up to `limit` records from an offset on, some `POLL_BYTES` of them at most."""
        part, size = self._parts[at], 0
        records: list[Record] = []
        with self._answering():
            rows = reader.execute(
                "SELECT id, timestamp_ms, key, value, headers FROM records"
                " WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
                (part.row(offset), part.row(part.end), limit),
            )
            for row, timestamp_ms, key, value, headers in rows:
                found = row - part.row(0)
                records.append(Record(*at, found, timestamp_ms, key, value, _unpack(headers)))
                size += len(value or b"")
                if size >= POLL_BYTES:
                    break
            rows.close()  # or the snapshot would keep the file from being tidied up
        return records

    def first_at(self, reader: sqlite3.Connection, at: TopicPartition, moment_ms: int) -> int:
        """The first offset that was appended at or after a moment; the end where none was.

        Looks at every older record: a clock that was set back leaves times in no order.
        """
        part = self._parts[at]
        with self._answering():
            found = reader.execute(
                "SELECT id FROM records WHERE id >= ? AND id < ? AND timestamp_ms >= ?"
                " ORDER BY id LIMIT 1",
                (part.row(0), part.row(part.end), moment_ms),
            ).fetchall()
        return found[0][0] - part.row(0) if found else part.end

    # What changes it

    def append(self, messages: Mapping[TopicPartition, Sequence[Message]]) -> None:
        """Write messages to existing partitions; durable on return."""
        now_ms = int(self._clock() * 1000)
        ends: dict[TopicPartition, int] = {}

        def job(connection: sqlite3.Connection) -> None:
            for at, batch in messages.items():
                part = self._parts[at]
                (end,) = connection.execute(
                    "UPDATE partitions SET next_offset = next_offset + ? WHERE id = ?"
                    " RETURNING next_offset",
                    (len(batch), part.id),
                ).fetchone()
                first = part.row(end - len(batch))
                connection.executemany(
                    "INSERT INTO records (id, timestamp_ms, key, headers, value)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (
                        (first + number, now_ms, one.key, _pack(one.headers), one.value)
                        for number, one in enumerate(batch)
                    ),
                )
                ends[at] = end

        self._writer.write(job, self._make_room)
        for at, end in ends.items():
            self._parts[at].end = max(self._parts[at].end, end)

    def create(self, topic: str, count: int) -> None:
        """Create a topic that does not exist."""
        made: dict[TopicPartition, _Part] = {}

        def job(connection: sqlite3.Connection) -> None:
            for number in range(count):
                (part,) = connection.execute(
                    "INSERT INTO partitions (topic, partition) VALUES (?, ?) RETURNING id",
                    (topic, number),
                ).fetchone()
                made[TopicPartition(topic, number)] = _Part(part, 0)

        self._writer.change(job, self._make_room)
        self._parts = {**self._parts, **made}  # a new dict: retention may be walking the old one
        self._counts[topic] = count

    def subscribe(self, group: str, topics: Iterable[str]) -> None:
        """Remember that a group reads these topics: nothing it has not read goes for room."""
        new = [(group, topic) for topic in topics if group not in self._readers.get(topic, ())]
        if new:
            insert = "INSERT INTO readers (grp, topic) VALUES (?, ?) ON CONFLICT DO NOTHING"
            self._writer.change(lambda to: to.executemany(insert, new), self._make_room)
        for _, topic in new:
            self._readers[topic] = self._readers.get(topic, set()) | {group}

    def commit(
        self, group: str, offsets: Mapping[TopicPartition, int], valid: Callable[[], bool]
    ) -> None:
        """Keep a group's offsets, unless they are no longer `valid` when it comes to writing."""
        rows = [(group, *at, offset) for at, offset in offsets.items()]
        written = False

        def job(connection: sqlite3.Connection) -> None:
            nonlocal written
            written = valid()
            if written:
                connection.executemany(
                    "INSERT INTO offsets (grp, topic, partition, next_offset) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset",
                    rows,
                )

        self._writer.change(job, self._make_room)
        if written:
            self._committed.update({(group, at): offset for at, offset in offsets.items()})

    def trim(self) -> None:
        """Take a step of retention where it is due and nobody writes; for quiet times.

        What fails here is not lost: the next write meets the same trouble, and says so.
        """
        if self._age_due():
            with contextlib.suppress(UnavailableError):
                self._writer.maintain(self._make_room)

    def close(self) -> None:
        """Close the file, after the write in progress."""
        self._writer.close()

    # Retention; the leader's part

    def _make_room(self) -> UnavailableError | None:
        """Delete what is due. Returns why no more can be added, when all that is left is unread."""
        with self._answering():
            if self._age_due():
                now = self._clock()
                before_ms = int((now - self._limits.retention_s) * 1000)
                trimmed = [self._trim(at, part.end, before_ms) for at, part in self._parts.items()]
                if not any(trimmed):
                    self._aged_at = now  # otherwise the next call goes on
            while (excess := self._used() - self._limits.max_bytes) > 0:
                if not self._trim_oldest_read(excess):
                    return self._full()
        return None

    def _age_due(self) -> bool:
        return abs(self._clock() - self._aged_at) >= AGE_EVERY_S

    def _used(self) -> int:
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        return int(pages - free) * PAGE_BYTES

    def _read_by_all(self, at: TopicPartition) -> int:
        """Up to which offset every group of the topic has read; the end where none reads it."""
        groups = self._readers.get(at.topic, set())
        return min((self.committed(group, at) for group in groups), default=self.end(at))

    def _full(self) -> UnavailableError:
        behind = sorted(
            {
                f"{group} in {at.topic}"
                for at, part in self._parts.items()
                for group in self._readers.get(at.topic, ())
                if self.committed(group, at) < part.end
            }
        )
        return UnavailableError(
            f"the log {self._path} is full ({self._limits.max_bytes:,} bytes) of records that are"
            f" still to be read ({', '.join(behind)}): let them be read, or raise the limit"
        )

    def _trim_oldest_read(self, excess: int) -> int:
        heads = []
        for at, part in self._parts.items():
            read = self._read_by_all(at)
            head = self._connection.execute(
                "SELECT timestamp_ms FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT 1",
                (part.row(0), part.row(read)),
            ).fetchone()
            if head is not None:
                heads.append((head[0], at, read))
        if not heads:
            return 0
        _, oldest, read = min(heads)
        return self._trim(oldest, read, size=min(excess, STEP_BYTES))

    def _trim(
        self,
        at: TopicPartition,
        end: int,
        before_ms: int | None = None,
        size: int = STEP_BYTES,
    ) -> int:
        """Delete one step from the start of a partition, up to an offset, a time and a size."""
        part, count, last = self._parts[at], 0, 0
        rows = self._connection.execute(
            "SELECT id, timestamp_ms, length(value) FROM records"
            " WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
            (part.row(0), part.row(end), STEP_ROWS),
        )
        for row, timestamp_ms, length in rows:
            if size <= 0 or (before_ms is not None and timestamp_ms >= before_ms):
                break
            last, size, count = row, size - (length or 0), count + 1
        rows.close()
        if count:
            span = (part.row(0), last)
            delete = "DELETE FROM records WHERE id >= ? AND id <= ?"
            self._writer.transaction([lambda connection: connection.execute(delete, span)])
        return count

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        """Turn SQLite's errors into ours, for the length of a block that reads."""
        try:
            yield
        except sqlite3.Error as error:
            raise UnavailableError(f"the log {self._path} does not answer ({error})") from error

    # Opening

    def _connect(self) -> sqlite3.Connection:
        # Threads take turns: with the writer by its lock, and each consumer has one thread.
        return sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, timeout=30
        )

    def _open(self) -> sqlite3.Connection:
        new = not self._path.exists()
        connection = self._connect()
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_BYTES // PAGE_BYTES}")
        connection.execute(f"PRAGMA journal_size_limit = {2 * CHECKPOINT_BYTES}")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = 1; COMMIT;")
        elif version != 1:
            raise SettingsError(f"{self._path} was written by another version of Toll ({version})")
        if new:  # the name of a new file is durable only with its folder
            keep_names(self._path.parent)
        return connection

    def _load(self) -> None:
        rows = self._connection.execute("SELECT id, topic, partition, next_offset FROM partitions")
        for part, topic, partition, end in rows:
            self._parts[TopicPartition(topic, partition)] = _Part(part, end)
            self._counts[topic] = self._counts.get(topic, 0) + 1
        for group, topic in self._connection.execute("SELECT grp, topic FROM readers"):
            self._readers.setdefault(topic, set()).add(group)
        for group, topic, partition, offset in self._connection.execute(
            "SELECT grp, topic, partition, next_offset FROM offsets"
        ):
            self._committed[group, TopicPartition(topic, partition)] = offset


def _pack(headers: Headers) -> bytes | None:
    """Headers as JSON; their values byte by byte as Latin-1, which every byte string is."""
    if not headers:
        return None
    return orjson.dumps([[name, value.decode("latin-1")] for name, value in headers])


def _unpack(headers: bytes | None) -> Headers:
    if headers is None:
        return ()
    return tuple((name, value.encode("latin-1")) for name, value in orjson.loads(headers))
