"""What comes back: shapes that sum to the whole, priors that learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.catchup import FLOW, LENGTHS_H, LOAD, Prior, fading, no_effect


def test_the_whole_surplus_lies_after_the_window() -> None:
    since, width = np.arange(48.0), np.ones(48)
    shape = fading(since, width, np.full(48, 100.0), 100.0)
    assert shape.shape == (len(LENGTHS_H), 48)
    np.testing.assert_allclose(shape.sum(axis=1), 1.0)
    assert (np.diff(shape, axis=1) <= 1e-12).all()  # fading
    for length, row in zip(LENGTHS_H, shape, strict=True):
        assert (row[since >= length] == 0).all()


def test_what_lies_past_the_data_is_still_to_come() -> None:
    shape = fading(np.arange(2.0), np.ones(2), np.full(2, 100.0), 100.0)
    assert shape[0].sum() == pytest.approx(1.0)
    assert shape[-1].sum() < 0.5


def test_little_comes_back_while_the_shop_is_closed() -> None:
    usual = np.r_[np.zeros(6), np.full(6, 100.0)]
    shape = fading(np.arange(12.0), np.ones(12), usual, 100.0)
    assert 0 < shape[-1][:6].sum() < shape[-1][6:].sum()


@pytest.mark.parametrize("prior", [FLOW, LOAD])
def test_prior_shares_are_shares(prior: Prior) -> None:
    draws = prior.draws(np.random.default_rng(1))
    assert (draws >= 0).all() and (draws <= 1).all()
    assert (draws == 0).mean() == pytest.approx(prior.never, abs=0.02)
    grid = np.linspace(0.01, 0.99, 99)
    assert prior.density(grid).mean() == pytest.approx(1.0)
    assert prior.density(np.array([1.2]))[0] == 0


@given(share=st.floats(0.05, 1.0), incidents=st.integers(1, 20))
def test_past_incidents_move_the_prior_toward_them(share: float, incidents: int) -> None:
    learned = FLOW.learn(np.full(incidents, share))
    before, after = (p.a / (p.a + p.b) for p in (FLOW, learned))
    assert learned.never < FLOW.never
    assert abs(after - share) <= abs(before - share) + 1e-12


def test_incidents_without_recovery_make_none_likelier() -> None:
    learned = FLOW.learn(np.zeros(5))
    assert learned.never > FLOW.never
    assert (learned.a, learned.b) == (FLOW.a, FLOW.b)


def test_nothing_happened_is_likely_where_what_was_seen_was_expected() -> None:
    expected = np.random.default_rng(0).normal(100, 10, 200)
    odds = [no_effect(expected, actual, offset=0.375) for actual in (100, 85, 60, 0)]
    assert odds[0] > 0.1 > odds[1] > odds[2] > odds[3]
    assert odds[2] < 1e-2 and odds[3] < 1e-6
