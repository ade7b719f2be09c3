import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from impact.attribute import attribute, driven, shapley, share_recovery, subsets


def game(own: list[float]) -> np.ndarray:
    """v(S) of independent incidents: what is left of each multiplies."""
    left = np.ones(1)
    for severity in own:
        left = np.concatenate([left, left * (1 - severity)])
    return 1 - left


severities = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=5)


def monotone_games(n: int):
    """Any v with v(empty) = 0 that never falls when an incident joins."""

    def rising(values: np.ndarray) -> np.ndarray:
        v = values.copy()
        v[0] = 0.0
        for mask in range(1, len(v)):
            below = [v[mask & ~(1 << i)] for i in range(n) if mask >> i & 1]
            v[mask] = max(v[mask], *below)
        return v

    return arrays(float, 1 << n, elements=st.floats(0.0, 1.0)).map(rising)


def test_two_whole_outages_of_one_process_share_equally():
    # v = 1 with either, 1 with both: each adds 1 if it comes first, 0 if second
    assert shapley(np.array([0.0, 1.0, 1.0, 1.0])) == pytest.approx([0.5, 0.5])


def test_a_worked_example_of_unequal_incidents():
    # alone 0.5 and 0.2, together 0.6: phi = (0.5 + 0.4)/2 and (0.2 + 0.1)/2
    assert shapley(np.array([0.0, 0.5, 0.2, 0.6])) == pytest.approx([0.45, 0.15])


@given(monotone_games(4))
def test_shapley_values_sum_to_the_whole(v):
    assert shapley(v).sum() == pytest.approx(v[-1], abs=1e-12)


@given(severities, st.randoms(use_true_random=False))
def test_the_order_of_incidents_does_not_matter(own, random):
    order = list(range(len(own)))
    random.shuffle(order)
    shuffled = shapley(game([own[i] for i in order]))
    assert shuffled == pytest.approx(shapley(game(own))[order], abs=1e-12)


@given(severities)
def test_equals_get_the_same(own):
    phi = shapley(game([own[0], *own]))
    assert phi[0] == pytest.approx(phi[1], abs=1e-12)


@given(severities)
def test_an_incident_that_changes_nothing_gets_nothing(own):
    assert shapley(game([0.0, *own]))[0] == pytest.approx(0.0, abs=1e-12)


@given(st.floats(1e-6, 1.0), arrays(float, 4, elements=st.floats(-1e6, 1e6)))
def test_a_single_incident_gets_all_whatever_its_severity(severity, measured):
    found = attribute(measured, np.ones((1, 4), dtype=bool), game([severity]))
    assert np.array_equal(found.shares[0], measured)
    assert not found.unexplained.any()


@settings(max_examples=50)
@given(
    monotone_games(3),
    arrays(bool, (3, 6)),
    arrays(float, 6, elements=st.floats(-1e6, 1e6)),
)
def test_shares_and_unexplained_are_the_total_in_every_minute(v, active, measured):
    found = attribute(measured, active, v)
    total = found.shares.sum(axis=0) + found.unexplained
    assert total == pytest.approx(measured, rel=1e-9, abs=1e-9)
    assert not found.shares[~active].any()


def test_only_where_nothing_is_predicted_is_the_shortfall_unexplained():
    active = np.array([[True, False, True], [False, False, True]])
    found = attribute(np.array([10.0, 20.0, 30.0]), active, np.array([0.0, 0.0, 0.5, 0.5]))
    assert found.shares.tolist() == [[0, 0, 0], [0, 0, 30]]
    assert found.unexplained.tolist() == [10, 20, 0]


# a load that several processes drive


def test_calls_of_two_processes_worked_by_hand():
    # a stops the checkout (1), b takes half of the fulfilment and a tenth of the checkout:
    # checkout v = 0, 1, 0.1, 1: phi = (1 + 0.9)/2 = 0.95 and (0.1 + 0)/2 = 0.05
    # fulfilment v = 0, 0, 0.5, 0.5: phi = 0 and 0.5; of 1.5 in all a has 0.95, b 0.55
    v = driven([np.array([0, 1, 0.1, 1]), np.array([0, 0, 0.5, 0.5])])
    found = attribute(np.array([150.0]), np.ones((2, 1), dtype=bool), v)
    assert found.shares[:, 0] == pytest.approx([95.0, 55.0])
    assert not found.unexplained.any()


@given(st.lists(monotone_games(3), min_size=1, max_size=4))
def test_the_part_of_each_process_is_the_part_it_would_have_alone(games):
    alone = np.mean([shapley(v) for v in games], axis=0)
    assert shapley(driven(games)) == pytest.approx(alone, abs=1e-12)


@settings(max_examples=50)
@given(
    st.lists(monotone_games(3), min_size=1, max_size=4),
    arrays(bool, (3, 6)),
    arrays(float, 6, elements=st.floats(-1e6, 1e6)),
)
def test_shares_of_a_driven_load_and_the_unexplained_are_the_total(games, active, measured):
    found = attribute(measured, active, driven(games))
    total = found.shares.sum(axis=0) + found.unexplained
    assert total == pytest.approx(measured, rel=1e-9, abs=1e-9)
    hit = driven(games)[[1, 2, 4]] * active.T  # (T, N)
    assert not found.unexplained[hit.max(axis=1) > 1e-9].any()


@given(severities, st.integers(1, 3))
def test_an_incident_that_touches_no_driving_process_has_no_part_in_its_calls(own, processes):
    assert shapley(driven([game([0.0, *own])] * processes))[0] == pytest.approx(0.0, abs=1e-12)


def test_a_load_is_driven_by_something():
    with pytest.raises(ValueError, match="games"):
        driven([])


def test_twelve_incidents_at_once():
    own = [0.1 + 0.05 * i for i in range(12)]
    active = np.ones((12, 1440), dtype=bool)
    active[3, :700] = False
    found = attribute(np.full(1440, 7.0), active, game(own))
    assert found.shares.sum(axis=0) == pytest.approx(np.full(1440, 7.0))


def test_subsets_come_in_the_order_of_their_masks():
    assert ["".join(ids) for ids in subsets("abc")] == ["", "a", "b", "ab", "c", "ac", "bc", "abc"]


def test_recovery_goes_to_what_is_still_outstanding():
    gross = np.array([[60.0, 0, 0, 0, 0], [20.0, 0, 0, 40, 0]])
    back = np.array([0.0, 20, 20, 0, 30])
    # 40 back on 60 : 20, which leaves 30 and 10; then 30 on 30 : 50
    shares = share_recovery(back, gross)
    assert shares.sum(axis=1) == pytest.approx([30 + 30 * 30 / 80, 10 + 30 * 50 / 80])


@given(
    arrays(float, (3, 8), elements=st.floats(0, 100)), arrays(float, 8, elements=st.floats(0, 100))
)
def test_nobody_gets_back_more_than_was_taken(gross, back):
    back = np.where(gross.any(axis=0), 0.0, back)  # a surplus comes when nothing is missing
    shares = share_recovery(back, gross)
    assert (shares.sum(axis=1) <= gross.sum(axis=1) + 1e-6).all()
    assert shares.sum() <= back.sum() + 1e-6
