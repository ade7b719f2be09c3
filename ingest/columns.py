"""Reading many business events at once, in columns: fast, and never wrong.

Polars reads every member as text. What comes out as plainly right becomes events here; every other
line, whatever its trouble, is left to `ingest.exact`. So this module rejects nothing and names no
reason, and must only never accept what the exact reader would read otherwise. Where a text could
have been another JSON type (`true`, `1.5`, `[...`), the line is left to the exact reader too.
"""

from __future__ import annotations

import numpy as np
import orjson
import polars as pl
import pyarrow as pa
from polars.exceptions import PanicException, PolarsError

from ingest.currencies import CURRENCIES
from ingest.events import AMOUNT_DIGITS, AMOUNT_SCALE
from ingest.exact import (
    FIRST_EPOCH_MS,
    FUTURE_MS,
    LAST_MS,
    MAX_ID,
    MAX_KEY,
    MAX_STATUS,
    Rules,
    read_segment,
)
from ingest.lines import Bools, Ints, Lines
from ingest.mapping import JOINABLE, Shape

# What `read` returns: one row per event; `row` is the line's place in `Lines`.
SCHEMA = pl.Schema(
    [
        ("row", pl.Int64()),
        ("stream", pl.String()),
        ("id", pl.String()),
        ("at_ms", pl.Int64()),
        ("status", pl.String()),
        ("key", pl.String()),
        ("customer", pl.String()),
        ("amount", pl.Decimal(AMOUNT_DIGITS, AMOUNT_SCALE)),
        ("currency", pl.String()),
        ("count", pl.UInt64()),
        ("value", pl.Float64()),
        ("segment", pl.String()),
    ]
)

_SMALLEST_PIECE = 64  # lines; below that, the exact reader is as quick as looking further
# Texts that may have been a boolean, an array, an object or a fraction.
_DOUBTFUL = r"^(?:true$|false$|-0$|[\[{]|-?[0-9]+\.[0-9]+$)"
_STREAM = r"^[a-z0-9_.-]{1,64}$"
_AMOUNT = r"^[0-9]{1,18}(?:\.[0-9]{1,9})?$"
_COUNT = r"^[0-9]{0,11}[1-9][0-9]{0,11}$"
_VALUE = r"^-?[0-9]+(?:\.[0-9]+)?$"
_EPOCH_MS = r"^[0-9]{12,13}$"
_RFC_3339 = (
    r"^(?:19[7-9][0-9]|20[0-9]{2})-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[T ]"
    r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])$"
)
_LATE_IN_MONTH = r"^[0-9]{4}-[0-9]{2}-(?:29|30|31)"  # the days a month may not have


def read(lines: Lines, rows: Bools, rules: Rules) -> pl.DataFrame:
    """The events among the chosen lines, as `SCHEMA`; lines it does not return are not plain."""
    shape = rules.shape
    if not shape.flat or not rows.any():
        return SCHEMA.to_frame()
    members = _fields(_members(lines, rows, shape), shape)
    at_ms = _at_ms(members["at"])
    members = members.with_columns(_segments(members["segment"]), at_ms)
    good = members.select(_good(rules)).to_series()
    if not good.all():
        members = members.filter(good)
    return members.select(_cast(shape))


def _members(lines: Lines, rows: Bools, shape: Shape) -> pl.DataFrame:
    """The members that the shape asks for, as text, and `row`; refused lines are left out."""
    names = sorted({str(path[0]) for paths in shape.paths.values() for path in paths})
    schema = pl.Schema(dict.fromkeys(names, pl.String()))
    found = _parse(lines, rows, schema)
    if found is None:
        found = _parse(lines, rows & _objects(lines, rows), schema)
    if found is None:
        pieces = _pieces(lines, np.flatnonzero(rows), schema)
        found = pl.concat(pieces) if pieces else None
    return schema.to_frame().with_columns(pl.lit(0).alias("")) if found is None else found


def _parse(lines: Lines, rows: Bools, schema: pl.Schema) -> pl.DataFrame | None:
    """These lines as text columns; None where Polars refuses one of them."""
    index = np.flatnonzero(rows)
    try:
        found = pl.read_ndjson(lines.keep(rows), schema=schema)
    except (PolarsError, PanicException):
        return None
    return found.with_columns(pl.Series("", index)) if found.height == index.size else None


def _objects(lines: Lines, rows: Bools) -> Bools:
    """Which of the chosen lines are JSON objects at all: a sieve before looking line by line."""
    return np.array(
        [bool(chosen) and _is_object(lines.line(row)) for row, chosen in enumerate(rows)], np.bool_
    )


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _pieces(lines: Lines, index: Ints, schema: pl.Schema) -> list[pl.DataFrame]:
    """What can be read of these lines, halving around those that are refused."""
    rows = np.zeros(len(lines), np.bool_)
    rows[index] = True
    found = _parse(lines, rows, schema)
    if found is not None:
        return [found]
    if index.size <= _SMALLEST_PIECE:
        return []
    middle = index.size // 2
    return _pieces(lines, index[:middle], schema) + _pieces(lines, index[middle:], schema)


