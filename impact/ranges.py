"""Honest ranges: even draws, and placebos that say how wide they must be.

A placebo is the same window, weighed on what surrounds it in the same way, moved back day by day
through the measure's own history, where nothing happened. How its errors compare with those that
the model promises scales the range (conformal in spirit: Vovk et al. 2005), leaning on a prior of a
dozen errors while the history is short. Days on which the window was dead (an outage that nobody
told of) are no placebos.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from impact.calendar import DAY, IntArray
from impact.model import DRAWS, FloatArray, Range
from impact.pieces import Pieces
from impact.profile import dead
from impact.usual import Usual

DAYS = 28
PRIOR_COUNT = 12
PRIOR_FACTOR = 1.28
QUANTILE = 0.90


def range_of(draws: FloatArray, level: float) -> Range:
    """The middle and the central `level` of draws."""
    tail = (1 - level) / 2
    place = np.array([tail, 0.5, 1 - tail]) * (len(draws) - 1)
    low, mid, high = np.interp(place, np.arange(len(draws)), np.sort(draws))
    return Range(float(low), float(mid), float(high))


def even_normals(rng: np.random.Generator) -> FloatArray:
    """(DRAWS,): standard normals at even quantiles, in random order."""
    return rng.permutation(ndtri((np.arange(DRAWS) + 0.5) / DRAWS))


def even_uniforms(rng: np.random.Generator) -> FloatArray:
    """(DRAWS,): uniforms at even steps, in random order."""
    return rng.permutation((np.arange(DRAWS) + 0.5) / DRAWS)


def draws_along(
    cov: FloatArray, gradient: FloatArray, shared: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """(DRAWS, N): draws with a covariance, even along the direction that matters.

    `shared` are even normals for that direction: the same for every window of a day.
    """
    root = np.linalg.cholesky(cov + np.diag(1e-9 + 1e-9 * np.diag(cov)))
    noise = rng.standard_normal((DRAWS, len(cov)))
    along = root.T @ gradient
    length = float(np.linalg.norm(along))
    if length > 0:
        along = along / length
        noise += (shared - noise @ along)[:, None] * along[None, :]
    out: FloatArray = noise @ root.T
    return out


def widening(errors: FloatArray) -> float:
    """Factor on the range from placebo errors in promised standard deviations."""
    halves = (1 + (np.arange(PRIOR_COUNT) + 0.5) / PRIOR_COUNT) / 2
    both = np.concatenate([np.abs(errors), PRIOR_FACTOR * ndtri(halves)])
    return float(np.quantile(both, QUANTILE) / ndtri((1 + QUANTILE) / 2))


def placebo_errors(
    baseline: Usual,
    known: FloatArray,
    pieces: Pieces,
    weights: tuple[IntArray, FloatArray, FloatArray, float],
) -> FloatArray:
    """Errors of the window's total at up to 28 earlier days, in promised standard deviations."""
    around, outer, inner, promised = weights
    per_day = DAY // baseline.series.step
    first = int(pieces.edges[pieces.window.start])
    days = min(DAYS, first // per_day - 3)
    if days < 1 or promised <= 0:
        return np.zeros(0)
    low = max(int(pieces.edges[0]) - days * per_day, 0)
    region = known[low : int(pieces.edges[-1]) - per_day]
    seconds = baseline.series.first + baseline.series.step * np.arange(
        low, low + len(region), dtype=np.int64
    )
    usual, slots = baseline.usual(seconds)
    seen = np.isfinite(region)
    edges = pieces.edges[None, :] - per_day * np.arange(1, days + 1)[:, None] - low
    edges = np.clip(edges, 0, len(region))

    def total(x: FloatArray) -> FloatArray:
        summed = np.zeros(len(x) + 1)
        np.cumsum(x, out=summed[1:])
        return np.diff(summed[edges], axis=1)

    bins = np.diff(pieces.edges)[None, :]
    if seen.all():
        count = np.diff(edges, axis=1).astype(float)
        expected, actual = total(usual), total(region)
    else:
        count = total(seen.astype(float))
        expected, actual = total(np.where(seen, usual, 0.0)), total(np.where(seen, region, 0.0))
    scale = np.maximum(total(baseline.residuals.scale[slots]) / bins, 0.1)
    mean = np.sqrt(expected + baseline.profile.offset)
    usable = (count >= 0.5 * bins) & (expected > 0.5 * baseline.profile.unit)
    residual = np.sqrt(np.maximum(actual, 0) + baseline.profile.offset) / mean - 1
    residual = np.where(usable, residual / scale, 0.0)
    w = pieces.window
    whole = (count[:, w] >= 0.99 * bins[:, w]).all(axis=1)
    alike = expected[:, w].sum(axis=1) > 0.5 * pieces.usual[w].sum()
    alike &= ~dead(actual[:, w], expected[:, w], baseline.profile.unit).any(axis=1)
    enough = usable[:, around].mean(axis=1) > 0.5 if len(around) else np.ones(days, bool)
    error = residual[:, w] @ inner - residual[:, around] @ outer
    out: FloatArray = error[whole & alike & enough] / promised
    return out
