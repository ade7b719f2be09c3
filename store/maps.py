"""Versions of the map: by content, with the moment from which on each describes the company.

What a version says of measures and nodes is kept as rows, too, for people and their dashboards.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from enrich.model import BusinessMap
from ingest.times import from_ms, to_ms
from store.clickhouse import Database, Row
from store.rows import LATEST, TIME, schema, to_table

TABLE, MEASURES, NODES = "maps", "map_measures", "map_nodes"
SCHEMA = schema(
    {
        "version": pa.string(),
        "valid_from": TIME,
        "known_at": TIME,
        "content": pa.string(),
    }
)
MEASURES_SCHEMA = schema(
    {
        "version": pa.string(),
        "process": pa.string(),
        "process_title": pa.string(),
        "measure": pa.string(),
        "measure_title": pa.string(),
        "kind": pa.string(),
        "stream": pa.string(),
        "counted": pa.list_(pa.string()),
        "adds_money": pa.uint8(),
    }
)
NODES_SCHEMA = schema(
    {
        "version": pa.string(),
        "node": pa.string(),
        "title": pa.string(),
        "layer": pa.string(),
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

    def describe(self, described: BusinessMap) -> None:
        """Keep a version's measures and nodes as rows; the same again changes nothing."""
        measures = [
            {
                "version": described.version,
                "process": measure.process,
                "process_title": described.processes[measure.process].title,
                "measure": measure.name,
                "measure_title": measure.title,
                "kind": measure.kind,
                "stream": measure.stream,
                "counted": [measure.finish] if measure.kind == "lead_time" else list(measure.ok),
                "adds_money": int(described.adds(measure)),
            }
            for measure in described.measures()
        ]
        nodes = [
            {"version": described.version, "node": n.name, "title": n.title, "layer": n.layer}
            for n in described.nodes.values()
        ]
        self._database.insert(MEASURES, to_table(measures, MEASURES_SCHEMA))
        self._database.insert(NODES, to_table(nodes, NODES_SCHEMA))

    def at(self, moment: datetime) -> MapVersion | None:
        """The version valid at a moment, None before the first."""
        rows = self._database.rows("maps_at", at=to_ms(moment))
        return _version(rows[0]) if rows else None

    def latest(self) -> MapVersion | None:
        """The version valid last."""
        return self.at(LATEST)

    def all(self) -> list[MapVersion]:
        """Every version, oldest first."""
        return [_version(row) for row in self._database.rows("maps_all")]


def _version(row: Row) -> MapVersion:
    return MapVersion(
        row["version"], from_ms(row["valid_ms"]), from_ms(row["known_ms"]), row["content"]
    )
