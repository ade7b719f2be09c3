"""The answer as a whole: worlds with a known loss, and what must hold in any world."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact
from impact.model import DRAWS, Estimate
from tests.impact.worlds import START, counts, times, utc

DAY = 36  # a Tuesday, five weeks in
AT = times(42)
PLAIN = counts(AT, 200)


def broken(
    values: np.ndarray, start: float, hours: int, severity: float = 1.0, day: int = DAY
) -> tuple[np.ndarray, float]:
    """The values with an outage from an hour of the day on, and what it took away."""
    out, a = values.copy(), day * 24 + int(start)
    lost = np.round(out[a : a + hours] * severity)
    out[a : a + hours] -= lost
    return out, float(lost.sum())


def outage(values: np.ndarray, **changes: object) -> Estimate:
    given_: dict[str, object] = {"start": utc(DAY, 10), "end": utc(DAY, 14)} | changes
    return impact.estimate(AT[: len(values)], values, **given_)  # type: ignore[arg-type]


def test_a_total_outage_is_found_within_its_range() -> None:
    values, lost = broken(PLAIN, 10, 4)
    answer = outage(values, as_of=utc(DAY, 14))
    assert answer.state == "live" and answer.gross is not None and answer.lost is not None
    assert answer.gross.low <= lost <= answer.gross.high
    assert abs(answer.gross.mid / lost - 1) < 0.1
    assert answer.lost == answer.gross  # nothing has come back yet
    assert answer.recovered is not None and answer.recovered.mid == 0
    assert answer.data_until == utc(DAY, 14) and answer.settling is None


def test_live_expects_part_of_it_back() -> None:
    answer = outage(broken(PLAIN, 10, 4)[0], as_of=utc(DAY, 14))
    assert answer.lost_forecast is not None and answer.lost is not None
    assert answer.lost_forecast.mid < answer.lost.mid
    assert answer.lost_forecast.low < answer.lost.low


def test_what_comes_back_is_told_from_a_higher_level() -> None:
    values, lost = broken(PLAIN, 10, 4)
    back = np.round(0.5 * lost * np.array([0.45, 0.25, 0.15, 0.1, 0.05]))
    values[DAY * 24 + 14 : DAY * 24 + 19] += back
    answer = outage(values)
    assert answer.state == "final" and answer.recovered is not None and answer.lost is not None
    assert abs(answer.recovered.mid - back.sum()) < 0.15 * lost
    assert answer.lost.low <= lost - back.sum() <= answer.lost.high


def test_an_excess_of_calls_with_its_tail() -> None:
    values = PLAIN.copy()
    a = DAY * 24 + 10
    extra = np.round(200 * np.array([2.0, 1.6, 1.2, 0.9, 0.5, 0.25, 0.1]))
    values[a : a + 7] += extra
    answer = outage(values, kind="load")
    assert answer.excess is not None and answer.gross is None and answer.lost is None
    assert answer.excess.low <= extra.sum() <= answer.excess.high
    assert abs(answer.excess.mid / extra.sum() - 1) < 0.15


def test_a_window_that_cuts_through_bins() -> None:
    values, a = PLAIN.copy(), DAY * 24 + 10
    shares = np.array([0.5, 1.0, 1.0, 0.25])
    lost = np.round(values[a : a + 4] * shares)
    values[a : a + 4] -= lost
    answer = outage(values, start=utc(DAY, 10.5), end=utc(DAY, 13.25), as_of=utc(DAY, 14))
    assert answer.gross is not None
    assert abs(answer.gross.mid / lost.sum() - 1) < 0.1


def test_holes_in_the_window_are_not_losses() -> None:
    values = PLAIN.copy()
    values[DAY * 24 + 11 : DAY * 24 + 13] = np.nan
    answer = outage(values)
    assert answer.gross is not None and abs(answer.gross.mid) < 100
    assert any("no data for 50% of the window" in w for w in answer.warnings)


def test_a_window_that_is_still_open_counts_so_far() -> None:
    values, _ = broken(PLAIN, 10, 4)
    answer = outage(values, as_of=utc(DAY, 12), end=utc(DAY, 18))
    so_far = PLAIN[DAY * 24 + 10 : DAY * 24 + 12].sum()
    assert answer.gross is not None and abs(answer.gross.mid / so_far - 1) < 0.1
    assert any("ends before the window" in w for w in answer.warnings)


def test_closed_hours_are_certain() -> None:
    hour = np.arange(len(AT)) % 24
    values = np.where((hour >= 8) & (hour < 18), PLAIN, 0.0)
    answer = outage(values, start=utc(DAY, 1), end=utc(DAY, 5), as_of=utc(DAY, 5))
    assert answer.gross is not None
    assert (answer.gross.low, answer.gross.mid, answer.gross.high) == (0, 0, 0)


@pytest.mark.parametrize(("days", "warned"), [(3, True), (14, True), (36, False)])
def test_little_history_widens_and_warns(days: int, warned: bool) -> None:
    values, lost = broken(PLAIN, 10, 4)
    first = (DAY - days) * 24
    answer = impact.estimate(
        AT[first:], values[first:], start=utc(DAY, 10), end=utc(DAY, 14), as_of=utc(DAY, 14)
    )
    assert answer.gross is not None and answer.gross.low <= lost <= answer.gross.high
    assert any("little history" in w for w in answer.warnings) is warned


def test_the_range_is_wider_with_less_history() -> None:
    values, _ = broken(PLAIN, 10, 4)

    def width(days: int) -> float:
        first = (DAY - days) * 24
        window = {"start": utc(DAY, 10), "end": utc(DAY, 14), "as_of": utc(DAY, 14)}
        answer = impact.estimate(AT[first:], values[first:], **window)  # type: ignore[arg-type]
        assert answer.gross is not None
        return answer.gross.high - answer.gross.low

    assert width(3) > width(36)


def test_thin_series_of_two_an_hour() -> None:
    values = counts(AT, 2)
    cut, lost = broken(values, 8, 8)
    answer = outage(cut, start=utc(DAY, 8), end=utc(DAY, 16), as_of=utc(DAY, 16))
    assert answer.gross is not None and answer.gross.low <= lost <= answer.gross.high
    assert answer.gross.low >= 0 and answer.gross.high < 3 * lost
    assert any("few units" in w for w in answer.warnings)


def test_a_new_level_is_followed() -> None:
    values = PLAIN.copy()
    values[(DAY - 3) * 24 :] = np.round(values[(DAY - 3) * 24 :] * 1.5)
    cut, lost = broken(values, 10, 4)
    answer = outage(cut, as_of=utc(DAY, 14))
    assert answer.gross is not None and abs(answer.gross.mid / lost - 1) < 0.12


def test_a_trend_is_followed() -> None:
    values = np.round(PLAIN * np.linspace(1, 2, len(PLAIN)))
    cut, lost = broken(values, 10, 4)
    answer = outage(cut, as_of=utc(DAY, 14))
    assert answer.gross is not None and abs(answer.gross.mid / lost - 1) < 0.12


def test_an_earlier_outage_leaves_no_trace_labelled_or_not() -> None:
    earlier, _ = broken(PLAIN, 10, 6, day=DAY - 7)
    values, lost = broken(earlier, 10, 4)
    window = (utc(DAY - 7, 10), utc(DAY - 7, 16))
    for known in ([window], []):
        answer = outage(values, as_of=utc(DAY, 14), known_incidents=known)
        assert answer.gross is not None and abs(answer.gross.mid / lost - 1) < 0.1


def test_five_minute_and_one_minute_bins() -> None:
    for step in (300, 60):
        at = times(21, step)
        values = counts(at, 200 * step / 3600)
        a, b = (np.searchsorted(at, at[0] + np.timedelta64(h, "m")) for h in (28000, 28047))
        cut = values.copy()
        cut[a:b] = 0
        start = START + timedelta(minutes=28000)
        end = START + timedelta(minutes=28047)
        answer = impact.estimate(at, cut, start=start, end=end, as_of=end)
        lost = values[a : a + -(-47 * 60 // step)].sum()
        assert answer.gross is not None and answer.gross.low <= lost <= answer.gross.high


def test_the_same_question_has_the_same_answer() -> None:
    values, _ = broken(PLAIN, 10, 4, 0.6)
    first, second = outage(values), outage(values)
    assert first.lost == second.lost
    assert all(np.array_equal(first.draws[k], second.draws[k]) for k in first.draws)


def test_later_data_is_not_seen() -> None:
    values, _ = broken(PLAIN, 10, 4)
    whole = outage(values, as_of=utc(DAY, 14))
    short = outage(values[: DAY * 24 + 14])
    assert whole.gross == short.gross


def test_prepared_once_and_asked_many_times() -> None:
    values, lost = broken(PLAIN, 10, 4)
    baseline = impact.prepare(AT[: DAY * 24], values[: DAY * 24])
    answer = outage(values, baseline=baseline)
    assert answer.gross is not None and abs(answer.gross.mid / lost - 1) < 0.1
    own = impact.prepare(AT, values).estimate(utc(DAY, 10), utc(DAY, 14), "flow", utc(DAY, 14))
    assert own.gross is not None and abs(own.gross.mid / lost - 1) < 0.1


def test_the_band_holds_most_bins() -> None:
    answer = outage(PLAIN)
    assert len(answer.times) == len(answer.actual) == len(answer.expected) == 6 + 4 + 12
    inside = (answer.expected_low <= answer.actual) & (answer.actual <= answer.expected_high)
    assert inside.mean() > 0.7
    assert (answer.expected_low <= answer.expected).all()
    assert (answer.expected <= answer.expected_high).all()


def test_many_windows_without_effect_sum_to_about_nothing() -> None:
    windows = [(utc(d, h), utc(d, h + 4)) for d in range(24, 39) for h in (6, 14)]
    answers = [impact.estimate(AT, PLAIN, start=a, end=b) for a, b in windows]
    total = sum(a.gross.mid for a in answers if a.gross is not None)
    assert abs(total) < 0.02 * PLAIN.sum() * len(windows) * 4 / len(AT) + 150


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"end": utc(DAY, 9)}, "end"),
        ({"start": utc(DAY, 10).replace(tzinfo=None)}, "start"),
        ({"start": utc(80), "end": utc(81)}, "start"),
        ({"kind": "stock"}, "kind"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"holidays": "XX"}, "holidays"),
        ({"level": 1.5}, "level"),
        ({"as_of": utc(-3)}, "as_of"),
    ],
)
def test_bad_arguments_are_named(changes: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=rf"^{named}: "):
        outage(PLAIN, **changes)


@pytest.mark.parametrize(
    ("at", "values", "named"),
    [
        (AT[:0], PLAIN[:0], "times"),
        (AT, np.full(len(AT), np.nan), "values"),
        (AT, PLAIN[1:], "values"),
        (AT, -PLAIN, "values"),
        (AT[::-1], PLAIN, "times"),
    ],
)
def test_bad_series_are_named(at: np.ndarray, values: np.ndarray, named: str) -> None:
    with pytest.raises(ValueError, match=rf"^{named}: "):
        impact.estimate(at, values, start=utc(DAY, 10), end=utc(DAY, 14))


@settings(max_examples=15, deadline=None)
@given(
    hour=st.integers(0, 20),
    hours=st.integers(1, 9),
    severity=st.floats(0, 1),
    kind=st.sampled_from(["flow", "load"]),
    live=st.booleans(),
)
def test_any_answer_is_in_order(
    hour: int, hours: int, severity: float, kind: str, live: bool
) -> None:
    values, _ = broken(PLAIN, hour, hours, severity)
    end = utc(DAY, hour + hours)
    answer = outage(values, start=utc(DAY, hour), end=end, kind=kind, as_of=end if live else None)
    parts = [answer.gross, answer.recovered, answer.lost, answer.lost_forecast, answer.excess]
    for part in parts:
        assert part is None or part.low <= part.mid <= part.high
    if kind == "flow":
        d = answer.draws
        assert answer.gross and answer.recovered and answer.lost
        assert answer.gross.mid - answer.recovered.mid == pytest.approx(answer.lost.mid, abs=1e-6)
        assert set(d) == {"gross", "recovered", "lost", "lost_forecast"}
        np.testing.assert_allclose(d["gross"] - d["recovered"], d["lost"])
        assert (d["recovered"] >= 0).all()
    assert all(len(d) == DRAWS and np.isfinite(d).all() for d in answer.draws.values())


@settings(max_examples=10, deadline=None)
@given(factor=st.integers(2, 5000))
def test_other_units_scale_the_answer(factor: int) -> None:
    values, _ = broken(PLAIN, 10, 4, 0.7)
    one, many = outage(values), outage(values * factor)
    assert one.lost is not None and many.lost is not None
    for a, b in zip(numbers(one), numbers(many), strict=True):
        assert b == pytest.approx(a * factor, rel=0.1, abs=factor * 15)


def numbers(answer: Estimate) -> list[float]:
    assert answer.gross is not None and answer.lost is not None
    return [answer.gross.low, answer.gross.mid, answer.gross.high, answer.lost.mid]


@settings(max_examples=10, deadline=None)
@given(level=st.integers(1, 100_000), hour=st.integers(0, 20), hours=st.integers(1, 8))
def test_a_flat_series_lost_nothing(level: int, hour: int, hours: int) -> None:
    answer = outage(
        np.full(len(AT), float(level)), start=utc(DAY, hour), end=utc(DAY, hour + hours)
    )
    assert answer.gross is not None
    # less than an event an hour: counts without any noise are not counts
    assert abs(answer.gross.mid) <= (0.7 + 0.005 * level) * hours
    assert answer.gross.low <= 0 <= answer.gross.high


def test_an_earlier_incident_that_took_no_time_is_left_alone() -> None:
    moments = np.arange("2026-01-01", "2026-02-12", dtype="datetime64[h]").astype("datetime64[s]")
    values = np.full(len(moments), 100.0)
    start, instant = datetime(2026, 2, 10, 12, tzinfo=UTC), datetime(2026, 1, 30, 12, tzinfo=UTC)
    end = start + timedelta(hours=2)
    plain = impact.estimate(moments, values, start=start, end=end)
    known = [(instant, instant)]
    found = impact.estimate(moments, values, start=start, end=end, known_incidents=known)
    assert found.lost == plain.lost
