from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.model import Measure, Open
from impact.lead_time import Window, delays
from impact.ports import Cohort, LateHistory
from impact.progress import BINS, PER_PROMISE
from impact.promise import clock_of
from tests.impact.arrays import NOWHERE, at, business_map, stamp

PROMISE = timedelta(hours=24)
START, END = at(days=70, hours=10), at(days=70, hours=12)
WINDOW = Window(START, END, at(days=80), PROMISE)
NOTHING = np.zeros(0)
NO_HISTORY = LateHistory(
    np.zeros(0, "datetime64[s]"), NOTHING, NOTHING, NOTHING, np.zeros((0, BINS))
)


def cohort(*units: tuple[float, float | None] | tuple[float, float | None, float]) -> Cohort:
    """Units as (placed, finished[, closed]) in hours after the start of the window."""

    def when(hours: float | None) -> np.datetime64:
        return NOWHERE if hours is None else stamp(START + timedelta(hours=hours))

    columns = [[when(u[i]) if i < len(u) else NOWHERE for u in units] for i in range(3)]
    started, finished, closed = (np.array(c, dtype="datetime64[s]") for c in columns)
    return Cohort(started, finished, closed, np.full(len(units), np.nan))


def history(placed: float, late: float, *, weeks: int = 9, hours_each: float = 5.0) -> LateHistory:
    """Every hour of the weeks before the window, and of it, with the same numbers."""
    hours = weeks * 168
    end = stamp(END).astype("datetime64[h]")
    starts = (end - np.arange(hours, 0, -1)).astype("datetime64[s]")
    each = np.ones(hours)
    ages = np.zeros((hours, BINS))  # those in time take half a promise, the others one and a half
    ages[:, PER_PROMISE // 2], ages[:, 3 * PER_PROMISE // 2] = placed - late, late
    return LateHistory(starts, placed * each, late * each, late * hours_each * each, ages)


def judge(units: Cohort, past: LateHistory = NO_HISTORY, window: Window = WINDOW):
    return delays(units, past, window, timezone="UTC", rng=np.random.default_rng(0))


def test_late_units_and_their_hours_are_counted_against_the_promise():
    # 30 and 34 hours: 6 + 10 hours late; 20 hours: in time
    found = judge(cohort((0.5, 30.5), (1.0, 35.0), (1.5, 21.5)))
    assert found.delayed.mid == pytest.approx(2.0, abs=0.2)
    assert found.delay_hours.mid == pytest.approx(16.0, abs=0.2)
    assert (found.cohort, found.placed, found.waiting.mid) == (3, 3, 0)


def test_the_cohort_is_what_was_open_or_placed_during_the_window():
    units = cohort((-10, -1), (-10, 5), (1, 5), (2.5, 40))  # over before, open, placed, too late
    assert judge(units).cohort == 2


def test_units_overdue_before_the_window_are_late_without_it():
    found = judge(cohort((-30, 60), (-10, 60)))
    assert found.cohort == 1
    assert found.delayed.mid == pytest.approx(1.0, abs=0.2)


def test_a_cancelled_unit_has_stopped_waiting():
    found = judge(cohort((1, None, 3), (1, None, 30)))
    assert found.waiting.mid == 0
    assert found.delayed.mid == pytest.approx(1.0, abs=0.2)  # cancelled when already late
    assert found.delay_hours.mid == pytest.approx(5.0, abs=0.2)


def test_open_units_past_their_promise_are_late_already_and_still_wait():
    found = judge(
        cohort((0, None)), window=Window(START, END, START + timedelta(hours=27), PROMISE)
    )
    assert found.waiting.mid == 1
    assert found.delay_hours.mid == pytest.approx(3.0, abs=0.2)
    assert any("still wait" in warning for warning in found.warnings)


def test_what_happens_after_the_moment_of_asking_is_not_known():
    early = Window(START, END, START + timedelta(hours=20), PROMISE)
    assert judge(cohort((0, 19), (0, 40)), window=early).waiting.mid == 1


def test_units_not_yet_due_are_forecast_with_a_range():
    now = START + timedelta(hours=24, minutes=30)
    units = cohort(*[(0.0, None)] * 40, *[(0.1, 3.0)] * 40, *[(1.5, None)] * 100)
    found = judge(units, window=Window(START, END, now, PROMISE))
    # 40 of 80 decided ones are late; 100 more are open and about half of them will be
    assert 60 < found.delayed.mid < 100
    assert found.delayed.high - found.delayed.low > 15


def test_the_usual_share_is_taken_off():
    units = cohort(*[(0.5, 40.0)] * 30, *[(0.5, 2.0)] * 70)
    past = history(placed=50.0, late=5.0)
    # placed from 24 hours before the window to its end: 26 hours of 50, a tenth of them late
    found = judge(units, past)
    assert found.delayed.mid == pytest.approx(30 - 26 * 5, abs=8)
    assert found.weeks == 9


def placebo() -> tuple[Cohort, LateHistory]:
    """Ten weeks of a unit a minute, a twentieth of them late, and nothing amiss."""
    rng = np.random.default_rng(3)
    hours = np.arange(-24 * 7 * 10, 2, 1 / 60)
    took = rng.exponential(8.0, len(hours))
    start, stop = hours, hours + took
    moments = np.datetime64(stamp(START)) + (start * 3600).astype("timedelta64[s]")
    ends = np.datetime64(stamp(START)) + (stop * 3600).astype("timedelta64[s]")
    nothing = np.full(len(hours), NOWHERE)
    open_ = stop >= 0
    units = Cohort(moments[open_], ends[open_], nothing[open_], np.full(open_.sum(), np.nan))
    slots, which = np.unique(moments.astype("datetime64[h]"), return_inverse=True)
    late = took > 24
    past = LateHistory(
        slots.astype("datetime64[s]"),
        np.bincount(which).astype(float),
        np.bincount(which, late).astype(float),
        np.bincount(which, np.where(late, took - 24, 0.0)).astype(float),
        np.histogram2d(which, took, [np.arange(len(slots) + 1), 0.375 * np.arange(BINS + 1)])[0],
    )
    return units, past


def test_a_placebo_window_has_no_delayed_units():
    found = judge(*placebo())
    assert found.delayed.low < 0 < found.delayed.high
    assert abs(found.delayed.mid) < 40  # of some 78 late on any such day
    assert found.delay_hours.low < 0 < found.delay_hours.high


@pytest.mark.parametrize("after", [0.5, 2.0, 12.0, 30.0])
def test_a_placebo_window_has_no_hours_of_delay_while_it_is_young(after):
    """Of hours so far only what is usual so far is taken off, not all that will be usual."""
    units, past = placebo()
    as_of = START + timedelta(hours=after)
    found = judge(units, past, replace(WINDOW, end=min(END, as_of), as_of=as_of)).delay_hours
    assert found.low < 0 < found.high
    assert abs(found.mid) < 120  # of some 570 hours that will have been usual, give or take 110


def test_weeks_that_differ_widen_the_range():
    steady, rough = history(50, 5), history(50, 5)
    week = ((stamp(END) - rough.hours) / np.timedelta64(7, "D")).astype(int)
    rough.late[:] = 5 * (week % 3)

    def width(past: LateHistory) -> float:
        found = judge(cohort((0.5, 40.0)), past)
        return float(found.delayed.high - found.delayed.low)

    assert width(rough) > 3 * width(steady)


def test_a_few_weeks_give_a_range_that_holds_what_is_usual():
    """Six weeks say little of their own spread: their range must neither miss nor be a wide guess.

    Lateness strikes by chance alone here; nothing is delayed, so nine ranges of ten hold zero.
    """
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(400):
        past = history(placed=50, late=0, weeks=6)
        past.late[:] = rng.binomial(50, 0.02, len(past.late))
        late = int(rng.binomial(26 * 50, 0.02))  # of 26 hours of placement
        found = judge(cohort(*[(0.5, 40.0)] * late, (0.5, 1.0)), past).delayed
        held += found.low <= 0 <= found.high
    assert 0.87 * 400 <= held <= 0.945 * 400


def test_little_history_is_said():
    assert judge(cohort((0.5, 40.0))).warnings == ("usual late share rests on 0 earlier weeks",)


def test_numbers_are_final_after_the_promise_and_two_days():
    assert WINDOW.final_at == END + timedelta(hours=72)


def test_a_million_journeys():
    n = 1_000_000
    started = stamp(START) + np.arange(n).astype("timedelta64[s]") % np.timedelta64(7200, "s")
    nothing = np.full(n, NOWHERE)
    found = judge(Cohort(started, nothing, nothing, np.full(n, np.nan)), history(500.0, 5.0))
    assert found.cohort == n


@given(
    st.lists(
        st.tuples(st.floats(-20, 1.9), st.floats(0.1, 100), st.booleans()), min_size=1, max_size=30
    )
)
def test_delayed_is_never_more_than_the_cohort(units):
    found = judge(cohort(*((s, s + took if done else None) for s, took, done in units)))
    assert found.waiting.mid <= found.cohort
    assert found.draws["delayed"].max() <= found.cohort + 6  # the noise of usual lateness
    assert found.delayed.low <= found.delayed.mid <= found.delayed.high


def test_a_promise_must_be_positive():
    with pytest.raises(ValueError, match="promise"):
        judge(cohort((0, 1)), window=Window(START, END, END, timedelta(0)))


def test_a_promise_in_working_hours_is_judged_by_the_clock_of_the_company():
    # eight working hours, Monday to Friday from nine to five; the window is Friday 15:00 to 17:00
    hours = tuple(Open(day, 540, 1020) for day in range(5))
    where = replace(business_map(), working_hours=hours)
    eight = timedelta(hours=8)
    orders = Measure("f", "o", "lead_time", "o", promise=eight, promise_in="working")
    begin, end, as_of = at(days=74, hours=15), at(days=74, hours=17), at(days=84)
    clock = clock_of(orders, where, begin, as_of)
    window = Window(begin, end, as_of, eight, clock)

    def placed(hour: float, shipped: float) -> tuple[float, float]:
        """Hours after Friday 15:00, from hours after START: three days and five hours later."""
        return hour + 101, shipped + 101

    units = cohort(
        placed(1, 65),  # Friday 16:00 to Monday 08:00: one working hour
        placed(1, 67),  # to Monday 10:00: two
        placed(1, 74),  # to Monday 17:00: nine, an hour late
        placed(1.5, 93),  # Friday 16:30 to Tuesday 12:00: eleven and a half
    )
    found = judge(units, window=window)
    assert found.cohort == 4
    assert found.delayed.mid == pytest.approx(2.0, abs=0.2)
    assert found.delay_hours.mid == pytest.approx(1.0 + 3.5, abs=0.2)
    assert window.final_at == at(days=77, hours=17) + timedelta(hours=48)  # Monday at closing
