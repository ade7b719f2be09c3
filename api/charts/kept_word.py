"""The chart of the trust ledger: the range that was given live, beside what it came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from api import words
from api.charts.theme import LIGHT, Row, Theme, dressed, height_axis, on
from impact.model import Range

HEIGHT = 260
MOST = 40  # incidents of one chart
_ROOM_FOR_DATES = 12  # incidents, above which dates stand upright


@dataclass(frozen=True)
class Kept:
    """One incident: what was said of it live, and what it came to."""

    when: str  # of the incident, unique among them
    live: Range
    final: float

    @property
    def inside(self) -> bool:
        """Whether the range held it."""
        return self.live.low <= self.final <= self.live.high


def kept_word(
    told: Sequence[Kept], unit: str, theme: Theme = LIGHT, width: int | None = 860
) -> dict[str, Any]:
    """The chart as a Vega-Lite spec; incidents stand in the order given, oldest first."""
    rows = [_row(one) for one in told[-MOST:]]
    names = {"said live, with its range": theme.expected, "came to": theme.gain}
    missed = {"came to, outside the range": theme.loss}
    if any(not one.inside for one in told[-MOST:]):
        names |= missed
    colour = alt.Color(
        "name:N",
        scale=alt.Scale(domain=list(names), range=list(names.values())),
        legend=alt.Legend(
            orient="bottom", columns=2, symbolType="square", symbolOpacity=1, offset=6
        ),
    )
    least = min([0.0, *(row["low"] for row in rows), *(row["final"] for row in rows)])
    most = max([1.0, *(row["high"] for row in rows), *(row["final"] for row in rows)])
    y = height_axis("low:Q", unit, most)
    if least < 0:
        y = y.scale(domain=[1.1 * least, 1.1 * most], nice=False)
    x = alt.X(
        "when:N",
        title=None,
        sort=None,
        axis=alt.Axis(
            labelAngle=0 if len(rows) <= _ROOM_FOR_DATES else -90,
            labelOverlap="greedy",
            domain=False,
            ticks=False,
        ),
    )
    tip = [
        alt.Tooltip("when:N", title="incident of"),
        alt.Tooltip("said:N", title="said live"),
        alt.Tooltip("came:N", title="came to"),
    ]
    base = on("told")
    layers = [
        base.mark_rule(strokeWidth=5, opacity=0.55, strokeCap="round")
        .transform_calculate(name="'said live, with its range'")
        .encode(x=x, y=y, y2="high:Q", color=colour, tooltip=tip),
        base.mark_tick(orient="horizontal", thickness=2, width=14)
        .transform_calculate(name="'said live, with its range'")
        .encode(x=x, y="mid:Q", color=colour, tooltip=tip),
        base.mark_point(shape="diamond", filled=True, size=70, opacity=1)
        .transform_calculate(name="datum.inside ? 'came to' : 'came to, outside the range'")
        .encode(x=x, y="final:Q", color=colour, tooltip=tip),
    ]
    said = f"What was said live of {unit}, beside what it came to"
    return dressed(layers, {"told": rows}, theme, [], width, said) | {"height": HEIGHT}


def _row(one: Kept) -> Row:
    live = one.live
    ends = f"{words.units(live.low)} to {words.units(live.high)}"
    return {
        "when": one.when,
        "low": live.low,
        "mid": live.mid,
        "high": live.high,
        "final": one.final,
        "inside": one.inside,
        "said": f"{words.units(live.mid)} ({ends})",
        "came": words.units(one.final),
    }
