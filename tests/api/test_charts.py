"""Charts: specs whose colours add up to the numbers, with ticks at local hours; drawn offline."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.charts.bins import Bins, coarser, parts
from api.charts.clock import span_text, ticks
from api.charts.draw import script, to_html, to_svg
from api.charts.shortfall import shortfall
from api.charts.story import Shortfall, headline, told
from api.charts.theme import DARK, LIGHT
from api.charts.usual_week import usual_week
from impact.model import Range

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
NOON = datetime(2026, 5, 12, 12, tzinfo=UTC)


def steady(n=72, step=300, first=NOON - timedelta(hours=3), expected=20.0):
    edges = first.timestamp() + step * np.arange(n + 1)
    line = np.full(n, expected)
    return Bins(edges, line.copy(), line, line - 6, line + 6)


def story(kind="flow", **changes):
    """An hour of nothing; half of it comes back in the half hour after."""
    bins = steady()
    bins.actual[36:48] = 0.0 if kind == "flow" else 50.0
    if kind == "flow":
        bins.actual[48:54] += 20.0
    return replace(
        Shortfall(
            bins,
            kind,
            (NOON, NOON + timedelta(hours=1)),
            (NOON + timedelta(hours=1), NOON + timedelta(hours=3)),
            Range(80, 120, 160) if kind == "flow" else Range(300, 360, 420),
            Range(200, 240, 280) if kind == "flow" else None,
            Range(90, 120, 150) if kind == "flow" else None,
            live=False,
            level=0.9,
            unit="payments" if kind == "flow" else "calls",
            timezone="Europe/Berlin",
        ),
        **changes,
    )


def area(spec, name):
    """Units under a colour, from the rows of the spec (rates per minute)."""
    rows = [r for r in spec["datasets"]["parts"] if r["name"] == name]
    pairs = [(a, b) for a, b in pairwise(rows) if a["run"] == b["run"]]
    return sum(abs(a["actual"] - a["expected"]) * (b["t"] - a["t"]) / 60_000 for a, b in pairs)


def test_the_colours_add_up_to_the_numbers():
    spec = shortfall(story())
    assert area(spec, "missing") == pytest.approx(240)
    assert area(spec, "surplus") == pytest.approx(120)
    assert area(shortfall(story("load")), "extra") == pytest.approx(360)


def test_noise_after_the_window_is_no_recovery():
    quiet = story(recovered=Range(0, 0, 5), counted=Range(200, 240, 280))
    assert area(shortfall(quiet), "surplus") == 0


def test_the_title_says_the_number_its_range_and_when():
    assert headline(story()) == "120 payments lost"
    assert told(story()) == [
        "90 % range 80 to 160",
        "240 expected in the window, 0 came, 120 came back",
        "Tue 12 May 2026, 14:00 to 15:00 (Europe/Berlin)",
    ]
    assert headline(story(live=True)) == "120 payments lost so far"
    assert headline(story(live=True, forecast=True)) == "120 payments lost, by forecast"
    assert headline(story("load")) == "360 extra calls"
    nothing = story(counted=Range(-20, 4, 31))
    assert headline(nothing) == "No clear loss of payments"
    assert told(nothing)[0] == "lost 4.0, 90 % range -20 to 31, includes zero"
    assert headline(story(counted=Range(-90, -50, -10))) == "50 more payments than expected"
    assert headline(story("load", counted=Range(-90, -50, -10))) == "50 fewer calls"


def test_one_spec_for_page_report_and_file():
    wide, narrow, page = (shortfall(story(), width=w) for w in (860, 374, None))
    assert (wide["width"], narrow["width"], page["width"]) == (860, 374, "container")
    assert shortfall(story(), DARK)["background"] == DARK.paper != LIGHT.paper
    assert "title" not in shortfall(story(), title=False)
    for spec in (wide, page):
        assert spec["description"].startswith("120 payments lost. 90 % range")  # for screen readers


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize("kind", ["flow", "load"])
def test_it_is_drawn_with_its_words(kind, theme):
    drawn = to_svg(shortfall(story(kind), theme))
    assert headline(story(kind)) in drawn and "settling" in drawn and "14:00" in drawn


def test_nothing_measured_is_a_gap_and_no_zero():
    bins = steady()
    bins.actual[10:20] = np.nan
    spec = shortfall(story(bins=bins))
    assert [r["actual"] for r in spec["datasets"]["bins"]].count(None) > 0
    assert "came back" in to_svg(spec)


def test_a_page_of_its_own_needs_nothing_else():
    page = to_html(shortfall(story(), LIGHT, None), shortfall(story(), DARK, None))
    assert page.startswith("<!doctype html>") and "prefers-color-scheme" in page
    assert "vegaEmbed" in script() and page.count("</script>") == 2
    hostile = shortfall(story(unit="</script><b>"), LIGHT, None)
    assert to_html(hostile, hostile).count("</script>") == 2


@given(
    st.integers(1, 500),
    st.sampled_from([60, 300, 420, 900, 3600]),
    st.integers(0, 400),
    st.integers(1, 300),
    st.floats(0.1, 500),
)
def test_wider_bins_keep_sums_and_the_edges_of_the_window(n, step, begin, length, expected):
    fine = steady(n, step, expected=expected)
    start = fine.edges[0] + step * min(begin, n - 1)
    end = min(start + step * length, fine.edges[-1])
    wide = coarser(fine, (start, end), 0.1)
    assert wide.actual.sum() == pytest.approx(fine.actual.sum())
    assert wide.expected.sum() == pytest.approx(fine.expected.sum())
    assert wide.edges[0] == fine.edges[0] and wide.edges[-1] == fine.edges[-1]
    assert start in wide.edges and end in wide.edges
    assert len(coarser(fine, (start, fine.edges[-1] + 9000.0), 0.1).actual) > 0  # not over yet
    assert (wide.low <= wide.expected).all() and (wide.expected <= wide.high).all()


def test_every_unit_in_the_window_has_a_colour_but_what_is_as_expected():
    bins = steady(10)
    bins.actual[2:4], bins.actual[4] = 10.0, 25.0
    window = (float(bins.edges[2]), float(bins.edges[6]))
    found = [(p.name, list(p.bins)) for p in parts(bins, window, 0.0, ("missing", "surplus"))]
    assert found == [("missing", [2, 3]), ("surplus", [4])]


def test_ticks_stand_at_local_hours_also_when_clocks_change():
    first = datetime(2026, 10, 25, tzinfo=BERLIN).timestamp()
    found = ticks(first, first + 6 * 3600, BERLIN)
    assert len(found.values) == 7
    for text in ('["00:00", "Sun 25 Oct"]', '["02:00 CEST"]', '["02:00 CET"]', '["05:00"]'):
        assert text in found.label
    spring = datetime(2026, 3, 29, tzinfo=BERLIN).timestamp()
    assert "02:00" not in ticks(spring, spring + 6 * 3600, BERLIN).label


@given(st.integers(0, 2**31), st.integers(600, 40 * 86400), st.sampled_from([BERLIN, UTC_ZONE]))
def test_ticks_are_few_and_inside(first, length, zone):
    found = ticks(first, first + length, zone)
    assert len(found.values) <= 11
    assert all(first * 1000 <= v <= (first + length) * 1000 for v in found.values)


def test_a_window_over_the_repeated_hour_says_which():
    start = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert span_text(start, start + timedelta(hours=1), BERLIN) == (
        "Sun 25 Oct 2026, 02:30 CEST to 02:30 CET (Europe/Berlin)"
    )


def test_the_usual_week_names_its_peak():
    week = 100 + 100 * np.sin(np.arange(168) / 24 * 2 * np.pi)
    week[4 * 24 + 18] = 300
    spec = usual_week(week, "orders", width=374)
    assert spec["title"]["text"].endswith("orders in a usual week")
    assert spec["title"]["subtitle"][0] == "busiest: Fri 18:00 with 300 an hour"
    peak = [r["when"] for r in spec["datasets"]["hours"] if r["part"] == "peak hours"]
    assert peak == ["Fri 18:00"]
    so_far = np.where(np.arange(168) < 60, week, np.nan)
    assert "this week" in to_svg(usual_week(week, "orders", actual=so_far))
    assert usual_week(np.zeros(168))["title"]["subtitle"][1].startswith("0 peak hours")
    with pytest.raises(ValueError, match="168"):
        usual_week(week[:24])
