"""What units are worth: exact sums in each currency, converted with the rate of the day.

Money is `Decimal` from the map's values and rates to the result. Counts and means of amounts are
measured in float64 (a mean has no exact value) and enter as the shortest decimal that names them.

Rounding: to the minor unit of the currency (ISO 4217), half to even, once, at the very end. A rate
that is missing is an error on that sum alone (`MissingRate`), never a silent 1.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TypeAlias

import numpy as np

from enrich.model import Measure, Rate
from impact.calendar import HOUR, WEEK, IntArray, local_time, zone_of
from impact.model import FloatArray, MoneyRange, Range, TimeArray
from impact.ports import Volumes
from impact.times import epoch_seconds
from ingest.currencies import minor_digits

HOURS_OF_WEEK = WEEK // HOUR
PRIOR_UNITS = 30.0  # an hour of the week with fewer units leans on the mean of all hours


@dataclass(frozen=True, slots=True)
class MissingRate:
    """A sum that cannot be written in the company's currency, and what is missing for it."""

    currency: str
    day: date
    into: str

    def __str__(self) -> str:
        return (
            f"no rate from {self.currency} to {self.into} for {self.day.isoformat()}:"
            f" add {self.currency} under `rates` in the map"
        )


@dataclass(frozen=True)
class MeanAmounts:
    """The mean amount of one unit by hour of the week, each currency apart, with its spread.

    mean, error: currency -> (168,), hour 0 is Monday 00:00 local time; error is the standard error
    of that mean between weeks.
    """

    mean: Mapping[str, FloatArray]
    error: Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True)
class UnitValue:
    """What one unit is worth in one currency, and the standard error of that."""

    amount: Decimal
    error: float
    currency: str


def hours_of_week(times: TimeArray, timezone: str) -> IntArray:
    """0 (Monday 00:00) to 167 in local time, for each moment."""
    seconds = epoch_seconds(times)
    hours: IntArray = local_time(seconds, zone_of(timezone)).second // HOUR
    return hours


def mean_amounts(volumes: Volumes, timezone: str) -> MeanAmounts:
    """Mean amount per unit for each hour of the week; thin hours lean on the mean of all."""
    hours = hours_of_week(volumes.times, timezone)
    weeks = _weeks(volumes.times)
    count = _by_hour_and_week(hours, weeks, volumes.count)
    means, errors = {}, {}
    for currency, amounts in volumes.amounts.items():
        total = _by_hour_and_week(hours, weeks, amounts)
        means[currency], errors[currency] = _mean_and_error(total, count)
    return MeanAmounts(means, errors)


def unit_values(
    measure: Measure, amounts: MeanAmounts | None, weights: FloatArray
) -> tuple[UnitValue, ...]:
    """What one lost unit of `measure` is worth, one entry per currency; empty if it has no value.

    weights: (168,) how the lost volume lies over the hours of the week. `margin` turns revenue into
    contribution. A value per hour late is taken per hour: the caller multiplies hours.
    """
    if measure.value is None:
        return ()
    factor = Decimal(1) if measure.margin is None else decimal(measure.margin)
    if measure.value.money is not None:
        money = measure.value.money
        return (UnitValue(money.amount * factor, 0.0, money.currency),)
    if amounts is None or not amounts.mean:
        return ()
    share = weights / weights.sum() if weights.sum() > 0 else np.full(HOURS_OF_WEEK, 1 / 168)
    return tuple(
        UnitValue(
            decimal(float(share @ mean)) * factor,
            # hours' errors are taken as fully shared: the wider, safer reading
            float(share @ amounts.error[currency]) * float(factor),
            currency,
        )
        for currency, mean in amounts.mean.items()
    )


def rate_on(rates: Sequence[Rate], currency: str, into: str, day: date) -> Decimal | MissingRate:
    """One unit of `currency` in `into` on `day`: the newest rate that is not later."""
    if currency == into:
        return Decimal(1)
    fit = [r for r in rates if r.currency == currency and (r.since is None or r.since <= day)]
    if not fit:
        return MissingRate(currency, day, into)
    return max(fit, key=lambda r: r.since or date.min).rate


