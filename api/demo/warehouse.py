"""The warehouse: orders are prepared, then queue for a dispatch desk of limited capacity.

First come, first served. On the clock of work done, order i leaves at
D_i = max(D_(i-1), A_i) + w_i (Lindley 1952), which unrolls to a running maximum, so that a day is
a few array operations. Capacity follows a rota in local time; a delay takes part of it away, and
the queue that forms is worked off by what capacity is left over: nothing else is assumed.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from api.demo.demand import usual_shape
from api.demo.incidents import Incident, capacity_share
from api.demo.moments import (
    DAY_MINUTES,
    DAY_MS,
    MINUTE_MS,
    SHOP_ZONE,
    Floats,
    Ints,
    local_parts,
)

PREPARE_MEDIAN_MIN = 208.0  # checking, picking, packing
PREPARE_SD = 0.065
AHEAD_DAYS = 4  # a queue is longer than that only if the warehouse is closed for good
LEAD_MIN = 210  # the rota follows the orders of a usual such day, so much later
SLACK = 1.5  # and has hands for half as many again
FEWEST = 0.55  # the night shift, in multiples of the mean work per minute


def capacity(day: int, work_per_min: float, incidents: tuple[Incident, ...]) -> Floats:
    """Orders the desk can dispatch in each minute of a UTC day, (1440,)."""
    minute_ms = day * DAY_MS + np.arange(DAY_MINUTES, dtype=np.int64) * MINUTE_MS
    left: Floats = work_per_min * rota(day) * capacity_share(incidents, minute_ms)
    return left


@lru_cache(maxsize=32)
def rota(day: int) -> Floats:
    """Who is at work, planned by the hour, in multiples of the mean work per minute, (1440,).

    The plan knows weekdays, holidays and pay days; it knows no push, no burst and no trend.
    """
    usual = np.concatenate([usual_shape(day - 1), usual_shape(day)])
    then = usual[DAY_MINUTES - LEAD_MIN : 2 * DAY_MINUTES - LEAD_MIN]
    by_hour = np.repeat(then.reshape(24, 60).mean(axis=1), 60)
    hour, _, _ = local_parts(day, SHOP_ZONE)
    break_ = ((hour - 6.0) % 8.0) < 1 / 3  # at the change of shifts, twenty minutes
    planned: Floats = np.maximum(SLACK * by_hour, FEWEST) * np.where(break_, 0.6, 1.0)
    planned.setflags(write=False)
    return planned


def prepared_ms(luck: Floats) -> Ints:
    """How long orders take to the desk; `luck` is standard normal."""
    minutes = PREPARE_MEDIAN_MIN * np.exp(PREPARE_SD * luck)
    taken: Ints = (minutes * MINUTE_MS).astype(np.int64)
    return taken


def dispatch(
    day: int, arrived_ms: Ints, work: Floats, capacities: Floats, backlog: float
) -> tuple[Ints, float]:
    """When orders that reach the desk on this UTC day leave it, and the work left at midnight.

    `arrived_ms` ascends and lies in the day; `capacities` holds this day and those after it, a
    minute each; `backlog` is the work that was waiting when the day began.
    """
    done = np.concatenate([[0.0], np.cumsum(capacities)])  # work done by each minute since midnight
    edges = day * DAY_MS + np.arange(len(done), dtype=np.int64) * MINUTE_MS
    day_end = float(done[DAY_MINUTES])
    if not len(arrived_ms):
        return arrived_ms, max(backlog - day_end, 0.0)
    arrival = np.interp(arrived_ms, edges, done)
    before = np.concatenate([[0.0], np.cumsum(work)[:-1]])
    start = np.maximum(np.maximum.accumulate(arrival - before), backlog)
    finished = start + before + work
    left_ms = np.interp(finished, done, edges.astype(np.float64)).astype(np.int64)
    if finished[-1] > done[-1]:
        raise ValueError("capacities must reach to the end of the queue")
    return np.maximum(left_ms, arrived_ms + 1), max(float(finished[-1]) - day_end, 0.0)
