"""Times as people write them, as moments: ISO 8601, dates with dots or slashes, epochs.

One column is read by one format. Times without a zone are local; in the night in which clocks go
back an hour occurs twice, and which one is meant is told by the order of the rows, or not at all:
then the hour counts as without data, and a note says so. Nothing is guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from numpy.typing import NDArray

from impact.calendar import IntArray
from ingest.errors import InputError

_CLOCKS = ("%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "")
_DATES = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y.%m.%d")
FORMATS = tuple(f"{date} {clock}".strip() for date in _DATES for clock in _CLOCKS)
COMPACT = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_EPOCHS = ((1e17, 1_000_000_000), (1e14, 1_000_000), (1e11, 1_000), (1e8, 1))  # from, per second
_ZONED = r"^(.*\d:\d{2}(?::\d{2}(?:[.,]\d+)?)?)\s*(Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)$"
_PLAIN = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{4}")
_SAMPLE = 200
YEARS = (0, 7_258_118_400_000_000)  # microseconds: 1970 to 2200
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Moments:
    """(N,) microseconds since 1970 of each row; `unclear` where the clocks do not tell."""

    micros: IntArray
    unclear: Bool
    gone: Bool  # local times that the clocks skip
    zoned: bool  # whether the times carried a zone


def looks_like_time(text: str | None) -> bool:
    """Whether a cell reads as a date or a moment, for telling headers from rows."""
    cell = (text or "").strip()
    if cell.isdecimal():
        return len(cell) in (10, 13, 16, 19) or (len(cell) in COMPACT and cell[:2] in ("19", "20"))
    return _PLAIN.match(cell) is not None


def moment_of(text: str, zone: ZoneInfo, name: str) -> datetime:
    """A moment that somebody wrote; without a zone in it, local."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InputError(
            f"{name} {text!r}: write it like 2026-05-12T10:00 or ...T08:00Z"
        ) from error
    if not 1970 <= found.year < 2200:
        raise InputError(f"{name} {text!r} is not between 1970 and 2200")
    if found.tzinfo is not None:
        return found.astimezone(UTC)
    early, late = found.replace(tzinfo=zone, fold=0), found.replace(tzinfo=zone, fold=1)
    if early.utcoffset() != late.utcoffset():
        after = early.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
        what = "occurs twice" if after == found else "is skipped by the clocks"
        offsets = f"{early:%z} or {late:%z}"
        raise InputError(f"{name} {text!r} {what} in {zone.key}: write its offset, {offsets}")
    return early.astimezone(UTC)


def moments(column: pl.Series, zone: ZoneInfo, form: str | None) -> Moments:
    """The column's rows as moments; `zone` is that of times which carry none."""
    found = _read(column, zone, form)
    odd = (found.micros < YEARS[0]) | (found.micros >= YEARS[1])
    if odd.any():
        raise InputError(f"column {column.name}: row {_first(odd)} is not between 1970 and 2200")
    return found


def _read(column: pl.Series, zone: ZoneInfo, form: str | None) -> Moments:
    kind = column.dtype
    if isinstance(kind, pl.Datetime):
        if kind.time_zone:
            return _certain(column.dt.convert_time_zone("UTC").dt.replace_time_zone(None), column)
        return _local(column.cast(pl.Datetime("us")), column, zone)
    if kind == pl.Date:
        return _local(column.cast(pl.Datetime("us")), column, zone)
    if kind.is_numeric():
        return _epochs(column)
    text = column.cast(pl.String).str.strip_chars()
    _no_gaps(text, column.name)
    if form is None and text.str.contains(r"^-?\d+(\.\d+)?$").all():
        return _digits(text, zone)
    return _written(text, zone, form)


def _digits(text: pl.Series, zone: ZoneInfo) -> Moments:
    lengths = text.str.len_chars().unique().to_list()
    compact = COMPACT.get(lengths[0]) if len(lengths) == 1 else None
    if compact and text.str.contains(r"^(19|20)").all():
        parsed = text.str.to_datetime(compact, time_unit="us", strict=False)
        if not parsed.null_count():
            return _local(parsed, text, zone)
    return _epochs(text.cast(pl.Float64, strict=False))


