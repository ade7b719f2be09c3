"""Of next to nothing: how many units a window would have seen, where hours hardly ever see one.

Square roots of hourly counts (`impact.profile`) say little of a mean below one half: most hours are
zero, and the typical hour is none. There the window itself is counted, on the days before: units of
the same weekday, leaning on those of all days, give a Gamma posterior of the mean, and the count
around it is Poisson, or negative binomial where days differ by more than that (Gelman et al. 2013,
section 2.6).
"""

from __future__ import annotations

import numpy as np

from impact.calendar import DAY, HOUR
from impact.model import DRAWS, FloatArray
from impact.usual import Usual

THIN = 0.5  # units an hour over the whole history, below which a series is thin
DAYS = 56  # that are counted
FEWEST_DAYS = 7
LEAN_DAYS = 2.0  # of the same weekday, by which it leans on all days
PRIOR = 0.5  # units, of Jeffreys' prior of a Poisson mean


def thin_total(
    baseline: Usual, known: FloatArray, first: int, last: int, shared: FloatArray
) -> FloatArray | None:
    """(DRAWS,) of the units in bins `first` to `last`; None where the series is not thin.

    known: (T,) counts, NaN where not measured or abnormal. shared: (DRAWS,) even normals of the
    day, whose order the draws take, so that measurements of one day err together.
    """
    step, unit = baseline.series.step, baseline.profile.unit
    per_day, width = DAY // step, last - first
    before = known[:first]
    if width > per_day or not np.isfinite(before).any():
        return None
    if float(np.nanmean(before)) * HOUR / step >= THIN * unit:
        return None
    back = np.arange(1, min(DAYS, first // per_day) + 1)
    counts = known[first - back[:, None] * per_day + np.arange(width)].sum(axis=1) / unit
    seen = np.isfinite(counts)
    if seen.sum() < FEWEST_DAYS:
        return None
    usual = counts[seen]
    same = usual[back[seen] % 7 == 0]
    mean = float(usual.mean())
    rng = np.random.default_rng([first, last, int(usual.sum())])
    shape = same.sum() + LEAN_DAYS * mean + PRIOR
    rate = rng.gamma(shape, 1.0 / (len(same) + LEAN_DAYS), DRAWS)
    excess = float(usual.var(ddof=1)) / mean - 1.0 if mean > 0.0 else 0.0
    if excess > 0.0:  # lumps: variance (1 + excess) x mean
        rate = rng.gamma(np.maximum(rate / excess, 1e-6), excess)
    drawn = np.sort(rng.poisson(rate)) * unit
    total: FloatArray = drawn[np.argsort(np.argsort(shared))].astype(np.float64)
    return total
