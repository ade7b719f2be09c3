"""What a measure usually does, learned once from its history: `prepare`, then ask many times.

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

from impact.calendar import (
    DAY,
    HOUR,
    SUNDAY,
    WEEK,
    Holidays,
    IntArray,
    holiday_days,
    local_time,
    zone_of,
)
from impact.model import FloatArray, TimeArray
from impact.profile import Profile, fit_profile
from impact.residuals import Residuals, fit_residuals
from impact.series import Series, Windows, coarse_step, epoch, regular

SETTLING_MASK_S = 6 * HOUR  # after an earlier incident: its catch-up teaches nothing
WITHIN_MEMORY = 20.0  # events until a slot's own shape within the hour outweighs its hour's


@dataclass(frozen=True)
class Baseline:
    """The usual volumes of one measure and how they stray."""

    series: Series
    zone: ZoneInfo
    profile: Profile
    residuals: Residuals
    within: FloatArray = field(repr=False)  # (S, B) share of the slot in each of its B bins
    holidays: IntArray = field(repr=False)  # local days since 1970
    history_days: float
    masked: tuple[tuple[float, float], ...] = ()

    @property
    def bins_per_slot(self) -> int:
        """How many bins of the series make a slot of the profile."""
        return self.profile.slot_s // self.series.step

    def usual(self, seconds: IntArray, weekday: int | None = None) -> tuple[FloatArray, IntArray]:
        """Expected volume of the bins that start at `seconds`, and their slots.

        `weekday` 0 to 6: as if every day were that weekday.
        """
        slot_s = self.profile.slot_s
        hours = seconds // slot_s
        whole, where = np.unique(hours, return_inverse=True)
        local = local_time(whole * slot_s, self.zone)
        slots = local.second // slot_s
        per_day = max(1, DAY // slot_s)
        days = slots // per_day
        if weekday is not None:
            days = np.full_like(days, weekday)
        elif len(self.holidays):
            days = np.where(np.isin(local.day, self.holidays), SUNDAY, days)
        slots = slots % per_day + days * per_day
        weeks, row = np.unique(local.week, return_inverse=True)
        root = self.profile.root(weeks)[row, slots]
        volume = np.maximum(root**2 - self.profile.offset, 0.0)
        of = slots[where]
        position = (seconds % slot_s) // self.series.step
        return volume[where] * self.within[of, position], of

    def expected(self, start: datetime, end: datetime) -> tuple[TimeArray, FloatArray]:
        """Starts of the bins from start to end, and what is usual in them."""
        step = self.series.step
        first = int((epoch(start, "start") - self.series.first) // step) * step + self.series.first
        seconds = np.arange(first, int(np.ceil(epoch(end, "end"))), step, dtype=np.int64)
        return seconds.astype("datetime64[s]"), self.usual(seconds)[0]

    @cached_property
    def busiest(self) -> float:
        """Usual volume of the busiest slot, per second."""
        p = self.profile
        root = p.root(np.array([p.first_week + len(p.level) - 1]))
        return float(np.maximum(root**2 - p.offset, 0).max() / p.slot_s)

    def normal_week(self) -> FloatArray:
        """(168,): usual volume per local hour of the week, Monday 00:00 first."""
        p = self.profile
        root = p.root(np.array([p.first_week + len(p.level) - 1]))[0]
        volume = np.maximum(root**2 - p.offset, 0.0)
        if p.slot_s == HOUR:
            return volume
        per_second = np.repeat(volume / p.slot_s, p.slot_s // 60)[: WEEK // 60]
        hours: FloatArray = per_second.reshape(168, 60).sum(axis=1) * 60
        return hours


def prepare(
    times: TimeArray,
    values: FloatArray,
    *,
    timezone: str = "UTC",
    holidays: Holidays = None,
    known_incidents: Windows = (),
    as_of: datetime | None = None,
) -> Baseline:
    """Learn what is usual; earlier incidents and their catch-up are left out of the history."""
    series = regular(times, values)
    if as_of is not None:
        series = series.until(int(epoch(as_of, "as_of")))
    masked = tuple(
        (epoch(a, "known_incidents"), epoch(b, "known_incidents")) for a, b in known_incidents
    )
    return learn(series, zone_of(timezone), holidays, masked)


def learn(
    series: Series, zone: ZoneInfo, holidays: Holidays, masked: tuple[tuple[float, float], ...]
) -> Baseline:
    """`prepare` for checked input; `masked` in epoch seconds."""
    values = mask(series, masked)
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
    profile = fit_profile(volume, local.week, weekday_slots, slot_s, unit_of(values))
    weeks, row = np.unique(local.week, return_inverse=True)
    root = profile.root(weeks)[row, weekday_slots]
    alive = profile.weight[local.week - profile.first_week, weekday_slots] > 0
    z = np.where(alive, np.sqrt(np.nan_to_num(volume) + profile.offset), np.nan)
    residuals, _ = fit_residuals(z, root, weekday_slots, profile.group, slot_s / HOUR, profile.unit)
    within = _within(series, values, zone, slot_s)
    return Baseline(
        series, zone, profile, residuals, within, off_days, seen.sum() * series.step / DAY, masked
    )


def mask(series: Series, windows: tuple[tuple[float, float], ...]) -> FloatArray:
    """The values, NaN in the windows and while they settle."""
    values = series.values
    if windows:
        values = values.copy()
    for start, end in windows:
        a = max(0, int((start - series.first) // series.step))
        b = max(0, int(-(-(end + SETTLING_MASK_S - series.first) // series.step)))
        values[a:b] = np.nan
    return values


def unit_of(values: FloatArray) -> float:
    """What one event counts: 1 for counts (or their common divisor), little for other quantities."""
    seen = values[np.isfinite(values)]
    positive = seen[seen > 0]
    if not len(positive):
        return 1.0
    if (positive == np.round(positive)).all() and positive.max() < 2**53:
        return float(np.gcd.reduce(positive.astype(np.int64)))
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
    mean = (total / np.maximum(count, 1)).reshape(slots_n, per_slot)
    per_day = max(1, DAY // slot_s)
    by_time = np.zeros_like(mean)
    for days in (np.arange(5), np.arange(5, 7)):
        rows = (days[:, None] * per_day + np.arange(per_day)[None, :]).clip(max=slots_n - 1)
        like = mean[rows].mean(axis=0)
        by_time[rows] = like[None]
    weight = WITHIN_MEMORY * unit_of(values)
    lean = weight * by_time / np.maximum(by_time.sum(axis=1, keepdims=True), 1e-12)
    flat = 1e-6 * weight / per_slot
    both = mean + lean + flat
    out: FloatArray = both / both.sum(axis=1, keepdims=True)
    return out
