"""Which column holds the times and which the volumes: by name where that is plain, else asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from api.table.open import NOTHING, Table
from api.table.times import looks_like_time
from enrich.suggest import did_you_mean
from impact.model import FloatArray
from ingest.errors import InputError

TIME_NAMES = (
    "time", "timestamp", "ts", "datetime", "date_time", "date", "at", "start", "bin", "bucket",
    "minute", "hour", "day", "period", "created_at", "occurred_at", "ds", "_time",
)  # fmt: skip
VALUE_NAMES = ("value", "count", "volume", "n", "total", "y", "amount", "units", "events")
PLAIN = frozenset({*VALUE_NAMES, "column_2"})  # names that say nothing of what is counted
_SAMPLE = 200


@dataclass(frozen=True)
class Columns:
    """Names of columns; without a value, every row is one event."""

    time: str
    value: str | None


def choose(table: Table, time: str | None, value: str | None, events: bool) -> Columns:
    """The columns asked for, or the plain ones; an error lists what there is."""
    names = table.frame.columns
    for asked, option in ((time, "--time"), (value, "--value")):
        if asked is not None and asked not in names:
            hint = did_you_mean(asked, names)
            raise InputError(f"{option} {asked}: no such column{hint}; there are {_list(names)}")
    chosen = time or _time(table)
    if events:
        return Columns(chosen, None)
    return Columns(chosen, value or _value(table, chosen))


def _time(table: Table) -> str:
    frame = table.frame
    if named := _named(frame.columns, TIME_NAMES):
        return named
    likely = [
        name
        for name in frame.columns
        if frame[name].dtype.is_temporal() or looks_like_time(_sample(frame[name])[0])
    ]
    if len(likely) == 1:
        return likely[0]
    found = "several columns hold" if likely else "no column holds"
    raise InputError(f"{table.name}: {found} times: say which by --time; {_list(frame.columns)}")


def _value(table: Table, time: str) -> str | None:
    others = [name for name in table.frame.columns if name != time]
    numeric = [
        n for n in others if _is_number(table.frame[n]) and not n.lower().endswith(("id", "_no"))
    ]
    if named := _named(numeric, VALUE_NAMES):
        return named
    if len(numeric) > 1:
        raise InputError(
            f"{table.name}: several columns hold numbers: say which by --value, or --events if "
            f"each row is one event; {_list(numeric)}"
        )
    return numeric[0] if numeric else None


def volumes(table: Table, name: str) -> FloatArray:
    """(N,) numbers of a column; NaN where a cell is empty or says so."""
    column = table.frame[name]
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        numbers = column.cast(pl.Float64)
    else:
        text = column.cast(pl.String).str.strip_chars()
        text = text.set(text.str.to_lowercase().is_in(list(NOTHING)), None)
        numbers = _plain(text, name).cast(pl.Float64, strict=False)
        odd = numbers.is_null() & text.is_not_null()
        if odd.any():
            row = int(odd.arg_true()[0])
            raise InputError(f"column {name}: row {row + 1}, {text[row]!r}, is no number")
    values = numbers.fill_null(float("nan")).to_numpy().astype(float)
    if (found := (values < 0) | (abs(values) == float("inf"))).any():
        row = int(found.argmax())
        raise InputError(
            f"column {name}: row {row + 1}, {values[row]:g}, cannot be a volume: "
            "volumes are counted, so zero or more"
        )
    return values


def _plain(text: pl.Series, name: str) -> pl.Series:
    """Numbers with a decimal point; a comma that may also mean thousands is not guessed."""
    comma = text.str.contains(r"^-?\d+,\d+$").fill_null(value=False)
    if not comma.any():
        return text
    if text.str.contains(r"\.").any() or text.filter(comma).str.contains(r",\d{3}$").all():
        shown = text.filter(comma)[0]
        raise InputError(f"column {name}: {shown!r}: write numbers plain, with a decimal point")
    return text.str.replace(",", ".")


def _is_number(column: pl.Series) -> bool:
    if column.dtype.is_numeric():
        return True
    if column.dtype != pl.String:
        return False
    cells = [c for c in _sample(column) if (c or "").strip().lower() not in NOTHING]
    return bool(cells) and all(_number(c) for c in cells)


def _number(cell: str | None) -> bool:
    text = (cell or "").strip()
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return "_" not in text


def _sample(column: pl.Series) -> list[str | None]:
    some = column.drop_nulls().head(_SAMPLE)
    return some.cast(pl.String, strict=False).to_list() or [None]


def _named(names: Sequence[str], known: Sequence[str]) -> str | None:
    by_name = {name.strip().lower(): name for name in reversed(names)}
    return next((by_name[k] for k in known if k in by_name), None)


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:12])
    return f"{shown}, ..." if len(names) > 12 else shown
