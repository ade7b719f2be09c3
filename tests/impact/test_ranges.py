"""Ranges: even draws, placebos, and a stated 90 % that covers 90 %."""

import numpy as np
import pytest
from scipy.special import ndtri

import impact
from impact.model import DRAWS
from impact.ranges import PRIOR_FACTOR, draws_along, even_normals, even_uniforms, range_of, widening
from tests.impact.worlds import counts, times, utc


def test_even_draws_have_the_moments_they_should() -> None:
    rng = np.random.default_rng(0)
    normals, uniforms = even_normals(rng), even_uniforms(rng)
    assert normals.mean() == pytest.approx(0, abs=1e-9) and normals.std() == pytest.approx(
        1, abs=0.02
    )
    assert uniforms.mean() == pytest.approx(0.5) and len(uniforms) == DRAWS
    assert (np.diff(normals) < 0).any()  # in random order


def test_a_range_is_the_middle_and_the_central_part() -> None:
    part = range_of(ndtri((np.arange(DRAWS) + 0.5) / DRAWS), 0.90)
    assert part.mid == pytest.approx(0, abs=1e-9)
    assert (part.low, part.high) == pytest.approx((-1.645, 1.645), abs=0.04)
    assert part.scaled(-2).low == pytest.approx(-2 * part.high)


def test_draws_have_the_covariance_and_are_even_where_it_matters() -> None:
    rng = np.random.default_rng(0)
    cov = np.array([[2.0, 1.0], [1.0, 3.0]])
    gradient = np.array([1.0, 2.0])
    draws = draws_along(cov, gradient, even_normals(rng), rng)
    np.testing.assert_allclose(np.cov(draws.T), cov, atol=0.6)
    assert (draws @ gradient).std() == pytest.approx(np.sqrt(gradient @ cov @ gradient), rel=0.02)


def test_placebos_that_err_more_widen_the_range() -> None:
    quiet = np.random.default_rng(1).standard_normal(28)
    assert 1.05 < widening(np.zeros(0)) < PRIOR_FACTOR  # a prior of a dozen errors
    assert 0.7 < widening(quiet) < 1.6
    assert widening(3 * quiet) > 2 * widening(quiet) * 0.8
    assert widening(quiet) < widening(3 * quiet)


@pytest.mark.parametrize("wild", [0.0, 0.15])
def test_ninety_percent_covers_about_ninety(wild: float) -> None:
    at = times(70)
    rng = np.random.default_rng(5)
    swing = np.zeros(len(at))
    for i in range(1, len(at)):  # disturbances that last about half a day
        swing[i] = 0.92 * swing[i - 1] + wild * 0.39 * rng.standard_normal()
    values = rng.poisson(np.maximum(counts(at, 150, seed=6), 1) * np.exp(swing)).astype(float)
    held = []
    for day in range(36, 66):
        for hour in (3, 11, 19):
            start, end = utc(day, hour), utc(day, hour + 3)
            inside = slice(24 * day + hour, 24 * day + hour + 3)
            failed = rng.binomial(values[inside].astype(int), 0.6)
            broken = values.copy()
            broken[inside] -= failed
            answer = impact.estimate(at, broken, start=start, end=end, as_of=end)
            assert answer.gross is not None
            held.append(answer.gross.low <= failed.sum() <= answer.gross.high)
    assert 0.82 <= np.mean(held) <= 0.98


def test_where_nothing_happened_the_range_says_so() -> None:
    at = times(50)
    values = counts(at, 150, seed=6)
    windows = [(utc(day, 11), utc(day, 14)) for day in range(36, 48)]
    answers = [impact.estimate(at, values, start=a, end=b, as_of=b).gross for a, b in windows]
    assert all(g is not None and g.low <= 0 <= g.high for g in answers)
    assert sum(g is not None and g.mid == 0 for g in answers) > len(answers) / 2
