"""Reading what was counted: units, money and sampled values per minute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from impact.model import FloatArray
from impact.ports import Volumes
from ingest.times import to_ms
from store.clickhouse import Database, Row
from store.times import to_seconds

IntArray = NDArray[np.int64]


class VolumeTable:
    """Reads `minutes`, the newest generation of each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def volumes(
        self, stream: str, statuses: Sequence[str], start: datetime, end: datetime
    ) -> Volumes:
        """Minutes in [start, end) that have rows with one of the statuses, as float64."""
        table = self._database.table(
            "volumes", stream=stream, statuses=list(statuses), start=to_ms(start), end=to_ms(end)
        )
        times, place = np.unique(_column(table, "time"), return_inverse=True)

        def total(name: str) -> FloatArray:
            return _sums(place, _column(table, name), len(times))

        return Volumes(
            times=to_seconds(times),
            count=total("count"),
            amounts=_by_currency(table, place, len(times)),
            value_sum=total("value_sum"),
            value_count=total("value_count"),
        )

    def money(
        self, stream: str, statuses: Sequence[str], start: datetime, end: datetime
    ) -> Mapping[str, Decimal]:
        """Exact sums of the amounts in [start, end), by currency."""
        rows = self._database.rows(
            "money", stream=stream, statuses=list(statuses), start=to_ms(start), end=to_ms(end)
        )
        return {row["currency"]: row["amount"] for row in rows}

    def taken(self, streams: Sequence[str], start: datetime, end: datetime) -> list[Row]:
        """Units and exact sums in [start, end) by stream (`name`), status and currency."""
        return self._database.rows(
            "taken", streams=list(streams), start=to_ms(start), end=to_ms(end)
        )


def _by_currency(table: pa.Table, place: IntArray, length: int) -> Mapping[str, FloatArray]:
    currencies = np.asarray(table.column("currency").to_pylist(), dtype=object)
    amount = _column(table, "amount")
    sums: dict[str, FloatArray] = {}
    for currency in sorted({str(c) for c in currencies if c}):
        rows = currencies == currency
        sums[currency] = _sums(place[rows], amount[rows], length)
    return sums


def _sums(place: IntArray, weights: FloatArray, length: int) -> FloatArray:
    return np.bincount(place, weights=weights, minlength=length).astype(np.float64)


def _column(table: pa.Table, name: str) -> FloatArray:
    return table.column(name).to_numpy()
