"""The one place where ClickHouse is spoken: a server over HTTP, or chDB, the same engine in here.

Both are reached through `clickhouse-connect`, so that the same statements run on both. Values go
as parameters and results come back as Arrow tables. Foreign errors become ours: what another try
may mend is `UnavailableError`, a folder somebody else holds is `BusyError`, wrong credentials are
`SettingsError`. A password is in no message and in no repr.
"""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, Error, OperationalError

from ingest.errors import BusyError, SettingsError, TollError, UnavailableError
from store.sql import statement

Value: TypeAlias = str | int | float | Sequence[str] | Sequence[int] | Sequence[tuple[int, int]]
Row: TypeAlias = dict[str, Any]

# Settings of every session, on a server and embedded alike.
_SESSION: Mapping[str, str | int] = {
    "async_insert": 0,  # an insert returns once its rows are in the table
    "optimize_on_insert": 0,  # repeats vanish in merges; to merge each insert costs fourfold
    "insert_deduplicate": 0,  # repeats are harmless, and a skipped block would starve a view
    "max_partitions_per_insert_block": 0,  # an import of ten years may come in one batch
    "do_not_merge_across_partitions_select_final": 1,  # the partition follows from the sorting key
    "session_timezone": "UTC",  # never the zone of the host
}
# Rows come as one block: a second thread only waits for the first.
_INSERT: Mapping[str, str | int] = {"max_threads": 1}
_UNKNOWN_DATABASE, _ACCESS_DENIED, _WRONG_PASSWORD = 81, 497, 516
_CREDENTIALS = frozenset({192, 193, 194, _ACCESS_DENIED, _WRONG_PASSWORD})
# What the server says when it cannot do the work now: limits of time, memory, parts, disk, network.
_TRANSIENT = frozenset(
    {3, 74, 75, 76, 101, 159, 160, 164, 198, 202, 203, 209, 210, 225, 236, 241, 242, 243, 252, 279}
    | {285, 286, 319, 394, 425, 439, 473, 499, 643, 745, 999}
)


@dataclass(frozen=True, slots=True)
class Server:
    """Where a ClickHouse server is, from `https://user:pass@host:8443/toll`."""

    host: str
    port: int
    secure: bool
    user: str
    password: str = field(repr=False)
    database: str
    options: Mapping[str, str] = field(default_factory=dict)  # verify, ca_cert

    @classmethod
    def parse(cls, url: str) -> Server:
        """Read `TOLL_CLICKHOUSE`; the message of an error never repeats the password."""
        form = "write TOLL_CLICKHOUSE as https://user:password@host:8443/database"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise SettingsError(f"TOLL_CLICKHOUSE has no valid host and port: {form}") from None
        if parts.scheme not in ("http", "https"):
            raise SettingsError(f"TOLL_CLICKHOUSE must begin with https:// or http://: {form}")
        if not parts.hostname:
            raise SettingsError(f"TOLL_CLICKHOUSE names no host: {form}")
        options = dict(parse_qsl(parts.query))
        if unknown := sorted(options.keys() - {"verify", "ca_cert"}):
            raise SettingsError(
                f"TOLL_CLICKHOUSE has the unknown option {unknown[0]!r}: use verify or ca_cert"
            )
        secure = parts.scheme == "https"
        return cls(
            host=parts.hostname,
            port=port or (8443 if secure else 8123),
            secure=secure,
            user=unquote(parts.username or "default"),
            password=unquote(parts.password or ""),
            database=unquote(parts.path.strip("/")) or "toll",
            options=options,
        )


