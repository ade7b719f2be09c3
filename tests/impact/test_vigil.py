"""How deep a shortfall must be before it opens an incident by itself."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.calendar import DAY, HOUR
from impact.vigil import (
    FLOOR,
    WINDOWS_S,
    History,
    Noise,
    calibrate,
    depths,
    events,
    look_back,
)
from tests.impact.worlds import counts, times, utc, week_shape

STEP_S = 300
QUIET = Noise(1.0, 0.05)
WEEKS = 10


def steady(seed: int = 1, weeks: int = WEEKS, per_bin: float = 40.0):
    """(times, counts, usual) of a measure that keeps to its week."""
    at = times(7 * weeks, STEP_S)
    return at, counts(at, per_bin, seed)


def history(weekly: list[float], seed: int = 0) -> History:
    """A history whose weeks were each this deep on their third day, and calm otherwise."""
    rng = np.random.default_rng(seed)
    deepest = rng.uniform(0.0, 1.0, (7 * len(weekly), len(WINDOWS_S)))
    deepest[2::7] = np.array(weekly)[:, None]
    return History(deepest, QUIET)


def test_a_total_outage_is_far_deeper_than_a_bad_day():
    usual = np.full(DAY // STEP_S, 40.0)
    worst, bad = usual.copy(), usual.copy()
    worst[-12:] = 0.0
    bad[-12:] *= 0.6
    hour = WINDOWS_S.index(HOUR)
    total, slow = (
        depths(actual, usual, STEP_S, QUIET, "flow")[hour, -1] for actual in (worst, bad)
    )
    assert total > 10 * slow > 10 * 5.0


def test_less_than_a_third_missing_is_no_depth_at_all():
    usual = np.full(DAY // STEP_S, 400.0)
    found = depths(0.75 * usual, usual, STEP_S, QUIET, "flow")
    assert np.nanmax(found[:, :12]) == 0.0


def test_a_half_outage_of_hours_does_not_become_the_new_normal():
    usual = np.full(2 * DAY // STEP_S, 40.0)
    actual = usual.copy()
    actual[-72:] *= 0.5  # six hours
    six_hours = WINDOWS_S.index(6 * HOUR)
    found = depths(actual, usual, STEP_S, QUIET, "flow")[six_hours, -1]
    whole = np.log((72 * 40 + 1) / (36 * 40 + 1)) / QUIET.relative_sd(np.array([72 * 40.0]))[0]
    assert found == pytest.approx(whole, rel=0.02)


def test_what_was_not_measured_is_not_short():
    usual = np.full(DAY // STEP_S, 40.0)
    actual = usual.copy()
    actual[-24:] = np.nan
    assert np.nanmax(depths(actual, usual, STEP_S, QUIET, "flow")) == 0.0


def test_a_load_is_deep_where_there_is_too_much():
    usual = np.full(DAY // STEP_S, 40.0)
    actual = usual.copy()
    actual[-12:] *= 2.0
    assert np.nanmax(depths(actual, usual, STEP_S, QUIET, "load")) > 10.0
    assert np.nanmax(depths(actual, usual, STEP_S, QUIET, "flow")) == 0.0


def test_quiet_hours_cannot_tell():
    usual = np.full(DAY // STEP_S, 0.2)  # 19 in eight hours
    assert np.isnan(depths(usual, usual, STEP_S, QUIET, "flow")).all()


def test_the_two_worst_weeks_are_forgiven():
    found = history([4.0, 5.0, 90.0, 6.0, 80.0, 4.5])
    assert found.base().tolist() == [6.0] * len(WINDOWS_S)
    assert history([1.0] * 6).base().tolist() == [FLOOR] * len(WINDOWS_S)


def test_each_week_is_judged_by_the_others():
    found = history([4.0, 5.0, 90.0, 6.0, 80.0, 4.5])
    assert found.scores[2 * 7 + 2] == 90.0 / 5.0  # without it 80 and 6 are forgiven
    assert found.scores[2] == 4.0 / 6.0


def test_the_more_measures_the_higher_the_bars():
    def factor(measures: int) -> float:
        rng = np.random.default_rng(5)
        return calibrate(
            {f"m{i}": history(rng.lognormal(1.5, 0.6, 12).tolist(), i) for i in range(measures)}
        ).factor

    assert factor(2) < factor(10) < factor(60)


@given(st.integers(0, 1000), st.integers(1, 12), st.integers(4, 13))
def test_so_few_are_opened_that_the_promise_holds(seed: int, measures: int, weeks: int):
    rng = np.random.default_rng(seed)
    vigil = calibrate(
        {f"m{i}": history(rng.lognormal(1.5, 0.8, weeks).tolist(), i) for i in range(measures)}
    )
    assert vigil.opened <= vigil.allowed < vigil.weeks == weeks
    assert vigil.factor >= 1.0


def test_too_short_a_history_raises_the_bars():
    short, long = (calibrate({"m": history([4.0] * weeks)}) for weeks in (2, 6))
    assert (short.bars["m"] > 1.4 * long.bars["m"]).all()


def test_what_lasts_for_days_is_one_incident():
    assert events(np.array([0.0, 3.0, 4.0, 3.0, 0.0, 5.0]), 2.0) == 2


def test_a_steady_business_that_halves_is_found_within_the_hour():
    at, values = steady()
    found = look_back(at[:-288], values[:-288], kind="flow", timezone="UTC")
    assert found is not None
    vigil = calibrate({"payments": found})
    usual = 40.0 * week_shape(at[-288:])
    half = values[-288:].copy()
    half[144:156] = np.round(half[144:156] / 2)  # an hour at noon
    normal = depths(values[-288:], usual, STEP_S, found.noise, "flow")
    short = depths(half, usual, STEP_S, found.noise, "flow")
    assert vigil.beyond("payments", normal).max() < 1.0
    assert vigil.beyond("payments", short)[144:156].max() > 1.0


def test_known_incidents_are_not_judged():
    at, values = steady()
    day = 7 * WEEKS - 3
    outage = (at >= np.datetime64(utc(day, 10).replace(tzinfo=None))) & (
        at < np.datetime64(utc(day, 13).replace(tzinfo=None))
    )
    values[outage] = 0.0
    window = ((utc(day, 10), utc(day, 13)),)
    judged = look_back(at, values, kind="flow", timezone="UTC")
    known = look_back(at, values, kind="flow", timezone="UTC", known=window)
    assert judged is not None and known is not None
    assert np.nanmax(judged.deepest) > 5 * np.nanmax(known.deepest)


def test_a_week_of_history_is_too_little():
    at, values = steady(weeks=1)
    assert look_back(at, values, kind="flow", timezone="UTC") is None


def test_finer_bins_are_put_together():
    at = times(21, 60, utc(0) + timedelta(minutes=3))
    values = counts(at, 8.0)
    found = look_back(at, values, kind="flow", timezone="UTC")
    assert found is not None
    assert found.noise.spread < 0.1
    assert found.weeks == pytest.approx(2.0, abs=0.2)
