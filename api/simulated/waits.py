"""The delayed orders of simulated warehouses, priced the way a tick prices them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np

from api.demo import WaitRun
from api.simulated.tick import priced
from enrich.model import Measure, Process
from impact.model import Range
from impact.ports import Cohort, LateHistory, StreamState, Volumes
from impact.progress import BINS, PER_PROMISE
from impact.promise import Clock
from ingest.times import from_ms, to_ms

_ORDERS = Measure(
    "fulfilment",
    "orders",
    "lead_time",
    "orders",
    start="placed",
    finish="shipped",
    closed=("cancelled",),
    promise=timedelta(hours=4),
)
_FULFILMENT = Process("fulfilment", "Fulfilment", measures=(_ORDERS,))
_NEVER = np.iinfo(np.int64).min  # numpy reads it as NaT
SETTLED = timedelta(hours=52.5)  # the promise and two days after the window, and a little


def delayed(run: WaitRun, now: datetime) -> Range | None:
    """What is said at a moment of the orders that the last incident delays."""
    start, end = map(from_ms, run.signal)
    impact = priced(_World(run, now), _FULFILMENT, ("warehouse", start, end), now)
    return impact.units.get("delayed") if impact else None


def cleared(run: WaitRun) -> datetime:
    """When the alerts cleared."""
    return from_ms(run.signal[1])


class _World:
    """A reader of one simulated warehouse, as if it were `now` there."""

    def __init__(self, run: WaitRun, now: datetime) -> None:
        self._now = now
        last = to_ms(now)
        begun = run.placed <= last
        self._placed = run.placed[begun]
        self._shipped, self._cancelled = (
            np.where(at[begun] <= last, at[begun], _NEVER) for at in (run.shipped, run.cancelled)
        )
        self._stopped = np.where(self._shipped != _NEVER, self._shipped, self._cancelled)

    def volumes(
        self, _stream: str, _statuses: Sequence[str], start: datetime, end: datetime, /
    ) -> Volumes:
        low, high = np.searchsorted(self._placed, [to_ms(start), to_ms(end)])
        minutes, count = np.unique(self._placed[low:high] // 60_000, return_counts=True)
        return Volumes((60 * minutes).astype("M8[s]"), count.astype(np.float64), {})

    def stream_states(self) -> Mapping[str, StreamState]:
        first, now = from_ms(int(self._placed[0])), self._now
        return {"orders": StreamState("orders", first, now, now, 0.0, now, now)}

    def cohort(self, _measure: Measure, start: datetime, end: datetime, /) -> Cohort:
        open_ = (self._stopped == _NEVER) | (self._stopped >= to_ms(start))
        ours = open_ & (self._placed < to_ms(end))
        times = (self._placed[ours], self._shipped[ours], self._cancelled[ours])
        placed, shipped, cancelled = (at.astype("M8[ms]").astype("M8[s]") for at in times)
        return Cohort(placed, shipped, cancelled, np.full(len(placed), np.nan))

    def late_history(
        self, measure: Measure, clock: Clock, start: datetime, end: datetime, as_of: datetime, /
    ) -> LateHistory:
        low, high = np.searchsorted(self._placed, [to_ms(start), to_ms(end)])
        placed, stopped = self._placed[low:high] // 1000, self._stopped[low:high]
        still = (stopped == _NEVER) | (stopped > to_ms(as_of))
        until = np.where(still, to_ms(as_of), stopped) // 1000
        assert measure.promise is not None
        promise = int(measure.promise.total_seconds())
        took = clock.read(until) - clock.read(placed)
        late = took > promise
        counts = late | still | (self._shipped[low:high] != _NEVER)
        hours, row = np.unique(placed // 3600, return_inverse=True)
        age = np.where(still, BINS - 1, np.minimum(took * PER_PROMISE // promise, BINS - 1))
        ages = np.bincount(row * BINS + age, minlength=len(hours) * BINS)
        sums = (
            np.bincount(row, weights, len(hours))
            for weights in (counts, late, np.where(late, took - promise, 0) / 3600.0)
        )
        all_placed, all_late, all_hours = (s.astype(np.float64) for s in sums)
        return LateHistory(
            (3600 * hours).astype("M8[s]"),
            all_placed,
            all_late,
            all_hours,
            ages.reshape(len(hours), BINS).astype(np.float64),
        )

    def failed_keys(self, *_: object) -> tuple[None, None]:
        return None, None
