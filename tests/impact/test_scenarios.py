"""Runs tests/scenarios/*.yaml: small worlds whose answers were worked out by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
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
    if "per_minute" in spec:
        return np.full(days * 1440, float(spec["per_minute"]))
    local = [at(hours=h).astimezone(zone).hour for h in range(days * 24)]
    return np.repeat(np.array(spec["by_hour"], dtype=float)[local], 60)


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
    for name, since in spec.get("silent", {}).items():
        source.streams[name, "ok"][1][minute(since) :] = 0.0
        last = moment(since)
        source.states[name] = StreamState(name, at(), last, last, 0.0, now, None)
    return source


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
    return World(where, reader(spec, now), [outage(i) for i in spec["incidents"]], now)


def answers(w: World) -> dict[tuple[str, str], MeasureImpact]:
    tick = Tick(w.map, w.reader, Baselines(w.map, w.reader), w.incidents, now=w.now)
    found = [impact for i in w.incidents for impact in tick.assess(i).impacts]
    return {(i.incident, f"{i.process}/{i.measure}"): i for i in found}


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
    for name in ("state", "method", "lost_is", "red"):
        if name in expected:
            assert getattr(impact, name) == expected[name], name
    if "share" in expected:
        assert impact.share == pytest.approx(expected["share"], abs=0.01)
    if "per_minute" in expected:
        assert impact.per_minute_units == pytest.approx(expected["per_minute"], rel=0.1)
    if "warns" in expected:
        assert any(expected["warns"] in warning for warning in impact.warnings), impact.warnings


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenario(path: Path) -> None:
    spec = yaml.safe_load(path.read_text())
    found = answers(world(spec))
    for expected in spec["expect"]:
        within = expected.get("within", spec.get("within", TOLERANCE))
        check(found[expected["incident"], expected["measure"]], expected, within)


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) >= 12
