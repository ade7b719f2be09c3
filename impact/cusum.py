"""Red or not, since when and until when: a sequential test on bins wide enough to mean something.

Single minutes decide nothing: below a 90 % range falls one quiet minute in twenty, and thirty of
them hold one three times in four. The test is Page's CUSUM (Page 1954, "Continuous inspection
schemes") on standardised deviations of bins that each expect 30 units or more:

    S_t = max(0, S_{t-1} + z_t - k_t),   z = (expected - actual) / sd,   red once S > h

with k = half a standard deviation plus 5 % of what was expected, so that a baseline that is a
little off for hours is not an outage. The change point is the last bin at which S was zero. The
way back is the same test turned round, between the depth seen and normal.

sd is taken from the baseline's range, which carries its over-dispersion, and is never below that
of a Poisson count. Bins' errors are taken as weakly correlated (`ERROR_CORRELATION`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log

import numpy as np

from impact.calendar import IntArray
from impact.model import BoolArray, FloatArray, Kind, TimeArray
from impact.times import as_datetime, utc64

BIN_UNITS = 30.0  # a bin of the test expects at least so many
THRESHOLD = 5.0  # h where no backtest has set one: a false alarm about every 900 normal bins
FEW_PEAKS = 20  # fewer say nothing about the tail
SLACK_SD = 0.5
SLACK_SHARE = 0.05
ERROR_CORRELATION = 0.1
JOIN = timedelta(minutes=30)  # red intervals closer than this are one


@dataclass(frozen=True)
class Watched:
    """A measure beside its baseline, in equal bins: each array has shape (T,), NaN is not measured.

    sigma: standard deviation of a single bin's count around `expected`, in units.
    """

    times: TimeArray  # starts of the bins, UTC
    actual: FloatArray
    expected: FloatArray
    sigma: FloatArray
    kind: Kind = "flow"

    @property
    def step(self) -> timedelta:
        """The width of one bin."""
        if len(self.times) < 2:
            return timedelta(minutes=1)
        return timedelta(seconds=int((self.times[1] - self.times[0]) / np.timedelta64(1, "s")))

    def where(self, chosen: BoolArray) -> Watched:
        """Some of its bins, (T,)."""
        return Watched(
            self.times[chosen],
            self.actual[chosen],
            self.expected[chosen],
            self.sigma[chosen],
            self.kind,
        )


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch in which the measure was red; `end` is None while it is."""

    start: datetime
    end: datetime | None


@dataclass(frozen=True)
class _Bins:
    """The bins of the test: `first[i]` to `first[i + 1]` are the fine bins of bin i."""

    first: IntArray  # (B + 1,)
    drift: FloatArray  # (B,) z - k
    z: FloatArray  # (B,)
    slack: FloatArray  # (B,) k
    missing: FloatArray  # (T,) of the fine bins: what is missing (a load: on top), 0 where unseen
    expected: FloatArray  # (T,) of the fine bins, 0 where unseen


def red_intervals(
    series: Watched, *, anchor: datetime | None = None, threshold: float = THRESHOLD
) -> tuple[Interval, ...]:
    """Where the measure was red (short for a flow, in excess for a load), oldest first.

    `anchor`: a moment at which bins should begin (the first signal), so that none straddles it.
    """
    bins = _bins(series, anchor, sign=1.0 if series.kind == "flow" else -1.0)
    return _intervals(series, bins, threshold)


def surplus_intervals(series: Watched, *, anchor: datetime) -> tuple[Interval, ...]:
    """Where a flow ran above its baseline: what was lost coming back."""
    return _intervals(series, _bins(series, anchor, sign=-1.0), THRESHOLD)


def excursions(series: Watched) -> FloatArray:
    """Peaks of S over a stretch of normal history, one for each time it left zero."""
    bins = _bins(series, None, sign=1.0 if series.kind == "flow" else -1.0)
    level = np.cumsum(bins.drift)
    low = np.minimum.accumulate(np.minimum(level, 0.0)) if len(level) else level
    above = level - low
    up = above > 0.0
    begins = np.flatnonzero(up & ~np.concatenate([[False], up[:-1]]))
    if not len(begins):
        return np.zeros(0)
    peaks: FloatArray = np.maximum.reduceat(above, begins)
    return peaks


def calibrate_threshold(
    peaks: FloatArray, weeks: float, measures: int, false_per_week: float = 1.0
) -> float:
    """h for one of `measures` measures, so that all together cry wolf `false_per_week` at most.

    peaks: `excursions` of a backtest over `weeks` of the measure's own history. Where the history
    is long enough for the rate asked for, h is the peak that was passed that often. Beyond it,
    peaks are taken as exponential, and h is never below the second largest: the largest is
    forgiven as an outage that nobody labelled. Never below `THRESHOLD`.
    """
    if weeks <= 0 or measures < 1 or false_per_week <= 0:
        raise ValueError("weeks, measures and false_per_week must be positive")
    ranked = np.sort(peaks)
    allowed = false_per_week * weeks / measures
    if allowed >= 2.0:
        passed = int(allowed)
        return max(THRESHOLD, float(ranked[-passed - 1]) if passed < len(ranked) else 0.0)
    if len(ranked) < FEW_PEAKS:  # nothing to calibrate on: be slow rather than wrong
        return 2.0 * max(THRESHOLD, float(ranked[-1]) if len(ranked) else 0.0)
    base = float(np.quantile(ranked[:-1], 0.9))
    beyond = ranked[:-1][ranked[:-1] > base] - base
    scale = float(beyond.mean()) if len(beyond) else 0.0
    rate = max(len(beyond) / allowed, 1.0)
    return max(THRESHOLD, float(ranked[-2]), base + scale * log(rate))


