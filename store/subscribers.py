"""Since when each subscriber is told of incidents: written once, never moved."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import pyarrow as pa

from ingest.times import from_ms
from store.clickhouse import Database
from store.rows import TIME, schema, to_table

TABLE = "subscribers"
SCHEMA = schema(
    {
        "subscriber": pa.string(),
        "since": TIME,
    }
)


class SubscriberTable:
    """Everybody who was ever told of incidents."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def since(self, names: Collection[str], now: datetime) -> Mapping[str, datetime]:
        """Since when each of them is told; of whom nobody had seen, from `now` on, durably.

        What is written is read back, since another may have seen them at the same time: for both
        the earliest counts.
        """
        known = self._known(names)
        fresh = [name for name in names if name not in known]
        if not fresh:
            return known
        rows = [{"subscriber": name, "since": now} for name in fresh]
        self._database.insert(TABLE, to_table(rows, SCHEMA))
        return self._known(names)

    def _known(self, names: Collection[str]) -> Mapping[str, datetime]:
        rows = self._database.rows("subscribers", names=list(names))
        return {row["subscriber"]: from_ms(row["since_ms"]) for row in rows}
