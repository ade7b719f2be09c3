"""Business events as tests write them: only what matters to the test."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.events import EVENT_SCHEMA
from ingest.sink import Minutes

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def event(id: str, at: datetime = NOON, status: str = "ok", **more: Any) -> dict[str, Any]:
    """One event of the stream `payments`, received when it happened, at position 1."""
    row: dict[str, Any] = {
        "stream": "payments", "id": id, "at": at, "status": status, "key": "", "customer": "",
        "amount": None, "currency": "", "count": 1, "value": None, "segment": {},
        "received_at": at, "topic": "business", "partition": 0, "position": 1,
    }  # fmt: skip
    row |= more
    if row["amount"] is not None:
        row["amount"] = Decimal(row["amount"]).quantize(Decimal("1e-9"))
        row["currency"] = row["currency"] or "EUR"
    return row


def table(rows: Sequence[dict[str, Any]]) -> pa.Table:
    columns = {name: [row[name] for row in rows] for name in EVENT_SCHEMA.names}
    columns["segment"] = [list(segment.items()) for segment in columns["segment"]]
    return pa.table(columns, schema=EVENT_SCHEMA)


def touched(rows: Sequence[dict[str, Any]]) -> dict[str, Minutes]:
    streams = {row["stream"] for row in rows}
    return {
        s: np.unique(
            np.array(
                [row["at"].replace(tzinfo=None) for row in rows if row["stream"] == s],
                "datetime64[m]",
            )
        )
        for s in streams
    }


def minute(moment: datetime) -> Minutes:
    return np.array([moment.replace(tzinfo=None)], "datetime64[m]")


def later(minutes: float = 0, **more: float) -> datetime:
    return NOON + timedelta(minutes=minutes, **more)
