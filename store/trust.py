"""What the trust ledger is made of: live estimates of certain ages, final ones, and replays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa

from impact.model import MeasureImpact
from impact.trust import Age, Said
from ingest.times import to_ms
from store.clickhouse import Database
from store.estimates import impact_of, without_draws
from store.rows import EARLIEST, LATEST, TIME, schema, to_table

REPLAYS = "replays"
REPLAYS_SCHEMA = schema(
    {
        "incident": pa.string(),
        "process": pa.string(),
        "measure": pa.string(),
        "age": pa.string(),
        "as_of": TIME,
        "made_at": TIME,
        "body": pa.string(),
    }
)


class TrustTable:
    """Reads issued estimates by age; keeps replays apart from them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def said(
        self,
        process: str = "",
        measure: str = "",
        start: datetime = EARLIEST,
        end: datetime = LATEST,
    ) -> list[Said]:
        """Of settled incidents begun in [start, end): what was said live, finally, and replayed."""
        which = {"process": process, "measure": measure}
        rows = self._database.rows("trust_estimates", start=to_ms(start), end=to_ms(end), **which)
        found = [Said(impact_of(row), row["age"]) for row in rows]
        settled = {said.impact.incident for said in found}
        again = self._database.rows("trust_replays", **which)
        return found + [
            Said(impact_of(row), row["age"], replayed=True)
            for row in again
            if row["incident"] in settled
        ]

    def insert_replays(
        self, replays: Sequence[tuple[Age, MeasureImpact]], made_at: datetime
    ) -> None:
        """Keep what would have been said; a replay of the same age replaces the one before."""
        rows = [
            {
                "incident": impact.incident,
                "process": impact.process,
                "measure": impact.measure,
                "age": age,
                "as_of": impact.as_of,
                "made_at": made_at,
                "body": without_draws(impact),
            }
            for age, impact in replays
        ]
        self._database.insert(REPLAYS, to_table(rows, REPLAYS_SCHEMA))

    def not_replayed(self) -> list[str]:
        """Incidents that were over before Toll could price them live, and have no replay."""
        return [row["incident"] for row in self._database.rows("replays_missing")]
