"""No data is not zero: a feed that says nothing, read both ways, and what tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from enrich.incident import Incident
from enrich.model import BusinessMap, Measure, Money, Value
from impact.assess import Tick
from impact.baselines import Baselines
from impact.ports import StreamState
from impact.shortfall import find_shortfalls
from impact.silence import Silence
from impact.vigilance import Vigilance
from tests.impact.arrays import ArrayReader, at, business_map, daily, incident

DAYS = 29
NOW = at(days=DAYS - 1, hours=12)
MINUTE = timedelta(minutes=1)
EURO = Value("per_unit", Money(Decimal("2.00"), "EUR"))
PAYMENTS = Measure("checkout", "payments", "flow", "payments", value=EURO)
CALLS = Measure("support", "calls", "load", "calls", value=EURO)
ORDERS = Measure("fulfilment", "orders", "lead_time", "orders", start="placed", finish="shipped")
RATE = 20.0


def shop(
    now: datetime = NOW, silent: float = 0.0, per_minute: float = RATE, days: int = DAYS
) -> ArrayReader:
    """Payments, without any in the last `silent` minutes; live, read to the end, by themselves."""
    counts = np.random.default_rng(3).poisson(daily(days, per_minute, swing=0.0)).astype(float)
    last = now - silent * MINUTE
    counts[int((last - at()) / MINUTE) :] = 0.0
    reader = ArrayReader({("payments", "ok"): (at(), counts)}, now=now)
    reader.states["payments"] = StreamState("payments", at(), last, last, 0.0, now, None)
    return reader


def tick(
    reader: ArrayReader,
    *measures: Measure,
    incidents: Sequence[Incident] = (),
    where: BusinessMap | None = None,
) -> Tick:
    where = where or business_map(*(measures or (PAYMENTS,)))
    baselines = Baselines(where, reader, step=timedelta(minutes=5))
    return Tick(where, reader, baselines, incidents, now=reader.now)


def one(reader: ArrayReader, **changes: object) -> Silence:
    """The one silence there is, when the state of payments is changed so."""
    reader.states["payments"] = replace(reader.states["payments"], **changes)  # type: ignore[arg-type]
    (found,) = tick(reader).silences
    return found


def test_a_feed_that_is_silent_by_itself_is_read_both_ways():
    found = one(shop(silent=30))
    assert (found.since, found.age) == (NOW - 30 * MINUTE, 30 * MINUTE)
    assert (found.favours, found.why) == ("neither", "no other stream tells the two apart")
    stopped = found.stopped
    assert stopped is not None and stopped.until == NOW
    assert stopped.units.mid == pytest.approx(30 * RATE, rel=0.05)
    assert stopped.units.low < 30 * RATE < stopped.units.high
    assert stopped.per_minute.mid == pytest.approx(RATE, rel=0.05)
    assert stopped.per_minute.low < RATE < stopped.per_minute.high
    assert stopped.money is not None and stopped.money_per_minute is not None
    assert stopped.money.mid == pytest.approx(2 * Decimal(stopped.units.mid), rel=Decimal("0.001"))
    assert stopped.money_per_minute.currency == "EUR"
    assert "If the business stopped: up to 599 units (EUR 1,198) missing so far" in found.words


def test_a_feed_with_all_its_data_is_in_no_doubt():
    assert tick(shop()).silences == ()


def test_the_business_has_stopped_where_another_stream_of_the_topic_goes_on():
    moment = NOW + timedelta(weeks=2)
    reader = shop(moment, silent=40, days=DAYS + 14)
    state = reader.states["payments"]
    reader.states["payments"] = replace(state, siblings=("calls",), siblings_received=moment)
    now = tick(reader)
    assert now.silences == ()  # the silence is a zero
    vigilance = Vigilance(now.map)
    baselines = Baselines(now.map, reader, step=timedelta(minutes=5))
    baselines.refresh(moment, now.marks, {})
    vigilance.take(baselines, now.marks, moment)
    vigilance.learn({})
    (short,) = find_shortfalls(now.map, baselines, now.marks, vigilance.vigil)
    assert (short.measure, short.end) == ("checkout/payments", None)
    assert short.share == pytest.approx(1.0, abs=0.05)


def test_where_all_streams_of_the_topic_are_silent_it_is_rather_the_feed():
    found = one(shop(silent=30), siblings=("calls",), siblings_received=NOW - 29 * MINUTE)
    assert (found.favours, found.why) == (
        "feed",
        "nothing arrives of calls either, which share its source",
    )


@pytest.mark.parametrize(
    ("calls", "favours"), [(NOW, "neither"), (NOW - timedelta(minutes=29), "feed")]
)
def test_other_sources_tell_whether_everything_is_silent(calls, favours):
    reader = shop(silent=30)
    reader.states["calls"] = StreamState("calls", at(), calls, calls, 0.0, NOW, None)
    assert one(reader).favours == favours


def test_our_own_ingester_that_lags_is_no_silent_feed():
    until = NOW - 30 * MINUTE
    found = one(shop(silent=30), read_until=until, lag=12_000)
    assert (found.favours, found.since) == ("toll", until)
    assert found.why.endswith("12,000 records are still to be counted")
    assert found.stopped is not None
    assert found.stopped.units.mid == pytest.approx(30 * RATE, rel=0.05)
    assert "is its ingester running?" in one(shop(silent=30), read_until=until).why


def test_a_feed_that_is_late_still_sends():
    found = one(shop(silent=30), last_received=NOW)  # events of half an hour ago come in now
    assert (found.favours, found.since) == ("feed", NOW - 30 * MINUTE)
    assert found.why.startswith("records still arrive")


def test_a_feed_that_is_always_so_late_is_in_no_doubt():
    reader = shop(silent=30)
    state = reader.states["payments"]
    reader.states["payments"] = replace(state, last_received=NOW, delay_s=30 * 60.0)
    assert tick(reader).silences == ()


@pytest.mark.parametrize("known", [{"cadence": timedelta(hours=1)}, {"pause_s": 3600.0}])
@pytest.mark.parametrize(("minutes", "doubtful"), [(70, False), (140, True)])
def test_an_hourly_export_is_silent_only_when_its_hour_is_over(known, minutes, doubtful):
    """The file of 10:00 comes at 10:05; declared, or learned from how it came before."""
    reader = shop(silent=minutes)
    state = reader.states["payments"]
    came = NOW - (minutes - 5) * MINUTE
    reader.states["payments"] = replace(state, last_received=came, delay_s=300.0, **known)
    found = tick(reader).silences
    assert len(found) == doubtful
    if doubtful and "cadence" in known:
        assert found[0].favours == "feed"
        assert "a delivery every 60 min is declared" in found[0].why


def test_an_import_was_never_live_and_a_feed_may_have_ended():
    reader = shop(silent=120)
    state = reader.states["payments"]
    reader.states["payments"] = replace(state, delay_s=None)
    assert tick(reader).silences == ()
    reader.states["payments"] = replace(state, last_received=NOW - timedelta(days=15))
    assert tick(reader).silences == ()


def test_where_hardly_anything_is_expected_silence_says_nothing():
    assert tick(shop(silent=100, per_minute=0.05)).silences == ()  # five units are no evidence


def test_the_night_of_the_change_to_summer_time_has_an_hour_less():
    """Silent from 01:30 to 03:30 on the clocks of Berlin: that is one hour, not two."""
    now = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    where = business_map(PAYMENTS, timezone="Europe/Berlin")
    (found,) = tick(shop(now, silent=60), where=where).silences
    assert found.stopped is not None
    assert found.stopped.units.mid == pytest.approx(60 * RATE, rel=0.05)


def test_what_stands_highest_has_the_most_at_stake():
    reader = shop(silent=30)
    reader.streams["calls", "ok"] = (at(), reader.streams["payments", "ok"][1] * 3)
    last = NOW - 30 * MINUTE
    for name in ("calls", "orders"):
        reader.states[name] = StreamState(name, at(), last, last, 0.0, NOW, None)
    found = tick(reader, CALLS, PAYMENTS, ORDERS).silences
    assert [s.measure.name for s in found] == ["payments", "calls", "orders"]
    _, calls, orders = found
    assert calls.stopped is not None and calls.stopped.money is None  # nobody misses a call
    assert orders.stopped is None  # what is open, not what comes in, is late


def test_a_silence_within_an_incident_is_its_second_line():
    """Half of everything is missing for twenty minutes; then the feed is silent for forty."""
    a = incident("a", NOW - 60 * MINUTE, None, {"checkout": 0.5})
    reader = shop(silent=40)
    counts = reader.streams["payments", "ok"][1]
    counts[int((NOW - at()) / MINUTE) - 60 :] /= 2
    now = tick(reader, incidents=[a])
    (silence,) = now.silences
    assert (silence.favours, silence.why) == (
        "business",
        "'a' is open and reaches checkout",
    )
    (impact,) = now.assess(a).impacts
    assert impact.units["gross"].mid == pytest.approx(20 * RATE / 2, rel=0.2)  # up to the data
    (line,) = (w for w in impact.warnings if w.startswith("feed silent or business stopped"))
    assert "If the business stopped: up to" in line


def test_an_incident_that_was_over_before_the_silence_has_no_second_line():
    a = incident("a", NOW - 600 * MINUTE, NOW - 540 * MINUTE, {"checkout": 0.5})
    (impact,) = tick(shop(silent=40), incidents=[a]).assess(a).impacts
    assert not any("silent" in w for w in impact.warnings)


@pytest.mark.parametrize("outage", [1.0, 0.5])
def test_data_that_turn_up_later_close_the_doubt_and_count_once(outage):
    a = incident("a", NOW - 60 * MINUTE, None, {"checkout": 0.5})
    reader = shop()
    counts = reader.streams["payments", "ok"][1]
    counts[int((NOW - at()) / MINUTE) - 60 :] *= outage
    never_silent = tick(reader, incidents=[a])
    state, last = reader.states["payments"], NOW - 40 * MINUTE
    held_back = counts[int((last - at()) / MINUTE) :].copy()
    counts[-len(held_back) :] = 0.0
    reader.states["payments"] = replace(state, last_at=last, last_received=last)
    baselines = Baselines(never_silent.map, reader, step=timedelta(minutes=5))
    late = Tick(never_silent.map, reader, baselines, [a], now=NOW)
    assert len(late.silences) == 1
    counts[-len(held_back) :] = held_back
    reader.states["payments"] = state
    turned_up = Tick(never_silent.map, reader, baselines, [a], now=NOW)
    assert turned_up.silences == ()
    (before,), (after,) = never_silent.assess(a).impacts, turned_up.assess(a).impacts
    assert after.units == before.units and after.money == before.money
