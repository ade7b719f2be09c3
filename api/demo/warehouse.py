"""The warehouse: orders are prepared, then queue for a dispatch desk of limited capacity.

First come, first served. On the clock of work done, order i leaves at
D_i = max(D_(i-1), A_i) + w_i (Lindley 1952), which unrolls to a running maximum, so that a day is
a few array operations. Capacity follows shifts in local time; a delay takes part of it away, and
the queue that forms is worked off by what capacity is left over: nothing else is assumed.
"""

from __future__ import annotations

import numpy as np

from api.demo.demand import is_holiday
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
# Capacity by local hour, in multiples of the mean work per minute: the rota follows the orders of a
# usual day, three quarters as many again, three and a half hours later.
NIGHT, MORNING = [3.1, 2.8, 2.2, 1.7, 1.4, 1.2], [1.15, 1.05, 1.0, 0.9, 0.9, 1.0]
AFTERNOON, EVENING = [1.15, 1.4, 1.6, 1.8, 1.8, 1.7], [1.65, 1.8, 2.1, 2.5, 3.1, 3.3]
ROTA = np.array([*NIGHT, *MORNING, *AFTERNOON, *EVENING])
QUIET_DAY = 0.95  # Sundays and holidays


def capacity(day: int, work_per_min: float, incidents: tuple[Incident, ...]) -> Floats:
    """Orders the desk can dispatch in each minute of a UTC day, (1440,)."""
    hour, weekday, local_day = local_parts(day, SHOP_ZONE)
    quiet = (weekday == 6) | np.isin(
        local_day, [d for d in np.unique(local_day) if is_holiday(int(d))]
    )
    minute_ms = day * DAY_MS + np.arange(DAY_MINUTES, dtype=np.int64) * MINUTE_MS
    staffed = ROTA[hour.astype(np.int64)] * np.where(quiet, QUIET_DAY, 1.0)
    # A break at the change of shifts, twenty minutes of half capacity.
    break_ = ((hour - 6.0) % 8.0) < 1 / 3
    left: Floats = work_per_min * staffed * np.where(break_, 0.5, 1.0)
    return left * capacity_share(incidents, minute_ms)


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
