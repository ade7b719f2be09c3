"""Schema files: numbered, forward only, frozen once shipped."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from ingest.errors import SettingsError
from store.migrate import checksum, migrate
from store.sql import schema_files
from store.store import RETENTION

pytestmark = pytest.mark.engine

ONE = "CREATE TABLE IF NOT EXISTS one (a UInt8) ENGINE = MergeTree ORDER BY a;\n"
TWO = """-- two statements
CREATE TABLE IF NOT EXISTS two (a UInt8) ENGINE = MergeTree ORDER BY a;

ALTER TABLE one ADD COLUMN IF NOT EXISTS b UInt8;
"""
# What has been released. A change to one of these files breaks every store that exists.
SHIPPED = {
    "0001_events.sql": "631f5b1a968ecf2aa33cb758e7fe2477f882447d49c19f60522144ea159b0a68",
    "0002_journeys.sql": "338bea3fb3269e72073ecce41d885684d21ada702652088f01d9657a48aa70a5",
    "0003_intake.sql": "364f92cb170abe72cc2d7f4727504f5cec59bb62103e444dd1cf6090500c0b63",
    "0004_records.sql": "cdd980881d2bd8f80bbd75b097fc25bb3eb4b4c15b8685d82aca380a9febb109",
    "0005_replays.sql": "e00f0f61bfa97849a7744ed51d58ecc8f9da390b33437661a451c0eb8afc0fbc",
    "0006_merges.sql": "1c5b1d8e8280919dae8ac5269bd64c02d0eb1fb1878f4e417fee121c25314f1a",
    "0007_readable.sql": "1cc046bf39b38292bafa5a3477016da1cc4f4aca1bf92c2ae505f4b9f6a569dc",
    "0008_reports.sql": "541d85067f2941ddb02e3d54b0276d595ccf0c0d0d3430e4fa81ec3d6a66470a",
    "0009_notes.sql": "b78913d801595737cd1bca21ce36630d9c5d36829957c41eeadebcf9b1caede5",
    "0010_subscribers.sql": "a2bdda3b9b0780550c085f4d8373e15ca390b762d2937358514de97d886d35d6",
}


@pytest.fixture
def database(engine):
    database = engine.fresh()
    yield database
    database.close()


def test_files_apply_in_order_and_once(database):
    assert migrate(database, RETENTION, {"0001_a.sql": ONE}) == ("0001_a.sql",)
    assert migrate(database, RETENTION, {"0001_a.sql": ONE, "0002_b.sql": TWO}) == ("0002_b.sql",)
    assert migrate(database, RETENTION, {"0001_a.sql": ONE, "0002_b.sql": TWO}) == ()


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"0001_a.sql": ONE + "\n", "0002_b.sql": TWO}, "0001_a.sql differs"),
        ({"0001_a.sql": ONE}, "0002_b.sql, which this version does not know"),
        ({"0001_a.sql": ONE, "0001_c.sql": ONE, "0002_b.sql": TWO}, "but not 0001_c.sql"),
    ],
)
def test_other_files_are_refused(database, files, reason):
    migrate(database, RETENTION, {"0001_a.sql": ONE, "0002_b.sql": TWO})
    with pytest.raises(SettingsError, match=reason):
        migrate(database, RETENTION, files)


def test_a_migration_that_was_cut_off_is_finished_by_the_next(database):
    migrate(database, RETENTION, {"0001_a.sql": ONE})
    database.execute(TWO.split(";")[0])  # and then the power went
    assert migrate(database, RETENTION, {"0001_a.sql": ONE, "0002_b.sql": TWO}) == ("0002_b.sql",)


def test_two_processes_may_migrate_at_once(engine, database):
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(migrate, database, RETENTION) for _ in range(2)]:
            done.result()
    assert migrate(database, RETENTION) == ()


def test_the_retention_sets_how_long_raw_events_live(database):
    def ttl(table: str) -> str:
        return str(database.rows("table_engine", name=table)[0]["engine_full"])

    migrate(database, RETENTION)
    assert "toIntervalSecond(7776000)" in ttl("business_events")
    migrate(database, timedelta(days=30))
    assert "2592000" in ttl("business_events")
    assert str(31 * 86400) in ttl("event_ids")
    migrate(database, RETENTION)
    assert "7776000" in ttl("business_events")


def test_shipped_files_are_frozen():
    names = list(schema_files())
    assert names == sorted(names)
    assert [name[:4] for name in names] == [f"{n:04}" for n in range(1, len(names) + 1)]
    found = {name: checksum(text) for name, text in schema_files().items()}
    assert {name: found.get(name) for name in SHIPPED} == SHIPPED
