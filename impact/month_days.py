"""Days of the month on which business differs, where history shows it: pay days and month ends.

Every day of the history has a mean residual. A kind of day (the last of the month, its first
working day, the 25th, ...) has an effect if it was seen at least three times, if every time lay
beyond the spread of all days to the same side, and their mean `CLEAR` standard errors from zero.
The spread is read off the tails, which odd days make heavy: among a dozen kinds few pass by chance.
What is found is shrunk by what chance explains (James and Stein 1961, positive part). A day of
several kinds has the clearest one's effect.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from impact.calendar import IntArray
from impact.model import BoolArray, FloatArray

LEAST_TIMES = 3
CLEAR = 3.0  # standard errors from zero, of the mean
EACH = 1.0  # spreads from zero, of every single one
FRIDAY, MONDAY_OFFSET = 4, 3  # 1970-01-01 was a Thursday
DATES = (10, 15, 20, 25)
LARGEST = 0.7  # of z: to a tenth, or to three times the volume


@dataclass(frozen=True)
class MonthDays:
    """Kinds of days and their effects on z, relative; the clearest first."""

    kinds: tuple[int, ...] = ()
    effects: tuple[float, ...] = ()

    def factor(self, days: IntArray) -> FloatArray:
        """(as days): what z is multiplied by on local days since 1970."""
        out = np.ones(len(days))
        if self.kinds:
            distinct, at = np.unique(days, return_inverse=True)
            member = kinds_of(distinct)
            each = np.ones(len(distinct))
            for kind, effect in reversed(list(zip(self.kinds, self.effects, strict=True))):
                each[member[kind]] = 1 + effect
            out = each[at]
        return out


NO_MONTH_DAYS = MonthDays()


def kinds_of(days: IntArray) -> BoolArray:
    """(kinds, D): first and last days and working days of the month, and common pay days."""
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    first = months.astype("datetime64[D]").astype(np.int64)
    last = (months + 1).astype("datetime64[D]").astype(np.int64) - 1
    number = days - first + 1
    kinds = [days == first, days == last, days == last - 1]
    kinds += [days == _working(first, +1), days == _working(last, -1)]
    kinds += [days == _working(first + date - 1, -1) for date in DATES]
    kinds += [number == date for date in DATES]
    return np.array(kinds)


def _working(days: IntArray, direction: int) -> IntArray:
    """The nearest day from Monday to Friday, forward or back."""
    weekday = (days + MONDAY_OFFSET) % 7
    over = np.maximum(weekday - FRIDAY, 0)  # 1 on Saturdays, 2 on Sundays
    out: IntArray = days + np.where(over > 0, 3 - over, 0) if direction > 0 else days - over
    return out


def fit_month_days(u: FloatArray, weight: FloatArray, days: IntArray) -> MonthDays:
    """Effects from residuals u (T,) of hours, their weights (0 where unknown) and local days."""
    first = int(days.min())
    total = np.bincount(days - first, weight * u)
    count = np.bincount(days - first, weight)
    seen = count > 0.5 * np.median(count[count > 0]) if (count > 0).any() else count > 0
    if seen.sum() < 30 * LEAST_TIMES - 10:
        return NO_MONTH_DAYS
    mean = total[seen] / count[seen]
    member = kinds_of(first + np.flatnonzero(seen))
    middle = float(np.median(mean))
    spread = max(float(np.quantile(np.abs(mean - middle), 0.9)) / 1.645, 1e-4)
    found = []
    for kind, days_of in enumerate(member):
        off = mean[days_of] - middle
        same = np.sign(off) == np.sign(off[:1])
        if len(off) < LEAST_TIMES or not same.all() or np.abs(off).min() < EACH * spread:
            continue
        clear = abs(float(off.mean())) * np.sqrt(len(off)) / spread
        if clear >= CLEAR:
            effect = float(off.mean()) * (1 - 1 / clear**2)
            found.append((clear, kind, float(np.clip(effect, -LARGEST, LARGEST))))
    found.sort(reverse=True)
    return MonthDays(tuple(k for _, k, _ in found), tuple(e for _, _, e in found))