def _fields(members: pl.DataFrame, shape: Shape) -> pl.DataFrame:
    """The members under the names of the format, and whether their texts are `doubtful`."""
    texts: set[str] = set()
    chosen: list[pl.Expr] = [pl.col("").alias("row")]
    for name, paths in shape.paths.items():
        parts = [pl.col(str(path[0])) for path in paths]
        if name in JOINABLE:
            texts.update(str(path[0]) for path in paths)
        if name == "stream" and shape.stream is not None:
            chosen.append(pl.lit(shape.stream).alias(name))
        elif len(parts) > 1:
            chosen.append(pl.concat_str(parts, separator="/").alias(name))
        elif parts:
            chosen.append(parts[0].alias(name))
        else:
            chosen.append(pl.lit(None, pl.String).alias(name))
    doubtful = pl.any_horizontal(
        pl.lit(False), *(pl.col(name).str.contains(_DOUBTFUL) for name in sorted(texts))
    )
    return members.select(*chosen, doubtful.fill_null(False).alias("doubtful"))


def _at_ms(at: pl.Series) -> pl.Series:
    """Epoch milliseconds; null where the time is not plainly right."""
    written = at.str.contains(_RFC_3339).fill_null(False)
    if written.all():
        return _moments(at).alias("at_ms")
    digits = at.str.contains(_EPOCH_MS).fill_null(False)
    numbers = _where(at, digits).cast(pl.Int64)
    moments = _moments(_where(at, written))
    return numbers.fill_null(moments).alias("at_ms")


def _where(texts: pl.Series, chosen: pl.Series) -> pl.Series:
    return texts.zip_with(chosen, pl.Series([None], dtype=pl.String))


def _moments(at: pl.Series) -> pl.Series:
    try:
        moments = at.to_arrow().cast(pa.timestamp("ns", "UTC"))
    except pa.ArrowInvalid:  # such as February 30: leave the month's last days to the exact reader
        late = at.str.contains(_LATE_IN_MONTH).fill_null(False)
        moments = _where(at, ~late).to_arrow().cast(pa.timestamp("ns", "UTC"))
    return pl.Series(pl.from_arrow(moments)).cast(pl.Int64) // 1_000_000


def _segments(segment: pl.Series) -> pl.Series:
    """Segments in canonical form; null where they are not plainly right."""
    if segment.null_count() == segment.len():
        return pl.Series("segment", ["{}"]).new_from_index(0, segment.len())
    canonical: dict[str | None, str | None] = {None: "{}"}
    for text in segment.unique().drop_nulls():
        # `"value"` may hold a number that was shortened: its digits were not looked at
        canonical[text] = None if '"value"' in text else read_segment(text)
    return segment.replace_strict(canonical, return_dtype=pl.String).alias("segment")


def _good(rules: Rules) -> pl.Expr:
    """Whether a row is plainly an event."""

    def shorter(name: str, least: int, most: int) -> pl.Expr:
        return pl.col(name).str.len_chars().is_between(least, most)

    def absent_or(name: str, valid: pl.Expr) -> pl.Expr:
        return pl.col(name).is_null() | valid

    money = pl.col("amount").str.contains(_AMOUNT) & pl.col("currency").is_in(sorted(CURRENCIES))
    latest = min(rules.received_ms + FUTURE_MS, LAST_MS - 1)
    epoch = pl.col("at").str.contains(_EPOCH_MS)
    good = pl.all_horizontal(
        ~pl.col("doubtful"),
        shorter("id", 1, MAX_ID),
        pl.col("stream").str.contains(_STREAM),
        pl.col("at_ms").is_between(0, latest) & (~epoch | (pl.col("at_ms") >= FIRST_EPOCH_MS)),
        absent_or("status", shorter("status", 1, MAX_STATUS)),
        absent_or("key", shorter("key", 0, MAX_KEY)),
        absent_or("customer", shorter("customer", 0, MAX_KEY)),
        absent_or("amount", money),
        absent_or("count", pl.col("count").str.contains(_COUNT) & shorter("count", 1, 12)),
        absent_or("value", pl.col("value").str.contains(_VALUE) & shorter("value", 1, 100)),
        pl.col("segment").is_not_null(),
    )
    return good.fill_null(False).alias("good")


def _cast(shape: Shape) -> list[pl.Expr]:
    status = pl.col("status").fill_null("ok")
    if shape.status:
        status = status.replace(dict(shape.status))
    by_name = {
        "status": status,
        "key": pl.col("key").fill_null(""),
        "customer": pl.col("customer").fill_null(""),
        "currency": pl.when(pl.col("amount").is_not_null()).then("currency").otherwise(pl.lit("")),
        "count": pl.col("count").fill_null("1"),
    }
    return [
        by_name.get(name, pl.col(name)).cast(dtype).alias(name) for name, dtype in SCHEMA.items()
    ]
