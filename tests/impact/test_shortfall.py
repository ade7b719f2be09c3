from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from enrich.model import Measure
from impact.baselines import Baselines
from impact.shortfall import NONE_OPEN, find_shortfalls
from impact.vigilance import Vigilance
from impact.watermark import watermark
from tests.impact.arrays import ArrayReader, at, business_map, daily

DAYS = 42
NOW = at(days=DAYS - 1, hours=12)
FIRST_MINUTE = (DAYS - 1) * 1440 + 720
PAYMENTS = Measure("checkout", "payments", "flow", "payments")
CALLS = Measure("support", "calls", "load", "calls")


def found(
    outage: float = 1.0,
    *,
    calls: float = 1.0,
    silent: bool = False,
    ago: int = 40,
    since: Mapping[str, datetime] = NONE_OPEN,
):
    """What is short at NOW, when 40 minutes, so many minutes ago, had this share of the usual."""
    rng = np.random.default_rng(4)
    streams = {}
    for name, share in (("payments", outage), ("calls", calls)):
        expected = daily(DAYS, 10.0)
        expected[FIRST_MINUTE - ago : FIRST_MINUTE - ago + 40] *= share
        streams[name, "ok"] = (at(), rng.poisson(expected).astype(float))
    reader = ArrayReader(streams, now=NOW)
    if silent:
        state = reader.stream_states()["payments"]
        last = NOW - timedelta(minutes=40)
        reader.states["payments"] = replace(
            state, last_at=last, last_received=last, siblings_received=None
        )
    where = business_map(PAYMENTS, CALLS)
    baselines = Baselines(where, reader, step=timedelta(minutes=5))
    marks = {name: watermark(state, NOW) for name, state in reader.stream_states().items()}
    baselines.refresh(NOW, marks, {})
    vigilance = Vigilance(where)
    vigilance.take(baselines, marks, NOW)
    vigilance.learn({})
    return find_shortfalls(where, baselines, marks, vigilance.vigil, since)


def test_a_business_that_halves_is_found_without_a_signal():
    (red,) = found(0.4)
    assert red.measure == "checkout/payments"
    assert red.end is None
    assert abs(red.start - (NOW - timedelta(minutes=40))) <= timedelta(minutes=5)
    assert red.beyond > 1.0
    assert 0.4 < red.share < 0.8


def test_a_rush_of_calls_is_found():
    assert [red.measure for red in found(calls=2.5)] == ["support/calls"]


def test_a_normal_day_is_not_red():
    assert found() == ()


def test_a_silent_feed_is_no_shortfall():
    assert found(0.0, silent=True) == ()


def test_one_that_was_open_is_followed_to_its_end_however_late_somebody_looks():
    start = NOW - timedelta(hours=28)
    assert found(0.3, ago=28 * 60) == ()  # over for long: nothing that opens
    (red,) = found(0.3, ago=28 * 60, since={PAYMENTS.id: start + timedelta(minutes=4)})
    assert abs(red.start - start) <= timedelta(minutes=5)
    assert red.end is not None
    assert abs(red.end - (start + timedelta(minutes=40))) <= timedelta(minutes=10)
