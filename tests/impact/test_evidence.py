"""What was counted beside what was estimated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.evidence import compare, usual_failures
from impact.model import Range
from tests.impact.arrays import at

LOST = {
    "gross": Range(410, 450, 490),
    "recovered": Range(0, 100, 200),
    "lost": Range(190, 270, 380),
}


def said(keys, units=LOST, *, live=False, share=1.0, usual: int | None = 0):
    return compare(keys, units, live=live, share=share, usual=lambda: usual)


@pytest.mark.parametrize("keys", [None, 10, 150, 380])
def test_evidence_bounds_a_loss_from_below(keys):
    assert said(keys) == ()  # fewer keys than were lost: the others never tried


def test_more_failed_for_good_than_can_be_lost():
    assert said(401) == (
        "401 keys failed and never succeeded; the estimate of what was lost ends at 380: the loss"
        " is larger than estimated, or they succeeded under another key",
    )


def test_keys_that_fail_on_any_day_are_nobodys_loss():
    assert said(401, usual=21) == ()
    (warning,) = said(401, usual=20)
    assert "20 of them as on other days" in warning
    (warning,) = said(401, usual=None)
    assert "how many do so on other days is not known" in warning


def test_while_it_burns_keys_may_still_succeed():
    assert said(450, live=True) == ()  # of 490 that may be missing so far
    (warning,) = said(500, live=True)
    assert "what is missing so far ends at 490" in warning


def test_a_loss_that_nobody_logged_is_said_and_not_doubted():
    (warning,) = said(0)
    assert warning.startswith(
        "no key failed for good, but at least 190 are missing: most customers"
    )
    assert said(9)[0].startswith("only 9 keys failed")
    assert said(0, {"lost": Range(5, 20, 40)}) == ()  # too few to expect any


def test_evidence_is_that_of_all_incidents_that_share_a_shortfall():
    half = {name: r.scaled(0.5) for name, r in LOST.items()}
    assert said(380, half, share=0.5) == ()
    assert said(401, half, share=0.5) != ()
    assert said(401, half, share=0.01) == ()  # too small a part to speak of the whole


def test_a_measure_that_gained_is_not_said_to_end_below_nothing():
    (warning,) = said(12, {"lost": Range(-90, -50, -10)})
    assert "ends at 0" in warning
    assert said(0, {"lost": Range(-90, -50, -10)}) == ()


@given(st.integers(0, 500), st.floats(0, 400), st.floats(0, 100), st.floats(0, 100))
def test_what_lies_in_the_range_is_never_contradicted(keys, low, mid, high):
    units = {"lost": Range(low, low + mid, low + mid + high)}
    if low / 2 <= keys <= units["lost"].high:
        assert said(keys, units) == ()


def test_what_is_usual_is_the_larger_of_two_weeks_at_the_same_time():
    asked = []

    def failed(start, end, until):
        asked.append((start, end, until))
        return len(asked) * 3, None

    found = usual_failures(failed, at(days=20), at(days=20, hours=1), at(days=21))
    assert found == 6
    assert asked == [
        (at(days=13), at(days=13, hours=1), at(days=14)),
        (at(days=6), at(days=6, hours=1), at(days=7)),
    ]
    assert usual_failures(lambda *_: (None, None), at(), at(1), at(2)) is None
