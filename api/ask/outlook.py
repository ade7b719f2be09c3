"""What is usual, beside what is: the baselines as the HTTP side and the page read them.

A view is made by one thread (or by the caller, where nothing runs in the background) from the
baselines that this process shares, and read by many: it never changes once it is made. While that
thread learns for the first time, which takes seconds, or for another map, nobody waits for it: the
view then says of every measure that it is being learned. What is kept for good waits (`learned`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event
from zoneinfo import ZoneInfo

import numpy as np

from api.assess.shared_baselines import SharedBaselines
from api.run.wiring import Parts
from enrich.model import BusinessMap, Measure
from enrich.propagate import severities
from impact.baselines import RANGE_SD, Baselines
from impact.cost_now import (
    CostOfAnHour,
    Outage,
    average_hours,
    cost_of_an_hour,
    cost_of_an_outage,
)
from impact.effect import Watched
from impact.model import FloatArray, Range
from impact.silence import Silence
from impact.spread import sd_of_sums

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
class View:
    """Everything at one moment."""

    made_at: datetime
    map_version: str
    measures: Mapping[str, MeasureView]
    hours: Mapping[str, CostOfAnHour]  # by process
    silences: tuple[Silence, ...]  # measures whose newest data are missing
    learning: bool = False  # nothing is known of the usual yet: seconds


class Outlook:
    """Keeps a view fresh and answers from it."""

    def __init__(self, parts: Parts, shared: SharedBaselines | None = None) -> None:
        self._parts = parts
        self._shared = shared or SharedBaselines(parts.map.map, parts.store)
        self._view: View | None = None
        self._kept = False  # by a thread

    def run(self, stop: Event) -> None:
        """Keep the view fresh until told to stop."""
        self._kept = True
        while not stop.is_set():
            self.refresh(datetime.now(UTC))
            stop.wait(FRESH.total_seconds() / 3)

    def view(self) -> View:
        """The newest view; makes one where nobody has kept it fresh, or one that is learning."""
        view, now = self._view, datetime.now(UTC)
        if view is None or view.map_version != self._parts.map.map.version:
            return self._learning(now) if self._kept else self.refresh(now)
        return self.refresh(now) if now - view.made_at > 4 * FRESH else view

    @property
    def learning(self) -> bool:
        """Whether a thread is still learning, so that `view` knows nothing of the usual."""
        view = self._view
        return self._kept and (view is None or view.map_version != self._parts.map.map.version)

    def learned(self) -> View:
        """The newest view, after a wait of seconds where the usual weeks are still learned."""
        view = self.view()
        return self.refresh(datetime.now(UTC)) if view.learning else view

    def refresh(self, now: datetime) -> View:
        """Read what is new and make a view of it."""
        with self._shared.lock:
            self._shared.keep_fresh(now)
            business_map, baselines = self._parts.map.map, self._shared.baselines
            measures = {m.id: self._measure(m) for m in business_map.measures()}
            hours = _hours(business_map, baselines, now)
            silences = tuple(self._shared.silences)
            self._view = View(now, business_map.version, measures, hours, silences)
            return self._view

    def _learning(self, now: datetime) -> View:
        business_map = self._parts.map.map
        measures = {
            m.id: MeasureView(m, None, None, False, LEARNING, None, None, None)
            for m in business_map.measures()
        }
        hours = _hours(business_map, self._unlearned(), now)
        return View(now, business_map.version, measures, hours, (), learning=True)

    def _unlearned(self) -> Baselines:
        return Baselines(self._parts.map.map, self._parts.store)

    @contextmanager
    def _baselines(self) -> Iterator[Baselines]:
        """What is known of the usual, for as long as this lasts: nothing while it is learned."""
        if self.view().learning:
            yield self._unlearned()
            return
        with self._shared.lock:
            yield self._shared.baselines

    def without(self, node: str, now: datetime) -> CostOfAnHour:
        """What an hour without a node would cost."""
        return self.cost(node, severities(self._parts.map.graph, {node: 0.0}), now)

    def cost(self, name: str, hit: Mapping[str, float], now: datetime) -> CostOfAnHour:
        """What an hour would cost that hits processes so badly, 0 to 1 each."""
        with self._baselines() as baselines:
            return cost_of_an_hour(name, hit, self._parts.map.map, baselines, now)

    def outage(
        self, name: str, hit: Mapping[str, float], window: tuple[datetime, datetime]
    ) -> Outage:
        """What it would cost to hit processes so badly in a window, past or to come."""
        with self._baselines() as baselines:
            return cost_of_an_outage(name, hit, self._parts.map.map, baselines, window)

    def average_hours(self, now: datetime) -> dict[str, float]:
        """By process, what an hour without it costs on average over the week."""
        with self._baselines() as baselines:
            return average_hours(self._parts.map.map, baselines, now)

    def watched(self, measure: Measure, start: datetime, end: datetime) -> Watched | None:
        """Actual beside expected, per bin, in [start, end); None without a baseline."""
        with self._baselines() as baselines:
            mark = self._shared.marks.get(measure.stream)
            return baselines.watched(measure, start, end, mark) if mark else None

    def today(self, measure: Measure) -> Today | None:
        """The measure since local midnight; None where nothing is expected or seen yet."""
        until = self.view().measures[measure.id].data_until
        if until is None or measure.kind not in ("flow", "load"):
            return None
        local = until.astimezone(ZoneInfo(self._parts.map.map.timezone))
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
        watched = self.watched(measure, midnight, until)
        if watched is None:
            return None
        first = np.datetime64(midnight.replace(tzinfo=None), "s")
        seen = (watched.times >= first) & np.isfinite(watched.actual)
        if not seen.any():
            return None
        expected = _range_of_sum(watched.expected[seen], watched.sigma[seen])
        return Today(midnight, until, float(watched.actual[seen].sum()), expected)

    def _measure(self, measure: Measure) -> MeasureView:
        mark = self._shared.marks.get(measure.stream)
        if mark is None or mark.reason == "no data":
            return MeasureView(measure, None, None, False, "no data yet", None, None, None)
        learned = self._shared.baselines.learned(measure) if measure.kind != "lead_time" else None
        watched = (
            self._shared.baselines.watched(measure, mark.until - HOUR, mark.until, mark)
            if learned is not None
            else None
        )
        if learned is None or watched is None:
            why = "a lead time is judged per order" if measure.kind == "lead_time" else "learning"
            return MeasureView(measure, mark.since, mark.until, mark.alive, why, None, None, None)
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


def _hours(
    business_map: BusinessMap, baselines: Baselines, now: datetime
) -> dict[str, CostOfAnHour]:
    return {
        name: cost_of_an_hour(name, {name: 1.0}, business_map, baselines, now)
        for name in business_map.processes
    }


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
