"""The carts of one day with all the luck they will ever have, the same in every world.

A cohort holds what was drawn for each cart before anything happens: who it is, what it is worth,
how its owner behaves at the till, and how its order would fare. Worlds with and without an incident
share cohorts, so that they differ by the incident alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from api.demo.demand import Demand
from api.demo.moments import (
    DAY_MINUTES,
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    NEVER,
    Bools,
    Floats,
    Ints,
)
from api.demo.shoppers import TillDraws

CONVERSION = 0.85  # carts that reach the till
SHIPS = (
    0.20  # paid carts with goods of the shop's own warehouse; the rest is digital or a partner's
)
CANCELS = 0.03  # of orders, while they wait
CUSTOMERS = 60_000
CURRENCIES = ("EUR", "USD", "GBP")
CHANNELS = ("web", "app")
KEYS_PER_DAY = 1_000_000


@dataclass(frozen=True)
class OrderDraws:
    """How the order of each cart would fare; each array has shape (N,)."""

    ships: Bools
    prepare: Floats  # standard normal
    work: Floats  # mean 1
    cancels_ms: Ints  # after placing; most are NEVER
    transit_ms: Ints


@dataclass(frozen=True)
class CallDraws:
    """Whether and when the owner of each cart would call about a trouble, shape (N,)."""

    about_payment: Bools
    about_order: Bools
    lag_ms: Ints
    times: Ints  # some call again and again
    gap_ms: Ints


@dataclass(frozen=True)
class Cohort:
    """The carts opened on one UTC day, ascending in time; each array has shape (N,)."""

    key: Ints
    opened_ms: Ints
    pays: Bools
    till_ms: Ints
    customer: Ints
    cents: Ints
    currency: Ints
    channel: Ints
    till: TillDraws
    order: OrderDraws
    call: CallDraws


@dataclass(frozen=True)
class Cohorts:
    """The cohorts of a demand: `of(day)` is the same whoever asks, and the last few are kept."""

    demand: Demand
    _kept: dict[int, Cohort] = field(default_factory=dict, repr=False)

    def of(self, day: int) -> Cohort:
        """The cohort of a UTC day."""
        if day not in self._kept:
            while len(self._kept) >= 8:
                self._kept.pop(next(iter(self._kept)))
            self._kept[day] = draw_cohort(self.demand, day)
        return self._kept[day]


def draw_cohort(demand: Demand, day: int) -> Cohort:
    """Draw the carts of a day."""
    rng = np.random.default_rng([demand.seed, 0xC0, day])
    per_minute = rng.poisson(demand.intensity(day))
    minute = np.repeat(np.arange(DAY_MINUTES), per_minute)
    carts = len(minute)
    if carts >= KEYS_PER_DAY:
        raise ValueError(f"{carts} carts a day do not fit the keys: lower the mean")
    opened = np.sort(day * DAY_MS + minute * MINUTE_MS + rng.integers(0, MINUTE_MS, carts))
    browsing_s = np.minimum(rng.lognormal(np.log(240.0), 0.7, carts), 5400.0)
    abroad = rng.random(carts) < demand.abroad_share(day)[minute]
    return Cohort(
        key=day * KEYS_PER_DAY + np.arange(carts, dtype=np.int64),
        opened_ms=opened,
        pays=rng.random(carts) < CONVERSION,
        till_ms=opened + (browsing_s * 1000).astype(np.int64),
        customer=(CUSTOMERS * rng.random(carts) ** 1.6).astype(np.int64),
        cents=_cents(rng, abroad, minute / 60.0),
        currency=_currency(rng, abroad),
        channel=(rng.random(carts) < 0.45).astype(np.int64),
        till=TillDraws.draw(rng, carts),
        order=_order_draws(rng, carts),
        call=_call_draws(rng, carts),
    )


def _cents(rng: np.random.Generator, abroad: Bools, utc_hour: Floats) -> Ints:
    """What carts are worth: log-normal, dearer in the evening and abroad, many ending in 99."""
    evening = 0.18 * np.exp(-(((utc_hour - 19.0) / 3.5) ** 2))
    log_mean = np.log(33.0) + evening + np.where(abroad, 0.15, 0.0)
    worth = np.exp(log_mean + 0.72 * rng.standard_normal(len(abroad))) * 100.0
    exact = np.clip(worth, 199.0, 500_000.0).astype(np.int64)
    cents: Ints = np.where(rng.random(len(abroad)) < 0.6, exact // 100 * 100 + 99, exact)
    return cents


def _currency(rng: np.random.Generator, abroad: Bools) -> Ints:
    luck = rng.random(len(abroad))
    return np.where(abroad, np.where(luck < 0.85, 1, 0), np.where(luck < 0.05, 2, 0))


def _order_draws(rng: np.random.Generator, carts: int) -> OrderDraws:
    cancel_after = cancel_after_ms(rng, carts)
    return OrderDraws(
        ships=rng.random(carts) < SHIPS,
        prepare=rng.standard_normal(carts),
        work=order_work(rng, carts),
        cancels_ms=np.where(rng.random(carts) < CANCELS, cancel_after, NEVER),
        transit_ms=(rng.lognormal(np.log(30.0), 0.3, carts) * HOUR_MS).astype(np.int64),
    )


def cancel_after_ms(rng: np.random.Generator, orders: int) -> Ints:
    """How long those who cancel wait before they do."""
    waited: Ints = (rng.lognormal(np.log(80.0), 0.8, orders) * MINUTE_MS).astype(np.int64)
    return waited


def order_work(rng: np.random.Generator, orders: int) -> Floats:
    """How much work each order is, mean 1."""
    return rng.gamma(3.0, 1.0 / 3.0, orders)


def _call_draws(rng: np.random.Generator, carts: int) -> CallDraws:
    lag_min = np.minimum(rng.lognormal(np.log(9.0), 0.9, carts), 480.0)
    return CallDraws(
        about_payment=rng.random(carts) < 0.14,
        about_order=rng.random(carts) < 0.22,
        lag_ms=(lag_min * MINUTE_MS).astype(np.int64),
        times=np.minimum(rng.zipf(2.9, carts), 6),
        gap_ms=rng.integers(4 * MINUTE_MS, 35 * MINUTE_MS, carts),
    )


def mean_order_work(mean_carts: float) -> float:
    """Orders per minute that a mean number of carts per minute leads to (each is work 1)."""
    return mean_carts * CONVERSION * 0.94 * SHIPS
