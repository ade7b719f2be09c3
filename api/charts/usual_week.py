"""The chart of a usual week: what a measure does in each local hour, and when it is busiest."""

from __future__ import annotations

import json
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from api import words
from api.charts.theme import LIGHT, SMALL, STEPS, Row, Theme, dressed, height_axis, on, rounded
from impact.model import FloatArray

HOURS = 168
PEAK = 0.9  # of the busiest hour: hours above it are peak hours
WIDTH = 860


def usual_week(
    expected: FloatArray,
    unit: str = "units",
    theme: Theme = LIGHT,
    width: int | None = WIDTH,
    *,
    actual: FloatArray | None = None,
    title: bool = True,
) -> dict[str, Any]:
    """The chart as a Vega-Lite spec.

    expected: (168,) units per local hour, Monday 00:00 first; actual: the same of the week to be
    shown beside it, NaN for hours to come.
    """
    if expected.shape != (HOURS,) or not np.isfinite(expected).all():
        raise ValueError("expected: must be 168 numbers, one per hour of the week")
    busiest = float(expected.max())
    peak = (expected >= PEAK * busiest) & (busiest > 0)
    lines = _lines(expected, peak, unit)
    shown = expected if actual is None else np.concatenate([expected, actual])
    names = {"usual": theme.band, "peak hours": theme.gain}
    if actual is not None:
        names["this week"] = theme.ink
    colour = alt.Color(
        "part:N",
        scale=alt.Scale(domain=list(names), range=list(names.values())),
        legend=alt.Legend(orient="bottom", symbolType="square", offset=6),
    )
    layers = [
        on("midnights").mark_rule(color=theme.line).encode(x="h:Q"),
        on("hours")
        .mark_rect()
        .encode(
            x=_x(),
            x2="end:Q",
            y=height_axis("expected:Q", f"{unit} per hour", float(np.nanmax(shown))),
            y2=alt.Y2Datum(0),
            color=colour,
            tooltip=[alt.Tooltip("when:N", title="hour"), alt.Tooltip("count:N", title=unit)],
        ),
        on("week")
        .mark_line(strokeWidth=1.6, **STEPS)
        .transform_calculate(part="'this week'")
        .encode(x="h:Q", y="actual:Q", color=colour),
    ]
    datasets = {
        "midnights": [{"h": 24 * day} for day in range(1, 7)],
        "hours": _hours(expected, peak),
        "week": [] if actual is None else _measured(actual),
    }
    return dressed(layers, datasets, theme, lines if title else [], width)


def _hours(expected: FloatArray, peak: NDArray[np.bool_]) -> list[Row]:
    return [
        {
            "h": hour,
            "end": hour + 1,
            "expected": rounded(value),
            "part": "peak hours" if peak[hour] else "usual",
            "when": words.slot(hour),
            "count": words.units(value),
        }
        for hour, value in enumerate(expected.tolist())
    ]


def _measured(actual: FloatArray) -> list[Row]:
    return [{"h": hour, "actual": rounded(value)} for hour, value in enumerate(actual.tolist())]


def _lines(expected: FloatArray, peak: NDArray[np.bool_], unit: str) -> list[str]:
    busiest = int(expected.argmax())
    share = 100 * expected[peak].sum() / max(float(expected.sum()), 1e-9)
    total = words.units(float(expected.sum()))
    return [
        f"{total} {unit} in a usual week",
        f"busiest: {words.slot(busiest)} with {words.units(float(expected[busiest]))} an hour",
        f"{int(peak.sum())} peak hours carry {share:.0f} % of it",
    ]


def _x() -> alt.X:
    labels = {str(24 * d + 12): name for d, name in enumerate(words.DAYS)}
    return alt.X(
        "h:Q",
        title=None,
        scale=alt.Scale(domain=[0, HOURS], nice=False),
        axis=alt.Axis(
            values=[int(v) for v in labels],
            labelExpr=f"{json.dumps(labels)}[datum.value]",
            grid=False,
            ticks=False,
            labelFontSize=SMALL,
        ),
    )
