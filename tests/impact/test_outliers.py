"""Outliers: one mad observation is put aside, many that agree are believed."""

import numpy as np
import pytest

from impact.model import FloatArray
from impact.outliers import OUTLIER, outlier_noise

SLOW, NOISE = 0.04, 0.01


def noise_of(u: FloatArray) -> FloatArray:
    cov = np.full((len(u), len(u)), SLOW) + NOISE * np.eye(len(u))
    inverse = np.linalg.inv(cov).astype(float)
    return outlier_noise(np.diag(inverse), inverse @ u)


def test_one_mad_hour_among_quiet_ones_is_put_aside() -> None:
    u = np.zeros(20)
    u[7] = 2.0
    noise = noise_of(u)
    assert noise[7] > 10 * NOISE
    assert (np.delete(noise, 7) == 0).all()


def test_an_odd_day_whose_hours_agree_is_believed() -> None:
    assert (noise_of(np.full(20, 5 * np.sqrt(SLOW))) == 0).all()


def test_with_its_noise_an_outlier_surprises_as_much_as_allowed() -> None:
    u = np.zeros(20)
    u[7] = 2.0
    cov = np.full((20, 20), SLOW) + np.diag(NOISE + noise_of(u))
    inverse = np.linalg.inv(cov).astype(float)
    assert abs(inverse @ u)[7] / np.sqrt(inverse[7, 7]) == pytest.approx(OUTLIER)
