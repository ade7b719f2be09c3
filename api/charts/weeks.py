"""The chart of what outages cost week by week, with ranges; the last week stands out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from api.charts.theme import LIGHT, SMALL, Row, Theme, dressed, height_axis, on

WIDTH, HEIGHT = 860, 190


@dataclass(frozen=True, slots=True)
class WeekBar:
    """One week; without numbers, nothing is known of it."""

    name: str  # as the axis has it: 46
    low: float | None
    mid: float | None
    high: float | None


def weeks(
    bars: Sequence[WeekBar],
    currency: str,
    theme: Theme = LIGHT,
    width: int | None = WIDTH,
    *,
    description: str = "",
) -> dict[str, Any]:
    """The chart as a Vega-Lite spec. Bars are oldest first; the last one is the week itself."""
    rows = [_row(bar, last=bar is bars[-1]) for bar in bars]
    most = max((bar.high for bar in bars if bar.high is not None), default=0.0)
    order = [row["week"] for row in rows]
    x = alt.X(
        "week:O",
        sort=order,
        title=None,
        scale=alt.Scale(paddingInner=0.35, paddingOuter=0.2),
        axis=alt.Axis(labelAngle=0, ticks=False, labelFontSize=SMALL),
    )
    y = height_axis("mid:Q", f"{currency} lost in the week", max(most, 1.0))
    colour = alt.condition("datum.last", alt.value(theme.loss), alt.value(theme.band))
    layers = [
        on("weeks").mark_bar().encode(x=x, y=y, color=colour),
        on("weeks")
        .mark_rule(color=theme.ink, strokeWidth=1.2)
        .transform_filter("isValid(datum.low)")
        .encode(x=x, y=alt.Y("low:Q"), y2="high:Q"),
    ]
    spec = dressed(layers, {"weeks": rows}, theme, [], width, description)
    return spec | {"height": HEIGHT}


def _row(bar: WeekBar, *, last: bool) -> Row:
    return {
        "week": bar.name,
        "mid": None if bar.mid is None else max(bar.mid, 0.0),
        "low": None if bar.low is None else max(bar.low, 0.0),
        "high": None if bar.high is None else max(bar.high, 0.0),
        "last": last,
    }
