"""Incidents as they became known, version by version, and who is the active assessor.

Writes carry the generation of their assessor. Readers take the newest generation seen for an
incident and, within it, the newest version: what an assessor writes after it was replaced is kept
but not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
from pydantic import TypeAdapter

from enrich.incident import Incident, IncidentState
from ingest.times import from_ms, to_ms
from store.clickhouse import Database, Row
from store.rows import EARLIEST, LATEST, TIME, schema, to_table
from store.times import known_moment

TABLE = "incidents"
SCHEMA = schema(
    {
        "id": pa.string(),
        "known_at": TIME,
        "generation": pa.uint64(),
        "kind": pa.string(),
        "state": pa.string(),
        "title": pa.string(),
        "started_at": TIME,
        "ended_at": TIME,
        "root": pa.string(),
        "explanation": pa.string(),
        "processes": pa.list_(pa.string()),
        "map_version": pa.string(),
        "gone": pa.uint8(),
        "body": pa.string(),
    }
)
_INCIDENT = TypeAdapter(Incident)


@dataclass(frozen=True, slots=True)
class IncidentVersion:
    """One version of an incident. `gone`: it was merged into another, or was none."""

    incident: Incident
    known_at: datetime
    generation: int
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Stage:
    """What an incident was known as from a moment on."""

    known_at: datetime
    state: IncidentState
    started_at: datetime
    ended_at: datetime | None
    title: str
    root: str
    gone: bool


class IncidentTable:
    """Every version of every incident."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, versions: Sequence[IncidentVersion]) -> None:
        """Keep versions; the same again changes nothing."""
        self._database.insert(TABLE, to_table([_row(v) for v in versions], SCHEMA))

    def find(
        self,
        *,
        start: datetime = EARLIEST,
        end: datetime = LATEST,
        states: Sequence[IncidentState] = (),
        as_of: datetime = LATEST,
        gone: bool = False,
    ) -> list[IncidentVersion]:
        """The newest version, as known at `as_of`, of what touches [start, end); newest first.

        `gone`: those as well that were taken back.
        """
        rows = self._database.rows(
            "incidents",
            start=to_ms(start),
            end=to_ms(end),
            states=list(states),
            as_of=to_ms(as_of),
            gone=int(gone),
        )
        return [_version(row) for row in rows]

    def get(self, incident: str, *, as_of: datetime = LATEST) -> IncidentVersion | None:
        """The newest version of one incident, gone or not; None if it was not known."""
        rows = self._database.rows("incident", id=incident, as_of=to_ms(as_of))
        return _version(rows[0]) if rows else None

    def life(self, incident: str, *, as_of: datetime = LATEST) -> list[Stage]:
        """What one incident was known as, version by version, without its episodes."""
        return [
            Stage(
                known_at=from_ms(row["known_ms"]),
                state=row["state"],
                started_at=from_ms(row["started_ms"]),
                ended_at=known_moment(row["ended_ms"]),
                title=row["title"],
                root=row["root"],
                gone=bool(row["gone"]),
            )
            for row in self._database.rows("incident_life", id=incident, as_of=to_ms(as_of))
        ]

    def take_generation(self, holder: str) -> int:
        """Become the active assessor: a generation above all others. `holder` is unique."""
        self._database.run("assess_generation_take", holder=holder)
        return int(self._database.rows("assess_generation_mine", holder=holder)[0]["generation"])

    def generation(self) -> int:
        """The generation of the active assessor, 0 before the first."""
        rows = self._database.rows("assess_generation")
        return int(rows[0]["generation"]) if rows else 0


def _row(version: IncidentVersion) -> Row:
    incident = version.incident
    return {
        "id": incident.id,
        "known_at": version.known_at,
        "generation": version.generation,
        "kind": incident.kind,
        "state": incident.state,
        "title": incident.title,
        "started_at": incident.started_at,
        "ended_at": incident.ended_at,
        "root": incident.root,
        "explanation": incident.explanation,
        "processes": [reached.process for reached in incident.reached],
        "map_version": incident.map_version,
        "gone": int(version.gone),
        "body": _INCIDENT.dump_json(incident).decode(),
    }


def _version(row: Row) -> IncidentVersion:
    return IncidentVersion(
        incident=_INCIDENT.validate_json(row["body"]),
        known_at=from_ms(row["known_ms"]),
        generation=row["generation"],
        gone=bool(row["gone"]),
    )
