"""When the weekly report is due, by the clocks of the subscriber."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.notify.subscribers import Weekly
from api.notify.telling import Telling
from api.notify.weekly import due, last_due, weekly_note
from api.setup.mapfiles import read_map
from tests.api.app import SHOP
from tests.api.notify.notes import subscriber

MONDAY_8 = Weekly(0, 8, 0, "Europe/Berlin")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-23T06:59", "2026-11-16T07:00"),
        ("2026-11-23T07:00", "2026-11-23T07:00"),
        ("2026-11-29T22:00", "2026-11-23T07:00"),
        ("2026-07-20T05:59", "2026-07-13T06:00"),  # summer: an hour earlier in UTC
        ("2026-07-20T06:00", "2026-07-20T06:00"),
    ],
)
def test_it_is_due_at_the_hour_of_the_zone(now, expected):
    assert last_due(MONDAY_8, utc(now)) == utc(expected)


def test_a_time_that_does_not_exist_is_as_far_after_midnight():
    """In Berlin there is no 02:30 on 29 March 2026: clocks go from 02:00 to 03:00."""
    sunday = Weekly(6, 2, 30, "Europe/Berlin")
    moment = last_due(sunday, utc("2026-03-29T12:00"))
    assert moment == utc("2026-03-29T01:30")
    assert moment.astimezone(ZoneInfo("Europe/Berlin")).strftime("%H:%M") == "03:30"


def test_of_a_time_that_exists_twice_it_is_the_first():
    """In Berlin 02:30 comes twice on 25 October 2026."""
    sunday = Weekly(6, 2, 30, "Europe/Berlin")
    assert last_due(sunday, utc("2026-10-25T00:30")) == utc("2026-10-25T00:30")
    assert last_due(sunday, utc("2026-10-25T12:00")) == utc("2026-10-25T00:30")
    assert last_due(sunday, utc("2026-10-25T00:29")) == utc("2026-10-18T00:30")


def test_after_two_days_it_is_too_late():
    assert due(MONDAY_8, utc("2026-11-25T07:00")) == utc("2026-11-23T07:00")
    assert due(MONDAY_8, utc("2026-11-25T07:01")) is None


@pytest.mark.parametrize(
    ("zone", "hour", "now", "week"),
    [
        ("Europe/Berlin", 8, "2026-11-23T07:00", "2026-W47"),
        # In Auckland Monday morning comes before Berlin's Sunday is over.
        ("Pacific/Auckland", 8, "2026-11-22T19:00", "2026-W46"),
        ("America/Los_Angeles", 8, "2026-11-23T16:00", "2026-W47"),
    ],
)
def test_the_report_is_of_the_last_week_that_was_over_for_the_company(zone, hour, now, week):
    weekly = Weekly(0, hour, 0, zone)
    moment = last_due(weekly, utc(now))
    assert moment == utc(now)
    note = weekly_note(subscriber("board", weekly=weekly), read_map(SHOP).map, moment, 1)
    assert note.rule == f"weekly:{week}" and note.incident == ""
    assert Telling.model_validate_json(note.payload).week == week


ZONES = sorted(z for z in available_timezones() if "/" in z)


@settings(max_examples=60)
@given(
    st.integers(0, 4 * 365 * 1440),
    st.sampled_from(ZONES),
    st.integers(0, 6),
    st.integers(0, 23),
    st.integers(0, 59),
)
def test_it_is_due_once_a_week_whatever_clocks_do(minutes, zone, weekday, hour, minute):
    weekly = Weekly(weekday, hour, minute, zone)
    now = utc("2024-01-01") + timedelta(minutes=minutes)
    last = last_due(weekly, now)
    assert last <= now and now - last < timedelta(days=7, hours=3)
    assert last_due(weekly, last) == last
    before = last_due(weekly, last - timedelta(seconds=1))
    assert timedelta(days=6, hours=21) <= last - before <= timedelta(days=7, hours=3)
