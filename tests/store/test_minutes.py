"""How touched minutes become statements."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from store.minutes import batches


def minutes(numbers: list[int]) -> np.ndarray:
    return np.array(numbers, dtype="datetime64[m]")


def numbers(runs) -> list[int]:
    return [n for start, stop in runs for n in range(start, stop)]


@given(st.sets(st.integers(0, 400), max_size=200))
def test_every_minute_is_counted_once_and_no_other(chosen):
    found = [n for batch in batches(minutes(sorted(chosen))) for n in numbers(batch)]
    assert found == sorted(chosen)


def test_an_import_of_a_year_takes_a_few_statements():
    year = list(range(525_600))
    found = list(batches(minutes(year)))
    assert len(found) == 11
    assert [n for batch in found for n in numbers(batch)] == year


def test_scattered_minutes_share_statements_of_bounded_size():
    scattered = list(range(0, 5_256_000, 7))
    found = list(batches(minutes(scattered)))
    assert max(len(batch) for batch in found) == 2000
    assert len(found) == 376


def test_what_lies_years_apart_is_not_read_together():
    assert list(batches(minutes([5, 6, 2_000_000]))) == [[(5, 7)], [(2_000_000, 2_000_001)]]


def test_nothing_touched_is_nothing_to_do():
    assert list(batches(minutes([]))) == []
