"""Sums over estimates: draws are added, quantiles come last.

Adding the ends of ranges would make thirty small uncertainties into one huge one; adding
independent draws would forget that two incidents on one day lean on the same baseline. So each
estimate keeps a seeded set of signed draws, put in an order that carries what it shares
(`couple`): a normal score shared by all incidents of one measure and day, mixed with one of its
own, in the proportion in which the estimate's variance is the baseline's and not the noise of
counting. Ranks follow the score, values stay what they were (Iman and Conover 1982).

Only measures that carry money of their own are added; another measure with the same customers'
money (`same_money_as`) is shown beside and never counted again. Signs are kept throughout.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from enrich.model import HEADLINE
from impact.model import DRAWS, FloatArray, MeasureImpact, MoneyRange, Range
from impact.money import decimal, rounded

LEVEL = 0.90
MONEY = "money:"  # prefix of a money draw in `MeasureImpact.draws`: "money:lost"

# which of an impact's names is its cost
COST_NAMES = ("lost", "excess", "delayed", "delay_hours")


@dataclass(frozen=True)
class Total:
    """A sum of money over impacts, and what could not be added."""

    money: MoneyRange
    count: int  # impacts that were added
    draws: FloatArray
    left_out: tuple[str, ...]  # "incident process/measure: why", for sums without a rate


def couple(
    draws: Mapping[str, FloatArray], lead: str, *, seeds: tuple[str, str], shared: float
) -> dict[str, FloatArray]:
    """The draws in an order that carries what they share with others.

    lead: the name whose ranks follow the score; the other names are moved along with it, so that
    lost stays gross minus recovered in each draw. seeds: what is shared (measure and day) and the
    estimate's own. shared: part of the variance that is shared, 0 to 1.
    """
    size = len(draws[lead])
    common, own = (generator(seed).standard_normal(size) for seed in seeds)
    score = np.sqrt(shared) * common + np.sqrt(1.0 - shared) * own
    ranks = np.empty(size, dtype=np.int64)
    ranks[np.argsort(score, kind="stable")] = np.arange(size)
    order = np.argsort(draws[lead], kind="stable")[ranks]
    return {name: values[order] for name, values in draws.items()}


def shared_part(draws: FloatArray, expected: float) -> float:
    """How much of the variance is the baseline's: all that a Poisson count does not explain."""
    variance = float(np.var(draws))
    return float(np.clip(1.0 - expected / variance, 0.0, 1.0)) if variance > 0.0 else 1.0


def day_seed(measure: str, day: date) -> str:
    """The seed that all estimates of one measure and day share."""
    return f"{measure}@{day.isoformat()}"


def generator(seed: str) -> np.random.Generator:
    """A generator that a text seeds, the same in every process and on every machine."""
    digest = hashlib.blake2b(seed.encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def cost_name(impact: MeasureImpact) -> str | None:
    """The name under which an impact's cost stands in its `money`; None where it has none."""
    return next((name for name in COST_NAMES if name in impact.money), None)


def draws_of(impact: MeasureImpact, name: str, mid: float) -> FloatArray:
    """(DRAWS,) of a name in its `draws`.

    A record without draws counts with its mid: certain, but not forgotten.
    """
    found = impact.draws.get(name)
    return np.asarray(found, dtype=np.float64) if found else np.full(DRAWS, mid)


def total_money(
    impacts: Iterable[MeasureImpact], carriers: Set[str], currency: str, level: float = LEVEL
) -> Total:
    """The cost of many impacts in one currency. carriers: ids of the measures that may be added."""
    mid, draws = Decimal(0), np.zeros(DRAWS)
    added: list[MoneyRange] = []
    left_out: list[str] = []
    for impact in impacts:
        if impact.measure_id not in carriers:
            continue
        name = cost_name(impact)
        where = f"{impact.incident} {impact.measure_id}"
        if name is None:
            left_out.append(f"{where}: no money")
            continue
        money = impact.money[name]
        if money.currency != currency:
            left_out.append(f"{where}: in {money.currency}")
            continue
        mid += money.mid
        draws += draws_of(impact, MONEY + name, float(money.mid))
        added.append(money)
    # The sum of one is that one: kept draws have fewer digits than what was issued with them.
    alone = len(added) == 1 and level == LEVEL
    whole = rounded(added[0]) if alone else money_sum(mid, draws, currency, level)
    return Total(whole, len(added), draws, tuple(left_out))


def total_units(impacts: Iterable[MeasureImpact], name: str, level: float = LEVEL) -> Range:
    """The sum of one unit (lost, excess, ...) over impacts on one measure."""
    its = [impact for impact in impacts if name in impact.units]
    if len(its) == 1 and level == LEVEL:
        return its[0].units[name]
    mid, draws = 0.0, np.zeros(DRAWS)
    for impact in its:
        mid += impact.units[name].mid
        draws += draws_of(impact, name, impact.units[name].mid)
    return quantile_range(mid, draws, level)


def headlines(impacts: Iterable[MeasureImpact]) -> dict[str, tuple[str, Range]]:
    """By `process/measure`, as it first occurs: which unit says what it came to, and its sum."""
    found: dict[str, list[MeasureImpact]] = {}
    for impact in impacts:
        if HEADLINE[impact.kind] in impact.units:
            found.setdefault(impact.measure_id, []).append(impact)
    return {
        measure: (name := HEADLINE[its[0].kind], total_units(its, name))
        for measure, its in found.items()
    }


def quantile_range(mid: float, draws: FloatArray, level: float = LEVEL) -> Range:
    """A range whose ends are quantiles of the draws and which holds its mid."""
    low, high = _quantiles(draws, level)
    return Range(min(low, mid), mid, max(high, mid))


def money_sum(mid: Decimal, draws: FloatArray, currency: str, level: float = LEVEL) -> MoneyRange:
    """The same of money: the mid is exact, and all three are rounded, once."""
    low, high = (decimal(end) for end in _quantiles(draws, level))
    return rounded(MoneyRange(min(low, mid), mid, max(high, mid), currency))


def _quantiles(draws: FloatArray, level: float) -> tuple[float, float]:
    """As numpy's quantile does it, a tenth of its time: this runs for every number of a tick."""
    ranked = np.sort(draws)
    place = (1.0 - level) / 2.0 * (len(ranked) - 1)
    at, part = int(place), place - int(place)
    low = ranked[at] + part * (ranked[min(at + 1, len(ranked) - 1)] - ranked[at])
    high = ranked[-1 - at] - part * (ranked[-1 - at] - ranked[max(-2 - at, -len(ranked))])
    return float(low), float(high)
