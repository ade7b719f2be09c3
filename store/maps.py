"""Versions of the map: by content, with the moment from which on each describes the company."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from store.clickhouse import Database, Row
from store.rows import LATEST, TIME, schema, to_table
from store.times import moment, ms

TABLE = "maps"
SCHEMA = schema(
    {
        "version": pa.string(),
        "valid_from": TIME,
        "known_at": TIME,
        "content": pa.string(),
    }
)


@dataclass(frozen=True, slots=True)
class MapVersion:
    """One version of the map as it was read; `content` is whatever the reader needs to read it."""

    version: str
    valid_from: datetime
    known_at: datetime
    content: str


class MapTable:
    """Every version of the map: an old incident keeps its old map."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, version: MapVersion) -> None:
        """Keep a version; the same again changes nothing."""
        row = {name: getattr(version, name) for name in SCHEMA.names}
        self._database.insert(TABLE, to_table([row], SCHEMA))

    def at(self, moment_: datetime) -> MapVersion | None:
        """The version valid at a moment, None before the first."""
        rows = self._database.rows("maps_at", at=ms(moment_))
        return _version(rows[0]) if rows else None

    def latest(self) -> MapVersion | None:
        """The version valid last."""
        return self.at(LATEST)

    def get(self, version: str) -> MapVersion | None:
        """A version by its hash."""
        rows = self._database.rows("maps_version", version=version)
        return _version(rows[0]) if rows else None

    def all(self) -> list[MapVersion]:
        """Every version, oldest first."""
        return [_version(row) for row in self._database.rows("maps_all")]


def _version(row: Row) -> MapVersion:
    return MapVersion(
        row["version"], moment(row["valid_ms"]), moment(row["known_ms"]), row["content"]
    )
