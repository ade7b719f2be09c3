"""What one hour of an outage would cost: now, at the week's peak, and in the quietest hour tonight.

The usual volume of that hour of the week, times how badly the process would be hit, times what a
unit is worth. Only flows are counted: how many calls an outage brings and how late it makes orders
depends on how long it lasts, which an hour does not say; such measures are listed as not counted.
An hour is an hour wholly lost: nothing is taken off for what would come back.

`cost_of_an_outage` says the same of any length of time at any time of the week, with a range that
also doubts the map's word of how badly each process would be hit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np

from enrich.model import BusinessMap, Measure
from impact.assess_measured import guessed
from impact.baselines import Baselines, Learned
from impact.calendar import HOUR
from impact.model import DRAWS, FloatArray, MoneyRange, Range
from impact.money import (
    HOURS_OF_WEEK,
    MissingRate,
    UnitValue,
    converted,
    decimal,
    hours_of_week,
    money_draws,
    rate_on,
    unit_values,
)
from impact.totals import generator, money_sum, quantile_range

NIGHT_FROM, NIGHT_HOURS = 22, 8  # local hours 22 to 6
MINUTE_S = 60
BY_LENGTH = "depends on how long an outage lasts"  # why a measure is in no hour


@dataclass(frozen=True)
class MeasureHour:
    """What one measure would lose in one hour, in units and, where it has a value, in money."""

    measure: str  # process/name
    units: Range
    money: MoneyRange | None
    added: bool  # whether the sum holds its money (`same_money_as` is shown, never added)


@dataclass(frozen=True)
class HourCost:
    """One hour. `hour` is the local hour of the week, 0 = Monday 00:00."""

    hour: int
    money: MoneyRange
    measures: tuple[MeasureHour, ...]


@dataclass(frozen=True)
class CostOfAnHour:
    """The cost of one hour without a process or node."""

    name: str
    now: HourCost
    peak: HourCost
    tonight: HourCost
    not_counted: tuple[str, ...]  # "process/measure: why"

    def worth(self, hour: HourCost) -> MoneyRange | None:
        """What one of the hours costs; None where it is not known."""
        return _known(hour.money, hour.measures, self.not_counted)


@dataclass(frozen=True)
class Outage:
    """The cost of some time without a process or node, begun at a moment."""

    name: str
    start: datetime
    length: timedelta
    money: MoneyRange
    measures: tuple[MeasureHour, ...]  # of all of that time
    not_counted: tuple[str, ...]

    @property
    def worth(self) -> MoneyRange | None:
        """What it costs; None where it is not known."""
        return _known(self.money, self.measures, self.not_counted)


def _known(
    money: MoneyRange, measures: tuple[MeasureHour, ...], not_counted: tuple[str, ...]
) -> MoneyRange | None:
    """A sum of nothing is zero where nothing is hit; else it is no sum."""
    hit = bool(measures or not_counted)
    return money if any(m.added for m in measures) or not hit else None


@dataclass(frozen=True)
class _Counted:
    measure: Measure
    learned: Learned
    severity: float


def cost_of_an_hour(
    name: str,
    severities: Mapping[str, float],
    business_map: BusinessMap,
    baselines: Baselines,
    now: datetime,
) -> CostOfAnHour:
    """What an hour without `name` costs. severities: process -> how badly it would be hit, 0 to 1.

    For a process that is itself with 1.0; for a node, what propagation says of it at zero.
    """
    counted, skipped = _counted(severities, business_map, baselines)
    local = now.astimezone(ZoneInfo(business_map.timezone))
    week = sum((_worth(c, business_map, local) for c in counted), np.zeros(HOURS_OF_WEEK))
    night = [_slot(moment) for moment in _tonight(local)]
    hours = {
        "now": _slot(local),
        "peak": int(np.argmax(week)),
        "tonight": min(night, key=lambda hour: float(week[hour])),
    }
    costs = {key: _hour(hour, counted, business_map, local) for key, hour in hours.items()}
    skipped += _rateless(counted, business_map, local)
    return CostOfAnHour(name, costs["now"], costs["peak"], costs["tonight"], tuple(skipped))


def cost_of_an_outage(
    name: str,
    severities: Mapping[str, float],
    business_map: BusinessMap,
    baselines: Baselines,
    window: tuple[datetime, datetime],
) -> Outage:
    """What it costs to be without `name` in a window; severities as for `cost_of_an_hour`."""
    start, end = window
    counted, skipped = _counted(severities, business_map, baselines)
    local = start.astimezone(ZoneInfo(business_map.timezone))
    hours = _hours_of(start, end, business_map.timezone)
    money, measures = _summed(hours, counted, business_map, local, doubted=True)
    skipped += _rateless(counted, business_map, local)
    return Outage(name, start, end - start, money, measures, tuple(skipped))


def average_hours(
    business_map: BusinessMap, baselines: Baselines, now: datetime
) -> dict[str, float]:
    """By process, what an hour without it costs on average over the week."""
    counted, _ = _counted(dict.fromkeys(business_map.processes, 1.0), business_map, baselines)
    local = now.astimezone(ZoneInfo(business_map.timezone))
    found = dict.fromkeys(business_map.processes, 0.0)
    for c in counted:
        found[c.measure.process] += float(_worth(c, business_map, local).mean())
    return found


def _hours_of(start: datetime, end: datetime, timezone: str) -> FloatArray:
    """(168,) how many hours of a window lie in each local hour of the week."""
    first, last = (int(t.timestamp()) for t in (start, end))
    times = np.arange(first, max(last, first + 1), MINUTE_S)
    long = np.minimum(times + MINUTE_S, max(last, first + 1)) - times
    hours = hours_of_week(times.astype("datetime64[s]"), timezone)
    return np.bincount(hours, weights=long / HOUR, minlength=HOURS_OF_WEEK).astype(np.float64)


def _rateless(counted: list[_Counted], business_map: BusinessMap, local: datetime) -> list[str]:
    return [
        f"{c.measure.id}: {value}"
        for c in counted
        if isinstance(value := _value(c, business_map, local, _one_hour(0)), MissingRate)
    ]


def _counted(
    severities: Mapping[str, float], business_map: BusinessMap, baselines: Baselines
) -> tuple[list[_Counted], list[str]]:
    counted, skipped = [], []
    for measure in business_map.measures():
        severity = severities.get(measure.process, 0.0)
        if severity <= 0.0 or measure.kind == "level":
            continue
        learned = baselines.learned(measure) if measure.kind == "flow" else None
        if measure.kind != "flow":
            said = measure.kind.replace("_", " ")
            skipped.append(f"{measure.id}: a {said} {BY_LENGTH}")
        elif learned is None:
            skipped.append(f"{measure.id}: no baseline yet")
        else:
            counted.append(_Counted(measure, learned, severity))
    return counted, skipped


def _hour(
    hour: int, counted: list[_Counted], business_map: BusinessMap, local: datetime
) -> HourCost:
    money, measures = _summed(_one_hour(hour), counted, business_map, local)
    return HourCost(hour, money, measures)


def _one_hour(hour: int) -> FloatArray:
    weights = np.zeros(HOURS_OF_WEEK)
    weights[hour] = 1.0
    return weights


def _summed(
    hours: FloatArray,
    counted: list[_Counted],
    business_map: BusinessMap,
    local: datetime,
    doubted: bool = False,
) -> tuple[MoneyRange, tuple[MeasureHour, ...]]:
    """The cost of so many of each hour of the week, (168,); `doubted`: the map may be wrong."""
    mid, total = Decimal(0), np.zeros(DRAWS)
    measures = []
    for c in counted:
        usual = float(c.learned.week @ hours)
        volume = usual * c.severity
        drawn = _volume_draws(c, volume)
        if doubted:
            guess = guessed(c.severity, generator(f"{c.measure.process}|severity"))
            drawn = _volume_draws(c, usual) * guess
        value = _value(c, business_map, local, c.learned.week * hours)
        money: MoneyRange | None = None
        added = False
        if value is not None and not isinstance(value, MissingRate):
            worth = money_draws(drawn, value, generator(f"{c.measure.id}|value"))
            own = decimal(volume) * value.amount
            money = money_sum(own, worth, business_map.currency)
            added = business_map.adds(c.measure)
            if added:
                mid, total = mid + own, total + worth
        measures.append(MeasureHour(c.measure.id, quantile_range(volume, drawn), money, added))
    return money_sum(mid, total, business_map.currency), tuple(measures)


def _volume_draws(c: _Counted, volume: float) -> FloatArray:
    """Usual volume with its spread; that of a bin is taken as shared by the whole time."""
    sd = float(np.sqrt(c.learned.bins.phi * volume + (c.learned.bins.spread * volume) ** 2))
    z = generator(f"{c.measure.id}|hour").standard_normal(DRAWS)
    return np.maximum(volume + sd * z, 0.0)


def _worth(c: _Counted, business_map: BusinessMap, local: datetime) -> FloatArray:
    """(168,) money of each hour, to find the dearest and the cheapest; zero without a value."""
    value = c.measure.value
    if value is None or not business_map.adds(c.measure):
        return np.zeros(HOURS_OF_WEEK)
    volume = c.learned.week * c.severity
    if value.money is not None:
        one = _value(c, business_map, local, _one_hour(0))
        return volume * (float(one.amount) if isinstance(one, UnitValue) else 0.0)
    means = c.learned.amounts.mean if c.learned.amounts is not None else {}
    worth = np.zeros(HOURS_OF_WEEK)
    for currency, mean in means.items():
        rate = rate_on(business_map.rates, currency, business_map.currency, local.date())
        if isinstance(rate, Decimal):
            worth += volume * mean * float(rate)
    return worth


def _value(
    c: _Counted, business_map: BusinessMap, local: datetime, weights: FloatArray
) -> UnitValue | MissingRate | None:
    values = unit_values(c.measure, c.learned.amounts, weights)
    if not values:
        return None
    return converted(values, business_map.rates, business_map.currency, local.date())


def _slot(local: datetime) -> int:
    return local.weekday() * 24 + local.hour


def _tonight(local: datetime) -> list[datetime]:
    """The hours of the coming night; during a night, what is left of it."""
    first = local.replace(minute=0, second=0, microsecond=0)
    if local.hour >= NIGHT_FROM or local.hour < (NIGHT_FROM + NIGHT_HOURS) % 24:
        left = (NIGHT_FROM + NIGHT_HOURS - local.hour) % 24
        return [first + timedelta(hours=h) for h in range(left)]
    begin = first.replace(hour=NIGHT_FROM)
    return [begin + timedelta(hours=h) for h in range(NIGHT_HOURS)]
