"""How far single bins stray from the baseline, and how the day is going.

Both are measured by backtest: what the baseline of the older weeks expected of the newer ones,
carried on by the level of the hours before, as it is when the measure is watched for real.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from impact.calendar import IntArray
from impact.cusum import ERROR_CORRELATION, Watched, excursions
from impact.model import FloatArray

DAY_SPREAD = 0.1  # days differ by so much, whatever the history shows
LEVEL_LOW, LEVEL_HIGH = 0.5, 2.0  # beyond, it is no level but an incident
MEMORY_H = 6.0  # hours until an hour counts 1/e in the rolling level
LAG_H = 0.5  # the newest minutes are under test and say nothing about the level
FOLDS = 4.0  # of fading by e, that one block of a fading sum spans
CHI2_MEDIAN = 0.4549  # of one degree of freedom


@dataclass(frozen=True)
class Spread:
    """var(count) = phi E + (spread E)^2 in one bin; `peaks` of the red test over `weeks`."""

    phi: float
    spread: float
    peaks: FloatArray
    weeks: float

    def sigma(self, expected: FloatArray) -> FloatArray:
        """The standard deviation of bins around `expected`."""
        out: FloatArray = np.sqrt(self.phi * expected + (self.spread * expected) ** 2)
        return out


def dispersion(actual: FloatArray, expected: FloatArray) -> tuple[float, float]:
    """(phi, spread) with var(actual) = phi E + (spread E)^2, phi >= 1, robust against outages.

    Medians of squared deviations over thirds by size of E. Quiet bins settle phi, busy ones the
    spread.
    """
    fit = np.isfinite(actual) & (expected > 1.0)
    if fit.sum() < 30:
        return 1.0, 0.0
    size, ratio = expected[fit], (actual[fit] - expected[fit]) ** 2 / expected[fit]
    order = np.argsort(size, kind="stable")
    parts = [part for part in np.array_split(order, 3) if len(part)]
    phis = [float(np.median(ratio[part])) / CHI2_MEDIAN for part in parts]
    phi = max(min(phis), 1.0)
    spreads = [
        max(p - phi, 0.0) / float(np.median(size[part]))
        for p, part in zip(phis, parts, strict=True)
    ]
    return phi, float(np.sqrt(max(spreads)))


def level_before(actual: FloatArray, expected: FloatArray, phi: float, hours: int) -> float:
    """How the hours before went against the baseline, trusted as far as their noise allows.

    The median over `hours` parts, so that an hour of another outage is not the new normal.
    """
    seen = np.isfinite(actual) & (expected > 0.0)
    if not seen.any():
        return 1.0
    parts = np.array_split(np.flatnonzero(seen), hours)
    ratios = [actual[part].sum() / expected[part].sum() for part in parts if len(part)]
    trust = _trust(np.array([expected[seen].sum()]), phi)[0]
    return float(np.clip(1.0 + trust * (np.median(ratios) - 1.0), LEVEL_LOW, LEVEL_HIGH))


def rolling_level(actual: FloatArray, expected: FloatArray, phi: float, step_s: int) -> FloatArray:
    """(T,): how the hours before each bin went, the newest LAG_H left out."""
    seen = np.isfinite(actual)
    fade = float(np.exp(-step_s / (MEMORY_H * 3600.0)))
    lag = max(int(LAG_H * 3600 / step_s), 1)
    sums = [
        np.concatenate([np.zeros(lag), fading_sums(np.where(seen, x, 0.0), fade)])[: len(actual)]
        for x in (actual, expected)
    ]
    ratio = np.divide(sums[0], sums[1], out=np.ones(len(actual)), where=sums[1] > 0.0)
    level: FloatArray = np.clip(1.0 + _trust(sums[1], phi) * (ratio - 1.0), LEVEL_LOW, LEVEL_HIGH)
    return level


def fading_sums(values: FloatArray, fade: float) -> FloatArray:
    """(T,): y[t] = x[t] + fade y[t-1], in blocks short enough that powers of `fade` stay exact.

    What `scipy.signal.lfilter` gives, without the half second that importing it takes.
    """
    block = max(int(FOLDS / -np.log(fade)), 1)
    rows = -(-len(values) // block)
    padded = np.zeros(rows * block)
    padded[: len(values)] = values
    powers = fade ** np.arange(block)
    sums = np.cumsum(padded.reshape(rows, block) / powers, axis=1) * powers
    carry = 0.0
    for row in sums:
        row += carry * fade * powers
        carry = float(row[-1])
    out: FloatArray = sums.reshape(-1)[: len(values)]
    return out


def measure_spread(watched: Watched, phi_first: float = 1.0) -> Spread:
    """The spread of a backtest: actual beside what an older baseline expected."""
    step_s = int(watched.step.total_seconds())
    level = rolling_level(watched.actual, watched.expected, phi_first, step_s)
    expected = watched.expected * level
    phi, spread = dispersion(watched.actual, expected)
    known = Spread(phi, spread, np.zeros(0), 0.0)
    again = Watched(watched.times, watched.actual, expected, known.sigma(expected), watched.kind)
    weeks = max(float(np.isfinite(watched.actual).sum()) * step_s / (7 * 86400), 1e-6)
    return Spread(phi, spread, excursions(again), weeks)


def sd_of_sums(sigma: FloatArray, edges: IntArray) -> FloatArray:
    """Standard deviations of sums of bins from each edge to the next.

    Bins err together a little (`impact.cusum`): var = sum s^2 + rho (sum s)^2 - rho sum s^2.
    """
    squares, sums = np.add.reduceat(sigma**2, edges), np.add.reduceat(sigma, edges)
    return np.sqrt((1.0 - ERROR_CORRELATION) * squares + ERROR_CORRELATION * sums**2)


def _trust(volume: FloatArray, phi: float) -> FloatArray:
    """The share of a ratio's variance that is the day's and not the counting's."""
    variance = DAY_SPREAD**2
    trust: FloatArray = variance / (variance + phi / np.maximum(volume, 1e-9))
    return trust