def _bins(series: Watched, anchor: datetime | None, sign: float) -> _Bins:
    """Fine bins put together until each holds BIN_UNITS expected, forwards and back from `anchor`.

    What is left at the far end expects too little and waits for more data.
    """
    seen = np.isfinite(series.actual) & np.isfinite(series.expected)
    expected = np.where(seen, series.expected, 0.0)
    split = 0 if anchor is None else int(np.searchsorted(series.times, utc64(anchor)))
    after = split + _cuts(expected[split:])
    before = (split - _cuts(expected[:split][::-1]))[::-1]
    first = np.unique(np.concatenate([before, after])).astype(np.int64)
    missing = sign * (expected - np.where(seen, series.actual, 0.0))
    if len(first) < 2:
        return _Bins(first, np.zeros(0), np.zeros(0), np.zeros(0), missing, expected)
    mean, deviation = _sums(expected, first), _sums(missing, first)
    sigma = np.where(seen & np.isfinite(series.sigma), series.sigma, 0.0)
    alone, together = _sums(sigma**2, first), _sums(sigma, first) ** 2
    variance = (1.0 - ERROR_CORRELATION) * alone + ERROR_CORRELATION * together
    sd = np.sqrt(np.maximum(variance, mean))
    z, slack = deviation / sd, SLACK_SD + SLACK_SHARE * mean / sd
    return _Bins(first, z - slack, z, slack, missing, expected)


def _cuts(expected: FloatArray) -> IntArray:
    """Indices at which a new bin begins, 0 first; the last one ends the last full bin.

    A bin closes with the fine bin that brings it to BIN_UNITS.
    """
    if len(expected) and float(expected.min()) >= BIN_UNITS:
        return np.arange(len(expected) + 1, dtype=np.int64)
    cuts, held = [0], 0.0
    for index, units in enumerate(expected.tolist()):
        held += units
        if held >= BIN_UNITS:
            cuts.append(index + 1)
            held = 0.0
    return np.array(cuts, dtype=np.int64)


def _sums(values: FloatArray, first: IntArray) -> FloatArray:
    running: FloatArray = np.concatenate([[0.0], np.cumsum(values)])
    sums: FloatArray = running[first[1:]] - running[first[:-1]]
    return sums


def _intervals(series: Watched, bins: _Bins, threshold: float) -> tuple[Interval, ...]:
    """All red stretches, with those that lie closer than JOIN put together."""
    found: list[Interval] = []
    at = 0
    while at < len(bins.drift):
        hit = _first_red(bins.drift[at:], threshold)
        if hit is None:
            break
        begin, cross = at + hit[0], at + hit[1]
        back = _first_back(bins, begin, cross)
        stretch = slice(begin, back if back is not None else len(bins.drift))
        depth = _depth(bins, stretch)
        start = _at(series, _change(bins, begin, -depth))
        end = None if back is None else _at(series, _change(bins, back, depth))
        found = _joined(found, Interval(start, end))
        if back is None:
            break
        at = back
    return tuple(found)


def _first_red(drift: FloatArray, threshold: float) -> tuple[int, int] | None:
    """(first bin of the stretch, bin at which S passed the threshold)."""
    level = np.concatenate([[0.0], np.cumsum(drift)])
    over = level - np.minimum.accumulate(level) > threshold
    if not over.any():
        return None
    cross = int(np.argmax(over))
    # the last minimum before the crossing: S was zero there
    begin = cross - int(np.argmin(level[: cross + 1][::-1]))
    return begin, cross - 1


def _first_back(bins: _Bins, begin: int, cross: int) -> int | None:
    """The first bin of normal again after a red stretch, once that is certain."""
    depth = float(np.mean(bins.z[begin : cross + 1]))
    middle = max(depth / 2.0, float(np.mean(bins.slack[begin : cross + 1])))
    level = np.concatenate([[0.0], np.cumsum(middle - bins.z[cross + 1 :])])
    over = level - np.minimum.accumulate(level) > THRESHOLD
    if not over.any():
        return None
    sure = int(np.argmax(over))
    return cross + 1 + sure - int(np.argmin(level[: sure + 1][::-1]))


def _depth(bins: _Bins, stretch: slice) -> float:
    """The share of the expected that was missing over a stretch of bins."""
    fine = slice(int(bins.first[stretch.start]), int(bins.first[stretch.stop]))
    expected = float(bins.expected[fine].sum())
    return float(bins.missing[fine].sum()) / expected if expected > 0.0 else 0.0


def _change(bins: _Bins, at: int, depth: float) -> np.int64:
    """The fine bin at which the level changed, near the bin `at` of the test.

    depth: the share missing until then, or, negated, from then on. The likeliest change point is
    where the sum of what lies beyond half the depth is at its extreme.
    """
    low = int(bins.first[max(at - 1, 0)])
    high = int(bins.first[min(at + 1, len(bins.first) - 1)])
    beyond = bins.missing[low:high] - abs(depth) / 2.0 * bins.expected[low:high]
    level = np.concatenate([[0.0], np.cumsum(beyond)]) * (1.0 if depth > 0.0 else -1.0)
    return np.int64(low + int(np.argmax(level)))


def _joined(found: list[Interval], new: Interval) -> list[Interval]:
    last = found[-1] if found else None
    if last is None or last.end is None or new.start - last.end > JOIN:
        return [*found, new]
    return [*found[:-1], Interval(last.start, new.end)]


def _at(series: Watched, index: np.int64) -> datetime:
    """The start of fine bin `index`, or the end of the series."""
    if index < len(series.times):
        return as_datetime(series.times[index])
    return _at(series, np.int64(len(series.times) - 1)) + series.step
