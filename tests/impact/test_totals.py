from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.model import DRAWS, MeasureImpact, MoneyRange, Range
from impact.totals import (
    couple,
    day_seed,
    generator,
    quantile_range,
    shared_part,
    total_money,
    total_units,
)
from tests.impact.arrays import at


def impact(
    name: str, draws: np.ndarray, *, measure: str = "payments", currency: str = "EUR"
) -> MeasureImpact:
    """A lost sum whose draws are given, one euro per unit."""
    low, mid, high = (float(q) for q in np.quantile(draws, [0.05, 0.5, 0.95]))
    ends = [Decimal(str(round(x, 2))) for x in (low, mid, high)]
    money = MoneyRange(ends[0], ends[1], ends[2], currency)
    return MeasureImpact(
        incident=name,
        process="checkout",
        measure=measure,
        kind="flow",
        state="final",
        as_of=at(),
        method="measured",
        units={"lost": Range(low, mid, high)},
        money={"lost": money},
        lost_is="measured",
        per_minute_units=None,
        per_minute_money=None,
        data_until=at(),
        effect=(at(), at(60)),
        settling_until=at(120),
        red=False,
        share=1.0,
        evidence={},
        inputs={},
        draws={"lost": tuple(draws), "money:lost": tuple(draws)},
    )


def placebo(number: int, *, day: int | None = None) -> MeasureImpact:
    """An incident without effect: nothing missing, give or take 100."""
    rng = np.random.default_rng(number)
    draws = rng.normal(rng.normal(0, 100), 100, DRAWS)
    seeds = (
        day_seed("checkout/payments", at(days=number if day is None else day).date()),
        str(number),
    )
    return impact(str(number), couple({"lost": draws}, "lost", seeds=seeds, shared=0.8)["lost"])


CARRIERS = frozenset({"checkout/payments"})


def test_thirty_incidents_without_effect_sum_to_about_nothing():
    total = total_money([placebo(n) for n in range(30)], CARRIERS, "EUR")
    sd = 100 * np.sqrt(30)
    assert total.money.low <= 0 <= total.money.high
    assert abs(float(total.money.mid)) < 2.5 * sd
    # independent days: the range grows with the root of their number, not with their number
    assert 2.5 * sd < float(total.money.high - total.money.low) < 4.5 * sd


def test_incidents_of_one_day_share_their_baselines_error():
    def width(day):
        total = total_money([placebo(n, day=day) for n in range(30)], CARRIERS, "EUR")
        return float(total.money.high - total.money.low)

    assert width(7) > 3 * width(None)


def test_the_middle_of_a_total_is_the_sum_of_middles():
    impacts = [placebo(n) for n in range(5)]
    total = total_money(impacts, CARRIERS, "EUR")
    assert total.money.mid == sum(i.money["lost"].mid for i in impacts)
    assert total.money.low <= total.money.mid <= total.money.high


def test_the_same_customers_money_is_never_added():
    carts = replace(placebo(1), measure="carts")
    assert total_money([placebo(1), carts], CARRIERS, "EUR").count == 1


def test_a_sum_without_a_rate_is_left_out_and_named():
    foreign = impact("x", np.full(DRAWS, 5.0), currency="USD")
    total = total_money([placebo(1), foreign], CARRIERS, "EUR")
    assert total.left_out == ("x checkout/payments: in USD",)
    assert total.count == 1


def test_the_sum_of_one_is_that_one_to_the_cent():
    rough = np.linspace(10.004, 20.006, DRAWS).astype(np.float32)  # as kept, not as issued
    one = replace(impact("a", np.linspace(10.0, 20.0, DRAWS)), draws={"money:lost": tuple(rough)})
    assert total_money([one], CARRIERS, "EUR").money == one.money["lost"]
    assert total_units([one], "lost") == one.units["lost"]


def test_an_empty_total_is_zero():
    total = total_money([], CARRIERS, "EUR")
    assert total.money == MoneyRange(Decimal(0), Decimal(0), Decimal(0), "EUR")


def test_units_add_by_draws():
    two = total_units([impact("a", np.full(DRAWS, 5.0)), impact("b", np.full(DRAWS, 7.0))], "lost")
    assert two == Range(12.0, 12.0, 12.0)


def test_a_record_without_draws_counts_with_its_middle():
    bare = replace(impact("a", np.full(DRAWS, 5.0)), draws={})
    assert total_money([bare], CARRIERS, "EUR").money.mid == Decimal("5.0")


@given(st.integers(0, 100), st.floats(0.0, 1.0))
def test_coupling_moves_draws_but_keeps_each_of_them_whole(seed, shared):
    rng = np.random.default_rng(seed)
    gross, recovered = rng.normal(0, 1, DRAWS), rng.normal(0, 1, DRAWS)
    draws = {"gross": gross, "recovered": recovered, "lost": gross - recovered}
    coupled = couple(draws, "lost", seeds=("day", "own"), shared=shared)
    assert sorted(coupled["lost"]) == sorted(draws["lost"])
    assert coupled["gross"] - coupled["recovered"] == pytest.approx(coupled["lost"])


def test_what_is_not_counting_noise_is_the_baselines():
    rng = np.random.default_rng(0)
    assert shared_part(rng.normal(0, 20, 10_000), 100.0) == pytest.approx(0.75, abs=0.02)
    assert shared_part(rng.normal(0, 1, 10_000), 100.0) == 0.0


def test_seeds_are_the_same_everywhere():
    assert generator("checkout/payments@2026-03-02").integers(1000) == 256


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.sampled_from([0.8, 0.9]))
def test_ends_of_ranges_are_quantiles(draws, level):
    found = quantile_range(float(np.median(draws)), np.array(draws), level)
    tail = (1 - level) / 2
    assert [found.low, found.high] == pytest.approx(np.quantile(draws, [tail, 1 - tail]), abs=1e-6)
