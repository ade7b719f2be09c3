"""One embedded engine per test session, and a fresh database in it for every test.

A process can have one engine folder at a time. A test that must open a folder of its own in this
process asks for `own_engine`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest

from store.clickhouse import Database, open_embedded, open_server
from store.migrate import migrate
from store.store import RETENTION, Store
from tests.clickhouse_front import Front

MakeStore = Callable[..., Store]
_numbers = count(1)


class Engine:
    """Keeps the session's engine open, so that a test pays for a database and not for an engine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._holder: Any = None
        self._clean: list[str] = []  # databases with the schema and without rows
        self._front: Front | None = None

    def hold(self) -> None:
        if self._holder is None:
            self._holder = clickhouse_connect.get_client(interface="chdb", path=str(self.folder))

    def release(self) -> None:
        if self._front is not None:
            self._front.close()
            self._front = None
        if self._holder is not None:
            self._holder.close()
            self._holder = None

    def front(self) -> Front:
        self.hold()
        if self._front is None:
            self._front = Front(self.folder)
        return self._front

    def fresh(self, interface: str = "chdb") -> Database:
        """A new, empty database, reached in one of the two ways."""
        self.hold()
        return self._open(interface, f"test_{next(_numbers)}")

    def migrated(self, interface: str) -> Database:
        """The same with the schema; one that an earlier test left is emptied, which is quicker."""
        self.hold()
        if not self._clean:
            database = self.fresh()
            migrate(database, RETENTION)
            database.close()
            self._clean.append(database.name)
        return self._open(interface, self._clean.pop())

    def empty(self, name: str) -> None:
        self._holder.command(f"TRUNCATE ALL TABLES FROM {name}")
        self._clean.append(name)

    @contextmanager
    def lent(self) -> Iterator[Store]:
        """An empty embedded store, for longer than one test."""
        store = Store(self.migrated("chdb"))
        try:
            yield store
        finally:
            store.close()
            self.empty(store.database.name)

    def _open(self, interface: str, name: str) -> Database:
        if interface == "http":
            return open_server(self.front().url(name), timeout_s=20)
        return open_embedded(self.folder, database=name)


class ManualClock:
    """A clock that tests set."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = Engine(tmp_path_factory.mktemp("engine"))
    yield engine
    engine.release()


@pytest.fixture
def own_engine(engine: Engine) -> Iterator[None]:
    """No engine is open in this process: the test may open a folder of its own, and closes it."""
    engine.release()
    yield


@pytest.fixture
def store_clock() -> ManualClock:
    return ManualClock(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def make_store(engine: Engine, store_clock: ManualClock) -> Iterator[MakeStore]:
    """Opens stores on fresh databases: `make_store("http", streams=..., clock=...)`."""
    opened: list[Store] = []

    def make(interface: str = "chdb", **settings: Any) -> Store:
        opened.append(Store(engine.migrated(interface), **{"clock": store_clock, **settings}))
        return opened[-1]

    yield make
    for store in opened:
        store.close()
        engine.empty(store.database.name)


@pytest.fixture
def store(make_store: MakeStore) -> Store:
    """An empty embedded store."""
    return make_store()
