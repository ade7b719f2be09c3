"""The chart of the perception gap: for each process what its tools said, above what it did.

Two lanes a process, so that a disagreement is seen by its form alone: one lane is filled where the
other is empty. Colour says the same once more. Where nobody can tell there is no lane but its
outline: what is not known must not look like what is well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import altair as alt

from api import words
from api.charts import clock
from api.charts.theme import LIGHT, SMALL, TEXT, Row, Theme, dressed, legend, on, time_axis

LANE, BETWEEN, NAME = 16, 4, 26  # pixels
_ROW = NAME + 2 * LANE + BETWEEN + 8
_AXIS = 46
_LEAST = 1 / 430  # of the time shown: what is shorter is still drawn as wide as that
_FILLS = {  # lanes: the tools', the business's
    "only_business_red": (1,),
    "only_tools_red": (0,),
    "both_red": (0, 1),
    "maintenance": (0, 1),
    "cannot_tell": (1,),
}
_WELL = "green"  # a lane that is empty


@dataclass(frozen=True)
class Lanes:
    """One process: (part, start, end) for all that was not green."""

    title: str
    stretches: Sequence[tuple[str, datetime, datetime]]


def agreement(
    processes: Sequence[Lanes],
    span: tuple[datetime, datetime],
    timezone: str,
    theme: Theme = LIGHT,
    width: int | None = 860,
) -> dict[str, Any]:
    """The chart as a Vega-Lite spec; times are those of the zone."""
    zone = ZoneInfo(timezone)
    first, last = (t.timestamp() for t in span)
    stretches = list(_stretches(processes, (first, last), zone))
    used = {row["part"] for row in stretches}
    colours = _colours(theme)
    shown = [name for name in colours if name in used or name == _WELL]
    x = time_axis("a:Q", first, last, zone)
    y = alt.Y(
        "y:Q",
        title=None,
        scale=alt.Scale(domain=[_ROW * len(processes), 0], nice=False),
        axis=alt.Axis(
            values=[top + LANE / 2 for n in range(len(processes)) for top in _tops(n)],
            labelExpr=f"(datum.value % {_ROW}) < {NAME + LANE} ? 'tools' : 'business'",
            grid=False,
            domain=False,
            ticks=False,
            labelFontSize=SMALL,
        ),
    )
    layers = [
        on("lanes").mark_rect(color=theme.line).encode(x=x, x2="b:Q", y=y, y2="end:Q"),
        on("stretches")
        .mark_rect(strokeWidth=1, strokeDash=[3, 2])
        .encode(
            x=x,
            x2="b:Q",
            y=y,
            y2="end:Q",
            color=alt.Color(
                "part:N",
                scale=alt.Scale(domain=shown, range=[colours[name] for name in shown]),
                legend=legend(width, 3, 1, outline=theme.expected),
            ),
            stroke=alt.condition(
                alt.datum.part == words.GAP_WORDS["cannot_tell"],
                alt.value(theme.expected),
                alt.value("transparent"),
            ),
            tooltip=[
                alt.Tooltip("process:N", title="process"),
                alt.Tooltip("part:N", title="how it was"),
                alt.Tooltip("from:N", title="from"),
                alt.Tooltip("lasted:N", title="for"),
            ],
        ),
        on("names")
        .mark_text(align="left", baseline="bottom", fontSize=TEXT, fontWeight="bold", dy=-5)
        .encode(x=alt.X("a:Q"), y=alt.Y("y:Q"), text="title:N", color=alt.value(theme.ink)),
    ]
    names: list[Row] = [
        {"title": p.title, "a": first * 1000, "y": _tops(n)[0]} for n, p in enumerate(processes)
    ]
    lanes: list[Row] = [
        {"a": first * 1000, "b": last * 1000, "y": top, "end": top + LANE}
        for n in range(len(processes))
        for top in _tops(n)
    ]
    datasets = {"lanes": lanes, "stretches": stretches, "names": names}
    said = "When tools and business were red, by process"
    return dressed(layers, datasets, theme, [], width, said) | {"height": height_of(len(processes))}


def height_of(processes: int) -> int:
    """About how high the chart of so many processes is, in pixels."""
    return _ROW * processes + _AXIS + 92


def _tops(number: int) -> tuple[int, int]:
    """Where the two lanes of a process begin."""
    top = number * _ROW + NAME
    return top, top + LANE + BETWEEN


def _colours(theme: Theme) -> dict[str, str]:
    by_part = {
        "only_business_red": theme.loss,
        "only_tools_red": theme.gain,
        "both_red": theme.ink,
        "maintenance": theme.expected,
        "cannot_tell": theme.paper,
    }
    return {_WELL: theme.line} | {words.GAP_WORDS[part]: colour for part, colour in by_part.items()}


def _stretches(processes: Sequence[Lanes], span: tuple[float, float], zone: ZoneInfo) -> list[Row]:
    rows: list[Row] = []
    for number, process in enumerate(processes):
        for part, start, end in process.stretches:
            a, b = _seen(start.timestamp(), end.timestamp(), span)
            for lane in _FILLS[part]:
                top = _tops(number)[lane]
                rows.append(
                    {
                        "a": a * 1000,
                        "b": b * 1000,
                        "y": top,
                        "end": top + LANE,
                        "part": words.GAP_WORDS[part],
                        "process": process.title,
                        "from": clock.local_text(start.timestamp(), zone),
                        "lasted": words.lasted(end - start),
                    }
                )
    return rows


def _seen(start: float, end: float, span: tuple[float, float]) -> tuple[float, float]:
    """What of a stretch lies in the picture, and as much around it that it is seen."""
    a, b = max(start, span[0]), min(end, span[1])
    least = (span[1] - span[0]) * _LEAST
    missing = max(0.0, least - (b - a)) / 2
    return max(a - missing, span[0]), min(b + missing, span[1])
