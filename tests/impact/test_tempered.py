"""Draws of a posterior that can be worked out by hand."""

import numpy as np
import pytest

from impact.tempered import PARTICLES, tempered


def sampled(power: float) -> tuple[np.ndarray, float]:
    """A likelihood of x ** 20 (1 - x) ** 20 in the second of three directions."""

    def log_likelihood(cube):
        return 20 * np.log(np.maximum(cube[:, 1] * (1 - cube[:, 1]), 1e-300))

    rng = np.random.default_rng(2)
    cube = rng.random((2000, 3))
    cube[:, 0] = 0.7
    return tempered(log_likelihood, cube, power, rng)


def test_draws_are_those_of_prior_times_likelihood_and_the_evidence_is_its_sum():
    draws, evidence = sampled(power=1.0)
    assert draws.shape == (PARTICLES, 3)
    # Beta(21, 21): mean a half, standard deviation sqrt(1 / (4 * 43))
    assert draws[:, 1].mean() == pytest.approx(0.5, abs=0.03)
    assert draws[:, 1].std() == pytest.approx(0.0762, rel=0.25)
    # the Beta function at (21, 21): 20! 20! / 41!
    assert evidence == pytest.approx(-29.363, abs=0.15)


def test_directions_that_the_likelihood_does_not_see_stay_as_they_were():
    draws, _ = sampled(power=1.0)
    assert (draws[:, 0] == 0.7).all()
    assert draws[:, 2].mean() == pytest.approx(0.5, abs=0.1)
    assert draws[:, 2].std() == pytest.approx(np.sqrt(1 / 12), rel=0.2)


def test_a_doubted_likelihood_tells_less():
    assert sampled(power=0.1)[0][:, 1].std() > 1.8 * sampled(power=1.0)[0][:, 1].std()
