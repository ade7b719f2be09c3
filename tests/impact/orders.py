"""Simulated orders with a promise, and what an incident delays: the truth is known, by a twin.

Each world draws its size, how long orders usually take (steadily, broadly, or in two kinds), how
days differ, and one incident. The same orders with the same luck go through a world without it;
what the cohort is late in one and not in the other is the truth. The mechanisms are those of shops,
not those of the estimator: desks of limited capacity with first come, first served (Lindley),
pauses and slow-downs of the units themselves, of all or of some, at the finish or long before it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from enrich.amounts import promise, working_hours
from enrich.model import Measure
from impact.lead_time import Window
from impact.ports import Cohort, LateHistory
from impact.promise import Clock, clock_of
from tests.impact.arrays import NOWHERE, ArrayReader, at, business_map

Array: TypeAlias = NDArray[Any]

KINDS = ("stop", "slow", "queue", "queue slow", "early queue", "some", "none")
PROMISES = ("4h", "24h", "2 days", "16 working hours")
HISTORY = timedelta(weeks=8)
SHOP_HOURS = "Mon-Sat 08:00-18:00"


@dataclass(frozen=True)
class Orders:
    """One world. Times are seconds since 1970: when placed, and shipped with and without it."""

    kind: str
    start: datetime
    end: datetime
    measure: Measure
    clock: Clock
    placed: Array
    shipped: Array
    without: Array

    def question(self, as_of: datetime) -> tuple[Cohort, LateHistory, Window]:
        """What is asked at a moment, and what is then to be seen."""
        nothing = np.full(len(self.placed), NOWHERE)
        shipped = np.where(self.shipped <= as_of.timestamp(), self.shipped, np.nan)
        everything = Cohort(
            _moments(self.placed), _moments(shipped), nothing, nothing.astype(float)
        )
        reader = ArrayReader(journeys=everything, now=as_of)
        end = min(self.end, as_of)
        past = reader.late_history(self.measure, self.clock, at(), end, as_of)
        assert self.measure.promise is not None
        window = Window(self.start, end, as_of, self.measure.promise, self.clock)
        return reader.cohort(self.measure, self.start, end), past, window

    def truth(self) -> float:
        """Late orders of the cohort that would have been in time without the incident, net."""
        assert self.measure.promise is not None
        length = self.measure.promise.total_seconds()
        begun, over = self.start.timestamp(), self.end.timestamp()
        due = self.clock.read(self.placed) + length
        ours = (self.placed < over) & (self.shipped >= begun)
        ours &= due > self.clock.read(np.array([int(begun)]))
        late = [(self.clock.read(t) > due)[ours].sum() for t in (self.shipped, self.without)]
        return float(late[0] - late[1])


def simulate(kind: str, text: str, seed: int, *, lasted: float = 1.0) -> Orders:
    """A world with one incident of a kind, cut short after a share of its time (as if it ended)."""
    rng = np.random.default_rng([seed, KINDS.index(kind), PROMISES.index(text)])
    length, counted = promise(text)
    where = replace(business_map(timezone="Europe/Berlin"), working_hours=working_hours(SHOP_HOURS))
    measure = Measure("f", "o", "lead_time", "o", promise=length, promise_in=counted)
    start = at(days=56 + int(rng.integers(0, 5)), minutes=int(rng.integers(540, 840)))
    share = np.exp(rng.uniform(np.log(0.08), np.log(0.5)))
    whole = min(share * length, timedelta(hours=5)) if counted == "working" else share * length
    end = start + timedelta(seconds=int(lasted * whole.total_seconds()))
    clock = clock_of(measure, where, at(), end + timedelta(days=14))
    placed = _placed(rng, length, start, end + timedelta(days=1))
    took = _took(rng, len(placed), placed) * length.total_seconds()
    begun = clock.read(placed).astype(float)
    window = tuple(float(clock.read(np.array([int(t.timestamp())]))[0]) for t in (start, end))
    with_it, without = _worlds(kind, rng, begun, took, window)
    real = [_real(clock, t, placed) for t in (with_it, without)]
    return Orders(kind, start, end, measure, clock, placed, *real)


def _placed(rng: np.random.Generator, length: timedelta, start: datetime, until: datetime) -> Array:
    """Orders by the hour: more by day than by night, days that differ."""
    first, last = int(at().timestamp()), int(until.timestamp())
    per_promise = np.exp(rng.uniform(np.log(60.0), np.log(600.0)))
    hours = np.arange(first, last, 3600)
    day = (hours - first) // 86400
    rhythm = 1.0 + 0.6 * np.sin((hours % 86400 / 3600 - 9.0) / 24.0 * 2 * np.pi)
    swing = rng.lognormal(0.0, 0.08, int(day.max()) + 1)[day]
    hourly = rng.poisson(per_promise / (length / timedelta(hours=1)) * rhythm * swing)
    found: Array = np.sort(np.repeat(hours, hourly) + rng.integers(0, 3600, hourly.sum()))
    return found


def _took(rng: np.random.Generator, n: int, placed: Array) -> Array:
    """How long orders take in promises: one to eight percent are late anyway."""
    shape = rng.choice(["steady", "broad", "two"])
    late = rng.uniform(0.005, 0.06)
    if shape == "steady":
        sd = rng.uniform(0.06, 0.2)
        took = rng.lognormal(0.0, sd, n)
    elif shape == "broad":
        took = rng.gamma(2.5, 1.0, n)
    else:
        took = np.where(rng.random(n) < 0.4, rng.lognormal(-1.6, 0.4, n), rng.lognormal(0, 0.15, n))
    took /= np.quantile(took, 1.0 - late)
    day = (placed - placed[0]) // 86400
    found: Array = took * rng.lognormal(0.0, 0.02, int(day.max()) + 1)[day]
    return found


def _worlds(
    kind: str, rng: np.random.Generator, begun: Array, took: Array, window: tuple[float, ...]
) -> tuple[Array, Array]:
    """When orders are done with and without the incident, on the clock."""
    start, end = window
    natural = begun + took
    rate = rng.uniform(0.15, 0.7) if "slow" in kind else 0.0
    if kind in ("stop", "slow", "some"):
        held = _held(begun, natural, start, end, rate)
        hit = rng.random(len(begun)) < (rng.uniform(0.25, 0.8) if kind == "some" else 1.0)
        return np.where(hit, held, natural), natural
    spare = 1.0 + np.exp(rng.uniform(np.log(0.15), np.log(2.0)))
    before = took * (rng.uniform(0.2, 0.7) if kind == "early queue" else 1.0)
    if kind == "none":
        return natural, natural
    desk = begun + before
    rest = took - before
    return (
        _desk(desk, spare, start, end, rate) + rest,
        _desk(desk, spare, start, start, 1.0) + rest,
    )


def _held(begun: Array, natural: Array, start: float, end: float, rate: float) -> Array:
    """Each unit goes on at a rate from start to end, if it is under way then."""
    since = np.clip(begun, start, end)
    left = natural - np.maximum(begun, start)
    can = rate * (end - since)
    slowed = since + left / max(rate, 1e-9)
    later = end + left - can
    inside = (natural > start) & (begun < end)
    found: Array = np.where(inside, np.where(left <= can, slowed, later), natural)
    return found


def _desk(arrived: Array, spare: float, start: float, end: float, rate: float) -> Array:
    """First come, first served, at a desk with spare hands that follow the usual day (Lindley)."""
    order = np.argsort(arrived, kind="stable")
    came = arrived[order]
    edges = np.arange(came[0] - 3600, came[-1] + 14 * 86400, 300.0)
    flow = np.histogram(came, edges)[0].astype(float)
    # the rota: the mean of hours around, with hands for more than that; never nobody
    smooth = np.convolve(flow, np.ones(37) / 37, "same")
    hands = spare * np.maximum(smooth, 0.3 * flow[flow > 0].mean() if flow.any() else 1.0)
    part = np.clip(np.minimum(edges[1:], end) - np.maximum(edges[:-1], start), 0, 300) / 300
    hands = hands * (1.0 - (1.0 - rate) * part)
    done = np.concatenate([[0.0], np.cumsum(hands)])
    ready = np.interp(came, edges, done)
    one = np.arange(len(came), dtype=float)
    left = np.maximum.accumulate(ready - one) + one + 1e-6
    found = np.empty(len(came))
    found[order] = np.maximum(np.interp(left, done, edges), came)
    return found


def _real(clock: Clock, shown: Array, placed: Array) -> Array:
    """The moment at which the clock shows so much."""
    runs = np.flatnonzero(clock.rate)
    at_run = runs[np.maximum(np.searchsorted(clock.reading[runs], shown, side="left") - 1, 0)]
    found = clock.at[at_run] + (shown - clock.reading[at_run])
    moments: Array = np.maximum(np.ceil(found).astype(np.int64), placed + 1)
    return moments


def _moments(seconds: Array) -> Array:
    missing = np.isnan(seconds)
    found: Array = np.where(missing, NOWHERE, np.nan_to_num(seconds).astype("M8[s]"))
    return found


AGES = ("a third in", "two thirds in", "at its end", "1 h after", "6 h after")


def looks(kind: str, text: str, seed: int) -> dict[str, tuple[Orders, datetime]]:
    """The world and the moment for each age; while it burns, the truth is as if it ended then."""
    found = {}
    for age, lasted in zip(AGES[:2], (1 / 3, 2 / 3), strict=True):
        world = simulate(kind, text, seed, lasted=lasted)
        found[age] = (world, world.end)
    world = simulate(kind, text, seed)
    for age, hours in zip(AGES[2:], (0, 1, 6), strict=True):
        found[age] = (world, world.end + timedelta(hours=hours))
    return found
