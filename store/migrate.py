"""Brings a database up to the schema files that ship with this version: numbered, forward only.

Every statement is idempotent (IF NOT EXISTS), so that two processes may migrate at once and a
crash half way is mended by the next start. A file that has been applied is frozen: its checksum is
kept, and a store that was written by other files is refused instead of guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256

import pyarrow as pa

from ingest.errors import SettingsError
from store.clickhouse import Database
from store.rows import schema, to_table
from store.sql import schema_files, split

MIGRATION_SCHEMA = schema(
    {
        "name": pa.string(),
        "checksum": pa.string(),
    }
)
# Tables whose rows expire with the raw events, and the statement that says when.
_EXPIRING = {
    "business_events": ("business_events_ttl", timedelta(0)),
    "event_ids": ("event_ids_ttl", timedelta(days=1)),
}


def checksum(text: str) -> str:
    """What a schema file is known by."""
    return sha256(text.encode()).hexdigest()


def migrate(
    database: Database, retention: timedelta, files: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Apply what is new, in order; return the names. Then let raw events live for `retention`."""
    shipped = schema_files() if files is None else files
    database.run("migrations_table")
    applied = {row["name"]: row["checksum"] for row in database.rows("migrations")}
    _refuse_other_history(applied, shipped, database.where)
    new = tuple(name for name in shipped if name not in applied)
    for name in new:
        for text in split(shipped[name]):
            database.execute(text)
        row = {"name": name, "checksum": checksum(shipped[name])}
        database.insert("schema_migrations", to_table([row], MIGRATION_SCHEMA))
    _keep_raw_events(database, retention)
    return new


def _refuse_other_history(
    applied: Mapping[str, str], shipped: Mapping[str, str], where: str
) -> None:
    for name, known in applied.items():
        if name not in shipped:
            raise SettingsError(
                f"the store at {where} has {name}, which this version does not know: "
                "it was written by a newer Toll; install that version or a later one"
            )
        if checksum(shipped[name]) != known:
            raise SettingsError(
                f"{name} differs from what was applied to the store at {where}: schema files are "
                "frozen once shipped; install an unmodified Toll"
            )
    newest = max(applied, default="")
    for name in shipped:
        if name < newest and name not in applied:
            raise SettingsError(
                f"the store at {where} has {newest} but not {name}: schema files apply in order; "
                "install an unmodified Toll"
            )


def _keep_raw_events(database: Database, retention: timedelta) -> None:
    for table, (change, longer) in _EXPIRING.items():
        seconds = int((retention + longer).total_seconds())
        for row in database.rows("table_engine", name=table):
            if not re.search(rf"toIntervalSecond\((_CAST\()?{seconds}\b", row["engine_full"]):
                database.run(change, seconds=seconds)
