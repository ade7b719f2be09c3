"""How numbers are said to people."""

from datetime import timedelta
from decimal import Decimal

import pytest

from api import words
from api.http.schemas import Sum
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


def test_what_was_counted_has_no_digits_behind_the_point():
    assert [words.count(n) for n in (3, 3.0, 34.0, 3400, None)] == ["3", "3", "34", "3,400", "–"]
    assert words.units(3.0) == "3.0"  # an estimate may have them


def test_small_sums_have_the_digits_of_their_currency():
    found = {c: amount(Decimal(v), c) for c, v in (("EUR", "9.25"), ("BHD", "9.255"), ("JPY", "9"))}
    assert list(found.values()) == ["EUR 9.25", "BHD 9.255", "JPY 9"]
    ends = Sum(low=Decimal("0.125"), mid=Decimal("7.500"), high=Decimal("9.255"), currency="BHD")
    assert (words.money(ends), words.money_range(ends)) == ("BHD 7.500", "0.125 to 9.255")
    exact = [words.exact(Decimal(v), c) for v, c in (("1234.5", "KWD"), ("1234", "JPY"))]
    assert exact == ["1,234.500", "1,234"]


def test_nothing_has_no_sign():
    assert amount(Decimal("-0.001"), "EUR") == "EUR 0.00"
    assert amount(Decimal("-0.00"), "EUR") == "EUR 0"
    assert amount(Decimal("-0.50"), "EUR") == "EUR -0.50"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (45, "45 s"), (60, "1 min"), (75, "75 s"), (3600, "1 h"), (7200, "2 h"),
     (12_000, "3 h 20 min"), (172_800, "2 d"), (187_200, "2 d 4 h")],
)  # fmt: skip
def test_how_long_it_lasted_has_no_part_that_is_nothing(seconds, said):
    assert words.lasted(timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(
    ("low", "mid", "high", "said"),
    [
        ("98.64", "290.12", "564.00", "EUR 290 (99 to 564)"),
        ("0", "98.38", "223.10", "EUR 98 (0 to 223, includes zero)"),
        ("-7.28", "9.04", "21.04", "EUR 9.04 (-7.28 to 21.04, includes zero)"),
        ("5", "12", "90", "EUR 12 (5 to 90)"),
    ],
)
def test_a_sum_and_its_ends_have_the_same_digits(low, mid, high, said):
    sum_ = Sum(low=Decimal(low), mid=Decimal(mid), high=Decimal(high), currency="EUR")
    assert f"{words.money(sum_)} ({words.money_range(sum_)})" == said


@pytest.mark.parametrize(
    ("found", "promised", "said"),
    [
        (99.8956, 99.9, "99.896 %"),
        (99.8999, 99.9, "99.8999 %"),
        (99.9, 99.9, "99.90 %"),
        (99.8956, None, "99.90 %"),
        (97.5, 99.9, "97.50 %"),
    ],
)
def test_what_misses_a_promise_by_little_does_not_read_as_if_it_kept_it(found, promised, said):
    assert words.availability(found, promised) == said
