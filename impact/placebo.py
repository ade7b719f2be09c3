"""How well windows like this one would have been told, had nothing happened: placebos.

The same window, with the same weights on what surrounds it, is moved back day by day through the
measure's own history. How its errors compare with those that the model promises scales the range.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from impact.baseline import Baseline
from impact.calendar import DAY, IntArray
from impact.model import FloatArray
from impact.pieces import Pieces

DAYS = 28
PRIOR_COUNT = 12
PRIOR_FACTOR = 1.15
QUANTILE = 0.90


def placebo_factor(
    baseline: Baseline,
    known: FloatArray,
    pieces: Pieces,
    obs: IntArray,
    weights: FloatArray,
    gradient: FloatArray,
    promised: float,
) -> float:
    """Spread of placebo errors over the promised one, leaning on a prior."""
    errors = placebo_errors(baseline, known, pieces, obs, weights, gradient) / max(promised, 1e-9)
    p = (1 + (np.arange(PRIOR_COUNT) + 0.5) / PRIOR_COUNT) / 2
    prior = PRIOR_FACTOR * ndtri(p)
    both = np.concatenate([np.abs(errors), prior])
    return float(np.quantile(both, QUANTILE) / ndtri((1 + QUANTILE) / 2))


def placebo_errors(
    baseline: Baseline,
    known: FloatArray,
    pieces: Pieces,
    obs: IntArray,
    weights: FloatArray,
    gradient: FloatArray,
) -> FloatArray:
    """Signed errors of the weighted window at up to 28 earlier days."""
    step = baseline.series.step
    per_day = DAY // step
    if per_day * step != DAY:
        return np.zeros(0)
    first_window = int(pieces.edges[pieces.window.start])
    days = min(DAYS, (first_window - 3 * per_day) // per_day)
    if days < 1:
        return np.zeros(0)
    low = int(pieces.edges[0]) - days * per_day
    high = min(int(pieces.edges[-1]) - per_day, len(known))
    low0 = max(low, 0)
    seconds = baseline.series.first + step * np.arange(low0, high, dtype=np.int64)
    usual, slots = baseline.usual(seconds)
    region = known[low0:high]
    seen = np.isfinite(region)
    edges = pieces.edges[None, :] - per_day * np.arange(1, days + 1)[:, None] - low0
    edges = np.clip(edges, 0, high - low0)

    def total(x: FloatArray) -> FloatArray:
        sums = np.concatenate([[0.0], np.cumsum(x)])[edges]
        return np.diff(sums, axis=1)

    count = total(seen.astype(float))
    bins = np.diff(pieces.edges)[None, :]
    expected = total(np.where(seen, usual, 0.0))
    actual = total(np.where(seen, region, 0.0))
    scale = total(baseline.residuals.scale[slots]) / bins
    unit = baseline.profile.unit
    offset = 0.375 * unit
    mu = np.sqrt(expected + offset)
    known_piece = (count >= 0.5 * bins) & (expected > 0.5 * unit)
    v = np.where(known_piece, (np.sqrt(actual + offset) - mu) / (mu * np.maximum(scale, 0.1)), 0.0)
    w = pieces.window
    whole = (count[:, w] >= 0.99 * bins[:, w]).all(axis=1)
    alike = expected[:, w].sum(axis=1) > 0.5 * pieces.usual[w].sum()
    around = known_piece[:, obs].mean(axis=1) > 0.5
    use = whole & alike & around
    out: FloatArray = (v[:, w] @ gradient - v[:, obs] @ weights)[use]
    return out