class Database:
    """Statements of `queries/` run in one database; safe to share between threads.

    Each call borrows a client of its own: an embedded client serialises its calls, and a client of
    a server must not be used by two threads at once.
    """

    def __init__(
        self, connect: Callable[[str], Client], name: str, *, clients: int, where: str, secret: str
    ) -> None:
        self.name = name
        self.where = where  # for messages, without secrets
        self._connect = connect
        self._secret = secret
        self._idle: list[Client] = []
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(clients)
        self._closed = False

    def __repr__(self) -> str:
        return f"Database({self.name!r} at {self.where})"

    def table(self, name: str, /, **values: Value) -> pa.Table:
        """The result of a statement as columns."""
        with self._client() as client:
            return client.query_arrow(statement(name), parameters=values or None, use_strings=True)

    def rows(self, name: str, /, **values: Value) -> list[Row]:
        """The result of a statement as rows."""
        rows: list[Row] = self.table(name, **values).to_pylist()
        return rows

    def run(self, name: str, /, **values: Value) -> None:
        """Run a statement that brings no rows back (insert from select, change of a table)."""
        with self._client() as client:
            client.command(statement(name), parameters=values or None)

    def execute(self, text: str) -> None:
        """Run a statement of a schema file."""
        with self._client() as client:
            client.command(text)

    def insert(self, table: str, rows: pa.Table, *, once: str = "") -> None:
        """Append rows; their column names must be the table's. Returns once they are stored.

        once: of all inserts with this name only the first takes effect, whole, whoever makes them;
        the table must have a `non_replicated_deduplication_window`.
        """
        if rows.num_rows:
            only = {"insert_deduplicate": 1, "insert_deduplication_token": once} if once else {}
            with self._client() as client:
                client.insert_arrow(table, rows, settings={**_INSERT, **only})

    def close(self) -> None:
        """Close every client; the embedded engine stops with the last one of the process."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for client in idle:
            client.close()

    @contextmanager
    def _client(self) -> Iterator[Client]:
        with self._room:
            with self._lock:
                if self._closed:
                    raise UnavailableError("the store has been closed")
                client = self._idle.pop() if self._idle else None
            try:
                client = client or self._connect(self.name)
                yield client
            except (ClickHouseError, OSError, pa.ArrowException) as error:
                raise _translated(error, self.where, self._secret) from None
            finally:
                if client is not None:
                    self._give_back(client)

    def _give_back(self, client: Client) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(client)
                return
        client.close()


def open_server(url: str, *, timeout_s: int = 120) -> Database:
    """A database on a ClickHouse server, made there if it is missing."""
    server = Server.parse(url)

    def connect(database: str) -> Client:
        return clickhouse_connect.get_client(
            host=server.host,
            port=server.port,
            secure=server.secure,
            username=server.user,
            password=server.password,
            database=database,
            connect_timeout=min(5, timeout_s),
            send_receive_timeout=timeout_s,
            autogenerate_session_id=False,
            tz_mode="aware",
            settings={**_SESSION, "max_execution_time": timeout_s},
            verify=server.options.get("verify", "true"),
            ca_cert=server.options.get("ca_cert"),
        )

    where = f"{server.host}:{server.port}"
    secret = server.password
    try:
        _make_database(connect, "default", server.database)
    except (ClickHouseError, OSError) as error:
        raise _translated(error, where, secret) from None
    return Database(connect, server.database, clients=16, where=where, secret=secret)


def open_embedded(folder: Path, *, database: str = "toll") -> Database:
    """A database of the embedded engine, whose files are in `folder`. One process at a time."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"TOLL_DATA: cannot make {folder}: {error.strerror}") from None

    def connect(name: str) -> Client:
        return clickhouse_connect.get_client(
            interface="chdb",
            path=str(folder),
            database=name,
            tz_mode="aware",
            settings=dict(_SESSION),
            show_clickhouse_errors="scrub",
        )

    try:
        _make_database(connect, "default", database)
    except ClickHouseError as error:
        raise _opening_failed(folder, error) from None
    return Database(connect, database, clients=4, where=str(folder), secret="")


def _make_database(connect: Callable[[str], Client], first: str, name: str) -> None:
    client = connect(first)
    try:
        known = client.command(statement("database_exists"), parameters={"name": name})
        if not int(str(known)):
            client.command(statement("database_create"), parameters={"name": name})
    finally:
        client.close()


def _opening_failed(folder: Path, error: ClickHouseError) -> TollError:
    if _held(folder / "status"):
        return BusyError(
            f"another process has the store in {folder} open: "
            "stop it, or set TOLL_URL to talk to it"
        )
    text = " ".join(str(error).split())
    if "different path" in text or "already initialized" in text or "already running" in text:
        return BusyError(f"this process has a store in another folder open, not {folder}: {text}")
    return UnavailableError(f"cannot open the store in {folder}: {text}")


def _held(status: Path) -> bool:
    """Whether another process has locked the engine's status file."""
    try:
        with status.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # not there, or not ours: the engine's own words say more
        return False
    return False


def _translated(error: Exception, where: str, secret: str) -> TollError:
    code = error.code if isinstance(error, Error) else None
    text = " ".join(str(error).split())[:500]
    if secret:
        text = text.replace(secret, "***")
    if code in _CREDENTIALS:
        return SettingsError(f"the store at {where} refuses these credentials: {text}")
    if code in _TRANSIENT:
        return UnavailableError(f"the store at {where} cannot do this now: {text}")
    if code is None and isinstance(error, (OperationalError, OSError)):
        return UnavailableError(f"the store at {where} does not answer: {text}")
    if code is None and isinstance(error, Error) and "HTTP status" in text:
        return UnavailableError(f"the store at {where} does not answer properly: {text}")
    return TollError(f"the store at {where} failed: {text}")
