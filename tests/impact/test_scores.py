"""The scores, worked out by hand, and the same as those of the shared benchmark."""

import importlib
import sys
from typing import Any

import numpy as np
import polars as pl
import pytest

from impact.model import Range
from impact.scores import Scored, inside_interval, score

OUTAGES = [
    Scored(Range(80.0, 100.0, 120.0), 110.0, 200.0, recovered=20.0, recovered_truth=25.0),
    Scored(Range(30.0, 40.0, 45.0), 50.0, 60.0, recovered=5.0, recovered_truth=0.0),
]
PLACEBOS = [Scored(Range(-5.0, 4.0, 9.0), 0.0, 40.0, placebo=True)]


def test_worked_out_by_hand():
    found = score([*OUTAGES, *PLACEBOS])
    assert found.cases == 3
    assert found.coverage == pytest.approx(2 / 3)
    assert found.wape == pytest.approx((10 + 10) / 160)
    assert found.mdare == pytest.approx((10 / 110 + 10 / 50) / 2)
    assert found.bias == pytest.approx(-20 / 160)
    assert found.width == pytest.approx((40 + 15) / 160)
    assert found.iscore == pytest.approx((40 + 15 + 20 * 5) / 160)
    assert found.false == pytest.approx(4 / 40)
    assert found.false_width == pytest.approx(14 / 40)
    assert found.rec_wape == pytest.approx((5 + 5) / 25)


def test_measures_of_any_size_weigh_the_same():
    large = Scored(Range(0, 2000.0, 4000.0), 1000.0, 9000.0, scale=1000.0)
    small = Scored(Range(0, 1.0, 2.0), 1.0, 9.0, scale=1.0)
    assert score([large, small]).wape == pytest.approx(0.5)


def test_nothing_to_measure_is_none():
    assert score([]).coverage is None
    assert score(PLACEBOS).wape is None
    assert score(OUTAGES).false is None


@pytest.mark.parametrize(
    ("inside", "of", "low", "high"),
    [(9, 10, 0.606, 0.995), (10, 10, 0.741, 1.0), (0, 10, 0.0, 0.259)],
)
def test_the_exact_interval_of_a_share(inside, of, low, high):
    assert inside_interval(inside, of) == pytest.approx((low, high), abs=0.001)


def test_more_inside_than_there_are_is_refused():
    with pytest.raises(ValueError, match="inside"):
        inside_interval(3, 2)


@pytest.mark.shared
def test_the_same_as_the_shared_benchmark(shared_data):
    folder = shared_data / "accuracy"
    sys.path.insert(0, str(folder))
    theirs = importlib.import_module("score")
    rng = np.random.default_rng(3)
    n = 60
    mid = rng.uniform(0, 100, n)
    rows: dict[str, Any] = {
        "net": rng.uniform(1, 100, n), "net_low": mid - 20, "net_mid": mid, "net_high": mid + 20,
        "expected": rng.uniform(100, 200, n), "recovered": rng.uniform(0, 9, n),
        "recovered_mid": rng.uniform(0, 9, n), "catch_up": rng.random(n) < 0.5,
        "scenario": ["placebo" if p else "total" for p in rng.random(n) < 0.2],
    }  # fmt: skip
    more = {"moment": ["final"] * n, "failed": [False] * n, "seconds": [0.0] * n}
    expected = theirs.measures(pl.DataFrame({**rows, **more}))
    found = score(
        [
            Scored(
                Range(rows["net_low"][i], rows["net_mid"][i], rows["net_high"][i]),
                rows["net"][i],
                rows["expected"][i],
                placebo=rows["scenario"][i] == "placebo",
                recovered=rows["recovered_mid"][i] if rows["catch_up"][i] else None,
                recovered_truth=rows["recovered"][i],
            )
            for i in range(n)
        ]
    )
    for name in ("wape", "mdare", "bias", "coverage", "width", "iscore", "false", "rec_wape"):
        assert getattr(found, name) == pytest.approx(expected[name]), name
