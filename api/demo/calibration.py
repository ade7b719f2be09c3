"""Many small worlds of one payments stream, each with a known truth, to see how often a stated
range of 90 % holds it.

Each run has its own size, mixture of shapes, drift and noise, shoppers who mostly come back after
an outage or mostly do not, three past outages from which that could be learned, and at its end a
window that is an outage or a placebo, in which nothing happened. Only carts within hours of a
window are followed one by one; all others are counted per minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.demo.demand import Demand
from api.demo.incidents import Incident, failing_share
from api.demo.moments import DAY_MINUTES, DAY_MS, MINUTE_MS, Floats, Ints
from api.demo.shoppers import OK, TillDraws, attempts

PLACEBO_SHARE = 0.3
AROUND_MINUTES = 240  # so much before and after a window, carts are followed as well
AFTER_DAYS = 3  # of data after the window, so that settling can be seen to its end
WINDOW_MINUTES = (15.0, 180.0)
FIRST_EPOCH_DAY = 20_000  # runs start on one of two years of days from October 2024 on
MINUTE = np.timedelta64(1, "m")


@dataclass(frozen=True)
class Run:
    """One small world. Arrays have shape (T,): one row per minute, UTC, without gaps.

    `count` and `amount` (EUR) are successful payments as they happened; `without_count` leaves out
    the last outage (for checks: an estimator must not see it). `effect` is the window of the
    business effect, `signal` that of the alerts (two minutes later, clearing three minutes after
    it). For a placebo nothing happened and all truths are zero. `past` are windows of the alerts of
    earlier outages.
    """

    number: int
    times: NDArray[np.datetime64]
    count: Floats
    amount: Floats
    without_count: Floats
    effect: tuple[np.datetime64, np.datetime64]
    signal: tuple[np.datetime64, np.datetime64]
    past: tuple[tuple[np.datetime64, np.datetime64], ...]
    placebo: bool
    gross: float
    recovered: float
    lost: float
    gross_money: float
    recovered_money: float
    lost_money: float
    per_minute: float  # the mean of the world, for reading results by size


def seeded_runs(n: int, seed: int, *, placebo_share: float = PLACEBO_SHARE) -> Iterator[Run]:
    """`n` independent worlds; the same seed gives the same worlds."""
    for number in range(n):
        rng = np.random.default_rng([seed, 0xCA1B, number])
        yield _run(number, rng, bool(rng.random() < placebo_share))


def _run(number: int, rng: np.random.Generator, placebo: bool) -> Run:
    weeks = int(rng.integers(6, 9))
    first_day = FIRST_EPOCH_DAY + int(rng.integers(0, 730))
    per_minute = float(np.exp(rng.uniform(np.log(2.0), np.log(40.0))))
    past, last = _windows(rng, first_day, weeks)
    world = _Minutes(rng, first_day, 7 * weeks + AFTER_DAYS, per_minute, (*past, last))
    happened = past if placebo else (*past, last)
    count, amount = world.paid(happened)
    without_count, without_amount = world.paid(past)
    start, end = ((ms - world.start_ms) // MINUTE_MS for ms in (last.start_ms, last.end_ms))
    units, money = without_count - count, without_amount - amount  # 0 where nothing differs
    return Run(
        number=number,
        times=np.datetime64(world.start_ms, "ms").astype("M8[s]") + np.arange(len(count)) * MINUTE,
        count=count,
        amount=amount,
        without_count=without_count,
        effect=_window(last.start_ms, last.end_ms),
        signal=_window(last.firing_ms, last.cleared_ms),
        past=tuple(_window(i.firing_ms, i.cleared_ms) for i in past),
        placebo=placebo,
        gross=float(units[start:end].sum()),
        recovered=float((-units[end:]).sum()),
        lost=float(units.sum()),
        gross_money=_cents(money[start:end]),
        recovered_money=_cents(-money[end:]),
        lost_money=_cents(money),
        per_minute=per_minute,
    )


def _cents(money: Floats) -> float:
    """A sum of money without the dust of adding floats."""
    return round(float(money.sum()), 2)


def _windows(
    rng: np.random.Generator, first_day: int, weeks: int
) -> tuple[tuple[Incident, ...], Incident]:
    """Three past outages and the last window, at any hour of the day."""
    found = []
    for index, share in enumerate((0.25, 0.5, 0.75, 1.0)):
        day = first_day + int(share * 7 * weeks) - int(rng.integers(1, 6))
        start = day * DAY_MS + int(rng.integers(0, DAY_MINUTES)) * MINUTE_MS
        length = int(np.exp(rng.uniform(*np.log(WINDOW_MINUTES)))) * MINUTE_MS
        severity = float(rng.uniform(0.4, 1.0))
        found.append(Incident(f"window-{index}", "payment_outage", start, start + length, severity))
    return tuple(found[:-1]), found[-1]


def _window(start_ms: int, end_ms: int) -> tuple[np.datetime64, np.datetime64]:
    start, end = np.array([start_ms, end_ms]).astype("M8[ms]").astype("M8[s]")
    return start, end


class _Minutes:
    """Payments per minute of one world; carts around the windows are followed one by one.

    Of all other carts the share that ends paid is counted at once; that some of them take a minute
    longer is left out, here alone.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        first_day: int,
        days: int,
        per_minute: float,
        windows: tuple[Incident, ...],
    ) -> None:
        self.start_ms = first_day * DAY_MS
        push = first_day + int(rng.integers(0, days)) if rng.random() < 0.5 else None
        push_minute = None if push is None else push * DAY_MINUTES + 9 * 60
        demand = Demand(int(rng.integers(2**31)), first_day, per_minute, push_minute)
        intensity = [demand.intensity(day) for day in range(first_day, first_day + days)]
        reached = rng.poisson(np.concatenate(intensity))
        self.minutes = len(reached)
        followed = np.zeros(self.minutes, bool)
        for window in windows:
            first = self._minute(window.start_ms) - AROUND_MINUTES
            followed[max(first, 0) : self._minute(window.end_ms) + AROUND_MINUTES] = True
        impatience = float(np.exp(rng.normal()))
        paid_at_once = np.where(followed, 0, rng.binomial(reached, _paid_share(impatience)))
        self.count = paid_at_once.astype(np.float64)
        self.amount = _sums(rng, paid_at_once)
        minute = np.repeat(np.flatnonzero(followed), reached[followed])
        self.first_ms = self.start_ms + minute * MINUTE_MS + rng.integers(0, MINUTE_MS, len(minute))
        self.value = _values(rng, minute)
        self.draws = TillDraws.draw(rng, len(minute), impatience)

    def paid(self, incidents: tuple[Incident, ...]) -> tuple[Floats, Floats]:
        """(successful payments, their amounts) per minute, if these incidents happen."""
        tried = attempts(self.first_ms, self.draws, lambda at: failing_share(incidents, at))
        ok = tried.outcome == OK
        minute = self._minute(tried.at_ms[ok])
        count = np.bincount(minute, minlength=self.minutes)[: self.minutes]
        value = self.value[tried.cart[ok]]
        amount = np.bincount(minute, weights=value, minlength=self.minutes)[: self.minutes]
        return self.count + count, self.amount + amount

    def _minute(self, at_ms: Any) -> Any:
        return (at_ms - self.start_ms) // MINUTE_MS


def _values(rng: np.random.Generator, minute: Ints) -> Floats:
    """Amounts in EUR, whole cents: log-normal, dearer in the evening."""
    evening = 0.18 * np.exp(-(((minute % DAY_MINUTES / 60.0 - 19.0) / 3.5) ** 2))
    values: Floats = 38.0 * np.exp(evening) * rng.lognormal(0.0, 0.72, len(minute))
    return np.round(values, 2)


def _sums(rng: np.random.Generator, count: Ints) -> Floats:
    """The sum of that many amounts in each minute."""
    minute = np.repeat(np.arange(len(count)), count)
    amounts = np.bincount(minute, weights=_values(rng, minute), minlength=len(count))
    return amounts.astype(np.float64)


def _paid_share(impatience: float) -> float:
    """The share of carts at the till that end paid without any incident."""
    carts = 50_000
    draws = TillDraws.draw(np.random.default_rng(0), carts, impatience)
    tried = attempts(np.zeros(carts, np.int64), draws, lambda at: np.zeros(at.shape))
    return float((tried.outcome == OK).sum()) / carts
