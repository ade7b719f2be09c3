"""Local time: every hour of every zone as the slow way says, both nights of daylight saving."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impact.calendar import (
    EPOCH_DAY,
    holiday_days,
    is_bridge,
    local_time,
    midnight,
    utc_offsets,
    zone_of,
)

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]


def seconds(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp())  # type: ignore[misc, arg-type]


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    first=st.integers(seconds(2020, 1, 1), seconds(2027, 1, 1)),
    step=st.integers(60, 200_000),
)
def test_offsets_are_those_of_the_zone(zone: str, first: int, step: int) -> None:
    at = first + step * np.arange(50, dtype=np.int64)
    expected = [
        datetime.fromtimestamp(int(t), UTC).astimezone(zone_of(zone)).utcoffset() for t in at
    ]
    assert utc_offsets(at, zone_of(zone)).tolist() == [
        int(o.total_seconds()) for o in expected if o is not None
    ]


def test_weeks_begin_on_monday_midnight_local() -> None:
    berlin = zone_of("Europe/Berlin")
    sunday = seconds(2026, 1, 4, 22, 59)  # 23:59 in Berlin
    local = local_time(np.array([sunday, sunday + 60], np.int64), berlin)
    assert local.second.tolist() == [604800 - 60, 0]
    assert local.week[1] == local.week[0] + 1
    assert local.day.tolist() == [(date(2026, 1, d) - EPOCH_DAY).days for d in (4, 5)]


def test_the_hour_that_is_missing_in_spring() -> None:
    at = np.array([seconds(2026, 3, 29, 0, 59, 59), seconds(2026, 3, 29, 1)], np.int64)
    local = local_time(at, zone_of("Europe/Berlin"))
    assert (local.second % 86400 // 3600).tolist() == [1, 3]


def test_the_hour_that_comes_twice_in_autumn() -> None:
    at = np.array([seconds(2026, 10, 25, 0, 30), seconds(2026, 10, 25, 1, 30)], np.int64)
    local = local_time(at, zone_of("Europe/Berlin"))
    assert (local.second % 86400 // 3600).tolist() == [2, 2]


def test_a_day_begins_at_midnight_or_where_clocks_skip_it_right_then() -> None:
    assert midnight(date(2026, 3, 29), ZoneInfo("Europe/Berlin")) == datetime(
        2026, 3, 28, 23, tzinfo=UTC
    )
    # Sao Paulo went from 00:00 to 01:00 that night.
    assert midnight(date(2017, 10, 15), ZoneInfo("America/Sao_Paulo")) == datetime(
        2017, 10, 15, 3, tzinfo=UTC
    )


def test_holidays_by_code_by_region_and_by_date() -> None:
    first, last = ((date(2026, 1, d) - EPOCH_DAY).days for d in (1, 31))

    def dates(given_: object) -> list[int]:
        days = holiday_days(given_, first, last)  # type: ignore[arg-type]
        return [(date.fromordinal(EPOCH_DAY.toordinal() + int(d))).day for d in days]

    assert dates("DE") == [1]
    assert dates("DE-BY") == [1, 6]
    assert dates([date(2026, 1, 9), date(2027, 1, 9)]) == [9]
    assert dates(None) == []


@pytest.mark.parametrize("code", ["XX", "DE-XX"])
def test_unknown_calendars_are_named(code: str) -> None:
    with pytest.raises(ValueError, match=r"^holidays: "):
        holiday_days(code, 20000, 20100)


@pytest.mark.parametrize("name", ["Mars/Base", "", "../etc"])
def test_unknown_zones_are_named(name: str) -> None:
    with pytest.raises(ValueError, match=r"^timezone: "):
        zone_of(name)


def test_no_moments() -> None:
    assert len(utc_offsets(np.zeros(0, np.int64), zone_of("UTC"))) == 0


def test_a_bridge_lies_between_a_holiday_and_a_day_off() -> None:
    days = {d: seconds(2026, 5, d, 12) // 86400 for d in range(1, 32)}
    ascension = holiday_days([date(2026, 5, 14)], days[1], days[31])  # a Thursday
    assert [d for d in days if is_bridge(days[d], ascension)] == [15]
    assert not any(is_bridge(day, holiday_days(None, days[1], days[31])) for day in days.values())
