"""The chart of a day so far: what came, on the band of what those hours usually have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import altair as alt
import numpy as np

from api import words
from api.charts import clock
from api.charts.theme import (
    LIGHT,
    STEPS,
    Row,
    Theme,
    dressed,
    height_axis,
    on,
    rounded,
    time_axis,
)
from impact.calendar import DAY, HOUR
from impact.model import FloatArray

HEIGHT = 240


@dataclass(frozen=True)
class Day:
    """Volumes per bin from local midnight on; arrays of shape (B,), NaN where nothing is known."""

    starts: FloatArray  # epoch seconds
    step_s: int
    actual: FloatArray
    expected: FloatArray
    low: FloatArray
    high: FloatArray
    timezone: str
    unit: str = "units"  # in the plural


def day(what: Day, theme: Theme = LIGHT, width: int | None = 860) -> dict[str, Any]:
    """The chart as a Vega-Lite spec: 24 hours wide, however much of the day has passed."""
    zone = ZoneInfo(what.timezone)
    first = float(what.starts[0])
    last = max(first + DAY, float(what.starts[-1]) + what.step_s)
    x = time_axis("t:Q", first, last, zone)
    most = float(np.nanmax(np.concatenate([what.high, what.actual, [0.0]])))
    per = "hour" if what.step_s == HOUR else f"{what.step_s // 60} minutes"
    axis = height_axis("high:Q", f"{what.unit} per {per}", most)
    names = {"came": theme.ink, "usual, with its range": theme.expected}
    colour = alt.Color(
        "name:N",
        scale=alt.Scale(domain=list(names), range=list(names.values())),
        legend=alt.Legend(orient="bottom", symbolType="stroke", offset=6),
    )
    bins = on("bins")
    layers = [
        bins.mark_area(color=theme.band, opacity=0.55, **STEPS).encode(x=x, y=axis, y2="low:Q"),
        bins.mark_line(strokeDash=[5, 3], strokeWidth=1.4, **STEPS)
        .transform_calculate(name="'usual, with its range'")
        .encode(x=x, y="expected:Q", color=colour),
        bins.mark_line(strokeWidth=1.9, **STEPS)
        .transform_calculate(name="'came'")
        .encode(x=x, y="actual:Q", color=colour),
        bins.mark_rule(strokeWidth=10, opacity=0, aria=False).encode(
            x=x,
            tooltip=[
                alt.Tooltip("when:N", title="from"),
                alt.Tooltip("came:N", title="came"),
                alt.Tooltip("usual:N", title="usual"),
            ],
        ),
    ]
    said = f"{what.unit.capitalize()} today, beside what is usual"
    spec = dressed(layers, {"bins": _rows(what, zone)}, theme, [], width, said)
    return spec | {"height": HEIGHT}


def _rows(what: Day, zone: ZoneInfo) -> list[Row]:
    """A row per bin, and one that ends the last step."""
    rows: list[Row] = []
    for i in range(len(what.starts) + 1):
        at = min(i, len(what.starts) - 1)
        start = float(what.starts[at]) + (what.step_s if i > at else 0)
        low, high = float(what.low[at]), float(what.high[at])
        rows.append(
            {
                "t": start * 1000,
                "when": clock.local_text(start, zone),
                "actual": rounded(float(what.actual[at])),
                "expected": rounded(float(what.expected[at])),
                "low": rounded(low),
                "high": rounded(high),
                "came": words.units(float(what.actual[at]))
                if np.isfinite(what.actual[at])
                else "not known",
                "usual": f"{words.units(low)} to {words.units(high)}",
            }
        )
    return rows
