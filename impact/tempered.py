"""Draws of a posterior over the unit cube, by a tempered particle sampler.

Del Moral, Doucet and Jasra 2006, "Sequential Monte Carlo samplers": draws of the prior are weighed
by the likelihood raised to a power that grows step by step, chosen again by their weights, and
moved by Metropolis steps. The mean weights multiply to the evidence.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from impact.model import FloatArray

PARTICLES = 120
MOVES = 3  # of every particle, after each step


def tempered(
    log_likelihood: Callable[[FloatArray], FloatArray],
    cube: FloatArray,
    power: float,
    rng: np.random.Generator,
) -> tuple[FloatArray, float]:
    """(PARTICLES, D) draws of the prior times likelihood ** power, and the log of its evidence.

    cube: (P, D) draws of the prior, uniform; column 0 is what it is, and not moved.
    log_likelihood: (P,) of points (P, D).
    """
    value, reached, evidence = log_likelihood(cube), 0.0, 0.0
    while reached < power:
        step = _next_step(value, power - reached)
        reached += step
        weight = np.exp(step * (value - value.max()))
        evidence += step * float(value.max()) + float(np.log(weight.mean()))
        place = (rng.random() + np.arange(PARTICLES)) / PARTICLES * weight.sum()
        chosen = np.minimum(np.searchsorted(np.cumsum(weight), place), len(cube) - 1)
        cube, value = cube[chosen], value[chosen]
        for _ in range(MOVES):
            cube, value = _move(log_likelihood, cube, value, reached, rng)
    return cube, evidence


def _next_step(value: FloatArray, most: float) -> float:
    """The power to add that leaves half of the draws effective."""

    def effective(step: float) -> float:
        weight = np.exp(step * (value - value.max()))
        return float(weight.sum() ** 2 / (weight**2).sum())

    wanted = len(value) / 2
    if effective(most) >= wanted:
        return most
    low, high = 0.0, most
    for _ in range(30):
        middle = (low + high) / 2.0
        low, high = (middle, high) if effective(middle) >= wanted else (low, middle)
    return max(low, most * 1e-3)


def _move(
    log_likelihood: Callable[[FloatArray], FloatArray],
    cube: FloatArray,
    value: FloatArray,
    power: float,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """One Metropolis step of every draw: half of them near by, half anywhere in one direction."""
    near = 0.5 * cube.std(axis=0) * rng.standard_normal(cube.shape)
    near = np.abs(cube + near)
    near = np.where(near > 1.0, 2.0 - near, near)  # reflected at the walls: symmetric
    near[:, 0] = cube[:, 0]
    size = cube.shape[1]
    one = rng.integers(1, size, len(cube))[:, None] == np.arange(size)
    far = np.where(one, rng.random(cube.shape), cube)
    tried = np.clip(np.where(rng.random((len(cube), 1)) < 0.5, near, far), 0.0, 1.0 - 1e-9)
    there = log_likelihood(tried)
    taken = np.log(rng.random(len(cube))) < power * (there - value)
    return np.where(taken[:, None], tried, cube), np.where(taken, there, value)
