"""What an outage cost, for anyone with a file of volumes: no map, no server, no store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import typer

from api.charts import DARK, LIGHT, Shortfall, shortfall, to_html, to_png, to_svg
from api.charts.bins import Bins
from api.cli import show_estimate
from api.cli.options import JsonOption
from api.cli.read import print_json
from api.table import Reading, SeriesFile, moment_of, read_series
from api.table.open import open_table
from impact.baseline import Baseline, prepare
from impact.calendar import HOUR, holiday_days, zone_of
from impact.estimate import estimate as estimated
from impact.model import Estimate, Range
from ingest.errors import InputError

Window = tuple[datetime, datetime]
CONTEXT_BINS = 24  # shown before and after a window, where bins are wide
CHARTS = (".svg", ".png", ".html")
NUMBERS = ("gross", "recovered", "lost", "lost_forecast", "excess")


class Kind(StrEnum):
    """What the volumes are."""

    flow = "flow"
    load = "load"


class Gap(StrEnum):
    """What bins are that the file does not have."""

    zero = "zero"
    missing = "missing"


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


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("estimate")(estimate)


def estimate(
    file: Annotated[Path, typer.Argument(help="CSV, TSV or Parquet; .gz too.")],
    start: Annotated[str, typer.Option("--start", help="When it began: 2026-05-12T10:00.")],
    end: Annotated[str, typer.Option("--end", help="When it was over.")],
    kind: Annotated[
        Kind, typer.Option("--kind", help="flow: should happen. load: nobody wants it.")
    ] = Kind.flow,
    timezone: Annotated[
        str, typer.Option("--timezone", help="Whose hours: Europe/Berlin. Of times without one.")
    ] = "UTC",
    times_in: Annotated[
        str | None, typer.Option("--times-in", help="Zone of the file's times, if another.")
    ] = None,
    holidays: Annotated[
        str | None, typer.Option("--holidays", help="Country of its holidays: DE, US-NY.")
    ] = None,
    known: Annotated[
        list[str] | None,
        typer.Option("--known-incidents", help="Earlier one: START/END, or a CSV. Repeatable."),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="Answer as if nothing later were known.")
    ] = None,
    level: Annotated[
        float, typer.Option("--level", min=0.5, max=0.99, help="Of the ranges.")
    ] = 0.90,
    time: Annotated[str | None, typer.Option("--time", help="Column of the times.")] = None,
    value: Annotated[str | None, typer.Option("--value", help="Column of the volumes.")] = None,
    time_format: Annotated[
        str | None, typer.Option("--time-format", help="How times are written: '%d/%m/%Y %H:%M'.")
    ] = None,
    events: Annotated[bool, typer.Option("--events", help="Each row is one event.")] = False,
    add_up: Annotated[bool, typer.Option("--sum", help="Add up rows of one time.")] = False,
    gaps: Annotated[
        Gap | None, typer.Option("--gaps-are", help="Bins that are not in the file.")
    ] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="What is counted: payments.")] = None,
    chart: Annotated[
        Path | None, typer.Option("--chart", help="Draw it: out.svg, out.png or out.html.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """What an outage cost, from a file of volumes: with a range, and a picture."""
    if chart is not None and chart.suffix.lower() not in CHARTS:
        raise InputError(f"--chart {chart}: name it .svg, .png or .html")
    zone = _zone(timezone, "--timezone")
    how = Reading(
        zone=_zone(times_in, "--times-in") if times_in else zone,
        time=time,
        value=value,
        time_format=time_format,
        events=events,
        add_up=add_up,
        gaps=gaps.value if gaps else None,
    )
    series = read_series(file, how)
    asked = Asked(
        series=series if unit is None else replace(series, unit=unit),
        window=(moment_of(start, zone, "--start"), moment_of(end, zone, "--end")),
        kind=kind.value,
        timezone=timezone,
        holidays=holidays,
        known=tuple(w for text in known or [] for w in _known(text, zone)),
        as_of=moment_of(as_of, zone, "--as-of") if as_of else None,
        level=level,
    )
    answer, what = ask(asked)
    if chart is not None:
        _draw(chart, what)
    if as_json:
        print_json(as_dict(asked, answer))
        return
    show_estimate.show(what, answer, series.notes)
    if chart is not None:
        show_estimate.console().print(f"drawn: {chart}", style="dim")


def ask(asked: Asked) -> tuple[Estimate, Shortfall]:
    """The answer, and what its chart shows."""
    _check_window(asked)
    window = (asked.inside(asked.window[0]), asked.inside(asked.window[1]))
    known = tuple((asked.inside(a), asked.inside(b)) for a, b in asked.known)
    as_of = asked.inside(asked.as_of) if asked.as_of else None
    series = asked.series
    try:
        found = estimated(
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


def _draw(path: Path, what: Shortfall) -> None:
    form = path.suffix.lower()
    if form == ".html":
        path.write_text(to_html(shortfall(what, LIGHT, None), shortfall(what, DARK, None)), "utf-8")
    elif form == ".png":
        path.write_bytes(to_png(shortfall(what)))
    else:
        path.write_text(to_svg(shortfall(what)), "utf-8")


def _known(text: str, zone: ZoneInfo) -> list[Window]:
    """`START/END`, or the rows of a CSV with the columns start and end."""
    path = Path(text)
    if path.is_file():
        frame = open_table(path).frame
        if not {"start", "end"} <= set(frame.columns):
            raise InputError(f"--known-incidents {text}: needs the columns start and end")
        rows = frame.select(pl.col("start", "end").cast(pl.String)).rows()
    else:
        begin, slash, stop = text.partition("/")
        if not slash:
            raise InputError(f"--known-incidents {text}: no such file, and not START/END")
        rows = [(begin, stop)]
    out = []
    for begin, stop in rows:
        a, b = (moment_of(m or "", zone, "--known-incidents") for m in (begin, stop))
        if b < a:
            raise InputError(f"--known-incidents {begin}/{stop}: ends before it begins")
        out.append((a, b))
    return out


def _zone(name: str, option: str) -> ZoneInfo:
    try:
        return zone_of(name)
    except ValueError as error:
        raise InputError(f"{option} {name}: is no IANA time zone, such as Europe/Berlin") from error


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
