"""A week added up: by hand, and as properties."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.incident import Incident, IncidentKind
from impact.model import DRAWS, MeasureImpact, MoneyRange, Range
from impact.weekly import Book, Case, dearest, difference, grouped, units

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
BOOK = Book(frozenset({"checkout/payments", "support/calls"}), "EUR")
SPREAD = np.linspace(-1.0, 1.0, DRAWS)


def incident(name: str, root: str = "stripe", kind: IncidentKind = "outage") -> Incident:
    return Incident(
        name,
        kind,
        "settled",
        name,
        NOON,
        NOON + timedelta(minutes=30),
        root,
        "",
    )


def impact(
    name: str,
    measure: str,
    mid: float,
    half: float = 0.0,
    currency: str = "EUR",
    kind: str = "flow",
) -> MeasureImpact:
    """`mid` units at 1.00 each, with draws spread evenly over plus and minus `half`."""
    process, _, called = measure.partition("/")
    part = {"flow": "lost", "load": "excess"}[kind]
    draws = tuple((mid + half * SPREAD).tolist())
    low, high = mid - half, mid + half
    ends = [Decimal(str(round(x, 2))) for x in (low, mid, high)]
    money = MoneyRange(ends[0], ends[1], ends[2], currency)
    return MeasureImpact(
        incident=name,
        process=process,
        measure=called,
        kind=kind,  # type: ignore[arg-type]
        state="final",
        as_of=NOON,
        method="measured",
        units={part: Range(low, mid, high)},
        money={part: money},
        lost_is="measured",
        per_minute_units=None,
        per_minute_money=None,
        data_until=NOON,
        effect=(NOON, NOON + timedelta(minutes=30)),
        settling_until=None,
        red=False,
        share=1.0,
        evidence={},
        inputs={"ever_red": 1.0},
        draws={part: draws, f"money:{part}": draws},
    )


def test_two_incidents_with_shared_money_two_currencies_and_a_provider():
    first = Case(
        incident("a"),
        (
            impact("a", "checkout/payments", 100.0, 50.0),
            impact("a", "checkout/carts", 140.0, 10.0),  # the same customers' money
            impact("a", "support/calls", 40.0, 0.0, kind="load"),
        ),
    )
    second = Case(
        incident("b", root="database"),
        (
            impact("b", "checkout/payments", 200.0, 50.0),
            impact("b", "support/calls", 7.0, 0.0, "CHF", "load"),  # no rate for it
        ),
    )
    whole = BOOK.cost([first, second])
    assert whole.money.mid == Decimal("340.00")  # 100 + 40 + 200
    # Both draw by draw from -50 to +50 in step: the middle nine tenths of -100 to +100.
    assert (whole.money.low, whole.money.high) == (Decimal("250.00"), Decimal("430.00"))
    assert BOOK.by_process([first, second], "checkout").money.mid == Decimal("300.00")
    assert BOOK.by_process([first, second], "support").money.mid == Decimal("40.00")
    assert [s.currency for s in BOOK.apart([first, second])] == ["CHF"]
    assert BOOK.apart([first, second])[0].mid == Decimal("7.00")
    by_root = grouped([first, second], lambda case: case.incident.root)
    assert BOOK.cost(by_root["stripe"]).money.mid == Decimal("140.00")
    assert [c.incident.id for c in dearest([first, second], BOOK)] == ["b", "a"]
    found = units([first, second])
    assert found["checkout/payments"].mid == 300.0
    assert found["support/calls"].mid == 47.0


def test_a_difference_is_taken_draw_by_draw():
    now = BOOK.cost([Case(incident("a"), (impact("a", "checkout/payments", 100.0, 50.0),))])
    before = BOOK.cost([Case(incident("b"), (impact("b", "checkout/payments", 300.0, 50.0),))])
    change = difference(now, before)
    assert (change.low, change.mid, change.high) == (Decimal(-200), Decimal(-200), Decimal(-200))


def test_maintenance_and_faults_without_effect_are_known_as_such():
    planned = Case(incident("m", kind="maintenance"), ())
    assert planned.planned and not planned.felt and not planned.live
    quiet = replace(impact("a", "checkout/payments", 3.0, 9.0), inputs={"ever_red": 0.0})
    assert not Case(incident("a"), (quiet,)).felt


def test_what_was_certainly_lost_hurt_though_no_half_hour_of_it_was_red():
    small = replace(impact("a", "checkout/payments", 70.0, 40.0), inputs={"ever_red": 0.0})
    assert Case(incident("a"), (small,)).felt
    assert not Case(incident("a"), (replace(small, method="modelled"),)).felt


AMOUNTS = st.floats(-1e6, 1e6).map(lambda x: round(x, 2))


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(BOOK.carriers)), AMOUNTS, st.floats(0, 1e4)), max_size=8
    )
)
def test_processes_and_incidents_add_up_to_the_whole(parts):
    cases = [
        Case(incident(f"i{n}"), (impact(f"i{n}", measure, mid, half),))
        for n, (measure, mid, half) in enumerate(parts)
    ]
    whole = BOOK.cost(cases)
    by_process = [BOOK.by_process(cases, p) for p in ("checkout", "support")]
    by_case = [BOOK.total(case.impacts) for case in cases]
    for split in (by_process, by_case):
        assert sum((t.money.mid for t in split), Decimal(0)) == whole.money.mid
        draws = sum((t.draws for t in split), np.zeros(DRAWS))
        assert np.allclose(draws, whole.draws)
    assert whole.money.low <= whole.money.mid <= whole.money.high


@given(st.floats(0.0, 1.0), AMOUNTS)
def test_shares_of_an_overlap_add_up_to_what_was_missing(share, mid):
    whole = impact("a", "checkout/payments", mid)
    parts = [
        Case(incident(n), (impact(n, "checkout/payments", mid * s),))
        for n, s in (("a", share), ("b", 1.0 - share))
    ]
    assert float(BOOK.cost(parts).money.mid) == pytest.approx(mid, abs=0.02)
    assert float(BOOK.cost(parts).draws.sum()) == pytest.approx(
        sum(whole.draws["money:lost"]), rel=1e-9, abs=1e-6
    )
