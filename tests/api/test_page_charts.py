"""Charts of pages: days, strips of agreement, and kept words, as specs with their rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.charts.agreement import LANE, Lanes, agreement, height_of
from api.charts.day import Day, day
from api.charts.draw import to_svg
from api.charts.kept_word import MOST, Kept, kept_word
from api.charts.theme import DARK, LIGHT
from impact.model import Range

WEEK = (datetime(2026, 11, 9, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))
minutes = st.integers(0, 7 * 1440 - 1)


def strips(*stretches: tuple[str, datetime, datetime]) -> list[dict[str, object]]:
    spec = agreement([Lanes("Web checkout", stretches)], WEEK, "Europe/Berlin")
    assert spec["height"] == height_of(1)
    rows: list[dict[str, object]] = spec["datasets"]["stretches"]
    return rows


@pytest.mark.parametrize(
    ("part", "lanes"),
    [
        ("only_business_red", {1}),
        ("only_tools_red", {0}),
        ("both_red", {0, 1}),
        ("cannot_tell", {1}),
        ("maintenance", {0, 1}),
    ],
)
def test_the_form_alone_says_who_was_red(part, lanes):
    start = WEEK[0] + timedelta(hours=30)
    rows = strips((part, start, start + timedelta(hours=5)))
    tops = sorted({float(str(row["y"])) for row in strips(("both_red", *WEEK))})
    assert {tops.index(float(str(row["y"]))) for row in rows} == lanes
    for row in rows:
        assert float(str(row["end"])) - float(str(row["y"])) == LANE
        assert (row["from"], row["lasted"]) == ("Tue 10 Nov, 07:00", "5 h")


@settings(deadline=None, max_examples=25)  # Altair checks every spec against its schema
@given(minutes, st.integers(1, 3000))
def test_what_is_short_is_still_seen_and_nothing_leaves_the_picture(first, lasts):
    start = WEEK[0] + timedelta(minutes=first)
    for row in strips(("both_red", start, start + timedelta(minutes=lasts))):
        a, b = float(str(row["a"])), float(str(row["b"]))
        assert WEEK[0].timestamp() * 1000 <= a < b <= WEEK[1].timestamp() * 1000
        assert b - a >= 0.49 / 430 * 7 * 86_400_000  # half of the least, at an edge


def test_agreement_without_anything_amiss_is_drawn():
    for theme in (LIGHT, DARK):
        assert "Web checkout" in to_svg(
            agreement([Lanes("Web checkout", ())], WEEK, "UTC", theme, 358)
        )


def test_what_nobody_can_tell_does_not_look_like_what_is_well():
    start = WEEK[0] + timedelta(hours=30)
    lanes = [Lanes("Web checkout", [("cannot_tell", start, start + timedelta(hours=5))])]
    for theme in (LIGHT, DARK):
        colour = agreement(lanes, WEEK, "UTC", theme)["layer"][1]["encoding"]["color"]["scale"]
        by_name = dict(zip(colour["domain"], colour["range"], strict=True))
        assert by_name == {"green": theme.line, "cannot tell": theme.paper}


def test_a_day_leaves_room_for_the_hours_to_come():
    hours = np.arange(6.0)
    starts = WEEK[0].timestamp() + 3600 * hours
    actual = np.where(hours == 3, np.nan, 10.0)
    spec = day(Day(starts, 3600, actual, hours + 9, hours + 5, hours + 12, "UTC", "payments"))
    rows = spec["datasets"]["bins"]
    assert len(rows) == 7 and rows[3]["came"] == "not known" and rows[3]["actual"] is None
    [low, high] = spec["layer"][0]["encoding"]["x"]["scale"]["domain"]
    assert high - low == 86_400_000
    assert "payments per hour" in to_svg(spec)


def kept(number: int, low: float, final: float) -> Kept:
    return Kept(f"{number} Nov", Range(low, low + 5, low + 10), final)


def test_what_fell_outside_its_range_is_named():
    inside = kept_word([kept(1, 100, 105)], "payments")
    missed = kept_word([kept(1, 100, 105), kept(2, 100, 130)], "payments")
    assert "outside the range" not in to_svg(inside)
    assert "outside the range" in to_svg(missed)
    assert [row["inside"] for row in missed["datasets"]["told"]] == [True, False]


def test_losses_below_nothing_and_many_incidents_are_drawn():
    told = [kept(n, -20.0 + n, 3.0 * n) for n in range(MOST + 5)]
    spec = kept_word(told, "payments", DARK, None)
    assert len(spec["datasets"]["told"]) == MOST
    assert spec["datasets"]["told"][-1]["when"] == f"{MOST + 4} Nov"
    to_svg(kept_word(told, "payments"))
