"""What an outage cost, for anyone with a file of volumes: no map, no server, no store."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from api.cli.options import JsonOption
from api.cli.read import print_json
from ingest.errors import InputError

if TYPE_CHECKING:  # imported by the estimate itself: `toll --help` does without
    from api.ask.estimating import Window
    from api.charts.story import Shortfall

CHARTS = (".svg", ".png", ".html")


class Kind(StrEnum):
    """What the volumes are."""

    flow = "flow"
    load = "load"


class Gap(StrEnum):
    """What bins are that the file does not have."""

    zero = "zero"
    missing = "missing"


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
    from api.ask.estimating import Asked, as_dict, ask
    from api.cli import show_estimate
    from api.table import Reading, moment_of, read_series

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
        show_estimate.console().print(f"drawn: {chart}", style="dim", soft_wrap=True)


def _draw(path: Path, what: Shortfall) -> None:
    from api.charts.draw import to_html, to_png, to_svg
    from api.charts.shortfall import shortfall
    from api.charts.theme import DARK, LIGHT

    form = path.suffix.lower()
    if form == ".html":
        path.write_text(to_html(shortfall(what, LIGHT, None), shortfall(what, DARK, None)), "utf-8")
    elif form == ".png":
        path.write_bytes(to_png(shortfall(what)))
    else:
        path.write_text(to_svg(shortfall(what)), "utf-8")


def _known(text: str, zone: ZoneInfo) -> list[Window]:
    """`START/END`, or the rows of a CSV with the columns start and end."""
    from api.table import moment_of
    from api.table.open import open_table

    path = Path(text)
    if path.is_file():
        frame = open_table(path).frame
        if not {"start", "end"} <= set(frame.columns):
            raise InputError(f"--known-incidents {text}: needs the columns start and end")
        columns = (frame[name].cast(str).to_list() for name in ("start", "end"))
        rows = list(zip(*columns, strict=True))
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
    from impact.calendar import zone_of

    try:
        return zone_of(name)
    except ValueError as error:
        raise InputError(f"{option} {name}: is no IANA time zone, such as Europe/Berlin") from error
