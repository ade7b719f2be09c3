"""Pay days and month ends: found where every month shows them, never from chance."""

import numpy as np
import pytest

import impact
from impact.calendar import zone_of
from impact.month_days import MonthDays, fit_month_days, kinds_of
from impact.series import regular
from impact.usual import learn
from tests.impact.worlds import times, utc, week_shape

AT = times(117)  # from 5 January to 1 May 2026
DAYS = AT.astype("datetime64[D]").astype(np.int64)


def volumes(last_day: float, seed: int = 0) -> np.ndarray:
    """Days that differ by a tenth, and the last of the month by a factor."""
    rng = np.random.default_rng(seed)
    ends = kinds_of(DAYS)[1]
    mood = np.repeat(np.exp(0.05 * rng.standard_normal(117)), 24)
    mean = 200 * week_shape(AT) * mood * np.where(ends, last_day, 1.0)
    out: np.ndarray = rng.poisson(mean).astype(float)
    return out


def learned(values: np.ndarray) -> MonthDays:
    return learn(regular(AT, values), zone_of("UTC"), None, ()).month_days


def test_the_last_day_of_the_month_is_found() -> None:
    ends = np.array(["2026-04-29", "2026-04-30"], "datetime64[D]").astype(np.int64)
    factor = learned(volumes(1.6)).factor(ends)
    assert factor[0] == 1.0
    assert factor[1] ** 2 == pytest.approx(1.6, rel=0.1)


def test_ordinary_months_show_nothing() -> None:
    assert not any(learned(volumes(1.0, seed)).kinds for seed in range(10))


def test_once_is_no_evidence() -> None:
    u = np.where(np.isin(DAYS, DAYS[0] + 26), 0.5, 0.01)  # one 31 January
    assert fit_month_days(u, np.ones(len(u)), DAYS) == MonthDays()


def test_an_outage_on_the_last_of_the_month_is_measured_against_it() -> None:
    values = volumes(1.6)
    day = 115  # 30 April
    lost = values[day * 24 + 9 : day * 24 + 13].sum()
    values[day * 24 + 9 : day * 24 + 13] = 0.0
    window = {"start": utc(day, 9), "end": utc(day, 13), "as_of": utc(day, 13)}
    answer = impact.estimate(AT, values, **window).gross  # type: ignore[arg-type]
    assert answer is not None and answer.mid == pytest.approx(lost, rel=0.12)


def test_the_nearest_working_day_stands_in_for_a_weekend() -> None:
    march = np.arange("2026-03-01", "2026-04-01", dtype="datetime64[D]")
    member = kinds_of(march.astype(np.int64))
    assert str(march[member[3]][0]) == "2026-03-02"  # the 1st is a Sunday
    assert str(march[member[4]][0]) == "2026-03-31"
