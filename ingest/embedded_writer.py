"""Writing to the file of the embedded log: many threads, one transaction, one fsync.

The thread that gets the lock first becomes the leader and writes the jobs of all who wait by
then. So a busy server pays one fsync for many requests, a quiet one no delay, and no thread of
its own is needed.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import UnavailableError

Job = Callable[[sqlite3.Connection], object]


@dataclass(slots=True)
class _Waiting:
    """One thread's job, until a leader has written it."""

    job: Job
    grows: bool
    done: bool = False
    error: UnavailableError | None = None


class GroupWriter:
    """The only writer of a SQLite file. Safe to share between threads."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path, self._connection = path, connection
        self._queue: deque[_Waiting] = deque()
        self._leading = threading.Lock()  # its holder alone uses the connection

    def write(self, job: Job, make_room: Callable[[], UnavailableError | None]) -> None:
        """Run a job that adds records; see `change`. `make_room` may refuse those that add."""
        self._wait(_Waiting(job, grows=True), make_room)

    def change(self, job: Job, make_room: Callable[[], UnavailableError | None]) -> None:
        """Run a job in a transaction that other threads' jobs share; durable on return."""
        self._wait(_Waiting(job, grows=False), make_room)

    def maintain(self, work: Callable[[], object]) -> None:
        """Do `work`, which may call `transaction`, unless somebody is writing."""
        if self._leading.acquire(blocking=False):
            try:
                work()
            finally:
                self._leading.release()

    def transaction(self, jobs: Iterable[Job]) -> None:
        """Run jobs in one transaction. Only for the leader, that is from `make_room` or `work`."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for job in jobs:
                job(self._connection)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise UnavailableError(
                f"the log {self._path} cannot be written ({error}): is its disk full?"
            ) from error
        except BaseException:
            self._roll_back()
            raise

    def close(self) -> None:
        """Close the file, after the write in progress; later writes are refused."""
        with self._leading:
            self._connection.close()

    def _wait(self, mine: _Waiting, make_room: Callable[[], UnavailableError | None]) -> None:
        self._queue.append(mine)
        with self._leading:
            if not mine.done:
                together = [self._queue.popleft() for _ in range(len(self._queue))]
                self._lead(together, make_room)
        if mine.error is not None:
            raise mine.error

    def _lead(
        self, together: Sequence[_Waiting], make_room: Callable[[], UnavailableError | None]
    ) -> None:
        error: UnavailableError | None = UnavailableError(f"a write to {self._path} broke off")
        refused: UnavailableError | None = None
        try:
            refused = make_room()
            self.transaction(one.job for one in together if not (refused and one.grows))
            error = None
        except UnavailableError as failed:
            error = failed
        finally:
            for one in together:
                one.error, one.done = error or (refused if one.grows else None), True

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:  # SQLite ends it by itself after some errors
                self._connection.execute("ROLLBACK")
        except sqlite3.ProgrammingError:
            return  # closed: nothing is left to roll back
