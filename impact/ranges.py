"""From draws to ranges."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from impact.model import DRAWS, FloatArray, Range


def range_of(draws: FloatArray, level: float) -> Range:
    """The middle and the central `level` of draws."""
    tail = (1 - level) / 2
    low, mid, high = np.quantile(draws, [tail, 0.5, 1 - tail])
    return Range(float(low), float(mid), float(high))


def even_normals(rng: np.random.Generator) -> FloatArray:
    """(DRAWS,): standard normals at even quantiles, in random order."""
    return rng.permutation(ndtri((np.arange(DRAWS) + 0.5) / DRAWS))


def even_uniforms(rng: np.random.Generator) -> FloatArray:
    """(DRAWS,): uniforms at even steps, in random order."""
    return rng.permutation((np.arange(DRAWS) + 0.5) / DRAWS)


def draws_along(
    root: FloatArray, gradient: FloatArray, shared: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """(DRAWS, N): draws with covariance root root', even along the direction that matters.

    `shared` are even normals for that direction: the same for every window of a day.
    """
    noise = rng.standard_normal((DRAWS, root.shape[1]))
    along = root.T @ gradient
    length = float(np.linalg.norm(along))
    if length > 0:
        along = along / length
        noise += (shared - noise @ along)[:, None] * along[None, :]
    out: FloatArray = noise @ root.T
    return out
