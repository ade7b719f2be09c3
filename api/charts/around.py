"""How much of a series is shown around an incident, and how coarse."""

from __future__ import annotations

import numpy as np

from api.charts.bins import Bins, coarser
from api.charts.story import Shortfall

AROUND = ((1.0, 2 * 3600.0), (2.0, 3 * 3600.0))  # before and after: window lengths, at least
LEAST_BINS = 14  # two weeks of days


def around(what: Shortfall) -> Bins:
    """Bins of some lengths of the window before and after it, and until all has come back."""
    start, end = what.seconds
    (before, least_before), (after, least_after) = AROUND
    fine = what.bins
    some = LEAST_BINS * float(fine.width_s[0])
    first = start - max(before * (end - start), least_before, some)
    last = end + max(after * (end - start), least_after, some)
    if what.back > 0:  # all that came back
        last = max(last, _came_until(fine, end, what.back) + 3600.0)
    a = int(np.searchsorted(fine.edges, first, side="right")) - 1
    b = int(np.searchsorted(fine.edges, last, side="left"))
    a, b = max(0, a), min(len(fine.actual), b)
    if len(fine.actual) - (b - a) <= 8:  # little else there is
        a, b = 0, len(fine.actual)
    part = Bins(
        fine.edges[a : b + 1], *(v[a:b] for v in (fine.actual, fine.expected, fine.low, fine.high))
    )
    total = what.gross or what.counted
    usual = what.usual
    shared = (total.high - total.low) / 2 / usual if usual > 0 else 0.0
    return coarser(part, what.seconds, shared)


def _came_until(fine: Bins, end: float, back: float) -> float:
    """When so many units had come back."""
    surplus = np.nan_to_num(np.maximum(fine.actual - fine.expected, 0.0))
    gained = np.cumsum(np.where(fine.edges[:-1] >= end, surplus, 0.0))
    reached = np.flatnonzero(gained >= back)
    return float(fine.edges[reached[0] + 1]) if len(reached) else end
