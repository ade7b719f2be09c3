"""Storing business events, and the index of ids for streams whose producer restamps them."""

from __future__ import annotations

import pyarrow as pa

from store.clickhouse import Database

EVENTS = "business_events"


class EventTable:
    """Appends business events; repeats fall on the same sorting key and vanish."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, events: pa.Table) -> None:
        """Store events (`ingest.events.EVENT_SCHEMA`); returns once they are in the table."""
        self._database.insert(EVENTS, events)