def _epochs(column: pl.Series) -> Moments:
    """Seconds, milliseconds, ... since 1970: which, their size tells."""
    _no_gaps(column, column.name)
    values = column.cast(pl.Float64).to_numpy()
    if not np.isfinite(values).all():
        raise InputError(f"column {column.name}: row {_first(~np.isfinite(values))} has no time")
    least, most = float(values.min()), float(values.max())
    per_s = next((n for size, n in _EPOCHS if least >= size), None)
    if per_s is None or most / per_s >= 1e11:
        raise InputError(f"column {column.name}: {least:g} to {most:g} are no times since 1970")
    exact = column.cast(pl.Int64).to_numpy() if column.dtype.is_integer() else values
    micros = exact * (1_000_000 // per_s) if per_s <= 1_000_000 else exact // 1000
    return _moments(np.asarray(micros).astype(np.int64), zoned=True)


def _written(text: pl.Series, zone: ZoneInfo, form: str | None) -> Moments:
    zoned = text.str.contains(_ZONED)
    if zoned.any() and not zoned.all():
        row = _first(~zoned.to_numpy() if zoned[0] else zoned.to_numpy())
        raise InputError(
            f"column {text.name}: row 1 and row {row} ({text[row - 1]!r}) differ in whether they "
            "carry a zone; write all times alike"
        )
    has_zone = bool(zoned.all())
    base = text.str.extract(_ZONED, 1) if has_zone else text
    base = base.str.replace("T", " ").str.replace(",", ".")
    parsed = _parsed(base, text, form)
    if not has_zone:
        return _local(parsed, text, zone)
    away = _offsets(text.str.extract(_ZONED, 2))
    return _moments(parsed.to_physical().to_numpy() - away * 1_000_000, zoned=True)


def _parsed(base: pl.Series, text: pl.Series, form: str | None) -> pl.Series:
    """The text by the one format that reads it, or an error that names the first odd row."""
    found = _format(base, text) if form is None else form
    try:
        parsed = base.str.to_datetime(found, time_unit="us", strict=False)
    except pl.exceptions.PolarsError as error:
        raise InputError(f"--time-format {found!r} is no format of times") from error
    if parsed.null_count():
        row = _first(parsed.is_null().to_numpy())
        raise InputError(
            f"column {text.name}: row {row}, {text[row - 1]!r}, is no time like {found} "
            "(--time-format says how they are written)"
        )
    return parsed


def _format(base: pl.Series, text: pl.Series) -> str:
    sample = base.head(_SAMPLE)
    read = {form: _hits(sample, form) for form in FORMATS}
    best = max(read.values())
    if not best:
        raise InputError(f"column {text.name}: {text[0]!r} is no time (--time names the column)")
    found = [form for form, hits in read.items() if hits == best]
    if len(found) > 1:  # 03/04/2026: only the rest of the file can tell
        found = [form for form in found if _hits(base, form) == len(base)] or found[:1]
    if len(found) > 1:
        raise InputError(
            f"column {text.name}: {text[0]!r} reads as {' or '.join(found)}: say which by "
            "--time-format"
        )
    return found[0]


def _hits(text: pl.Series, form: str) -> int:
    parsed = text.str.to_datetime(form, time_unit="us", strict=False)
    return len(text) - parsed.null_count()


def _offsets(zones: pl.Series) -> IntArray:
    """Seconds east of UTC of `Z`, `+02:00`, `+0200`, `-05`."""
    known = {text: _offset(text) for text in zones.unique().to_list()}
    return zones.replace_strict(known, return_dtype=pl.Int64).to_numpy()


def _offset(text: str) -> int:
    digits = re.sub(r"\D", "", text).ljust(4, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:4]) * 60 if text[0] in "+-" else 0
    return -seconds if text[0] == "-" else seconds


def _local(naive: pl.Series, shown: pl.Series, zone: ZoneInfo) -> Moments:
    """Local times as moments; of twice-told hours by the order of the rows."""
    _no_gaps(naive, shown.name)
    try:
        early, late = (
            naive.dt.replace_time_zone(zone.key, ambiguous=which, non_existent="null")
            for which in ("earliest", "latest")
        )
    except pl.exceptions.PolarsError as error:
        raise InputError(f"--timezone {zone.key}: this zone cannot be used") from error
    wall = naive.cast(pl.Datetime("us")).to_physical().to_numpy()
    a = early.cast(pl.Datetime("us", "UTC")).to_physical().fill_null(0).to_numpy()
    b = late.cast(pl.Datetime("us", "UTC")).to_physical().fill_null(0).to_numpy()
    gone = early.is_null().to_numpy()
    micros, unclear = a.copy(), np.zeros(len(a), bool)
    twice = np.flatnonzero((a != b) & ~gone)
    for day in np.unique(wall[twice] // 86_400_000_000):
        rows = twice[wall[twice] // 86_400_000_000 == day]
        second = _second_time(wall[rows], newest_first=bool(wall[0] > wall[-1]))
        if second is None:
            unclear[rows] = True
        else:
            micros[rows[second]] = b[rows[second]]
    return Moments(micros, unclear, gone, zoned=False)


def _second_time(wall: IntArray, *, newest_first: bool) -> Bool | None:
    """Which rows of a repeated hour are of its second time: those after the one jump back."""
    told = wall[::-1] if newest_first else wall
    back = np.flatnonzero(np.diff(told) < 0)
    if not len(back) and len(told) == 2 and told[0] == told[1]:
        back = np.array([0])  # an hourly bin, twice
    if len(back) != 1:
        return None
    second: Bool = np.arange(len(told)) > back[0]
    return second[::-1] if newest_first else second


def _certain(naive_utc: pl.Series, shown: pl.Series) -> Moments:
    _no_gaps(naive_utc, shown.name)
    return _moments(naive_utc.cast(pl.Datetime("us")).to_physical().to_numpy(), zoned=True)


def _moments(micros: IntArray, *, zoned: bool) -> Moments:
    no = np.zeros(len(micros), bool)
    return Moments(micros, no, no, zoned)


def _no_gaps(column: pl.Series, name: str) -> None:
    if column.null_count():
        raise InputError(f"column {name}: row {_first(column.is_null().to_numpy())} has no time")


def _first(which: Bool) -> int:
    """The first row that is meant, counted from 1."""
    return int(np.flatnonzero(which)[0]) + 1
