"""Bins wide enough to be looked at, and the parts of them that carry a colour.

Minutes of a thin series are noise to the eye: they are put together until a bin expects some
units. Bins never reach over an edge of the effect window, and are shown as rates, so that bins of
different width stand beside each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from impact.calendar import IntArray
from impact.model import FloatArray

WIDTHS_S = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
MOST = 140  # bins of one chart
LEAST_UNITS = 12.0  # expected in a bin, in the middle


@dataclass(frozen=True)
class Bins:
    """Volumes per bin; arrays of shape (B,), of edges (B + 1,) in epoch seconds."""

    edges: FloatArray
    actual: FloatArray  # NaN where nothing was measured
    expected: FloatArray
    low: FloatArray
    high: FloatArray

    @property
    def width_s(self) -> FloatArray:
        """(B,) seconds."""
        out: FloatArray = np.diff(self.edges)
        return out


@dataclass(frozen=True)
class Part:
    """Neighbouring bins whose area between expected and actual means one thing."""

    name: str
    bins: range


def coarser(fine: Bins, window: tuple[float, float], shared: float) -> Bins:
    """Fewer bins with the same sums; edges fall on those of the bins that the window touches.

    The range of a wide bin: what varies from bin to bin adds up in squares, and `shared`, the
    relative uncertainty of the whole window, adds up as it is.
    """
    step = float(fine.width_s[0])
    size = _together(fine, step)
    if size == 1:
        return fine
    end = len(fine.actual)  # the window may end after it
    first = min(max(0, int(np.searchsorted(fine.edges, window[0], side="right")) - 1), end)
    last = min(max(first, int(np.searchsorted(fine.edges, window[1], side="left"))), end)
    at = np.unique([*_even(0, first, size), *_even(first, last, size), *_even(last, end, size)])
    starts, n = at[:-1], np.diff(at)
    seen = np.isfinite(fine.actual)
    counted = np.add.reduceat(seen, starts, dtype=float)
    total = np.add.reduceat(np.where(seen, fine.actual, 0.0), starts)
    expected = np.add.reduceat(fine.expected, starts)
    common = (shared * expected) ** 2
    below = np.sqrt(np.add.reduceat((fine.expected - fine.low) ** 2, starts) + common)
    above = np.sqrt(np.add.reduceat((fine.high - fine.expected) ** 2, starts) + common)
    return Bins(
        fine.edges[at],
        np.where(counted >= 0.5 * n, total * n / np.maximum(counted, 1.0), np.nan),
        expected,
        np.maximum(expected - below, 0.0),
        expected + above,
    )


def _even(start: int, stop: int, size: int) -> list[int]:
    """Cuts from start to stop into pieces of about so many bins, none of them a sliver."""
    pieces = max(1, round((stop - start) / size))
    return [round(start + (stop - start) * i / pieces) for i in range(pieces + 1)]


def _together(fine: Bins, step: float) -> int:
    """How many bins become one."""
    typical = float(np.median(fine.expected))
    sizes = [int(w // step) for w in WIDTHS_S if w >= step and w % step == 0] or [1]
    enough = [s for s in sizes if len(fine.actual) / s <= MOST and typical * s >= LEAST_UNITS]
    wide = [s for s in sizes if len(fine.actual) / s >= 24] or [1]
    return min(enough[0] if enough else wide[-1], wide[-1])


def parts(
    bins: Bins, window: tuple[float, float], back: float, names: tuple[str, str]
) -> list[Part]:
    """What carries a colour: inside the window all of it, after it as much as `back` units.

    `names`: of fewer than expected, and of more. `back` is positive for what came after as a
    surplus (recovered, or a tail of more calls). So the colours add up to the numbers.
    """
    middle = (bins.edges[:-1] + bins.edges[1:]) / 2
    inside = (middle > window[0]) & (middle < window[1])
    surplus = np.nan_to_num(bins.actual - bins.expected)
    gained = np.cumsum(np.where(middle > window[1], np.maximum(surplus, 0.0), 0.0))
    before = np.concatenate([[0.0], gained[:-1]])
    came = (middle > window[1]) & (before < back) & (surplus > 0)
    code = np.where(inside & (surplus < 0), 0, np.where(inside & (surplus > 0) | came, 1, -1))
    return [Part(names[c], run) for c, run in _runs(code) if c >= 0]


def _runs(code: IntArray) -> Iterator[tuple[int, range]]:
    edges = [0, *(np.flatnonzero(np.diff(code)) + 1).tolist(), len(code)]
    for a, b in pairwise(edges):
        yield int(code[a]), range(a, b)
