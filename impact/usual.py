"""What a measure usually does, and how it strays from that: learned once from its history.

The usual week is learned on hours (`impact.profile`), how volumes stray from it on the same hours
(`impact.residuals`). Finer bins get their part of the hour from the mean shape within the hour.
Hours without data, dead hours and earlier incidents teach nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
from scipy.special import ndtri

from impact.calendar import (
    DAY,
    HOUR,
    SUNDAY,
    WEEK,
    Holidays,
    IntArray,
    holiday_days,
    local_time,
)
from impact.model import BoolArray, FloatArray, Range, TimeArray
from impact.month_days import NO_MONTH_DAYS, MonthDays, fit_month_days
from impact.profile import Profile, fit_profile
from impact.residuals import Residuals, counting_noise, fit_residuals
from impact.series import Series, Window, coarse_step, epoch
from impact.series import masked as masked_values

SETTLING_MASK_S = 6 * HOUR  # after an earlier incident: its catch-up teaches nothing
CLOSED_S = 12 * HOUR  # without business: longer than what was lost takes to come back
OPEN = 0.01  # of the busiest volume; below it there is none
WITHIN_MEMORY = 20.0  # events until a slot's own shape within the hour outweighs its hour's


@dataclass(frozen=True)
class Band:
    """What is expected per bin; arrays of shape (T,)."""

    times: TimeArray
    expected: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True)
class _Place:
    """Where T bins lie in the usual week: in which of R runs of bins of one slot, and where."""

    slots: IntArray  # (R,)
    week: IntArray  # (R,) row of `roots`
    roots: FloatArray  # (weeks, S) usual z
    factor: FloatArray  # (R,) of days of the month
    bins: slice | IntArray  # which of the R x B bins of these runs the T bins are


@dataclass(frozen=True)
class Usual:
    """The usual volumes of one measure and how they stray."""

    series: Series
    zone: ZoneInfo
    profile: Profile
    residuals: Residuals
    within: FloatArray = field(repr=False)  # (S, B) share of the slot in each of its B bins
    holidays: IntArray = field(repr=False)  # local days since 1970
    history_days: float
    masked: tuple[Window, ...] = ()
    month_days: MonthDays = NO_MONTH_DAYS

    def usual(self, seconds: IntArray) -> tuple[FloatArray, IntArray]:
        """Expected volume of the bins that start at `seconds`, and their slots."""
        place = self._place(seconds)
        slots: IntArray = np.repeat(place.slots, self.within.shape[1])[place.bins]
        return self._volume(place, place.slots), slots

    def as_weekdays(self, seconds: IntArray) -> FloatArray:
        """(7, T): expected volume of the bins if every day were a Monday, a Tuesday, ..."""
        place = self._place(seconds)
        per_day = max(1, DAY // self.profile.slot_s)
        hours = place.slots % per_day
        return np.stack([self._volume(place, hours + day * per_day) for day in range(7)])

    def _place(self, seconds: IntArray) -> _Place:
        slot_s = self.profile.slot_s
        whole, bins = self._bins(seconds)
        local = local_time(whole * slot_s, self.zone)
        slots = local.second // slot_s
        if len(self.holidays):
            per_day = max(1, DAY // slot_s)
            off = np.isin(local.day, self.holidays)
            slots = np.where(off, slots % per_day + SUNDAY * per_day, slots)
        weeks, row = _runs(local.week)
        factor = self.month_days.factor(local.day)
        return _Place(slots, row, self.profile.root(weeks), factor, bins)

    def _bins(self, seconds: IntArray) -> tuple[IntArray, slice | IntArray]:
        """(R,): the slots of time that hold these bins, and which of their bins these are.

        Consecutive bins, which are most that anybody asks for, are a slice: no index of each.
        """
        slot_s, step, size = self.profile.slot_s, self.series.step, len(seconds)
        if size and (np.diff(seconds) == step).all():
            first, last = int(seconds[0]), int(seconds[-1])
            begin = first % slot_s // step
            slots = np.arange(first // slot_s, last // slot_s + 1, dtype=np.int64)
            return slots, slice(begin, begin + size)
        slots, of = _runs(seconds // slot_s)
        return slots, of * (slot_s // step) + seconds % slot_s // step

    def _volume(self, place: _Place, slots: IntArray) -> FloatArray:
        root = place.roots[place.week, slots] * place.factor
        volume = np.maximum(root**2 - self.profile.offset, 0.0)
        parts = volume[:, None] * self.within[slots]  # (R, B)
        out: FloatArray = parts.ravel()[place.bins]
        return out

    def expected(self, start: datetime, end: datetime) -> tuple[TimeArray, FloatArray]:
        """Starts of the bins from start to end, and what is usual in them."""
        seconds = self._between(start, end)
        return seconds.astype("datetime64[s]"), self.usual(seconds)[0]

    def _between(self, start: datetime, end: datetime) -> IntArray:
        step, origin = self.series.step, self.series.first
        first = int((epoch(start, "start") - origin) // step) * step + origin
        return np.arange(first, int(np.ceil(epoch(end, "end"))), step, dtype=np.int64)

    def band(self, seconds: IntArray, factor: Range, level: float) -> Band:
        """Usual volumes times a factor, with the range of single bins."""
        usual, slots = self.usual(seconds)
        unit, offset = self.profile.unit, self.profile.offset
        mid = np.sqrt(usual * factor.mid + offset)
        spread = np.sqrt(
            (mid * self.residuals.scale[slots]) ** 2 * self.residuals.quick
            + counting_noise(usual * factor.mid, unit)
        )
        reach = -ndtri((1 - level) / 2) * spread
        open_ = usual > 0
        low = np.maximum(mid - reach, 0.0) ** 2 - offset
        high = (mid + reach) ** 2 - offset
        return Band(
            seconds.astype("datetime64[s]"),
            usual * factor.mid,
            np.where(open_, np.clip(low, 0.0, usual * factor.low), 0.0),
            np.where(open_, np.maximum(high, usual * factor.high), 0.0),
        )

    @cached_property
    def busiest(self) -> float:
        """Usual volume of the busiest slot, per second."""
        p = self.profile
        root = p.root(np.array([p.first_week + len(p.level) - 1]))
        return float(np.maximum(root**2 - p.offset, 0).max() / p.slot_s)

    def closed_after(self, moment: float) -> int:
        """Seconds from a moment until business opens, where that is half a day or more; else 0.

        What was lost comes back when the doors open. A week is looked at.
        """
        slot_s = self.profile.slot_s
        starts = int(moment) // slot_s * slot_s + slot_s * np.arange(1 + WEEK // slot_s)
        usual, _ = self.usual(starts)
        opened = np.flatnonzero(usual > OPEN * self.busiest * self.series.step)
        closed = int(starts[opened[0] if len(opened) else -1] - moment)
        return closed if closed >= CLOSED_S else 0

    def normal_week(self) -> FloatArray:
        """(168,): usual volume per local hour of the week, Monday 00:00 first."""
        p = self.profile
        root = p.root(np.array([p.first_week + len(p.level) - 1]))[0]
        volume = np.maximum(root**2 - p.offset, 0.0)
        per_second = np.repeat(volume / p.slot_s, p.slot_s // 60)[: WEEK // 60]
        hours: FloatArray = per_second.reshape(168, 60).sum(axis=1) * 60
        return hours


def learn(series: Series, zone: ZoneInfo, holidays: Holidays, masked: tuple[Window, ...]) -> Usual:
    """What is usual in a series; what happened in the windows `masked` teaches nothing."""
    values = masked_values(series, masked, SETTLING_MASK_S)
    slot_s = coarse_step(series.step)
    first_slot = series.first // slot_s
    in_slot = series.starts // slot_s - first_slot
    per_slot = slot_s // series.step
    size = int(in_slot[-1]) + 1
    seen = np.isfinite(values)
    count = np.bincount(in_slot, seen, size)
    total = np.bincount(in_slot, np.where(seen, values, 0.0), size)
    hours = (first_slot + np.arange(size, dtype=np.int64)) * slot_s
    local = local_time(hours, zone)
    slots = local.second // slot_s
    volume = np.where(count >= 0.5 * per_slot, total * per_slot / np.maximum(count, 1), np.nan)
    if not np.isfinite(volume).any():
        raise ValueError("values: too few were measured outside the incidents")
    off_days = holiday_days(holidays, int(local.day[0]), int(local.day[-1]) + 400)
    per_day = max(1, DAY // slot_s)
    weekday_slots = np.where(
        np.isin(local.day, off_days), slots % per_day + SUNDAY * per_day, slots
    )
    unit = unit_of(values)
    profile = fit_profile(volume, local.week, weekday_slots, slot_s, unit)
    z, root = _fitted(profile, volume, local.week, weekday_slots)
    known = np.isfinite(z) & (root > 0)
    u = np.where(known, np.nan_to_num(z) / np.where(known, root, 1.0) - 1, 0.0)
    month_days = fit_month_days(u, np.where(known, root**2, 0.0), local.day)
    if month_days.kinds:  # learned again, without what these days have of their own
        factor = month_days.factor(local.day)
        profile = fit_profile(volume / factor**2, local.week, weekday_slots, slot_s, unit)
        z, root = _fitted(profile, volume, local.week, weekday_slots)
        root *= factor
    residuals, _ = fit_residuals(
        z, root, weekday_slots, profile.group, local.day, slot_s / HOUR, profile.unit
    )
    within = _within(series, values, zone, slot_s)
    return Usual(
        series,
        zone,
        profile,
        residuals,
        within,
        off_days,
        float(seen.sum()) * series.step / DAY,
        masked,
        month_days,
    )


def _fitted(
    profile: Profile, volume: FloatArray, week: IntArray, slots: IntArray
) -> tuple[FloatArray, FloatArray]:
    """(T,) each: roots of what was seen, NaN where it teaches nothing, and the usual ones."""
    weeks, row = _runs(week)
    alive = profile.weight[week - profile.first_week, slots] > 0
    z = np.where(alive, np.sqrt(np.nan_to_num(volume) + profile.offset), np.nan)
    return z, profile.root(weeks)[row, slots]


def _runs(values: IntArray) -> tuple[IntArray, IntArray]:
    """Distinct values, and the index of each among them; without sorting where they ascend."""
    changes = np.diff(values)
    if (changes < 0).any():
        distinct, index = np.unique(values, return_inverse=True)
        return distinct, index
    new = np.concatenate([[True], changes > 0])[: len(values)]
    return values[new], np.cumsum(new) - 1


def unit_of(values: FloatArray) -> float:
    """What one event counts: 1 where all are whole numbers, little for other quantities."""
    positive = values[np.isfinite(values) & (values > 0)]
    if not len(positive) or (positive == np.round(positive)).all():
        return 1.0
    return float(np.median(positive)) * 1e-3


def _within(series: Series, values: FloatArray, zone: ZoneInfo, slot_s: int) -> FloatArray:
    """(S, B): which part of its slot's volume falls into each bin; rows sum to one."""
    per_slot = slot_s // series.step
    slots_n = -(-WEEK // slot_s)
    if per_slot == 1:
        return np.ones((slots_n, 1))
    starts = series.starts
    local = local_time(starts, zone)
    seen = np.isfinite(values)
    position = (starts % slot_s) // series.step
    slot = local.second // slot_s
    size = slots_n * per_slot
    total = np.bincount((slot * per_slot + position)[seen], values[seen], size)
    count = np.bincount((slot * per_slot + position)[seen], minlength=size)
    known = (count > 0).reshape(slots_n, per_slot)
    mean = (total / np.maximum(count, 1)).reshape(slots_n, per_slot)
    per_day = max(1, DAY // slot_s)
    by_time = np.zeros_like(mean)
    anyday = _mean_of_days(mean, known, np.arange(7), np.ones((per_day, per_slot)))
    for days in (np.arange(5), np.arange(5, 7)):
        rows = (days[:, None] * per_day + np.arange(per_day)[None, :]).clip(max=slots_n - 1)
        by_time[rows] = _mean_of_days(mean, known, days, anyday)
    mean = _completed(mean, known, by_time)
    weight = WITHIN_MEMORY * unit_of(values)
    lean = weight * by_time / np.maximum(by_time.sum(axis=1, keepdims=True), 1e-12)
    flat = 1e-6 * weight / per_slot
    both = mean + lean + flat
    out: FloatArray = both / both.sum(axis=1, keepdims=True)
    return out


def _mean_of_days(
    mean: FloatArray, known: BoolArray, days: IntArray, like: FloatArray
) -> FloatArray:
    """(slots a day, B): mean of some weekdays' volumes (S, B); what none knows goes as `like`."""
    rows = (days[:, None] * len(like) + np.arange(len(like))[None, :]).clip(max=len(mean) - 1)
    count = known[rows].sum(axis=0)
    total = np.where(known[rows], mean[rows], 0.0).sum(axis=0)
    return _completed(total / np.maximum(count, 1), count > 0, like)


def _completed(mean: FloatArray, known: BoolArray, like: FloatArray) -> FloatArray:
    """Volumes per bin of slots, with those never seen in the proportions of `like`."""
    ours = np.where(known, mean, 0.0).sum(axis=1, keepdims=True)
    theirs = np.where(known, like, 0.0).sum(axis=1, keepdims=True)
    ratio = np.where(theirs > 0, ours / np.where(theirs > 0, theirs, 1.0), 1.0)
    out: FloatArray = np.where(known, mean, like * ratio)
    return out
