"""Signals in normal form: stored once each, read by time of receipt or of what they speak of.

Their native bodies, most of the bytes, are kept for people and their SQL; no reader here has them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import pyarrow as pa

from ingest.events import Signal
from ingest.times import from_ms, to_ms
from store.clickhouse import Database, Row
from store.rows import EARLIEST, LABELS, TIME, schema, to_table
from store.times import known_moment

TABLE = "signals"
SCHEMA = schema(
    {
        "source": pa.string(),
        "id": pa.string(),
        "kind": pa.string(),
        "status": pa.string(),
        "severity": pa.string(),
        "labels": LABELS,
        "summary": pa.string(),
        "url": pa.string(),
        "fingerprint": pa.string(),
        "started_at": TIME,
        "ended_at": TIME,
        "availability": pa.float64(),
        "received_at": TIME,
        "raw": pa.string(),
    }
)


class SignalTable:
    """Signals; (source, id) is the identity, and of repeats the first to be received stays."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def insert(self, signals: Sequence[Signal]) -> None:
        """Store signals, received now unless they say when."""
        now = self._clock()
        rows = [
            {name: getattr(signal, name) for name in SCHEMA.names}
            | {"received_at": signal.received_at or now}
            for signal in signals
        ]
        self._database.insert(TABLE, to_table(rows, SCHEMA))

    def all(self) -> list[Signal]:
        """Every signal, in the order received."""
        return self.since(EARLIEST)

    def since(self, moment: datetime) -> list[Signal]:
        """Signals received, or written by the store's clock, at or after a moment.

        Ask again with some overlap: two ingesters may write in another order than they received.
        """
        return [_signal(row) for row in self._database.rows("signals_since", since=to_ms(moment))]

    def between(self, start: datetime, end: datetime) -> list[Signal]:
        """Signals of what was going on in [start, end), by start."""
        rows = self._database.rows("signals_between", start=to_ms(start), end=to_ms(end))
        return [_signal(row) for row in rows]


def _signal(row: Row) -> Signal:
    return Signal(
        id=row["id"],
        source=row["source"],
        kind=row["kind"],
        status=row["status"],
        severity=row["severity"],
        labels=dict(row["labels"]),
        summary=row["summary"],
        fingerprint=row["fingerprint"],
        started_at=from_ms(row["started_ms"]),
        ended_at=known_moment(row["ended_ms"]),
        url=row["url"],
        availability=row["availability"],
        received_at=from_ms(row["received_ms"]),
    )
