"""One question to the estimator about a series that somebody brings along, and its answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np

from api.charts.bins import Bins
from api.charts.story import Shortfall
from api.table import SeriesFile
from impact.baseline import Baseline, prepare
from impact.calendar import HOUR, holiday_days
from impact.estimate import estimate
from impact.model import Estimate, Range
from ingest.errors import InputError

Window = tuple[datetime, datetime]
CONTEXT_BINS = 24  # shown before and after a window, where bins are wide
NUMBERS = ("gross", "recovered", "lost", "lost_forecast", "excess")


@dataclass(frozen=True)
class Asked:
    """The question: which window of which series, as known when."""

    series: SeriesFile
    window: Window
    kind: Literal["flow", "load"]
    timezone: str
    holidays: str | None
    known: tuple[Window, ...]
    as_of: datetime | None
    level: float

    @property
    def hours_of(self) -> str:
        """The zone of the series: days are kept on UTC midnights."""
        return "UTC" if self.series.days else self.timezone

    def inside(self, moment: datetime) -> datetime:
        """A moment on the series' own clock."""
        if not self.series.days:
            return moment
        return moment.astimezone(ZoneInfo(self.timezone)).replace(tzinfo=UTC)


def ask(asked: Asked) -> tuple[Estimate, Shortfall]:
    """The answer, and what its chart shows."""
    _check_window(asked)
    window = (asked.inside(asked.window[0]), asked.inside(asked.window[1]))
    known = tuple((asked.inside(a), asked.inside(b)) for a, b in asked.known)
    as_of = asked.inside(asked.as_of) if asked.as_of else None
    series = asked.series
    try:
        found = estimate(
            series.times,
            series.values,
            start=window[0],
            end=window[1],
            kind=asked.kind,
            timezone=asked.hours_of,
            holidays=asked.holidays,
            known_incidents=known,
            as_of=as_of,
            level=asked.level,
        )
    except ValueError as error:
        raise InputError(str(error)) from error
    what = Shortfall.of(found, series.step_s, window, series.unit, asked.hours_of)
    what = replace(what, whose=asked.timezone)
    if series.step_s >= HOUR:  # the estimate's own band is hours wide: too little to look at
        what = replace(what, bins=_around(asked, found, window, (*known, window), as_of))
    return found, what


def _around(
    asked: Asked, found: Estimate, window: Window, known: tuple[Window, ...], as_of: datetime | None
) -> Bins:
    """What was usual and what came for some bins before and after the window."""
    series = asked.series
    baseline = prepare(
        series.times,
        series.values,
        timezone=asked.hours_of,
        holidays=asked.holidays,
        known_incidents=known,
        as_of=as_of,
    )
    return _context(baseline, found, window, asked.level)


def _context(baseline: Baseline, found: Estimate, window: Window, level: float) -> Bins:
    data = baseline.series
    first = int((window[0].timestamp() - data.first) // data.step)
    last = int(-(-(window[1].timestamp() - data.first) // data.step))
    a, b = max(0, first - CONTEXT_BINS), min(len(data.values), last + CONTEXT_BINS)
    usual, _ = baseline.usual(data.starts[a:b])
    at = np.searchsorted(data.times[a:b], found.times)
    sums = float(usual[at].sum())
    factor = float(found.expected.sum()) / sums if sums > 0 else 1.0
    band = baseline.band(data.starts[a:b], Range(factor, factor, factor), level)
    edges = np.append(data.starts[a:b], data.starts[a:b][-1] + data.step).astype(float)
    return Bins(edges, data.values[a:b], band.expected, band.low, band.high)


def as_dict(asked: Asked, found: Estimate) -> dict[str, Any]:
    """The answer as JSON has it."""
    ranges = {name: getattr(found, name) for name in NUMBERS}
    columns = (found.times, found.actual, found.expected, found.expected_low, found.expected_high)
    return {
        "kind": found.kind,
        "state": found.state,
        "start": _utc(asked.window[0]),
        "end": _utc(asked.window[1]),
        "timezone": asked.timezone,
        "unit": asked.series.unit,
        "level": found.level,
        "units": {
            name: {"low": r.low, "mid": r.mid, "high": r.high}
            for name, r in ranges.items()
            if r is not None
        },
        "method": found.method,
        "history_days": round(found.history_days, 3),
        "settling": [_utc(m) for m in found.settling] if found.settling else None,
        "data_until": _utc(found.data_until),
        "bin_seconds": asked.series.step_s,
        "warnings": list(found.warnings),
        "notes": list(asked.series.notes),
        "bins": [
            {
                "at": f"{at}Z",
                "actual": None if np.isnan(actual) else float(actual),
                "expected": float(expected),
                "low": float(low),
                "high": float(high),
            }
            for at, actual, expected, low, high in zip(*columns, strict=True)
        ],
    }


def _check_window(asked: Asked) -> None:
    start, end = (asked.inside(m) for m in asked.window)
    if end <= start:
        raise InputError("--end must be after --start")
    first, last = asked.series.span
    if not first <= start < last:
        zone = ZoneInfo(asked.hours_of)
        shown = " to ".join(f"{m.astimezone(zone):%Y-%m-%d %H:%M}" for m in (first, last))
        raise InputError(f"--start lies outside the file, which has {shown} ({asked.timezone})")
    if asked.as_of is not None and asked.inside(asked.as_of) <= start:
        raise InputError("--as-of must be after --start")
    if asked.holidays is not None:
        try:
            holiday_days(asked.holidays, 20000, 20001)
        except ValueError as error:
            raise InputError(f"--{error}") from error


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
