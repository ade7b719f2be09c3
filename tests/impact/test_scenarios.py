"""Runs tests/scenarios/*.yaml: small worlds whose answers were worked out by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import yaml

from enrich.incident import Incident
from enrich.model import BusinessMap, Measure, Money, Rate, Value
from impact.assess import Tick
from impact.baselines import Baselines
from impact.model import FloatArray, MeasureImpact
from impact.ports import StreamState
from impact.shortfall import Shortfall, find_shortfalls
from impact.vigilance import Vigilance
from impact.watermark import watermark
from tests.impact.arrays import ArrayReader, at, business_map, incident

SCENARIOS = sorted((Path(__file__).parents[1] / "scenarios").glob("*.yaml"))
TOLERANCE = 0.05


@dataclass
class World:
    """A scenario, ready to be asked."""

    map: BusinessMap
    reader: ArrayReader
    incidents: list[Incident]
    now: datetime


def moment(text: str) -> datetime:
    """`28d10:30`: day 28, half past ten."""
    day, _, clock = text.partition("d")
    hour, minute = clock.split(":")
    return at(days=int(day), hours=int(hour), minutes=int(minute))


def minute(text: str) -> int:
    return int((moment(text) - at()).total_seconds() // 60)


def value(text: str | None) -> Value | None:
    if text is None or text == "amount":
        return None if text is None else Value("amount")
    amount, currency = text.split()
    return Value("per_unit", Money(Decimal(amount), currency))


def measure(name: str, spec: dict[str, Any]) -> Measure:
    process, _, own = name.partition("/")
    return Measure(
        process,
        own,
        spec["kind"],
        spec["stream"],
        value=value(spec.get("value")),
        same_money_as=spec.get("same_money_as", ""),
        driven_by=tuple(spec.get("driven_by", ())),
    )


def volume(spec: dict[str, Any], days: int, zone: ZoneInfo) -> FloatArray:
    local = [at(hours=h).astimezone(zone) for h in range(days * 24)]
    by_hour = np.array(spec.get("by_hour", [spec.get("per_minute")] * 24), dtype=float)
    by_day = np.array(spec.get("by_day", [1] * 7), dtype=float)
    hourly = by_hour[[m.hour for m in local]] * by_day[[m.weekday() for m in local]]
    return np.repeat(hourly, 60)


def whole(counts: FloatArray) -> FloatArray:
    """Whole counts with the same running sum: 1.5 a minute is 1, 2, 1, 2, ..."""
    return np.diff(np.floor(np.cumsum(counts) + 1e-9), prepend=0.0)


def reader(spec: dict[str, Any], now: datetime) -> ArrayReader:
    zone = ZoneInfo(spec.get("timezone", "UTC"))
    streams = {n: volume(s, spec["days"], zone) for n, s in spec["streams"].items()}
    for change in spec.get("changes", ()):
        part = slice(minute(change["from"]), minute(change["to"]))
        streams[change["stream"]][part] *= change.get("times", 1.0)
        streams[change["stream"]][part] += change.get("plus", 0.0)
    source = ArrayReader(
        {(name, "ok"): (at(), whole(counts)) for name, counts in streams.items()},
        {name: s["amount"] for name, s in spec["streams"].items() if "amount" in s},
        now=now,
    )
    for name, feed in spec.get("feeds", {}).items():
        source.states[name] = late(source, name, feed, now)
    for name, since in spec.get("silent", {}).items():
        source.streams[name, "ok"][1][minute(since) :] = 0.0
        last = moment(since)
        source.states[name] = StreamState(name, at(), last, last, 0.0, now, None)
    return source


def late(source: ArrayReader, name: str, feed: dict[str, Any], now: datetime) -> StreamState:
    """A feed of which only the part until a moment has come; the rest is on its way."""
    source.streams[name, "ok"][1][minute(feed["until"]) :] = 0.0
    newest = moment(feed["until"]) - timedelta(minutes=1)
    received = moment(feed["came"]) if "came" in feed else now
    cadence = timedelta(minutes=feed["cadence"]) if "cadence" in feed else None
    delay_s = feed["delay"] * 60.0 if "delay" in feed else None
    return StreamState(name, at(), newest, received, delay_s, now, None, cadence)


def outage(spec: dict[str, Any]) -> Incident:
    end = moment(spec["to"]) if "to" in spec else None
    found = incident(spec["id"], moment(spec["from"]), end, spec.get("reaches", {}))
    if "measures" in spec:
        found = replace(found, kind="business", measures=tuple(spec["measures"]))
    return found


def world(spec: dict[str, Any]) -> World:
    now = moment(spec["now"])
    rates = tuple(Rate(c, None, Decimal(str(r))) for c, r in spec.get("rates", {}).items())
    measures = [measure(name, m) for name, m in spec["measures"].items()]
    where = business_map(*measures, timezone=spec.get("timezone", "UTC"), rates=rates)
    return World(where, reader(spec, now), [outage(i) for i in spec.get("incidents", ())], now)


def answers(w: World) -> dict[tuple[str, str], MeasureImpact]:
    tick = Tick(w.map, w.reader, Baselines(w.map, w.reader), w.incidents, now=w.now)
    found = [impact for i in w.incidents for impact in tick.assess(i).impacts]
    return {(i.incident, f"{i.process}/{i.measure}"): i for i in found}


def shortfalls(w: World) -> tuple[Shortfall, ...]:
    """What is short without a signal, when the bars have been learned from these very streams."""
    baselines = Baselines(w.map, w.reader, step=timedelta(minutes=5))
    marks = {name: watermark(s, w.now) for name, s in w.reader.stream_states().items()}
    baselines.refresh(w.now, marks, {})
    vigilance = Vigilance(w.map)
    vigilance.take(baselines, marks, w.now)
    vigilance.learn({})
    return find_shortfalls(w.map, baselines, marks, vigilance.vigil)


def check(impact: MeasureImpact, expected: dict[str, Any], within: float) -> None:
    size = max((abs(v) for v in expected.get("units", {}).values()), default=0.0)
    room = within if within >= 1 else max(within * size, 1.0)
    for name, units in expected.get("units", {}).items():
        found = impact.units[name]
        assert found.mid == pytest.approx(units, abs=room), name
        assert found.low - room <= units <= found.high + room, name
    for name, text in expected.get("money", {}).items():
        amount, currency = text.split()
        money = impact.money[name]
        assert money.currency == currency
        assert float(money.mid) == pytest.approx(float(amount), rel=max(within, TOLERANCE)), name
    if "window" in expected:
        start, end = (None if t is None else moment(t) for t in expected["window"])
        assert impact.effect == (start, end)
    if "data_until" in expected:
        assert impact.data_until == moment(expected["data_until"])
    for name in ("state", "method", "lost_is", "red"):
        if name in expected:
            assert getattr(impact, name) == expected[name], name
    if "share" in expected:
        assert impact.share == pytest.approx(expected["share"], abs=0.01)
    if "per_minute" in expected:
        assert impact.per_minute_units == pytest.approx(expected["per_minute"], rel=0.1)
    if "warns" in expected:
        assert any(expected["warns"] in warning for warning in impact.warnings), impact.warnings


def found_red(reds: tuple[Shortfall, ...], expected: list[dict[str, Any]]) -> None:
    assert [red.measure for red in reds] == [e["measure"] for e in expected]
    for red, e in zip(reds, expected, strict=True):
        assert red.start == moment(e["from"])
        assert red.end == (moment(e["to"]) if "to" in e else None)
        assert red.share == pytest.approx(e["share"], abs=0.03)


def together(impacts: list[MeasureImpact], expected: dict[str, Any], within: float) -> None:
    """What all incidents come to on one measure: nothing is counted twice."""
    for name, units in expected["units"].items():
        total = sum(i.units[name].mid for i in impacts)
        assert total == pytest.approx(units, abs=max(within * units, 1.0)), name


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenario(path: Path) -> None:
    spec = yaml.safe_load(path.read_text())
    if "finds" in spec:
        found_red(shortfalls(world(spec)), spec["finds"])
    found = answers(world(spec))
    for expected in spec.get("expect", ()):
        within = expected.get("within", spec.get("within", TOLERANCE))
        check(found[expected["incident"], expected["measure"]], expected, within)
    for expected in spec.get("together", ()):
        within = expected.get("within", spec.get("within", TOLERANCE))
        together(
            [i for (_, name), i in found.items() if name == expected["measure"]], expected, within
        )


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) >= 20
