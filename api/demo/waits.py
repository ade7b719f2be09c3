"""Many small worlds of one warehouse, each with a known truth, to see how often a stated range of
delayed orders holds it.

Each run has its own size, weeks of usual orders, and at its end a window in which most hands are
missing or, for a placebo, nobody is. The same orders pass the same desk with and without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from api.demo.calibration import FIRST_EPOCH_DAY, PLACEBO_SHARE
from api.demo.cohorts import CANCELS, cancel_after_ms, mean_order_work, order_work
from api.demo.demand import Demand
from api.demo.incidents import Incident
from api.demo.moments import DAY_MS, MINUTE_MS, NEVER, Floats, Ints
from api.demo.warehouse import AHEAD_DAYS, capacity, dispatch, prepared_ms
from api.demo.world import PROMISE_MS

DAYS = 44  # of orders, of which the last three lie behind the window
MEAN_CARTS = (8.0, 60.0)  # per minute
WINDOW_MINUTES = (30.0, 150.0)


@dataclass(frozen=True)
class WaitRun:
    """One small world. placed, shipped, cancelled, without: (N,) in ms, NEVER where it never was.

    `without` is when each order would have shipped without the incident (an estimator must not see
    it). `signal` is the window of the alerts. `late` counts the orders that were open or placed in
    it, due after it began, and late, less those that are so in the world without the incident.
    """

    number: int
    placed: Ints
    shipped: Ints
    cancelled: Ints
    without: Ints
    signal: tuple[int, int]
    placebo: bool

    @property
    def late(self) -> int:
        """The truth: orders of the cohort that are late because of the incident."""
        start, end = self.signal
        due = self.placed + PROMISE_MS
        stopped = np.minimum(self.shipped, self.cancelled)
        cohort = (self.placed < end) & (stopped >= start) & (due > start)
        would = np.minimum(self.without, self.cancelled)
        return int((cohort & (stopped > due)).sum()) - int((cohort & (would > due)).sum())


def seeded_waits(n: int, seed: int, *, placebo_share: float = PLACEBO_SHARE) -> Iterator[WaitRun]:
    """`n` independent worlds; the same seed gives the same worlds."""
    for number in range(n):
        rng = np.random.default_rng([seed, 0x3A17, number])
        yield _run(number, rng, bool(rng.random() < placebo_share))


def _run(number: int, rng: np.random.Generator, placebo: bool) -> WaitRun:
    first_day = FIRST_EPOCH_DAY + int(rng.integers(0, 730))
    mean = float(np.exp(rng.uniform(*np.log(MEAN_CARTS))))
    demand = Demand(int(rng.integers(2**31)), first_day, mean)
    minutes = np.exp(rng.uniform(*np.log(WINDOW_MINUTES)))
    start = (first_day + DAYS - 4) * DAY_MS + int(rng.integers(6 * 60, 22 * 60)) * MINUTE_MS
    incident = Incident(
        "window",
        "warehouse_delay",
        start,
        start + int(minutes) * MINUTE_MS,
        float(rng.uniform(0.5, 1.0)),
    )
    placed = _placed(rng, demand, first_day)
    desk = placed + prepared_ms(rng.standard_normal(len(placed)))
    work = order_work(rng, len(placed))
    gone = placed + cancel_after_ms(rng, len(placed))
    cancels = np.where(rng.random(len(placed)) < CANCELS, gone, NEVER)
    without = _shipped(first_day, mean, desk, work, ())
    shipped = without if placebo else _shipped(first_day, mean, desk, work, (incident,))
    return WaitRun(
        number=number,
        placed=placed,
        shipped=np.where(cancels < shipped, NEVER, shipped),
        cancelled=np.where(cancels < shipped, cancels, NEVER),
        without=without,
        signal=(incident.firing_ms, incident.cleared_ms),
        placebo=placebo,
    )


def _placed(rng: np.random.Generator, demand: Demand, first_day: int) -> Ints:
    """When orders are placed, ascending."""
    share = mean_order_work(1.0)  # orders that a cart leads to
    days = range(first_day, first_day + DAYS)
    per_minute = rng.poisson(np.concatenate([demand.intensity(day) for day in days]) * share)
    minute = np.repeat(np.arange(len(per_minute)), per_minute) * MINUTE_MS
    placed: Ints = np.sort(minute + rng.integers(0, MINUTE_MS, len(minute))) + first_day * DAY_MS
    return placed


def _shipped(
    first_day: int, mean: float, desk: Ints, work: Floats, incidents: tuple[Incident, ...]
) -> Ints:
    """When each order leaves the desk, day by day; one that never gets there in time: NEVER."""
    order = np.argsort(desk, kind="stable")
    came, last_day = desk[order], first_day + DAYS
    ahead = [
        capacity(day, mean_order_work(mean), incidents)
        for day in range(first_day, last_day + AHEAD_DAYS)
    ]
    left = np.full(len(desk), NEVER)
    backlog = 0.0
    for index, day in enumerate(range(first_day, last_day)):
        low, high = np.searchsorted(came, [day * DAY_MS, (day + 1) * DAY_MS])
        today = order[low:high]
        hands = np.concatenate(ahead[index : index + 1 + AHEAD_DAYS])
        left[today], backlog = dispatch(day, came[low:high], work[today], hands, backlog)
    return left
