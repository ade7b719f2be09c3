"""What is usual: per local hour, closed hours, holidays, holes, units, and within the hour."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from impact.baseline import prepare
from impact.catchup import FLOW
from impact.model import Range
from impact.times import epoch_seconds
from tests.impact.worlds import counts, times, utc, week_shape

AT = times(42)


def test_the_usual_week_is_found() -> None:
    baseline = prepare(AT, counts(AT, 300))
    truth = 300 * week_shape(times(7))
    assert baseline.normal_week().shape == (168,)
    np.testing.assert_allclose(baseline.normal_week(), truth, rtol=0.12, atol=10)


@pytest.mark.parametrize("step", [60, 300, 1800, 7200])
def test_any_bins_give_the_same_week(step: int) -> None:
    at = times(28, step)
    week = prepare(at, counts(at, 600 * step / 3600)).normal_week()
    assert week.sum() == pytest.approx(600 * week_shape(times(7)).sum(), rel=0.03)


@pytest.mark.parametrize("changes", [(2026, 3, 29), (2026, 10, 25)])
def test_the_rush_stays_at_its_local_hour_when_clocks_change(changes: tuple[int, int, int]) -> None:
    zone, after = "Europe/Berlin", datetime(*changes, tzinfo=UTC)
    start = datetime.fromtimestamp(after.timestamp() - 35 * 86400, UTC)
    at = times(42, start=start)
    baseline = prepare(at[: 36 * 24], counts(at, 300, timezone=zone)[: 36 * 24], timezone=zone)
    end = datetime.fromtimestamp(after.timestamp() + 4 * 86400, UTC)
    ahead, expected = baseline.expected(after, end)
    np.testing.assert_allclose(expected, 300 * week_shape(ahead, zone), rtol=0.2, atol=15)


def test_closed_hours_expect_exactly_nothing() -> None:
    hour = np.arange(len(AT)) % 24
    baseline = prepare(AT, np.where(hour < 8, 0.0, counts(AT, 100)))
    ahead, _ = baseline.expected(utc(42), utc(43))
    band = baseline.band(epoch_seconds(ahead), Range(1.0, 1.0, 1.0), level=0.9)
    assert (band.expected[:8] == 0).all() and (band.low[:8] == 0).all()
    assert (band.high[:8] == 0).all()
    assert (band.expected[8:] > 0).all() and (band.high[8:] > band.low[8:]).all()


def test_a_holiday_goes_like_a_sunday() -> None:
    tuesday = date(2026, 2, 17)
    baseline = prepare(AT, counts(AT, 300), holidays=[tuesday])
    _, that = baseline.expected(utc(43), utc(44))
    _, sunday = baseline.expected(utc(41), utc(42))
    assert that.sum() == pytest.approx(sunday.sum(), rel=0.05)


def test_holes_and_dead_hours_teach_nothing() -> None:
    values = counts(AT, 300)
    plain = prepare(AT, values).normal_week()
    values[100:130] = np.nan
    values[400:420] = 0
    np.testing.assert_allclose(prepare(AT, values).normal_week(), plain, rtol=0.1, atol=8)


def test_known_incidents_teach_nothing() -> None:
    values = counts(AT, 300)
    plain = prepare(AT, values).normal_week()
    for day in (28, 35):
        values[day * 24 + 9 : day * 24 + 17] *= 0.4
    known = [(utc(day, 9), utc(day, 17)) for day in (28, 35)]
    learned = prepare(AT, values, known_incidents=known).normal_week()
    np.testing.assert_allclose(learned, plain, rtol=0.12, atol=8)


def test_bins_left_out_are_unknown_not_zero() -> None:
    values = counts(AT, 300)
    keep = np.ones(len(AT), bool)
    keep[200:260] = False
    week = prepare(AT[keep], values[keep]).normal_week()
    np.testing.assert_allclose(week, prepare(AT, values).normal_week(), rtol=0.1, atol=8)


def test_within_the_hour_the_mean_shape_is_kept() -> None:
    at = times(28, 300)
    shape = np.tile(np.linspace(0.5, 1.5, 12), len(at) // 12)
    values = np.random.default_rng(3).poisson(40 * shape).astype(float)
    _, expected = prepare(at, values).expected(utc(28), utc(29))
    np.testing.assert_allclose(expected.reshape(24, 12).mean(axis=0), 40 * shape[:12], rtol=0.1)


def test_recovery_is_learned_from_known_incidents() -> None:
    values, known = counts(AT, 300), []
    for day in (24, 33):
        a = day * 24 + 9
        lost = values[a : a + 5].sum()
        values[a : a + 5] = 0
        values[a + 5 : a + 9] += np.round(0.9 * lost * np.array([0.5, 0.25, 0.15, 0.1]))
        known.append((utc(day, 9), utc(day, 14)))
    prior = prepare(AT, values, known_incidents=known).prior("flow")
    assert prior.never < FLOW.never
    assert prior.a / (prior.a + prior.b) > FLOW.a / (FLOW.a + FLOW.b)


def test_a_baseline_needs_something_measured() -> None:
    with pytest.raises(ValueError, match=r"^values: "):
        prepare(AT, np.full(len(AT), np.nan))
    with pytest.raises(ValueError, match=r"^values: "):
        prepare(AT, counts(AT, 10), known_incidents=[(utc(0), utc(50))])


@pytest.mark.parametrize("days", [3, 5, 6])
def test_parts_of_an_hour_that_were_never_seen_go_like_those_of_other_days(days: int) -> None:
    at = times(days + 1, 300)
    minute = np.arange(len(at)) * 5 % 60
    values = np.where(minute < 30, 60.0, 20.0)  # 480 an hour, three quarters in its first half
    hidden = (utc(days, 10.5), utc(days, 11.25))
    baseline = prepare(at, values, known_incidents=[hidden])
    expected = baseline.expected(*hidden)[1]
    assert expected[:6] == pytest.approx(20.0, rel=0.15)
    assert expected[6:] == pytest.approx(60.0, rel=0.15)
