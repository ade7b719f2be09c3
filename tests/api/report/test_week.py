"""Weeks by the company's clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.report.week import Week
from ingest.errors import InputError

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")


def test_a_week_runs_from_monday_to_monday_by_local_clocks():
    start, end = Week.parse("2026-W46").bounds(BERLIN)
    assert start == datetime(2026, 11, 8, 23, tzinfo=UTC)
    assert end == datetime(2026, 11, 15, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "zone", "hours"),
    [
        ("2026-W13", BERLIN, 167),  # 29 March, clocks go forward
        ("2026-W43", BERLIN, 169),  # 25 October, clocks go back
        ("2026-W44", BERLIN, 168),
        ("2026-W10", NEW_YORK, 167),
        ("2026-W44", NEW_YORK, 169),
    ],
)
def test_weeks_of_clock_changes_are_an_hour_shorter_or_longer(name, zone, hours):
    start, end = Week.parse(name).bounds(zone)
    assert end - start == timedelta(hours=hours)


def test_the_last_week_that_is_over_ends_at_midnight_sharp():
    midnight = datetime(2026, 11, 15, 23, tzinfo=UTC)
    assert Week.last_over(midnight - timedelta(seconds=1), BERLIN).name == "2026-W45"
    assert Week.last_over(midnight, BERLIN).name == "2026-W46"
    assert Week.parse("2026-W46").over(midnight, BERLIN)


def test_years_of_53_weeks():
    assert Week.parse("2026-W53").back(-1).name == "2027-W01"
    assert Week.parse("2027-W01").back(1).name == "2026-W53"
    with pytest.raises(InputError, match="2025 has no week 53"):
        Week.parse("2025-W53")


@pytest.mark.parametrize("text", ["", "2026-46", "2026-W4", "2026-W00", "26-W46", "1969-W01", "x"])
def test_what_is_no_week_is_refused(text):
    with pytest.raises(InputError):
        Week.parse(text)


EPOCH = datetime(1972, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 218 * 365 * 86400).map(lambda s: EPOCH + timedelta(seconds=s))


@given(MOMENTS, st.sampled_from([BERLIN, NEW_YORK, ZoneInfo("Pacific/Apia"), ZoneInfo("UTC")]))
def test_every_moment_lies_in_its_week_and_weeks_leave_no_gap(moment, zone):
    week = Week.of(moment, zone)
    start, end = week.bounds(zone)
    assert start <= moment < end
    assert week.back(1).bounds(zone)[1] == start
    assert Week.parse(week.name) == week
