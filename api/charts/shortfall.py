"""The chart of one incident on one measure: what was expected, what came, what is missing.

Grey: the range in which bins usually lie, the expected volume dashed, the measured one solid. The
effect window and the settling after it are shaded; the area between expected and measured carries
the colour of loss or of surplus, and adds up to the numbers in the title.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import altair as alt
import numpy as np

from api import words
from api.charts import clock
from api.charts.around import around
from api.charts.bins import Bins, Part, parts
from api.charts.story import Shortfall, headline, told
from api.charts.theme import (
    LIGHT,
    SMALL,
    STEPS,
    Row,
    Theme,
    dressed,
    height_axis,
    legend,
    on,
    rounded,
    time_axis,
)

WIDTH = 860
NAMES = {"flow": ("missing", "surplus"), "load": ("fewer", "extra")}
PER = ((60, "minute", 3600), (3600, "hour", 86400))  # seconds, name, for bins narrower than
ROOM_FOR_A_NAME = 0.1  # of the chart's width
STEADY = 2.0  # units: of less in a minute, hours are told


def shortfall(
    what: Shortfall, theme: Theme = LIGHT, width: int | None = WIDTH, *, title: bool = True
) -> dict[str, Any]:
    """The chart as a Vega-Lite spec; `width=None`: as wide as what holds it."""
    shown = around(what)
    per_s, per = _rate(shown)
    names = NAMES[what.kind]
    coloured = parts(shown, what.seconds, what.back, names)
    shades = _shades(what, shown, theme)
    lines = [headline(what), *told(what)]
    most = float(np.nanmax(np.append(shown.high, shown.actual) * per_s / np.tile(shown.width_s, 2)))
    y = height_axis("low:Q", f"{what.unit} per {per}", most)
    colour = _colours(what, theme, {p.name for p in coloured}, width)
    first, last = float(shown.edges[0]), float(shown.edges[-1])
    bins = on("bins").encode(x=time_axis("t:Q", first, last, what.zone))
    layers = [
        on("shades").mark_rect().encode(x="a:Q", x2="b:Q", color=alt.Color("colour:N", scale=None)),
        _name("left", theme),
        _name("right", theme),
        bins.mark_area(interpolate="step-after", color=theme.band, opacity=0.8).encode(
            y=y, y2="high:Q"
        ),
        on("parts")
        .mark_area(interpolate="step-after", opacity=0.85)
        .encode(x="t:Q", y="actual:Q", y2="expected:Q", color=colour, detail="run:N"),
        bins.mark_line(strokeWidth=1.5, strokeDash=[5, 3], **STEPS)
        .transform_calculate(name="'expected'")
        .encode(y="expected:Q", color=colour),
        bins.mark_line(strokeWidth=1.8, **STEPS)
        .transform_calculate(name="'measured'")
        .encode(y="actual:Q", color=colour),
        bins.mark_rule(strokeWidth=10, opacity=0, aria=False).encode(
            tooltip=_tooltip(f"per {per}")
        ),
    ]
    datasets = {
        "shades": shades,
        "bins": _rows(shown, per_s, what),
        "parts": _areas(shown, coloured, per_s),
    }
    return dressed(layers, datasets, theme, lines if title else [], width, ". ".join(lines))


def _rate(shown: Bins) -> tuple[int, str]:
    """Seconds and name of the unit of time that the axis counts in."""
    width, middle = (
        float(np.median(shown.width_s)),
        float(np.median(shown.expected / shown.width_s)),
    )
    for seconds, name, wide in PER:
        if width < wide and middle * seconds >= STEADY:
            return seconds, name
    return 86400, "day"


def _rows(shown: Bins, per_s: int, what: Shortfall) -> list[Row]:
    """A row per bin, and one that ends the last step."""
    rate = per_s / shown.width_s
    columns = {
        "actual": shown.actual * rate,
        "expected": shown.expected * rate,
        "low": shown.low * rate,
        "high": shown.high * rate,
    }
    rows: list[Row] = []
    for i, edge in enumerate(shown.edges.tolist()):
        at = min(i, len(shown.actual) - 1)
        row: Row = {"t": int(edge * 1000), "when": clock.local_text(edge, what.zone)}
        rows.append(row | {name: rounded(float(values[at])) for name, values in columns.items()})
        row = rows[-1]
        row["usual"] = f"{words.units(row['low'])} to {words.units(row['high'])}"
        row["came"] = words.units(row["actual"])
    return rows


def _shades(what: Shortfall, shown: Bins, theme: Theme) -> list[Row]:
    """The effect window and the settling, with their names and on which side these stand."""
    left, right = float(shown.edges[0]), float(shown.edges[-1])
    spans = [("outage" if what.kind == "flow" else "effect", what.seconds, theme.window)]
    if what.settling:
        a, b = (m.timestamp() for m in what.settling)
        spans.append(("settling", (a, b), theme.settling))
    rows: list[Row] = []
    for name, span, colour in spans:
        a, b = max(span[0], left), min(span[1], right)
        if b <= a:
            continue
        narrow = b - a < ROOM_FOR_A_NAME * (right - left)
        side = "" if narrow and name == "settling" else "right" if narrow else "left"
        shade = {"a": a * 1000, "b": b * 1000, "colour": colour}
        rows.append(shade | {"name": name, "side": side})
    return rows


def _name(side: Literal["left", "right"], theme: Theme) -> alt.Chart:
    """Names of what is shaded: inside at its left edge; before it where it is too narrow."""
    text: alt.Chart = (
        on("shades")
        .mark_text(
            align=side,
            baseline="top",
            dx=4 if side == "left" else -4,
            y=4,
            fontSize=SMALL,
            color=theme.quiet,
        )
        .transform_filter(f"datum.side == '{side}'")
        .encode(x="a:Q", text="name:N")
    )
    return text


def _areas(shown: Bins, coloured: Sequence[Part], per_s: int) -> list[Row]:
    """The coloured areas between expected and measured: a row per bin, and one that ends each."""
    rate = per_s / shown.width_s
    rows: list[Row] = []
    for run, part in enumerate(coloured):
        last = part.bins[-1]
        for edge, i in [*((i, i) for i in part.bins), (last + 1, last)]:
            rows.append(
                {
                    "t": int(shown.edges[edge] * 1000),
                    "actual": rounded(float(shown.actual[i] * rate[i])),
                    "expected": rounded(float(shown.expected[i] * rate[i])),
                    "name": part.name,
                    "run": run,
                }
            )
    return rows


def _colours(what: Shortfall, theme: Theme, used: set[str], width: int | None) -> alt.Color:
    """One scale and one legend for lines and areas."""
    less, more = NAMES[what.kind]
    bad, good = (less, more) if what.kind == "flow" else (more, less)
    known = {"measured": theme.ink, "expected": theme.expected, bad: theme.loss, good: theme.gain}
    shown = {n: c for n, c in known.items() if n in used or n in ("measured", "expected")}
    return alt.Color(
        "name:N",
        scale=alt.Scale(domain=list(shown), range=list(shown.values())),
        legend=legend(width, 0, 2),
    )


def _tooltip(per: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("when:N", title="from"),
        alt.Tooltip("came:N", title=f"measured, {per}"),
        alt.Tooltip("expected:Q", title=f"expected, {per}", format=",.3~r"),
        alt.Tooltip("usual:N", title="usual range"),
    ]
