"""How many open units, not yet due, will be late: usual progress, held up by an incident.

Every unit makes progress on its way from start to finish, and usually the share S(a) of units is
still under way at age a: the Kaplan-Meier curve (Kaplan and Meier 1958) of the weeks before, by
hour of the week of placement, with age in the promise's own clock. Cancelling ends a wait too.

An incident makes the clock of progress lag. At moment t it shows G(t) = t - lag(t), where

    lag(t) = max(0, (1 - rho) * min(max(t - b, 0), f - b) - (kappa - 1) * max(t - f, 0)):

from b to f progress runs at the rate rho (0: it stands still), afterwards what was held up is made
good at the rate kappa until nothing lags. How many hands there are tonight is not told by how many
there were this afternoon: from now on kappa - 1 is another, by a log-normal factor.

A unit placed at p is then as old as G(t) - G(p) if each unit by itself is held up (an accelerated
failure time whose factor depends on time: Cox and Oakes 1984, 5.2), or as G(t) - p if the hold-up
is a queue, first come, first served, that late comers join (the fluid limit of Lindley 1952). Only
a share of the units may be hit. A stage long before the finish, if held up, shows so much later: b
and f move together.

What is not known of this (which of the two, rho, kappa, share, b, f, and how quick the day is by
itself) is drawn from wide priors, weighed by which units of the cohort finished when and which are
still open at which age, given that they were open when the window began. A model is only roughly
true: more than COARSE units do not make it truer, so the likelihood is raised to the power
1 / (1 + n / COARSE) (Miller and Dunson 2019). The draws come from samplers (`impact.tempered`), one
for each kind of hold-up; how likely each kind is comes from their evidence, which is doubted more
still. Each undecided unit is then late with the conditional chance S(G(due) - p) / S(G(now) - p).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from impact.calendar import IntArray
from impact.model import DRAWS, BoolArray, FloatArray
from impact.money import HOURS_OF_WEEK
from impact.tempered import tempered

PER_PROMISE = 64  # bins of age in one promise; the unit of time in this file
BINS = 2 * PER_PROMISE  # the last one holds all that took longer
FEWEST = 50  # units in the history, without which there is no usual curve
LEAN = 20.0  # units by which an hour of the week leans on its hour of the day, and that on all
COARSE = 600.0  # units after which the model is doubted more than the noise
DOUBTED = 200.0  # the same, for which kind of hold-up it is
TELLING = 20.0  # usual finishes since the window began, before which nothing can be told
PLACED_BINS, TIME_BINS = 64, 16
UNSEEN = 1e-4  # at least this share behaves as no history shows

_NONE, _EACH = 0.5, 0.2  # chances: no effect; each unit by itself (the rest: a queue)
_KINDS = ((0.0, _NONE), (_NONE, _NONE + _EACH), (_NONE + _EACH, 1.0))
_AT_ONCE, _STOP, _ALL = 0.65, 0.4, 0.6  # chances: felt at once; full stop; all units hit
_EDGE = 0.1  # share of the window by which its ends are not sharp
_LASTS = 0.15  # chance that it is felt for longer than the window, at most twice as long
_KAPPA = (1.2, 5.0)  # slower than that, a queue is hardly ever worked off
_DRIFT = 0.3  # sd of the log of how much quicker it is made good from now on than until now
_DIMENSIONS = 9


@dataclass(frozen=True)
class Curves:
    """Usual progress. survival: (168, BINS + 1) share under way at each age, by hour of the week.

    swing: how much quicker or slower one day is than another, as the sd of a log factor.
    """

    survival: FloatArray
    swing: float
    late: float  # share beyond the promise, of all


@dataclass(frozen=True)
class Units:
    """The cohort. Times are (N,) readings of the promise's clock, seconds; slot: hour of the week.

    stopped is NaN for units still open; all were open at `start` or placed after it.
    """

    placed: FloatArray
    stopped: FloatArray
    slot: IntArray


@dataclass(frozen=True)
class Moments:
    """The window and the present, as readings of the promise's clock, and the promise; seconds."""

    start: float
    end: float
    now: float
    promise: float


