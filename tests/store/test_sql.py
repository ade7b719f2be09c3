"""Every statement is understood by the engine, and names what the schema has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ingest.events import EVENT_SCHEMA
from store import (
    dead_letters,
    edits,
    estimates,
    events,
    incidents,
    maps,
    migrate,
    pipeline,
    records,
    signals,
    sql,
    subscribers,
    trust,
)
from store.store import Store

pytestmark = pytest.mark.engine

ROOM = Path(sql.__file__).parent
EXAMPLES: dict[str, object] = {
    "String": "a", "UInt8": 1, "UInt32": 10, "UInt64": 5, "Int64": 1000, "Array(String)": ["a"],
    "Array(Int64)": [0], "Array(Tuple(UInt32, UInt32))": [(1, 3)],
}  # fmt: skip
READS = tuple(n for n in sql.statement_names() if re.match(r"SELECT|WITH|INSERT", sql.statement(n)))
INSERTS = {
    events.EVENTS: EVENT_SCHEMA,
    events.IDS: events.IDS_SCHEMA,
    signals.TABLE: signals.SCHEMA,
    dead_letters.TABLE: dead_letters.SCHEMA,
    pipeline.PROGRESS: pipeline.PROGRESS_SCHEMA,
    pipeline.ARRIVALS: pipeline.ARRIVALS_SCHEMA,
    maps.TABLE: maps.SCHEMA,
    maps.MEASURES: maps.MEASURES_SCHEMA,
    maps.NODES: maps.NODES_SCHEMA,
    incidents.TABLE: incidents.SCHEMA,
    estimates.TABLE: estimates.SCHEMA,
    records.META: records.META_SCHEMA,
    edits.TABLE: edits.SCHEMA,
    records.OUTBOX: records.OUTBOX_SCHEMA,
    records.REPORTS: records.REPORTS_SCHEMA,
    subscribers.TABLE: subscribers.SCHEMA,
    trust.REPLAYS: trust.REPLAYS_SCHEMA,
    "schema_migrations": migrate.MIGRATION_SCHEMA,
}
# Columns that the store fills itself.
OWN = {
    "signals": {"stored_at", "keep"}, "dead_letters": {"replayed_at", "version"},
    "progress": {"recorded_at"}, "event_ids": {"known_at"}, "meta": {"set_at"},
    "schema_migrations": {"applied_at"},
}  # fmt: skip


def query(store: Store, text: str, **values: object) -> list[tuple[Any, ...]]:
    with store.database._client() as client:
        return [tuple(r) for r in client.query(text, parameters=values or None).result_rows]


@pytest.mark.parametrize("name", READS)
def test_the_engine_understands(store, name):
    text = sql.statement(name)
    values = {n: EXAMPLES[kind] for n, kind in re.findall(r"\{(\w+):([^}]+)\}", text)}
    select = re.sub(r"^INSERT INTO \w+\s*\([^)]*\)", "", text)
    assert query(store, f"EXPLAIN {select}", **values)


def test_only_statements_about_tables_are_left_unexplained():
    assert set(sql.statement_names()) - set(READS) == {
        "business_events_ttl", "database_create", "event_ids_ttl", "migrations_table",
    }  # fmt: skip


def test_every_statement_is_used_and_says_what_it_is_for():
    code = "".join(path.read_text() for path in ROOM.glob("*.py"))
    for name in sql.statement_names():
        assert f'"{name}"' in code
        assert (ROOM / "queries" / f"{name}.sql").read_text().startswith("-- ")


@pytest.mark.parametrize("name", INSERTS)
def test_an_insert_names_every_column_of_its_table(store, name):
    columns = query(
        store,
        "SELECT name FROM system.columns WHERE database = currentDatabase()"
        " AND table = {table:String} AND default_kind != 'MATERIALIZED'",
        table=name,
    )
    assert {c for (c,) in columns} - OWN.get(name, set()) == set(INSERTS[name].names)


def test_every_insert_of_the_room_is_listed_here():
    schemas = {
        value for module in (
            dead_letters, estimates, events, incidents, maps, migrate, pipeline, records, signals,
            subscribers, trust,
        )
        for value in vars(module).values() if isinstance(value, pa.Schema)
    }  # fmt: skip
    assert schemas <= set(INSERTS.values())


def test_every_table_and_column_says_what_it_is(store):
    tables = query(
        store,
        "SELECT name FROM system.tables WHERE database = currentDatabase()"
        " AND engine LIKE '%MergeTree' AND comment = ''",
    )
    columns = query(
        store,
        "SELECT table, name FROM system.columns WHERE database = currentDatabase()"
        " AND comment = '' AND table IN (SELECT name FROM system.tables"
        " WHERE database = currentDatabase() AND engine LIKE '%MergeTree')",
    )
    assert (tables, columns) == ([], [])


def test_a_statement_ends_at_a_line_that_ends_with_a_semicolon():
    text = "-- a; comment;\nCREATE x COMMENT 'a; b';\n\n-- more\nCREATE y\n  ;\n"
    assert sql.split(text) == ("CREATE x COMMENT 'a; b'", "CREATE y")


def test_nothing_is_formatted_into_a_statement():
    for path in ROOM.glob("*.py"):
        assert not re.search(r"f[\"']+\s*(SELECT|INSERT|ALTER|CREATE|DELETE)\b", path.read_text())
