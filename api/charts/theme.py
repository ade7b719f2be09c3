"""What charts look like, on light and on dark paper; the page's own colours.

The two colours that carry meaning are vermilion and blue, which people with any colour vision tell
apart (Okabe and Ito 2008); all else is grey, and told apart by its form.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import altair as alt

from api.charts import clock

# Liberation Sans comes with the drawing library: text is as wide as measured on every machine.
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
SMALL, TEXT, TITLE = 11, 12, 17  # pixels
HEIGHT, HEIGHT_BARE = 380, 300  # pixels, with and without a title
HEADROOM = 1.15  # above the highest bin, for the names of what is shaded
NARROW = 520  # pixels; below, the legend takes a line for two entries
Row = dict[str, Any]
# Lines and areas of bins: as steps, with gaps where nothing is known.
STEPS: dict[str, Any] = {"interpolate": "step-after", "invalid": "break-paths-show-domains"}


@dataclass(frozen=True)
class Theme:
    """Colours of one kind of paper."""

    paper: str
    ink: str
    quiet: str  # text that stands back
    line: str  # grid
    band: str  # the usual range
    expected: str
    window: str  # shading of the effect window
    settling: str  # shading of the time in which things come back
    loss: str
    gain: str


LIGHT = Theme(
    paper="#fbfaf7",
    ink="#1c1b19",
    quiet="#5d5a54",
    line="#e6e2d9",
    band="#cbc6bb",
    expected="#6f6b64",
    window="#f7e3d3",
    settling="#e7eff5",
    loss="#d55e00",
    gain="#0072b2",
)
DARK = Theme(
    paper="#171614",
    ink="#f0ede6",
    quiet="#b3aea4",
    line="#32302c",
    band="#55514a",
    expected="#a8a399",
    window="#35261a",
    settling="#1b2730",
    loss="#e8772e",
    gain="#4aa3dd",
)


def dressed(
    layers: Sequence[alt.Chart],
    datasets: Mapping[str, Sequence[Row]],
    theme: Theme,
    title: list[str],
    width: int | None,
    description: str = "",
) -> dict[str, Any]:
    """The layers as one spec, in the theme; without a width it is as wide as what holds it.

    Layers name their `datasets`; these come in last, since Altair copies what it holds many times.
    """
    known = alt.LayerChart(layer=list(layers)).properties(
        width="container" if width is None else width,
        height=HEIGHT if title else HEIGHT_BARE,
        background=theme.paper,
        description=description or ". ".join(title),
        padding={"left": 8, "right": 12, "top": 10, "bottom": 8},
        autosize=alt.AutoSizeParams(type="fit", contains="padding"),
    )
    if title:
        known = known.properties(
            title=alt.TitleParams(
                title[0],
                subtitle=title[1:],
                anchor="start",
                frame="group",
                fontSize=TITLE,
                subtitleFontSize=TEXT,
                subtitleLineHeight=17,
                subtitlePadding=6,
                offset=12,
                color=theme.ink,
                subtitleColor=theme.quiet,
            )
        )
    spec: dict[str, Any] = (
        known.configure(font=FONT)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=theme.quiet,
            titleColor=theme.quiet,
            labelFontSize=SMALL,
            titleFontSize=SMALL,
            titleFontWeight="normal",
            gridColor=theme.line,
            domainColor=theme.line,
            tickColor=theme.line,
            labelPadding=5,
        )
        .configure_legend(
            labelColor=theme.ink,
            labelFontSize=TEXT,
            title=None,
            symbolSize=110,
            symbolStrokeWidth=2.5,
            rowPadding=4,
            columnPadding=16,
        )
        .to_dict()
    )
    return spec | {"datasets": {name: list(rows) for name, rows in datasets.items()}}


def on(dataset: str) -> alt.Chart:
    """What a layer is made of: a dataset that `dressed` is given under this name."""
    return alt.Chart(alt.NamedData(dataset))


def legend(width: int | None, wide: int, narrow: int, outline: str = "") -> alt.Legend:
    """A legend of so many columns (0: one line), wherever there is room for them.

    outline: of its squares, where one is as pale as the paper.
    """
    columns: Any = narrow if width is not None and width < NARROW else wide
    if width is None:
        columns = alt.ExprRef(f"width < {NARROW} ? {narrow} : {wide}")
    found = alt.Legend(orient="bottom", columns=columns, symbolType="square", offset=6)
    if outline:
        found.symbolStrokeColor, found.symbolStrokeWidth = outline, 1
    return found


def time_axis(field: str, first: float, last: float, zone: ZoneInfo) -> alt.X:
    """An axis of milliseconds since 1970, from first to last (epoch seconds), in local time."""
    found = clock.ticks(first, last, zone)
    return alt.X(
        field,
        title=None,
        scale=alt.Scale(domain=[first * 1000, last * 1000], nice=False, zero=False),
        axis=alt.Axis(
            values=list(found.values),
            labelExpr=found.label,
            labelOverlap="greedy",
            labelSeparation=6,
            labelLineHeight=14,
            grid=False,
        ),
    )


def height_axis(field: str, title: str, most: float) -> alt.Y:
    """An axis of volumes from zero to a little above the most; its title stands on top of it."""
    return alt.Y(
        field,
        title=title,
        scale=alt.Scale(domain=[0, most * HEADROOM or 1.0], nice=False),
        axis=alt.Axis(
            tickCount=5,
            format="~s" if most >= 20_000 else ",~f",
            labelExpr="datum.value === 0 ? '0' : datum.label",  # no "0k"
            domain=False,
            ticks=False,
            titleAngle=0,
            titleAlign="left",
            titleAnchor="start",
            titleX=0,
            titleY=-6,
            titleBaseline="bottom",
        ),
    )


def rounded(value: float) -> float | None:
    """A number as charts need it: five digits, and none for what is not known."""
    return float(f"{value:.5g}") if math.isfinite(value) else None