def curves(ages: FloatArray, slots: IntArray, days: IntArray) -> Curves | None:
    """The usual curve from counts by hour of placement; None where there is next to no history.

    ages: (H, BINS) units by how long they took. slots, days: (H,) hour of the week, day number.
    """
    if ages.sum() < FEWEST:
        return None
    overall = ages.sum(axis=0)
    of_day = _sums(ages, slots % 24, 24)
    of_week = _sums(ages, slots, HOURS_OF_WEEK)
    chance = overall / overall.sum()
    by_day = _lean(of_day, chance)
    by_week = _lean(of_week, by_day[np.arange(HOURS_OF_WEEK) % 24])
    left = np.hstack([np.ones((HOURS_OF_WEEK, 1)), 1.0 - np.cumsum(by_week, axis=1)])
    # what no history of this size can exclude: a unit that takes any time at all
    rare = np.maximum(UNSEEN, 1.0 / (of_day.sum(axis=1) + 2.0))[np.arange(HOURS_OF_WEEK) % 24, None]
    broad = np.exp(-np.arange(BINS + 1) / PER_PROMISE)
    survival = (1.0 - rare) * np.clip(left, 0.0, 1.0) + rare * broad
    late = float(chance[PER_PROMISE:].sum())
    return Curves(survival, _swing(ages, by_week, slots, days), late)


def _sums(ages: FloatArray, group: IntArray, size: int) -> FloatArray:
    found = np.zeros((size, BINS))
    np.add.at(found, group, ages)
    return found


def _lean(counts: FloatArray, chance: FloatArray) -> FloatArray:
    """Shares by row that lean on `chance` where there are few (the mean of a Dirichlet)."""
    mean: FloatArray = (counts + LEAN * chance) / (counts.sum(axis=1, keepdims=True) + LEAN)
    return mean


def _swing(ages: FloatArray, usual: FloatArray, slots: IntArray, days: IntArray) -> float:
    """The sd of the days' log speed: mean ages against usual ones, less the noise of counting."""
    middle = np.arange(BINS) + 0.5
    mean = usual @ middle
    spread = np.maximum(usual @ middle**2 - mean**2, 0.0)
    _, day = np.unique(days, return_inverse=True)
    n = ages.sum(axis=1)
    total, seen, expected, noise = (
        np.bincount(day, w) for w in (n, ages @ middle, n * mean[slots], n * spread[slots])
    )
    full = total >= LEAN
    if full.sum() < 5:
        return 0.1
    ratio = np.log(seen[full] / expected[full])
    # robust: a few days that went wrong are not usual
    sd = float(np.median(np.abs(ratio - np.median(ratio)))) * 1.4826
    counting = float(np.median(noise[full] / expected[full] ** 2))
    return float(np.sqrt(max(sd**2 - counting, 0.0) + 0.005**2))


def forecast(
    units: Units, moments: Moments, usual: Curves, rng: np.random.Generator
) -> tuple[FloatArray, bool]:
    """(DRAWS,) of how many undecided units will be late, and whether data say anything yet."""
    seen = _Seen(units, moments, usual)
    if not seen.undecided.sum():
        return np.zeros(DRAWS), True
    return seen.late(_sample(seen, rng), rng), seen.usually_stopped() >= TELLING


@dataclass(frozen=True)
class _Hold:
    """Hypotheses, each field (P, 1); times in bins since the window's start."""

    begin: FloatArray
    finish: FloatArray
    rho: FloatArray
    kappa: FloatArray
    queue: BoolArray
    share: FloatArray
    speed: FloatArray
    pace: FloatArray  # of making good from now on, against that until now
    now: float

    def shown(self, moments: FloatArray) -> FloatArray:
        """(P, T): G(t) of moments (T,)."""
        held = (1.0 - self.rho) * np.clip(moments - self.begin, 0.0, self.finish - self.begin)
        until_now = np.maximum(np.minimum(moments, self.now) - self.finish, 0.0)
        from_now = np.maximum(moments - np.maximum(self.finish, self.now), 0.0)
        good = (self.kappa - 1.0) * (until_now + self.pace * from_now)
        found: FloatArray = moments - np.maximum(held - good, 0.0)
        return found

    def ages(self, points: _Points) -> FloatArray:
        """(P, M) of the units hit."""
        since = self.shown(points.placed)[:, points.row]
        since = np.where(self.queue, points.placed[points.row], since)
        found: FloatArray = (self.shown(points.times)[:, points.column] - since) * self.speed
        return found


