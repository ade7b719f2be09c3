"""A small picture within the page itself: expected against actual, as lines of SVG.

The page's own style sheet colours it (`.spark`), so it is right on any paper and needs no request.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.charts.around import around
from api.charts.story import Shortfall, headline

WIDTH, HEIGHT = 240.0, 48.0  # units of the drawing; it is stretched to the room there is


@dataclass(frozen=True)
class Spark:
    """Paths of an SVG of WIDTH x HEIGHT, and what it shows in words."""

    about: str
    band: str  # the range in which bins usually lie
    expected: str
    actual: str
    missing: str  # between the two, within the effect window
    window: tuple[float, float]  # the effect window: from x, so wide


def spark(what: Shortfall) -> Spark:
    """The sparkline of one incident on one measure."""
    shown = around(what)
    rate = 1.0 / shown.width_s
    first, last = float(shown.edges[0]), float(shown.edges[-1])
    values = np.concatenate([shown.high * rate, np.nan_to_num(shown.actual * rate)])
    most = float(values.max()) or 1.0

    def x(seconds: float) -> float:
        return (min(max(seconds, first), last) - first) / (last - first) * WIDTH

    def y(value: float) -> float:
        return HEIGHT - 1.0 - value / most * (HEIGHT - 2.0)

    columns = [x(edge) for edge in shown.edges.tolist()]
    rows = {
        name: [y(v) for v in (series * rate).tolist()]
        for name, series in (
            ("actual", shown.actual),
            ("expected", shown.expected),
            ("low", shown.low),
            ("high", shown.high),
        )
    }
    a, b = what.seconds
    inside = (shown.edges[:-1] < b) & (shown.edges[1:] > a) & np.isfinite(shown.actual)
    return Spark(
        about=headline(what),
        band=_between(columns, rows["high"], rows["low"], range(len(shown.actual))),
        expected=_steps(columns, rows["expected"]),
        actual=_steps(columns, rows["actual"]),
        missing=" ".join(
            _between(columns, rows["expected"], rows["actual"], run) for run in _runs(inside)
        ),
        window=(x(a), x(b) - x(a)),
    )


def _steps(columns: Sequence[float], rows: Sequence[float]) -> str:
    """A line of steps; broken where nothing is known."""
    parts, down = [], False
    for left, right, row in zip(columns, columns[1:], rows, strict=False):
        if math.isfinite(row):
            parts.append(f"{'L' if down else 'M'}{left:.1f} {row:.1f}H{right:.1f}")
        down = math.isfinite(row)
    return "".join(parts)


def _between(
    columns: Sequence[float], upper: Sequence[float], lower: Sequence[float], run: Iterable[int]
) -> str:
    """The area between two lines of steps."""
    bins = list(run)
    if not bins:
        return ""
    there = "".join(f"L{columns[i]:.1f} {upper[i]:.1f}H{columns[i + 1]:.1f}" for i in bins)
    back = "".join(f"L{columns[i + 1]:.1f} {lower[i]:.1f}H{columns[i]:.1f}" for i in bins[::-1])
    return f"M{there[1:]}{back}Z"


def _runs(inside: NDArray[np.bool_]) -> list[range]:
    """Bins that lie together."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(int), [0]])))
    return [range(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
