"""How numbers are said to people."""

from decimal import Decimal

import pytest

from api.words import amount, busiest_hours, slot


def week(**busy: range) -> list[float]:
    """168 hours of which some are busy, by day."""
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    return [
        100.0 if hour in busy.get(day, range(0)) else 10.0 for day in days for hour in range(24)
    ]


@pytest.mark.parametrize(
    ("hour", "said"), [(0, "Mon 00:00"), (33, "Tue 09:00"), (167, "Sun 23:00")]
)
def test_an_hour_of_the_week(hour, said):
    assert slot(hour) == said


def test_days_that_are_alike_are_said_together():
    evenings = {day: range(19, 22) for day in ("mon", "tue", "wed", "thu")}
    found = busiest_hours(week(**evenings, sun=range(18, 24)))
    assert found == "Mon to Thu 19:00 to 22:00, Sun 18:00 to 24:00"


def test_a_day_with_two_peaks():
    lunch = week(fri=range(12, 13))
    lunch[4 * 24 + 20] = 95.0
    assert busiest_hours(lunch) == "Fri 12:00 to 13:00 and 20:00 to 21:00"


def test_a_week_in_which_nothing_happens():
    assert busiest_hours([0.0] * 168) == ""


def test_nothing_has_no_sign():
    assert amount(Decimal("-0.001"), "EUR") == "EUR 0.00"
    assert amount(Decimal("-0.00"), "EUR") == "EUR 0"
    assert amount(Decimal("-0.50"), "EUR") == "EUR -0.50"