@dataclass(frozen=True)
class _Points:
    """Where survival is asked for: M pairs of a row (placed at one of I times) and a moment."""

    placed: FloatArray  # (I,)
    times: FloatArray  # (T,)
    row: IntArray  # (M,)
    column: IntArray  # (M,) of `times`

    @property
    def ages(self) -> FloatArray:
        """(M,) of units that nothing holds up."""
        found: FloatArray = self.times[self.column] - self.placed[self.row]
        return found


class _Seen:
    """The cohort in bins of placement (I) and of the time at which units stopped (J)."""

    def __init__(self, units: Units, moments: Moments, usual: Curves) -> None:
        scale = PER_PROMISE / moments.promise
        self.now, self.length = ((t - moments.start) * scale for t in (moments.now, moments.end))
        self.swing = usual.swing
        placed = (units.placed - moments.start) * scale
        stopped = (units.stopped - moments.start) * scale
        still = np.isnan(stopped)
        size = min(PLACED_BINS, max(len(placed), 1))
        first, last = float(placed.min(initial=0.0)), float(placed.max(initial=0.0))
        row = ((placed - first) * (size / max(last - first, 1e-9))).astype(np.int64)
        row = np.minimum(row, size - 1)
        edges = np.linspace(0.0, max(self.now, 1e-6), TIME_BINS + 1)
        column = np.searchsorted(edges, np.where(still, np.inf, stopped), side="left") - 1
        column = np.clip(column, 0, TIME_BINS)  # the last: open
        flat = np.bincount(row * (TIME_BINS + 1) + column, minlength=size * (TIME_BINS + 1))
        undecided = still & (placed + PER_PROMISE > self.now)
        counts = np.bincount(row, minlength=size)
        kept = counts > 0
        self.counts = flat.reshape(size, -1)[kept].astype(np.float64)
        self.placed = np.bincount(row, placed, size)[kept] / counts[kept]
        slot = np.zeros(size, dtype=np.int64)
        slot[row] = units.slot
        self.table = usual.survival[slot[kept]]
        self.undecided = np.bincount(row[undecided], minlength=size)[kept]
        waiting = np.bincount(row[undecided], placed[undecided], size)[kept]
        self.waiting = np.where(
            self.undecided > 0, waiting / np.maximum(self.undecided, 1), self.placed
        )
        self.reach = float(np.searchsorted(-usual.survival.mean(axis=0), -0.1))  # nine tenths done
        self._cells = _Cells(self.counts, self.placed, edges)

    def survive(self, ages: FloatArray, row: IntArray) -> FloatArray:
        """S at ages (..., M), each by its row of the table (M,)."""
        at = np.clip(ages, 0.0, BINS - 1e-6)
        low = at.astype(np.int64)
        at -= low
        low += row * (BINS + 1)
        flat = self.table.ravel()
        left: FloatArray = flat.take(low)
        low += 1
        left += at * (flat.take(low) - left)
        return left

    def usually_stopped(self) -> float:
        """How many of the cohort would have stopped by now without the window."""
        row = np.arange(len(self.placed))
        began, now = (self.survive(t - self.placed, row) for t in (0.0, self.now))
        return float(self.counts.sum(axis=1) @ (1.0 - now / began))

    def hold(self, cube: FloatArray) -> _Hold:
        """Hypotheses from points (P, _DIMENSIONS) of the unit cube: the priors' quantiles."""
        kind, rho, kappa, share, shift, edge, lasts, day, drift = cube.T[:, :, None]
        length = max(self.length, 1e-6)
        none, queue = kind < _NONE, kind >= _NONE + _EACH
        late = np.maximum(shift - _AT_ONCE, 0.0) / (1.0 - _AT_ONCE) * self.reach
        begin = late + _EDGE * length * (2.0 * edge - 1.0)
        over = np.maximum(lasts - (1.0 - _LASTS), 0.0) / _LASTS
        sharp = _EDGE * (2.0 * np.minimum(lasts / (1.0 - _LASTS), 1.0) - 1.0)
        finish = late + length * (1.0 + sharp + over)
        rate = np.maximum(rho - _STOP, 0.0) / (1.0 - _STOP)
        low, high = np.log(_KAPPA)
        return _Hold(
            begin=begin,
            finish=np.maximum(finish, begin),
            rho=np.where(none, 1.0, rate),
            kappa=np.where(queue, np.exp(low + (high - low) * kappa), 1.0),
            queue=queue,
            share=np.where(none | (share < _ALL), 1.0, (share - _ALL) / (1.0 - _ALL)),
            speed=np.exp(self.swing * ndtri(np.clip(day, 1e-3, 1.0 - 1e-3))),
            pace=np.exp(_DRIFT * ndtri(np.clip(drift, 1e-3, 1.0 - 1e-3))),
            now=self.now,
        )

    def log_likelihood(self, cube: FloatArray) -> FloatArray:
        """(P,) of who stopped when and who is open, given that all were open at the start."""
        cells = self._cells
        left = self._left(self.hold(cube), cells.points)
        gone = np.where(cells.open, 0.0, left[:, cells.after])
        chance = np.maximum(left[:, cells.at] - gone, 1e-9) / left[:, cells.first]
        found: FloatArray = np.log(chance) @ cells.counts
        return found

    def late(self, cube: FloatArray, rng: np.random.Generator) -> FloatArray:
        """(DRAWS,) late units among the undecided."""
        size = len(self.waiting)
        times = np.append(self.waiting + PER_PROMISE, self.now)
        row = np.arange(size)
        points = _Points(self.waiting, times, np.tile(row, 2), np.append(np.full(size, size), row))
        left = self._left(self.hold(cube), points)
        chance = np.clip(left[:, size:] / left[:, :size], 0.0, 1.0)
        drawn: FloatArray = rng.binomial(self.undecided, chance).sum(axis=1).astype(np.float64)
        return drawn

    def _left(self, hold: _Hold, points: _Points) -> FloatArray:
        """(P, M) still under way, of all units: of those hit and of the others."""
        left = self.survive(hold.ages(points), points.row)
        some = np.flatnonzero(hold.share[:, 0] < 1.0)  # where all are hit, there are no others
        share, free = hold.share[some], self.survive(points.ages * hold.speed[some], points.row)
        left[some] = share * left[some] + (1.0 - share) * free
        return left


