"""Delayed orders: a cohort judged against its promise, minus what is late on any other week.

Promise and delay are read from the promise's own clock (`impact.promise`): hours, calendar days, or
the hours in which the company works.

The cohort is every unit that was open or placed during the technical window. A unit is late once
its promise has passed without the finish; a unit cancelled before that has stopped waiting and is
not late. Units not yet due are forecast from how far they usually are at their age, and from how
far the window holds the cohort up (`impact.progress`); while it goes on, as if it ended now. Units
overdue before the window began were late without it and are left out.

Usual lateness: a unit placed less than a promise before the window, and late in the end, was open
when the window began. So the usual number of late units in the cohort is the number *placed* in
each hour from one promise before the window, finished or not, times the late share of that hour of
the week in earlier weeks. Its spread is that of the same hours in each earlier week by itself
(clustering included: bad days stay together), and leans on binomial noise where weeks are few.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from impact.calendar import DAY, HOUR, WEEK, IntArray, local_time, zone_of
from impact.model import DRAWS, BoolArray, FloatArray, Range, TimeArray
from impact.money import HOURS_OF_WEEK
from impact.ports import Cohort, LateHistory
from impact.progress import Curves, Moments, Units, curves, forecast
from impact.promise import STOPWATCH, Clock
from impact.times import epoch_seconds, utc64
from impact.totals import quantile_range

SETTLED_AFTER = timedelta(hours=48)  # beyond the last unit's promise, numbers are final
PRIOR_UNITS = 20.0  # an hour of the week with fewer placed units leans on the share of all hours
_STEPS = 6  # moments of an hour at which its units are taken to be placed
PRIOR_WEEKS = 4  # that binomial noise is worth beside the spread of weeks
MIN_WEEKS = 4  # with fewer earlier weeks, their spread says little


@dataclass(frozen=True, slots=True)
class Window:
    """The question: who waited because of [start, end), judged at `as_of` against `promise`."""

    start: datetime
    end: datetime
    as_of: datetime
    promise: timedelta
    clock: Clock = STOPWATCH  # that the promise and the hours of delay are read from

    @property
    def final_at(self) -> datetime:
        """When every unit has had its promise and two days more."""
        return self.clock.due(self.end, self.promise) + SETTLED_AFTER

    @property
    def placed_since(self) -> datetime:
        """Units placed from then on were due only after the window began."""
        return self.clock.since(self.start, self.promise)


@dataclass(frozen=True)
class Delays:
    """Units delayed beyond the usual share, their hours beyond the promise, and who still waits."""

    delayed: Range
    delay_hours: Range  # so far: units still waiting will add to it
    waiting: Range  # open at `as_of`; counted, so the range has no width
    draws: Mapping[str, FloatArray]
    cohort: int
    placed: int  # of them, placed during the window
    weeks: int  # of history behind the usual share
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Counted:
    late: int  # late for certain
    hours: float  # beyond the promise, up to `as_of`
    waiting: int
    undecided: int  # open and not yet due
    decided: int  # placed in the window and due, finished or cancelled
    decided_late: int
    cohort: int
    placed: int
    progress: Units


@dataclass(frozen=True)
class _Usual:
    late: FloatArray  # (DRAWS,)
    hours: FloatArray  # (DRAWS,)
    share: float  # mean late share of the cohort's hours
    weeks: int
    curves: Curves | None  # None: too little history


def delays(
    cohort: Cohort,
    history: LateHistory,
    window: Window,
    *,
    timezone: str,
    rng: np.random.Generator,
    level: float = 0.90,
) -> Delays:
    """How many units waited longer than promised because of the window.

    history: hours of placement over the earlier weeks and up to the window's end; lateness counts
    from those hours alone whose units were all due before the window began.
    """
    if window.promise <= timedelta(0):
        raise ValueError("promise must be positive")
    counted = _count(cohort, window, timezone)
    usual = _usual(history, window, timezone, rng)
    coming, told = _forecast(counted, window, usual, rng)
    late = counted.late + coming - usual.late
    hours = counted.hours - usual.hours
    warnings = []
    if not told:
        warnings.append(
            f"too early to tell how many of {counted.undecided} open units will be late:"
            " few would have been finished by now"
        )
    if usual.weeks < MIN_WEEKS:
        warnings.append(f"usual late share rests on {usual.weeks} earlier weeks")
    if counted.waiting:
        warnings.append(f"{counted.waiting} units still wait: their delay goes on growing")
    still = float(counted.waiting)
    return Delays(
        delayed=quantile_range(float(late.mean()), late, level),
        delay_hours=quantile_range(float(hours.mean()), hours, level),
        waiting=Range(still, still, still),
        draws={"delayed": late, "delay_hours": hours, "waiting": np.full(DRAWS, still)},
        cohort=counted.cohort,
        placed=counted.placed,
        weeks=usual.weeks,
        warnings=tuple(warnings),
    )


def _count(cohort: Cohort, window: Window, timezone: str) -> _Counted:
    start, end, as_of = (utc64(t) for t in (window.start, window.end, window.as_of))
    started = cohort.started.astype("datetime64[s]")
    stopped = _first(cohort.finished, cohort.closed)
    stopped = np.where(stopped <= as_of, stopped, np.datetime64("NaT"))  # not known yet
    # comparisons with NaT are false: an open unit stays in, and is still open
    ours = (started < min(end, as_of)) & ~(stopped < start)
    started, stopped = started[ours], stopped[ours]
    due = window.clock.read(started.astype(np.int64)) + int(window.promise.total_seconds())
    ahead = due > window.clock.shows(window.start)
    started, stopped, due = started[ahead], stopped[ahead], due[ahead]
    still = np.isnat(stopped)
    shown = window.clock.read(np.where(still, as_of, stopped).astype(np.int64))
    over = shown - due
    late = over > 0
    in_window = started >= start
    decided = in_window & (late | ~still)
    return _Counted(
        late=int(late.sum()),
        hours=float(over[late].sum()) / HOUR,
        waiting=int(still.sum()),
        undecided=int((still & ~late).sum()),
        decided=int(decided.sum()),
        decided_late=int((decided & late).sum()),
        cohort=len(started),
        placed=int(in_window.sum()),
        progress=Units(
            (due - int(window.promise.total_seconds())).astype(np.float64),
            np.where(still, np.nan, shown.astype(np.float64)),
            _slots(started, timezone),
        ),
    )


def _slots(started: TimeArray, timezone: str) -> IntArray:
    """The hour of the week of each unit; looked up once for each hour, as there may be millions."""
    hours = started.astype(np.int64) // HOUR
    if not len(hours):
        return hours
    every = np.arange(hours.min(), hours.max() + 1, dtype=np.int64)
    slots = local_time(every * HOUR, zone_of(timezone)).second // HOUR
    found: IntArray = slots[hours - hours.min()]
    return found


def _first(a: TimeArray, b: TimeArray) -> TimeArray:
    """The earlier of two times, where there are two."""
    earlier: TimeArray = np.fmin(a.astype("datetime64[s]"), b.astype("datetime64[s]"))
    return earlier


def _forecast(
    counted: _Counted, window: Window, usual: _Usual, rng: np.random.Generator
) -> tuple[FloatArray, bool]:
    """How many of the undecided will be late, and whether there is anything to tell it from.

    Without a history there is no usual progress: then a Beta posterior on the window's own decided
    units must do, although those that finish early are decided early.
    """
    if not counted.undecided:
        return np.zeros(DRAWS), True
    if usual.curves is not None:
        start, end, now = (
            float(window.clock.shows(t))
            for t in (window.start, min(window.end, window.as_of), window.as_of)
        )
        moments = Moments(start, end, now, window.promise.total_seconds())
        return forecast(counted.progress, moments, usual.curves, rng)
    late = counted.decided_late + PRIOR_UNITS * usual.share
    kept = counted.decided - counted.decided_late + PRIOR_UNITS * (1.0 - usual.share)
    share = rng.beta(max(late, 0.5), max(kept, 0.5), DRAWS)
    return rng.binomial(counted.undecided, share).astype(np.float64), False


def _usual(history: LateHistory, window: Window, timezone: str, rng: np.random.Generator) -> _Usual:
    """Draws of the late units and hours that the same hours bring without an incident."""
    hours = epoch_seconds(history.hours)
    slots = local_time(hours, zone_of(timezone)).second // HOUR
    since, end = int(window.placed_since.timestamp()), int(window.end.timestamp())
    known = hours + HOUR <= since
    exposed = _placed(history, hours, slots, since, end)
    if not known.any() or not exposed.any():
        return _Usual(np.zeros(DRAWS), np.zeros(DRAWS), 0.0, 0, None)
    weeks = (since - HOUR - hours[known]) // WEEK  # 0 is the newest
    table = _Table(history, known, weeks, slots[known])
    late, over = (table.expected(exposed, what) for what in (table.late, table.hours))
    noise = _noise(table, exposed, late, over, rng)
    each = float(over.sum() / late.sum()) * HOUR if late.sum() > 0 else 0.0
    rate = np.divide(over, exposed, out=np.zeros_like(over), where=exposed > 0)
    ripe = _ripe(history, rate[slots], window, (since, end), each)
    return _Usual(
        late.sum() + noise[0],
        ripe * over.sum() + np.sqrt(ripe) * noise[1],  # as counts, fewer vary more
        float(late.sum() / exposed.sum()),
        table.count,
        curves(history.ages[known], slots[known], hours[known] // DAY),
    )


def _ripe(
    history: LateHistory,
    rate: FloatArray,
    window: Window,
    placed: tuple[int, int],
    each: float,
) -> float:
    """Share of the usual hours of lateness that have passed by `as_of`: 1 once all is final.

    Hours are told as they are so far, so the usual ones are taken off as they would be so far: of
    a unit that fell due a ago, 1 - exp(-a / each), as if lateness were exponential.
    rate: (H,) usual hours of lateness of a unit, by hour of the history. each: seconds per late
    unit.
    """
    if window.as_of >= window.final_at or each <= 0.0:
        return 1.0
    hours = epoch_seconds(history.hours)
    part = np.clip(np.minimum(hours + HOUR, placed[1]) - np.maximum(hours, placed[0]), 0, HOUR)
    worth = history.placed * part * rate
    if not worth.sum() > 0.0:
        return 1.0
    within = hours[:, None] + (np.arange(_STEPS) * 2 + 1) * HOUR // (2 * _STEPS)  # (H, steps)
    due = window.clock.read(within.ravel()).reshape(within.shape) + window.promise.total_seconds()
    since = np.maximum(window.clock.shows(window.as_of) - due, 0.0)
    passed = -np.expm1(-since / each).mean(axis=1)
    return float((worth * passed).sum() / worth.sum())


def _placed(
    history: LateHistory, hours: IntArray, slots: IntArray, start: int, end: int
) -> FloatArray:
    """(168,) units placed in [start, end) by hour of the week; hours on the edge count in part."""
    part = np.clip(np.minimum(hours + HOUR, end) - np.maximum(hours, start), 0, HOUR) / HOUR
    placed = np.bincount(slots, weights=history.placed * part, minlength=HOURS_OF_WEEK)
    return placed.astype(np.float64)


class _Table:
    """Placed, late and hours of lateness by earlier week and hour of the week, each (W, 168)."""

    def __init__(
        self, history: LateHistory, known: BoolArray, weeks: IntArray, slots: IntArray
    ) -> None:
        self.count = int(weeks.max()) + 1
        flat, size = weeks * HOURS_OF_WEEK + slots, self.count * HOURS_OF_WEEK
        self.placed, self.late, self.hours = (
            np.bincount(flat, weights=values[known], minlength=size)
            .astype(np.float64)
            .reshape(self.count, -1)
            for values in (history.placed, history.late, history.late_hours)
        )

    def expected(self, exposed: FloatArray, what: FloatArray) -> FloatArray:
        """(168,) of `what` for the exposed units; thin hours lean on the mean of all."""
        placed = self.placed.sum(axis=0)
        overall = what.sum() / placed.sum() if placed.sum() > 0 else 0.0
        share = (what.sum(axis=0) + PRIOR_UNITS * overall) / (placed + PRIOR_UNITS)
        usual: FloatArray = exposed * share
        return usual

    def by_week(self, exposed: FloatArray, what: FloatArray) -> FloatArray:
        """(W,) of `what` for the exposed units, had each week been this one."""
        share = np.divide(what, self.placed, out=np.zeros_like(what), where=self.placed > 0)
        covered = (self.placed > 0) @ exposed
        scale = np.divide(exposed.sum(), covered, out=np.zeros(self.count), where=covered > 0)
        weeks: FloatArray = (share @ exposed) * scale
        return weeks[covered > 0]


def _noise(
    table: _Table,
    exposed: FloatArray,
    late: FloatArray,
    over: FloatArray,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """Joint draws (late, hours) around the usual: the spread of earlier weeks and binomial noise.

    A handful of weeks says little of their own spread, so it leans on binomial noise as if that had
    been seen in `PRIOR_WEEKS` more (a scaled inverse chi-squared prior of the variance: Gelman et
    al., Bayesian Data Analysis, 2.6), and is never less. Weeks enter whole, so that late units and
    hours of lateness move together; the factor 1 + 1/W turns the variance between W weeks into that
    of a week not yet seen.
    """
    share = np.divide(late, exposed, out=np.zeros_like(late), where=exposed > 0)
    counting = float((late * (1.0 - share)).sum()) + 1.0
    each = float(over.sum() / late.sum()) if late.sum() > 0 else 0.0
    by_late, by_hours = (table.by_week(exposed, what) for what in (table.late, table.hours))
    weeks = max(len(by_late), 1)
    freedom = PRIOR_WEEKS + weeks - 1
    off_late, off_hours = (by - by.sum() / weeks for by in (by_late, by_hours))
    seen = float(off_late @ off_late) / freedom  # of the variance; the prior has the rest
    missing = counting * max(PRIOR_WEEKS / freedom, 1.0 - seen / counting)
    wide = np.sqrt((1.0 + 1.0 / weeks) * freedom / rng.chisquare(freedom, DRAWS))
    mix = rng.standard_normal((DRAWS, len(by_late))) / np.sqrt(freedom)
    rest = rng.standard_normal(DRAWS) * np.sqrt(missing)
    noise = (wide * (mix @ off_late + rest), wide * (mix @ off_hours + rest * each))
    return noise[0] - noise[0].mean(), noise[1] - noise[1].mean()  # no draw moves the middle
