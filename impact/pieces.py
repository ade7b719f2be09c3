"""The time around a window cut into pieces: fine where it matters, coarse far away.

Pieces never cross the window's first and last bin, so that nothing of the incident leaks into what
is taken as normal; they grow with their distance from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from impact.calendar import DAY, HOUR, IntArray, local_time
from impact.model import FloatArray
from impact.usual import Usual

BEFORE_S = 21 * 86400
AFTER_S = 48 * HOUR
WINDOW_PIECES = 24
LEAST_UNITS = 2.0


@dataclass(frozen=True)
class Pieces:
    """N consecutive pieces of time; arrays of shape (N,)."""

    edges: IntArray  # (N + 1,) bins of the series
    centre: FloatArray  # hours since the start of the window
    width: FloatArray  # hours
    actual: FloatArray  # volume of the bins that were measured
    usual: FloatArray  # usual volume of the same bins
    seen: FloatArray  # share of the bins that were measured
    scale: FloatArray  # of the residual
    day: IntArray  # local day of the middle
    closed: float  # hours after the window until business opens, where that is half a day or more
    window: slice


def cut(baseline: Usual, values: FloatArray, first: int, last: int) -> Pieces:
    """Pieces around the window of bins [first, last)."""
    step = baseline.series.step
    least = _least_hours(baseline, first, last)
    lengths_before = _growing(step, min(first, BEFORE_S // step), max(1 / 12, least))
    closed = baseline.closed_after(baseline.series.first + step * last)
    seen_after = min(max(len(values) - last, 0), (AFTER_S + closed) // step)
    lengths_after = _growing(step, seen_after, max(1 / 3, least))
    size = max(1, -(-(last - first) // WINDOW_PIECES), int(least * HOUR // step))
    inner = np.arange(first, last, size)
    edges = np.concatenate(
        [first - np.cumsum(lengths_before)[::-1], inner, [last], last + np.cumsum(lengths_after)]
    ).astype(np.int64)
    low, high = int(edges[0]), int(edges[-1])
    seconds = baseline.series.first + step * np.arange(low, high, dtype=np.int64)
    usual, slots = baseline.usual(seconds)
    middles = baseline.series.first + step * ((edges[:-1] + edges[1:]) // 2)
    region = np.full(high - low, np.nan)
    region[: max(0, min(high, len(values)) - low)] = values[low : min(high, len(values))]
    seen = np.isfinite(region)
    at = edges[:-1] - low
    bins = np.diff(edges)

    def total(x: FloatArray) -> FloatArray:
        return np.add.reduceat(x, at)

    before = len(lengths_before)
    return Pieces(
        edges=edges,
        centre=((edges[:-1] + edges[1:]) / 2 - first) * step / HOUR,
        width=bins * step / HOUR,
        actual=total(np.where(seen, region, 0.0)),
        usual=total(np.where(seen, usual, 0.0)),
        seen=total(seen.astype(float)) / bins,
        scale=total(baseline.residuals.scale[slots]) / bins,
        day=local_time(middles, baseline.zone).day,
        closed=closed / HOUR,
        window=slice(before, before + len(inner)),
    )


def _least_hours(baseline: Usual, first: int, last: int) -> float:
    """Length of a piece in which `LEAST_UNITS` usually come, around the window; a day at most.

    The square root of a count of nearly nothing is no normal number, however it is corrected.
    """
    step = baseline.series.step
    middle = baseline.series.first + step * (first + last) // 2
    usual, _ = baseline.usual(middle + HOUR * np.arange(-12, 13, dtype=np.int64))
    an_hour = float(usual.mean()) * HOUR / step
    return min(LEAST_UNITS / an_hour, 24.0) if an_hour > 0.0 else 24.0


def as_other_days(baseline: Usual, values: FloatArray, pieces: Pieces, first: int) -> FloatArray:
    """(6, N): usual volume if the window's first local day went like each other weekday."""
    step = baseline.series.step
    start = baseline.series.first + step * first
    local = local_time(np.array([start], np.int64), baseline.zone)
    day_start = start - int(local.second[0]) % DAY
    low = max(first - (start - day_start) // step, int(pieces.edges[0]))
    high = min(low + DAY // step, int(pieces.edges[-1]))
    seconds = baseline.series.first + step * np.arange(low, high, dtype=np.int64)
    region = np.full(high - low, np.nan)
    known = values[low : min(high, len(values))]
    region[: len(known)] = known
    seen = np.isfinite(region)
    own = int(local.second[0]) // DAY
    days = baseline.as_weekdays(seconds)
    change = np.where(seen, np.delete(days, own, axis=0) - baseline.usual(seconds)[0], 0.0)
    sums = np.cumsum(np.pad(change, ((0, 0), (1, 0))), axis=1)
    edges = np.clip(pieces.edges, low, high) - low
    out: FloatArray = np.maximum(pieces.usual + np.diff(sums[:, edges], axis=1), 0.0)
    return out


def _growing(step: int, bins: int, shortest: float) -> IntArray:
    """Lengths in bins, away from the window: a quarter of the distance, an hour at most near it."""
    out, done = [], 0
    while done < bins:
        distance = done * step / HOUR
        longest = max(shortest, 1.0 if distance < 36 else 3.0 if distance < 7 * 24 else 6.0)
        length = max(1, int(min(max(distance / 4, shortest), longest) * HOUR // step))
        length = min(length, bins - done)
        out.append(length)
        done += length
    return np.array(out, np.int64)
