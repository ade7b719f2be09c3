"""What is usual, beside what is: the baselines as the HTTP side and the page read them.

A view is made by one thread (or by the caller, where nothing runs in the background) from the
newest snapshot of the baselines that this process shares, and read by many: it never changes once
it is made. Nobody who asks waits for anybody who learns: what is learned anew every hour is learned
beside the snapshot. Until all is learned for the first time, which takes seconds, or for another
map, the view says what is known already, and of every other measure that it is being learned; no
sum is made of some of its parts. What is kept for good waits (`learned`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event
from zoneinfo import ZoneInfo

import numpy as np

from api.assess.shared_baselines import SharedBaselines, Snapshot
from api.run.wiring import Parts
from enrich.model import Measure
from enrich.propagate import severities
from impact.baselines import RANGE_SD, Baselines
from impact.cost_now import (
    CostOfAnHour,
    Outage,
    average_hours,
    cost_of_an_hour,
    cost_of_an_outage,
)
from impact.cusum import Watched
from impact.model import FloatArray, Range
from impact.silence import Silence
from impact.spread import sd_of_sums
from impact.watermark import Watermark

FRESH = timedelta(seconds=30)
LEARNING = "learning the usual weeks"
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class MeasureView:
    """One measure now: the last whole hour of its data against what is usual."""

    measure: Measure
    data_since: datetime | None
    data_until: datetime | None
    alive: bool
    why: str  # where there is no expectation, why not
    actual: float | None  # units in the last hour of data
    expected: Range | None
    week: tuple[Range, ...] | None  # (168,) usual units per local hour of the week


@dataclass(frozen=True)
class Today:
    """One measure since local midnight, up to where its data are complete."""

    since: datetime
    until: datetime
    actual: float
    expected: Range  # of the same bins, at the level of the hours before midnight


@dataclass(frozen=True)
class Learning:
    """How far the usual weeks are learned: so many measures of so many."""

    done: int
    of: int


@dataclass(frozen=True)
class View:
    """Everything at one moment."""

    made_at: datetime
    map_version: str
    measures: Mapping[str, MeasureView]
    hours: Mapping[str, CostOfAnHour]  # by process
    silences: tuple[Silence, ...]  # measures whose newest data are missing
    learning: Learning | None = None  # while not all is known of the usual: seconds

    def waiting(self, process: str) -> bool:
        """Whether a measure of a process is still being learned."""
        own = (v for v in self.measures.values() if v.measure.process == process)
        return any(v.why == LEARNING for v in own)


class Outlook:
    """Keeps a view fresh and answers from it."""

    def __init__(self, parts: Parts, shared: SharedBaselines | None = None) -> None:
        self._parts = parts
        self._shared = shared or SharedBaselines(parts.map.map, parts.store)
        self._made: tuple[Snapshot, View] | None = None  # the newest view, and what it is made of
        self._kept = False  # by a thread

    def run(self, stop: Event) -> None:
        """Keep the view fresh until told to stop."""
        self._kept = True
        while not stop.is_set():
            self.refresh(datetime.now(UTC))
            stop.wait(FRESH.total_seconds() / 3)

    def view(self) -> View:
        """The newest view; made here where nobody keeps it fresh, or where more was learned."""
        made, now = self._made, datetime.now(UTC)
        if made is None or made[1].map_version != self._parts.map.map.version:
            return self._make(now) if self._kept else self.refresh(now)
        snapshot, view = made
        if not self._kept:
            return view if now - view.made_at <= 4 * FRESH else self.refresh(now)
        more = view.learning is not None and snapshot is not self._shared.snapshot
        return self._make(now) if more else view

    @property
    def learning(self) -> Learning | None:
        """How far a thread is that still learns; None once all usual weeks are known."""
        return self.view().learning if self._kept else None

    def learned(self) -> View:
        """The newest view, after a wait of seconds where the usual weeks are still learned."""
        if self.view().learning is not None:
            with self._shared.lock:
                self._shared.keep_fresh(datetime.now(UTC))
            self._make(datetime.now(UTC))
        return self.view()

    def refresh(self, now: datetime) -> View:
        """Make a view of what is new; where another thread is reading that, of what is known."""
        if self._shared.lock.acquire(blocking=not self._kept):
            try:
                self._shared.keep_fresh(now)
            finally:
                self._shared.lock.release()
        return self._make(now)

    def _make(self, now: datetime) -> View:
        snapshot, business_map = self._snapshot(), self._parts.map.map
        view = View(
            now,
            business_map.version,
            {m.id: _seen(m, snapshot) for m in business_map.measures()},
            {p: self._hour(snapshot, p, {p: 1.0}, now) for p in business_map.processes},
            snapshot.silences,
            None if snapshot.whole else Learning(*snapshot.progress),
        )
        self._made = snapshot, view
        return view

    def _newest(self) -> Snapshot:
        """The newest snapshot; reads what is new first where nobody keeps it fresh."""
        self.view()
        return self._snapshot()

    def _snapshot(self) -> Snapshot:
        """The newest, or an empty one where the map has changed a moment ago."""
        snapshot, business_map = self._shared.snapshot, self._parts.map.map
        if snapshot.baselines.map.version == business_map.version:
            return snapshot
        return Snapshot(Baselines(business_map, self._parts.store))

    def _summed(self, snapshot: Snapshot, processes: Iterable[str]) -> Baselines:
        """Baselines for a sum over processes: empty while a part of it is still being learned."""
        among, business_map = set(processes), self._parts.map.map
        if any(snapshot.waiting(m) for m in business_map.measures() if m.process in among):
            return Baselines(business_map, self._parts.store)
        return snapshot.baselines

    def _hour(
        self, snapshot: Snapshot, name: str, hit: Mapping[str, float], now: datetime
    ) -> CostOfAnHour:
        among = [process for process, severity in hit.items() if severity > 0.0]
        baselines = self._summed(snapshot, among)
        return cost_of_an_hour(name, hit, self._parts.map.map, baselines, now)

    def without(self, node: str, now: datetime) -> CostOfAnHour:
        """What an hour without a node would cost."""
        return self.cost(node, severities(self._parts.map.graph, {node: 0.0}), now)

    def cost(self, name: str, hit: Mapping[str, float], now: datetime) -> CostOfAnHour:
        """What an hour would cost that hits processes so badly, 0 to 1 each."""
        return self._hour(self._newest(), name, hit, now)

    def outage(
        self, name: str, hit: Mapping[str, float], window: tuple[datetime, datetime]
    ) -> Outage:
        """What it would cost to hit processes so badly in a window, past or to come."""
        baselines = self._summed(self._newest(), hit)
        return cost_of_an_outage(name, hit, self._parts.map.map, baselines, window)

    def average_hours(self, now: datetime) -> dict[str, float]:
        """By process, what an hour without it costs on average over the week."""
        business_map = self._parts.map.map
        baselines = self._summed(self._newest(), business_map.processes)
        return average_hours(business_map, baselines, now)

    def watched(self, measure: Measure, start: datetime, end: datetime) -> Watched | None:
        """Actual beside expected, per bin, in [start, end); None without a baseline."""
        snapshot = self._newest()
        mark = snapshot.marks.get(measure.stream)
        return snapshot.baselines.watched(measure, start, end, mark) if mark else None

    def today(self, measure: Measure) -> Today | None:
        """The measure since local midnight; None where nothing is expected or seen yet."""
        seen = self.view().measures.get(measure.id)
        until = seen.data_until if seen else None
        if until is None or measure.kind not in ("flow", "load"):
            return None
        local = until.astimezone(ZoneInfo(self._parts.map.map.timezone))
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
        watched = self.watched(measure, midnight, until)
        if watched is None:
            return None
        first = np.datetime64(midnight.replace(tzinfo=None), "s")
        known = (watched.times >= first) & np.isfinite(watched.actual)
        if not known.any():
            return None
        expected = _range_of_sum(watched.expected[known], watched.sigma[known])
        return Today(midnight, until, float(watched.actual[known].sum()), expected)


def _seen(measure: Measure, snapshot: Snapshot) -> MeasureView:
    mark = snapshot.marks.get(measure.stream)
    if mark is None or mark.reason == "no data":
        why = "no data yet" if snapshot.whole or snapshot.marks else LEARNING
        return MeasureView(measure, None, None, False, why, None, None, None)
    baselines = snapshot.baselines
    learned = baselines.learned(measure) if measure.kind != "lead_time" else None
    watched = (
        baselines.watched(measure, mark.until - HOUR, mark.until, mark)
        if learned is not None
        else None
    )
    if learned is None or watched is None:
        why = "a lead time is judged per order" if measure.kind == "lead_time" else "learning"
        why = LEARNING if snapshot.waiting(measure) else why
        counted = _last_hour(measure, snapshot.baselines, mark)
        return MeasureView(measure, mark.since, mark.until, mark.alive, why, counted, None, None)
    return MeasureView(
        measure,
        mark.since,
        mark.until,
        mark.alive,
        "",
        float(np.nansum(watched.actual[-_bins(watched) :])),
        _usual(watched),
        learned.normal_week,
    )


def _last_hour(measure: Measure, baselines: Baselines, mark: Watermark) -> float | None:
    """What was counted where nothing can be expected yet; None where nothing was measured."""
    if measure.kind == "lead_time" or not baselines.looked_at(measure):
        return None
    _, values = baselines.series(measure, mark)
    newest = values[-int(HOUR / baselines.step) :]
    return float(np.nansum(newest)) if np.isfinite(newest).any() else None


def _bins(watched: Watched) -> int:
    return max(1, int(HOUR / watched.step))


def _usual(watched: Watched) -> Range:
    """The hour's expected units."""
    bins = _bins(watched)
    return _range_of_sum(watched.expected[-bins:], watched.sigma[-bins:])


def _range_of_sum(expected: FloatArray, sigma: FloatArray) -> Range:
    mid = float(expected.sum())
    half = RANGE_SD * float(sd_of_sums(sigma, np.zeros(1, dtype=np.int64))[0])
    return Range(max(0.0, mid - half), mid, mid + half)
