"""The usual week: square roots of volume per local hour of the week, with memory and a level.

Counts are studied as z = sqrt(y + 3/8) (Anscombe 1948): their noise then hardly depends on their
size, and a slot that is always zero stays zero. z factors into a level per week and a shape per
slot of the week. A slot's shape is a recency-weighted mean over weeks, pulled toward the mean of
the same hour on like days (Mondays to Fridays, or weekends) with the weight that the two variances
ask for (empirical Bayes: Efron and Morris 1975). What the profile says of a week never rests on
that slot of that very week, so that residuals are honest.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from impact.calendar import DAY, WEEK, IntArray
from impact.model import BoolArray, FloatArray

SHAPE_MEMORY = 12.0  # weeks until a week's shape counts 1/e
LEVEL_MEMORY = 1.0  # weeks, of the level
OWN_LEVEL = 0.1  # weight of a week's own level in what is expected of it
HUBER = 4.0  # robust standard deviations beyond which an observation counts less
DEAD = 0.05  # volume below this share of what is usual is no volume
DEAD_COUNT = 10.0  # ... where at least this many were usual
FULL = 0.75  # quantile over weeks, of what comes in a slot when it is not empty
LEAST_WEEKS = 4  # to tell hours that are closed now and then from outages


@dataclass(frozen=True)
class Profile:
    """The usual week. W weeks by S slots; index 0 is the local week `first_week`."""

    slot_s: int  # seconds
    unit: float  # what one event counts
    first_week: int
    shape: FloatArray  # (W, S) z over the week's level; 0 where unknown
    weight: FloatArray  # (W, S) 0 where unknown, masked or dead; less than 1 for outliers
    level: FloatArray  # (W,)
    cover: FloatArray  # (W,) share of the usual week that was seen
    prior_weight: float
    group: IntArray = field(repr=False)  # (S,) hour of the day, workday or weekend
    _rows: dict[int, FloatArray] = field(default_factory=dict, repr=False, compare=False)

    @property
    def offset(self) -> float:
        """Anscombe's 3/8, in units."""
        return 0.375 * self.unit

    def root(self, weeks: IntArray) -> FloatArray:
        """(len(weeks), S): expected z, without each slot's own observation of that week."""
        new = [week for week in weeks.tolist() if week not in self._rows]
        if new:
            self._rows.update(zip(new, self._root(np.array(new, np.int64)), strict=True))
        return np.stack([self._rows[week] for week in weeks.tolist()])

    def _root(self, weeks: IntArray) -> FloatArray:
        index = weeks - self.first_week
        distance = np.abs(index[:, None] - np.arange(len(self.level))[None, :])
        shape = self._shape(index, np.exp(-distance / SHAPE_MEMORY))
        near = np.exp(-distance / LEVEL_MEMORY) * self.cover
        near[distance == 0] *= OWN_LEVEL
        level = near @ self.level / np.maximum(near.sum(axis=1), 1e-12)
        root: FloatArray = shape * level[:, None]
        return root

    def _shape(self, index: IntArray, memory: FloatArray) -> FloatArray:
        total, count = memory @ (self.weight * self.shape), memory @ self.weight
        inside = (index >= 0) & (index < len(self.level))
        own, own_count = np.zeros_like(total), np.zeros_like(count)
        own_count[inside] = self.weight[index[inside]]
        own[inside] = own_count[inside] * self.shape[index[inside]]
        groups = np.eye(int(self.group.max()) + 1)[self.group]  # (S, G)
        pooled_total = (total @ groups)[:, self.group] - own
        pooled_count = (count @ groups)[:, self.group] - own_count
        hours = len(np.unique(self.group)) // 2 if len(np.unique(self.group)) > 1 else 1
        by_hour = np.eye(hours)[self.group % hours]
        any_total, any_count = total @ by_hour, count @ by_hour
        overall = total.sum(axis=1, keepdims=True) / np.maximum(
            count.sum(axis=1, keepdims=True), 1e-12
        )
        fallback = (any_total + 1e-3 * overall) / (any_count + 1e-3)
        fallback = fallback[:, self.group % hours]
        like_days = (pooled_total + 1e-2 * fallback) / (pooled_count + 1e-2)
        total, count = total - own, count - own_count
        out: FloatArray = (total + self.prior_weight * like_days) / (count + self.prior_weight)
        return out


