"""From records to columns, and what all tables of records share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)  # what a query without a start means
LATEST = datetime(2200, 1, 1, tzinfo=UTC)  # what a query without an end means
TIME = pa.timestamp("ms", tz="UTC")
LABELS = pa.map_(pa.string(), pa.string())


def schema(columns: Mapping[str, pa.DataType]) -> pa.Schema:
    """The columns of an insert, in order: the one place where they are named in Python."""
    return pa.schema(list(columns.items()))


def to_table(rows: Sequence[Mapping[str, Any]], columns: pa.Schema) -> pa.Table:
    """Rows by column name as a table; moments lose what is below a millisecond."""
    arrays: list[pa.Array[Any]] = [
        pa.array([_value(row[column.name], column.type) for row in rows], column.type)
        for column in columns
    ]
    return pa.Table.from_arrays(arrays, schema=columns)


def _value(value: Any, kind: pa.DataType) -> Any:
    if isinstance(value, datetime):
        return value.replace(microsecond=value.microsecond // 1000 * 1000)
    if isinstance(value, Mapping) and pa.types.is_map(kind):
        return list(value.items())
    return value