def converted(
    values: Sequence[UnitValue], rates: Sequence[Rate], into: str, day: date
) -> UnitValue | MissingRate:
    """The values of one unit put together in one currency."""
    amount, variance = Decimal(0), 0.0
    for value in values:
        rate = rate_on(rates, value.currency, into, day)
        if isinstance(rate, MissingRate):
            return rate
        amount += value.amount * rate
        variance += (value.error * float(rate)) ** 2
    return UnitValue(amount, float(np.sqrt(variance)), into)


def money_draws(units: FloatArray, value: UnitValue, rng: np.random.Generator) -> FloatArray:
    """Draws of a sum: each draw of the units times a draw of the value (for ranges only)."""
    noise = rng.standard_normal(len(units)) if value.error > 0.0 else np.zeros(len(units))
    worth: FloatArray = units * (float(value.amount) + value.error * noise)
    return worth


def money_range(
    units: Range, draws: FloatArray, value: UnitValue, level: float = 0.90
) -> MoneyRange:
    """units x value. Exact where the value is exact; else the ends come from the draws."""
    mid = decimal(units.mid) * value.amount
    if value.error <= 0.0 or not len(draws):
        low, high = sorted((decimal(units.low) * value.amount, decimal(units.high) * value.amount))
    else:
        tail = (1.0 - level) / 2.0
        low, high = (decimal(float(q)) for q in np.quantile(draws, [tail, 1.0 - tail]))
    return rounded(MoneyRange(min(low, mid), mid, max(high, mid), value.currency))


def decimal(number: float) -> Decimal:
    """The shortest decimal that names this float."""
    return Decimal(repr(float(number)))


def minor_unit(currency: str) -> Decimal:
    """The smallest amount of a currency: 0.01 for EUR, 1 for JPY, 0.001 for KWD."""
    return Decimal(1).scaleb(-minor_digits(currency))


def round_money(amount: Decimal, currency: str) -> Decimal:
    """To the currency's minor unit, half to even; nothing has no sign."""
    found = amount.quantize(minor_unit(currency), rounding=ROUND_HALF_EVEN)
    return found if found else abs(found)


def rounded(money: MoneyRange) -> MoneyRange:
    """All three numbers to the minor unit."""
    low, mid, high = (round_money(x, money.currency) for x in (money.low, money.mid, money.high))
    return MoneyRange(low, mid, high, money.currency)


_Table: TypeAlias = FloatArray  # (weeks, 168)


def _weeks(times: TimeArray) -> IntArray:
    seconds = epoch_seconds(times)
    weeks: IntArray = (seconds - (seconds.min() if len(seconds) else 0)) // WEEK
    return weeks


def _by_hour_and_week(hours: IntArray, weeks: IntArray, weights: FloatArray) -> _Table:
    rows = int(weeks.max()) + 1 if len(weeks) else 1
    flat = np.bincount(
        weeks * HOURS_OF_WEEK + hours, weights=weights, minlength=rows * HOURS_OF_WEEK
    )
    return flat.astype(np.float64).reshape(rows, HOURS_OF_WEEK)


def _mean_and_error(total: _Table, count: _Table) -> tuple[FloatArray, FloatArray]:
    """Per hour of the week: the mean amount, and its standard error between weeks (ratio form)."""
    units, sums = count.sum(axis=0), total.sum(axis=0)
    overall = float(sums.sum() / units.sum()) if units.sum() > 0 else 0.0
    mean = (sums + PRIOR_UNITS * overall) / (units + PRIOR_UNITS)
    residual = total - count * mean
    weeks = np.maximum((count > 0).sum(axis=0), 1)
    correction = weeks / np.maximum(weeks - 1, 1)
    spread = np.sqrt(correction * (residual**2).sum(axis=0)) / (units + PRIOR_UNITS)
    return mean, spread
