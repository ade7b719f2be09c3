"""What people corrected, kept for good: never changed, never removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import pyarrow as pa
from pydantic import TypeAdapter

from enrich import edits
from enrich.edits import ActionName, Edit, action_name
from ingest.times import from_ms, to_ms
from store.clickhouse import Database
from store.rows import LATEST, TIME, schema, to_table

TABLE = "edits"
SCHEMA = schema(
    {
        "incident": pa.string(),
        "made_at": TIME,
        "id": pa.string(),
        "action": pa.string(),
        "value": pa.string(),
        "who": pa.string(),
        "why": pa.string(),
    }
)
# What each kind of edit is called in the table.
ACTIONS: Mapping[ActionName, TypeAdapter[Any]] = MappingProxyType(
    {
        "start": TypeAdapter(edits.Start),
        "end": TypeAdapter(edits.End),
        "cause": TypeAdapter(edits.Cause),
        "reach": TypeAdapter(edits.Reach),
        "title": TypeAdapter(edits.Title),
        "merge": TypeAdapter(edits.Merge),
        "split": TypeAdapter(edits.Split),
        "dismiss": TypeAdapter(edits.Dismiss),
        "response": TypeAdapter(edits.Response),
        "undo": TypeAdapter(edits.Undo),
    }
)


class EditTable:
    """Every edit ever made."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, made: Sequence[Edit]) -> None:
        """Keep edits, all or none; the same again changes nothing."""
        rows = [
            {
                "incident": edit.incident,
                "made_at": edit.made_at,
                "id": edit.id,
                "action": action_name(edit.action),
                "value": ACTIONS[action_name(edit.action)].dump_json(edit.action).decode(),
                "who": edit.who,
                "why": edit.why,
            }
            for edit in made
        ]
        self._database.insert(TABLE, to_table(rows, SCHEMA))

    def find(self, incident: str = "", *, as_of: datetime = LATEST) -> list[Edit]:
        """Edits of an incident, or all, made by then, oldest first."""
        return [
            Edit(
                id=row["id"],
                incident=row["incident"],
                made_at=from_ms(row["made_ms"]),
                who=row["who"],
                why=row["why"],
                action=ACTIONS[row["action"]].validate_json(row["value"]),
            )
            for row in self._database.rows("edits", incident=incident, as_of=to_ms(as_of))
        ]
