"""When promises are up, in hours, calendar days and working hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import holidays as holiday_library
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.amounts import promise, working_hours
from enrich.model import BusinessMap, Measure
from impact.promise import STOPWATCH, clock_of, due, longest

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = "Mon-Fri 09:00-17:00"
SHIFTS = (
    "Mon-Thu 08:00-12:00, Mon-Thu 13:00-17:30, Fri 08:00-14:00, Sat 22:00-24:00, Sun 00:00-06:00"
)
HOLIDAYS = holiday_library.country_holidays("DE", years=range(2025, 2029))


def where(hours: str = OFFICE, holidays: str = "DE") -> BusinessMap:
    open_ = working_hours(hours)
    return BusinessMap(
        "Example Shop", "EUR", "Europe/Berlin", "v1", {}, {}, holidays, working_hours=open_
    )


def orders(promised: str) -> Measure:
    length, counted = promise(promised)
    return Measure("f", "orders", "lead_time", "orders", promise=length, promise_in=counted)


def local(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=BERLIN, fold=fold)


@pytest.mark.parametrize(
    ("promised", "placed", "expected"),
    [
        # a stop watch knows no clocks that change
        ("24h", "03-28 12:00", "03-29 13:00"),
        ("24h", "10-24 12:00", "10-25 11:00"),
        # a calendar day is as long as the day is
        ("1 day", "03-28 12:00", "03-29 12:00"),
        ("1 day", "10-24 12:00", "10-25 12:00"),
        ("2 days", "07-01 08:15", "07-03 08:15"),
        ("1 day", "03-28 02:30", "03-29 03:00"),  # half past two does not come that night
        ("1 day", "10-24 02:30", "10-25 02:30"),  # and here it comes twice: the first counts
        # working hours
        ("8 working hours", "06-15 09:00", "06-15 17:00"),
        ("8 working hours", "06-15 10:00", "06-16 10:00"),
        ("8 working hours", "06-19 16:00", "06-22 16:00"),  # from Friday to Monday
        ("1 working hour", "06-20 11:00", "06-22 10:00"),  # placed on a Saturday
        ("8 working hours", "04-02 16:00", "04-07 16:00"),  # over Easter, both days of it
        ("40 working hours", "12-21 09:00", "12-28 17:00"),  # Christmas takes one working day
    ],
)
def test_a_promise_is_up(promised, placed, expected):
    found = due(orders(promised), where(), local(placed))
    assert found == local(expected).astimezone(UTC)


def test_working_hours_run_on_while_the_clock_changes():
    always = where("Mon-Sun 00:00-24:00", holidays="")
    # four hours are left of Saturday; the eighth hour of Sunday ends at nine, as two is skipped
    found = due(orders("12 working hours"), always, local("03-28 20:00"))
    assert found == local("03-29 09:00").astimezone(UTC)
    assert due(orders("12 working hours"), always, local("10-24 20:00")) == local(
        "10-25 07:00"
    ).astimezone(UTC)


def test_working_hours_on_the_night_of_the_clock_change():
    nights = where("Sun 01:00-04:00", holidays="")
    placed = local("03-28 12:00")
    # three hours by the wall, two that pass: the third is the first of next Sunday
    found = due(orders("3 working hours"), nights, placed)
    assert found == local("04-05 02:00").astimezone(UTC)


def test_delay_is_read_from_the_clock_of_the_promise():
    clock = clock_of(orders("8 working hours"), where(), local("06-01 00:00"), local("07-01 00:00"))
    friday, monday = local("06-19 17:00"), local("06-22 10:00")
    shown = clock.read(np.array([friday.timestamp(), monday.timestamp()], dtype=np.int64))
    assert (shown[1] - shown[0]) == 3600


def test_what_was_placed_since_when_is_due_only_later():
    clock = clock_of(orders("8 working hours"), where(), local("06-01 00:00"), local("07-01 00:00"))
    eight = timedelta(hours=8)
    assert clock.since(local("06-22 12:00"), eight) == local("06-19 12:00").astimezone(UTC)
    # what was placed at any time of the weekend is due on Monday at closing
    assert clock.since(local("06-22 17:00"), eight) == local("06-22 09:00").astimezone(UTC)
    assert STOPWATCH.since(local("06-22 12:00"), eight) == local("06-22 04:00").astimezone(UTC)


def open_minutes(start: datetime, end: datetime, hours: str) -> int:
    """Working minutes in [start, end), counted one by one."""
    spans, count = working_hours(hours), 0
    for minute in range(int((end - start) / timedelta(minutes=1))):
        at = (start + timedelta(minutes=minute)).astimezone(BERLIN)
        of_day = at.hour * 60 + at.minute
        count += at.date() not in HOLIDAYS and any(
            s.weekday == at.weekday() and s.opens <= of_day < s.closes for s in spans
        )
    return count


YEAR = 365 * 1440
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
moments = st.integers(0, YEAR).map(lambda minute: FIRST + timedelta(minutes=minute))


@settings(max_examples=25, deadline=None)
@given(moments, st.integers(0, 4 * 1440), st.sampled_from([OFFICE, SHIFTS]))
def test_the_working_clock_counts_every_open_minute(start, minutes, hours):
    end = start + timedelta(minutes=minutes)
    clock = clock_of(orders("8 working hours"), where(hours), start, end)
    shown = clock.read(np.array([start.timestamp(), end.timestamp()], dtype=np.int64))
    assert shown[1] - shown[0] == 60 * open_minutes(start, end, hours)


@settings(max_examples=50, deadline=None)
@given(
    moments,
    st.integers(1, 200),
    st.sampled_from(["{}h", "{} days", "{} working hours"]),
    st.sampled_from([OFFICE, SHIFTS]),
)
def test_what_is_due_is_in_time_to_the_second_and_late_after_it(start, number, form, hours):
    measure, business_map = orders(form.format(number)), where(hours)
    assert measure.promise is not None
    clock = clock_of(measure, business_map, start, start)
    up = due(measure, business_map, start)
    seconds = np.array([start.timestamp(), up.timestamp(), up.timestamp() - 1], dtype=np.int64)
    placed, at, before = clock.read(seconds)
    assert at - placed >= measure.promise.total_seconds() > before - placed
    assert start < up <= start + longest(measure, business_map)
    assert (np.diff(clock.reading) >= 0).all() and (np.diff(clock.at) > 0).all()


@settings(max_examples=50, deadline=None)
@given(moments, st.lists(st.integers(-5000, 5000), min_size=2, max_size=20))
def test_no_clock_runs_back(start, minutes):
    seconds = np.sort(np.array(minutes, dtype=np.int64)) * 60 + int(start.timestamp())
    for promised in ("1 day", "8 working hours"):
        clock = clock_of(orders(promised), where(SHIFTS), start, start)
        assert (np.diff(clock.read(seconds)) >= 0).all()


def test_a_clock_without_an_open_hour_is_refused():
    nowhere = BusinessMap("Example Shop", "EUR", "Europe/Berlin", "v1", {}, {})
    with pytest.raises(ValueError, match="working_hours"):
        due(orders("1 working hour"), nowhere, local("06-15 09:00"))