def slot_groups(slot_s: int) -> IntArray:
    """(S,): slots of the same time of day on like days share a number."""
    per_day = max(1, DAY // slot_s)
    slots = np.arange(-(-WEEK // slot_s))
    weekend = slots // per_day >= 5
    return (slots % per_day + per_day * weekend).astype(np.int64)


def fit_profile(
    volume: FloatArray, weeks: IntArray, slots: IntArray, slot_s: int, unit: float
) -> Profile:
    """The usual week of volumes (T,) that lie at (week, slot); NaN where unknown."""
    first = int(weeks.min())
    size = (int(weeks.max()) - first + 1, -(-WEEK // slot_s))
    total, count = np.zeros(size), np.zeros(size)
    seen = np.isfinite(volume)
    at = (weeks[seen] - first, slots[seen])
    np.add.at(total, at, np.sqrt(np.maximum(volume[seen], 0) + 0.375 * unit))
    np.add.at(count, at, 1.0)
    known = count > 0
    z = np.where(known, total / np.maximum(count, 1), 0.0)
    group = slot_groups(slot_s)
    offset = 0.375 * unit
    known &= ~_holes(z**2 - offset, known, slot_s, unit)
    usual = _usual(z, known, group)
    level, cover = np.ones(size[0]), np.ones(size[0])
    for _ in range(2):
        alive = known & ~dead(z**2 - offset, (level[:, None] * usual) ** 2 - offset, unit)
        power = alive * usual**2
        whole = max(float((usual**2).sum()), 1e-12)
        cover = power.sum(axis=1) / whole
        level = np.where(
            cover > 0, (alive * z * usual).sum(axis=1) / np.maximum(power.sum(axis=1), 1e-12), 1.0
        )
        level = np.where(level > 0, level, 1.0)
        usual = _usual(z / level[:, None], alive, group)
    shape = np.where(alive, z / level[:, None], 0.0)
    weight = _huber(shape, alive, usual, group)
    prior = _prior_weight(shape, weight, group)
    return Profile(slot_s, unit, first, shape, weight, level, cover, prior, group)


def _usual(z: FloatArray, known: BoolArray, group: IntArray) -> FloatArray:
    """(S,): the median over weeks, of like days where a slot has fewer than three."""
    own = np.where(known, z, np.inf)
    own.sort(axis=0)
    seen_n = known.sum(axis=0)
    columns = np.arange(z.shape[1])
    low, high = np.maximum(seen_n - 1, 0) // 2, np.minimum(seen_n // 2, len(z) - 1)
    out = np.where(seen_n > 0, (own[low, columns] + own[high, columns]) / 2, np.nan)
    few = known.sum(axis=0) < 3
    if few.any():
        for g in np.unique(group[few]):
            same = group == g
            values = z[:, same][known[:, same]]
            if len(values):
                out[same & few] = np.median(values)
    seen = z[known]
    filled: FloatArray = np.nan_to_num(out, nan=float(np.median(seen)) if len(seen) else 0.0)
    return filled


def dead(volume: FloatArray, usual: FloatArray, unit: float) -> BoolArray:
    """Where next to nothing came though much was usual: an unlabelled outage, or a dead feed."""
    out: BoolArray = (volume <= DEAD * usual) & (usual >= DEAD_COUNT * unit)
    return out


def _holes(volume: FloatArray, known: BoolArray, slot_s: int, unit: float) -> BoolArray:
    """(W, S): nothing in a slot that is empty in most weeks and full in some, on a day that lives.

    A median over weeks takes such hours for closed ones: outages that nobody told of, at the same
    hours again and again. Days that are empty as a whole are days off.
    """
    weeks, slots = volume.shape
    per_day = DAY // slot_s
    if per_day < 2 or slots != 7 * per_day or weeks < LEAST_WEEKS:
        return np.zeros(volume.shape, bool)
    seen = np.where(known, volume, np.nan)
    ordered = np.sort(seen, axis=0)  # unknown ones last
    count = known.sum(axis=0)
    columns = np.arange(slots)
    middle = ordered[np.maximum(count - 1, 0) // 2, columns]
    full = ordered[np.maximum((FULL * (count - 1)).astype(np.int64), 0), columns]
    torn = dead(middle, full, unit) & (count >= LEAST_WEEKS)
    if not torn.any():
        return np.zeros(volume.shape, bool)
    whole = np.where(torn, 0.0, full).reshape(7, per_day).sum(axis=1)
    day = np.where(known & ~torn, volume, 0.0).reshape(weeks, 7, per_day).sum(axis=2)
    lives = np.repeat(day > 0.5 * whole, per_day, axis=1)
    out: BoolArray = torn & lives & dead(volume, full, unit)
    return out


def _huber(shape: FloatArray, alive: BoolArray, usual: FloatArray, group: IntArray) -> FloatArray:
    """(W, S): 1, less for observations far from their slot's usual value (Huber 1964)."""
    residual = np.abs(shape - usual)
    of = np.broadcast_to(group, shape.shape)[alive]
    spread = 1.4826 * _medians(residual[alive], of, int(group.max()) + 1)[group]
    spread = np.maximum(spread, 1e-3 * np.maximum(usual, 1e-9))
    factor = np.minimum(1.0, HUBER * spread / np.maximum(residual, 1e-12))
    out: FloatArray = np.where(alive, factor, 0.0)
    return out


def _medians(values: FloatArray, group: IntArray, groups: int) -> FloatArray:
    """(groups,): the median of each group's values, 0 where it has none."""
    ordered = values[np.lexsort((values, group))]
    count = np.bincount(group, minlength=groups)
    first = np.cumsum(count) - count
    some = count > 0
    out = np.zeros(groups)
    low, high = first + np.maximum(count - 1, 0) // 2, first + count // 2
    out[some] = (ordered[low[some]] + ordered[high[some]]) / 2
    return out


def _prior_weight(shape: FloatArray, weight: FloatArray, group: IntArray) -> float:
    """How many weeks the mean of like days is worth: variance within slots over between them."""
    count = weight.sum(axis=0)
    mean = (weight * shape).sum(axis=0) / np.maximum(count, 1e-12)
    enough = count >= 2
    if enough.sum() < 10:
        return 1.0
    within = float(
        (weight * (shape - mean) ** 2).sum(axis=0)[enough].sum() / (count[enough] - 1).sum()
    )
    groups = np.eye(int(group.max()) + 1)[group]
    like = ((weight * shape).sum(axis=0) @ groups / np.maximum(count @ groups, 1e-12))[group]
    between = float(((mean - like)[enough] ** 2).mean() - within * (1 / count[enough]).mean())
    return float(np.clip(within / max(between, 1e-9), 0.05, 5.0))
