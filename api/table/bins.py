"""Rows as regular bins: of whatever width the file has, or counted from single events.

What is not regular is not bent: the error names the first row that does not fit, and what to do.
Bins that are left out are unknown, not zero, unless the caller says so; between events, minutes in
which nothing happened are zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from api.table.times import Moments
from impact.calendar import DAY, IntArray, utc_offsets
from impact.model import FloatArray, TimeArray
from ingest.errors import InputError

Gaps = Literal["zero", "missing"]
Bool = NDArray[np.bool_]

MINUTE = 60
MOST_BINS = 3_000_000  # more than five years of minutes
EVENT_WIDTHS_S = (60, 300, 900, 3600)
EVENTS_PER_BIN = 0.2  # at least, of the width that is chosen


@dataclass(frozen=True)
class SeriesFile:
    """A regular series: times (T,) starts of bins in UTC, values (T,) with NaN = no data."""

    times: TimeArray
    values: FloatArray
    step_s: int
    unit: str  # what is counted, by the name of its column; "units" where that says nothing
    days: bool = False  # bins are local days, put on UTC midnights
    notes: tuple[str, ...] = ()  # what was done with the file, for people

    @property
    def span(self) -> tuple[datetime, datetime]:
        """From the first bin to the end of the last."""
        first = int(self.times[0].astype("datetime64[s]").astype(np.int64))
        last = int(self.times[-1].astype("datetime64[s]").astype(np.int64)) + self.step_s
        return datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC)


def counted(found: Moments, zone: ZoneInfo, gaps: Gaps | None, unit: str) -> SeriesFile:
    """Events, one per row, as counts per bin; the first and the last bin are not whole, and go."""
    _not_skipped(found.gone, zone)
    seconds = np.sort(found.micros[~(found.unclear | found.gone)] // 1_000_000)
    if len(seconds) < 2 or seconds[0] == seconds[-1]:
        raise InputError("at least two events at different times are needed")
    span = int(seconds[-1] - seconds[0])
    step = next(
        (w for w in EVENT_WIDTHS_S if len(seconds) * w >= EVENTS_PER_BIN * span), EVENT_WIDTHS_S[-1]
    )
    first = int(seconds[0]) // step
    bins = seconds // step - first
    _not_too_many(int(bins[-1]) + 1, step)
    values = np.bincount(bins).astype(float)
    if gaps == "missing":
        values[values == 0] = np.nan
    notes = [f"each row counts as one event; counted in bins of {width_text(step)}"]
    starts = (first + np.arange(len(values), dtype=np.int64)) * step
    _forget(values, starts, found, zone, notes)
    if len(values) < 4:
        raise InputError(f"the events span {span} s: too little for a history")
    inner = slice(1, -1)
    return SeriesFile(
        starts[inner].astype("datetime64[s]"), values[inner], step, unit, notes=tuple(notes)
    )


def binned(
    found: Moments, values: FloatArray, zone: ZoneInfo, gaps: Gaps | None, unit: str, add_up: bool
) -> SeriesFile:
    """Bins as the file has them, on one regular grid."""
    notes: list[str] = []
    _not_skipped(found.gone & (np.nan_to_num(values) > 0), zone)
    keep = ~(found.unclear | found.gone)
    rows = np.flatnonzero(keep)
    seconds = found.micros[rows] // 1_000_000
    order = np.argsort(seconds, kind="stable")
    rows, seconds = rows[order], seconds[order]
    seconds, volume, rows = _unique(seconds, values[rows], rows, zone, add_up)
    if len(seconds) < 2:
        raise InputError("at least two bins at different times are needed")
    days = _local_days(seconds, zone)
    if days is not None:
        seconds = days
        notes.append(f"bins are days in {zone.key}")
    step = _step(seconds, rows, zone)
    size = int(seconds[-1] - seconds[0]) // step + 1
    _not_too_many(size, step)
    grid = np.full(size, 0.0 if gaps == "zero" else np.nan)
    grid[(seconds - seconds[0]) // step] = volume
    if size > len(seconds):
        what = "zero" if gaps == "zero" else "unknown (--gaps-are zero counts them as zero)"
        notes.append(f"{size - len(seconds)} of {size} bins are not in the file: taken as {what}")
    starts = int(seconds[0]) + step * np.arange(size, dtype=np.int64)
    _forget(grid, starts, found, zone, notes)
    if step < MINUTE and MINUTE % step == 0:
        starts, grid = _minutes(starts, grid, step)
        notes.append(f"bins of {width_text(step)} were added up to minutes")
        step = MINUTE
    if not np.isfinite(grid).any():
        raise InputError("no row has a number: all volumes are empty")
    return SeriesFile(
        starts.astype("datetime64[s]"), grid, step, unit, days is not None, tuple(notes)
    )


def width_text(step: int) -> str:
    """The width of bins in words: 5 minutes."""
    for size, name in ((DAY, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if step % size == 0:
            return f"{step // size} {name}{'s' if step > size else ''}"
    return f"{step} seconds"


def _unique(
    seconds: IntArray, values: FloatArray, rows: IntArray, zone: ZoneInfo, add_up: bool
) -> tuple[IntArray, FloatArray, IntArray]:
    same = np.flatnonzero(np.diff(seconds) == 0)
    if not len(same):
        return seconds, values, rows
    if not add_up:
        i = int(same[0])
        raise InputError(
            f"rows {rows[i] + 1} and {rows[i + 1] + 1} are both for {_local(seconds[i], zone)}: "
            "--sum adds up rows of one time, --events counts each row as one event"
        )
    starts = np.concatenate([[0], np.flatnonzero(np.diff(seconds)) + 1])
    seen = np.add.reduceat(np.isfinite(values).astype(int), starts)
    total = np.add.reduceat(np.nan_to_num(values), starts)
    return seconds[starts], np.where(seen > 0, total, np.nan), rows[starts]


def _step(seconds: IntArray, rows: IntArray, zone: ZoneInfo) -> int:
    """The width of the bins, or an error that names the first row that is not on their grid."""
    gaps = np.diff(seconds)
    sizes, times = np.unique(gaps, return_counts=True)
    step = int(sizes[times.argmax()])
    off = np.flatnonzero(gaps % step)
    if len(off):
        i = int(off[0]) + 1
        change = len(np.unique(utc_offsets(seconds[i - 1 : i + 1], zone))) > 1
        why = "; clocks change there: export hours, or times in UTC" if change else ""
        raise InputError(
            f"row {rows[i] + 1}, {_local(seconds[i], zone)}, is not on the grid of "
            f"{width_text(step)} that the other rows are on{why}"
            + ("" if change else "; --events counts each row as one event")
        )
    if step > DAY:
        raise InputError(f"bins of {width_text(step)} say nothing about hours: export finer ones")
    return step


def _local_days(seconds: IntArray, zone: ZoneInfo) -> IntArray | None:
    """Local midnights as UTC midnights, where all bins are local days and clocks change."""
    gaps = np.diff(seconds)
    if not (gaps % DAY).any() or (gaps < DAY - 2 * 3600).any():
        return None
    wall = seconds + utc_offsets(seconds, zone)
    return None if (np.diff(wall) % DAY).any() else wall


def _not_skipped(which: Bool, zone: ZoneInfo) -> None:
    """Volumes at local times that the clocks skip show that the file is in another zone."""
    row = np.flatnonzero(which)
    if len(row):
        raise InputError(
            f"row {row[0] + 1} lies in the hour that clocks skip in {zone.key}: these times are "
            "of another zone (--times-in says which, such as UTC)"
        )


def _forget(
    values: FloatArray, starts: IntArray, found: Moments, zone: ZoneInfo, notes: list[str]
) -> None:
    """Hours of which the file does not tell whether they are their first or second time."""
    if not found.unclear.any():
        return
    hours = np.unique(found.micros[found.unclear] // 3_600_000_000)
    for hour in hours.tolist():
        # the hour and its repetition; what is meant by a row may be either
        a, b = np.searchsorted(starts, [hour * 3600, (hour + 2) * 3600])
        values[a:b] = np.nan
        notes.append(
            f"{_local(hour * 3600, zone)}: clocks go back in {zone.key}, and the rows do not tell "
            "which of the two hours they are: taken as unknown"
        )


def _minutes(starts: IntArray, values: FloatArray, step: int) -> tuple[IntArray, FloatArray]:
    minute = starts // MINUTE - starts[0] // MINUTE
    seen = np.isfinite(values)
    n = np.bincount(minute, seen)
    total = np.bincount(minute, np.where(seen, values, 0.0))
    whole = MINUTE // step
    out = np.where(n >= 0.5 * whole, total * whole / np.maximum(n, 1), np.nan)
    first = int(starts[0]) // MINUTE
    return (first + np.arange(len(out), dtype=np.int64)) * MINUTE, out


def _not_too_many(size: int, step: int) -> None:
    if size > MOST_BINS:
        raise InputError(
            f"{size:,} bins of {width_text(step)} are too many: at most {MOST_BINS:,} "
            "(is one of the times far off?)"
        )


def _local(second: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(int(second), UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S%z")
