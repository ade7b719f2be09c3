"""Storing business events, and the index of ids for streams whose producer restamps them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from ingest.times import from_ms
from store.clickhouse import Database
from store.rows import TIME, schema, to_table

EVENTS = "business_events"
IDS = "event_ids"
IDS_SCHEMA = schema(
    {
        "stream": pa.string(),
        "id": pa.string(),
        "at": TIME,
    }
)
_TEXT = 40_000  # characters of ids in one lookup: a server takes no longer field


class EventTable:
    """Appends business events; repeats fall on the same sorting key and vanish."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, events: pa.Table) -> None:
        """Store events (`ingest.events.EVENT_SCHEMA`); returns once they are in the table."""
        self._database.insert(EVENTS, events)

    def first_times(
        self, stream: str, ids: Sequence[str], times_ms: Sequence[int]
    ) -> Sequence[int]:
        """The time under which each id is known from now on: its first, in the order given."""
        given: dict[str, int] = {}
        for name, time in zip(ids, times_ms, strict=True):
            given.setdefault(name, time)
        known = {
            row["id"]: int(row["at"])
            for part in _parts(list(given))
            for row in self._database.rows("first_times", stream=stream, ids=part)
        }
        new = {name: time for name, time in given.items() if name not in known}
        rows = [{"stream": stream, "id": name, "at": from_ms(time)} for name, time in new.items()]
        self._database.insert(IDS, to_table(rows, IDS_SCHEMA))
        known |= new
        return [known[name] for name in ids]


def _parts(ids: Sequence[str]) -> Iterator[list[str]]:
    part: list[str] = []
    size = 0
    for name in ids:
        if part and size + len(name) > _TEXT:
            yield part
            part, size = [], 0
        part.append(name)
        size += len(name) + 3  # quotes and a comma
    if part:
        yield part
