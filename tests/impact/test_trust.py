"""The ledger compares like with like, and says when it cannot tell."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from impact.model import MeasureImpact, Range
from impact.trust import FEW, Said, ledger, pairs

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WINDOW = (NOON, NOON + timedelta(minutes=40))


def impact(name: str, minutes: float, mid: float, **more) -> MeasureImpact:
    """What was known of a lost 100 so many minutes after the start; the range is 20 wide."""
    found = MeasureImpact(
        incident=name, process="checkout", measure="payments", kind="flow", state="live",
        as_of=NOON + timedelta(minutes=minutes), method="measured",
        units={"lost": Range(mid - 10, mid, mid + 10), "gross": Range(mid - 5, mid, mid + 5)},
        money={}, lost_is="forecast", per_minute_units=None, per_minute_money=None,
        data_until=NOON + timedelta(minutes=minutes), effect=WINDOW, settling_until=None, red=None,
        share=1.0, evidence={}, inputs={},
    )  # fmt: skip
    return replace(found, **more)


def told(name: str, mid: float, *, final: float = 100.0, replayed: bool = False) -> list[Said]:
    settled = impact(name, 3000, final, state="final")
    return [
        Said(impact(name, 41, mid), "cleared", replayed),
        Said(settled, "final"),
        Said(settled, "newest"),
    ]


def line(found, part="lost", age="cleared"):
    (only,) = (x for x in ledger(found) if (x.part, x.age) == (part, age))
    return only


def test_bias_and_coverage_worked_out_by_hand():
    found = line(pairs([*told("a", 104.0), *told("b", 112.0), *told("c", 95.0)]))
    assert (found.pairs, found.inside, found.replayed) == (3, 2, 0)
    assert found.median_error == pytest.approx(0.04)
    assert found.mean_error == pytest.approx((0.04 + 0.12 - 0.05) / 3)
    assert found.error_units == pytest.approx(11 / 3)
    assert found.width == pytest.approx(0.2)
    assert found.inside_low < 2 / 3 < found.inside_high


def test_few_are_too_few_to_tell():
    many = [s for n in range(FEW) for s in told(f"i{n}", 101.0)]
    assert line(pairs(many)).enough
    assert not line(pairs(many[3:])).enough


def test_what_came_to_nothing_counts_in_units_and_coverage_only():
    found = line(pairs(told("a", 6.0, final=2.0)))
    assert found.median_error is None
    assert found.width is None
    assert (found.error_units, found.inside) == (4.0, 1)


def test_an_open_window_counts_once_it_has_been_seen_to_its_end():
    said = told("a", 104.0)
    said[0] = Said(impact("a", 41, 104.0, effect=(NOON, None)), "cleared")
    assert {p.age for p in pairs(said)} == {"cleared"}


def test_a_number_of_a_window_that_grew_is_not_compared():
    early = Said(impact("a", 10, 20.0, effect=(NOON, None)), "ten_minutes")
    found = pairs([early, *told("a", 101.0)])
    assert {p.age for p in found} == {"cleared"}
    longer = (NOON, NOON + timedelta(minutes=90))
    later = impact("b", 3000, 240.0, state="final", effect=longer)
    said = [Said(impact("b", 41, 100.0), "cleared"), Said(later, "final"), Said(later, "newest")]
    assert pairs(said) == []


def test_the_truth_is_what_was_restated():
    restated = impact("a", 9000, 130.0, state="restated")
    said = [*told("a", 128.0)[:2], Said(restated, "newest")]
    (pair,) = (p for p in pairs(said) if p.part == "lost")
    assert (pair.truth, pair.inside) == (130.0, True)
    assert pair.restated_at == restated.as_of
    found = line([pair])
    assert found.restated == 1
    assert found.restated_by == pytest.approx(0.3)


def test_a_replay_counts_only_where_nothing_was_said_live():
    live, again = told("a", 104.0), told("a", 150.0, replayed=True)[:1]
    (pair,) = (p for p in pairs([*live, *again]) if p.part == "lost")
    assert (pair.live.mid, pair.replayed) == (104.0, False)
    assert line(pairs(told("b", 104.0, replayed=True))).replayed == 1


def test_what_has_not_settled_is_not_in_the_ledger():
    assert pairs(told("a", 104.0)[:1]) == []


def test_a_load_is_compared_by_its_excess_alone():
    units = {"excess": Range(10.0, 20.0, 30.0)}
    settled = impact("a", 3000, 0, state="final", kind="load", units=units)
    live = replace(settled, state="live", as_of=WINDOW[1], data_until=WINDOW[1])
    (pair,) = pairs([Said(live, "cleared"), Said(settled, "final")])
    assert (pair.part, pair.inside) == ("excess", True)