class _Cells:
    """The bins with units in them, (C,) each, and the fewest points that their chances need."""

    def __init__(self, counts: FloatArray, placed: FloatArray, edges: FloatArray) -> None:
        row, column = np.nonzero(counts)
        self.counts = counts[row, column]
        self.open = column == TIME_BINS
        after = np.where(self.open, 0, column + 1)
        asked = np.zeros((len(placed), TIME_BINS + 1), dtype=bool)
        for needed in (0, column, after):
            asked[row, needed] = True
        at = np.cumsum(asked.ravel()).reshape(asked.shape) - 1
        self.first, self.at, self.after = at[row, 0], at[row, column], at[row, after]
        self.points = _Points(placed, edges, *np.nonzero(asked))


def _sample(seen: _Seen, rng: np.random.Generator) -> FloatArray:
    """(DRAWS, _DIMENSIONS) of the posterior: each kind of hold-up by itself, then by its evidence.

    One sampler over all kinds would lose those that look alike until the window is over.
    """
    units = seen.counts.sum()
    found = [_of_kind(seen, kind, 1.0 / (1.0 + units / COARSE), rng) for kind in _KINDS]
    evidence = np.array([log for _, log in found]) * (1.0 + units / COARSE)
    weight = np.array([high - low for low, high in _KINDS])
    weight *= np.exp((evidence - evidence.max()) / (1.0 + units / DOUBTED))
    parts = rng.multinomial(DRAWS, weight / weight.sum())
    return np.vstack(
        [cube[rng.integers(0, len(cube), n)] for (cube, _), n in zip(found, parts, strict=True)]
    )


def _of_kind(
    seen: _Seen, kind: tuple[float, float], power: float, rng: np.random.Generator
) -> tuple[FloatArray, float]:
    """Draws of the posterior within one kind, and the log of its evidence."""
    cube = rng.random((DRAWS, _DIMENSIONS))
    cube[:, 0] = kind[0] + (kind[1] - kind[0]) * cube[:, 0]  # not moved: the kind stays
    return tempered(seen.log_likelihood, cube, power, rng)
