"""How deep a shortfall must be to open an incident when no signal explains it.

The sequential test (`impact.cusum`) says that a measure is red and since when. On a slow day, too,
that is certain after a while, so for an incident of its own the shortfall must also be deeper than
the measure's history knows. Depth is looked at over windows from a quarter of an hour to eight
hours, with the level that was usual *before* the window, so that an outage does not become the new
normal while it lasts:

    depth = log((E + 1) / (A + 1)) / sqrt(phi / E + spread^2)

(of a load log((A + 1) / (E + 1))). The logarithm sets a total outage apart: it lies far beyond
the worst of days, which a share of the expected does not. The root is the relative standard
deviation of the window's count, so that quiet nights and busy days have the same scale.

The bars, one for each measure and length of window, come from a backtest on the company's own
history: what the weeks before would have expected of every week (`look_back`). A measure's base is
the deepest of its third worst week (the two worst are forgiven: perhaps outages that nobody
labelled), and one factor over all measures together raises them (`calibrate`). The factor is
cross-validated: each week is judged by bases that the other weeks give, and the factor is the
smallest with which so few days would have opened an incident that their rate lies below the promise
with 95 % certainty (the upper limit of a Poisson mean, Garwood 1936).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TypeAlias

import numpy as np
from scipy.special import pdtr

from impact.calendar import DAY, HOUR, WEEK, Holidays, IntArray
from impact.estimate import prepare
from impact.model import BoolArray, FloatArray, Kind, TimeArray
from impact.spread import dispersion, rolling_level
from impact.times import epoch_seconds

WINDOWS_S = (900, 1800, HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR, 6 * HOUR, 8 * HOUR)
LEAST_UNITS = 30.0  # expected in a window, or it cannot tell
LEAST_SHARE = 0.3  # of what was expected: a slow day is often 25 % off its weekday, and no outage
FLOOR = 3.0  # of a base, in standard deviations
SPREAD_FLOOR = 0.05  # of the relative spread: no measure is known better
CERTAIN = 0.95  # that the rate lies below the promise
FIRST_S = 7 * DAY  # of history before the first week that is judged
WEEKS = 13  # that are judged
FORGIVEN = 2  # worst weeks of a measure
STEP_S = 300  # of the bins the history is looked at in, where its own are finer
AFTERWARDS = timedelta(hours=6)  # an incident: its catch-up is not judged either
HAZE = 1.5  # by which bars are raised where no history could prove the promise
TEACHING_S = 13 * WEEK  # of history a week is judged by

Windows: TypeAlias = tuple[tuple[datetime, datetime], ...]


@dataclass(frozen=True)
class Noise:
    """var(count) = phi E + (spread E)^2."""

    phi: float
    spread: float

    def relative_sd(self, expected: FloatArray) -> FloatArray:
        """The standard deviation of a count as a share of what is expected."""
        spread = max(self.spread, SPREAD_FLOOR)
        sd: FloatArray = np.sqrt(max(self.phi, 1.0) / expected + spread**2)
        return sd


@dataclass(frozen=True)
class History:
    """What a backtest of one measure saw: the deepest of every day, for each length of window.

    deepest: (days, windows), 0 where nothing was short, NaN where nothing could be told. Days count
    from the start of the first week that was judged.
    """

    deepest: FloatArray
    noise: Noise

    @property
    def weeks(self) -> float:
        """How long the measure could be judged."""
        return float(np.isfinite(self.deepest).any(axis=1).sum()) / 7.0

    @cached_property
    def weekly(self) -> FloatArray:
        """(weeks, windows): the deepest of each week; 0 where nothing could be told."""
        days, windows = self.deepest.shape
        padded = np.zeros((-(-days // 7) * 7, windows))
        padded[:days] = np.nan_to_num(self.deepest)
        found: FloatArray = padded.reshape(-1, 7, windows).max(axis=1)
        return found

    def base(self, without: int | None = None) -> FloatArray:
        """(windows,) the deepest of the third worst week, when one of them is left out.

        Of few weeks twice the deepest of all: slow rather than wrong.
        """
        weekly = self.weekly if without is None else np.delete(self.weekly, without, axis=0)
        if len(weekly) <= FORGIVEN:
            top = weekly.max(axis=0) if len(weekly) else np.zeros(len(WINDOWS_S))
            return np.maximum(2.0 * top, 2.0 * FLOOR)
        found: FloatArray = np.maximum(np.sort(weekly, axis=0)[-1 - FORGIVEN], FLOOR)
        return found

    @cached_property
    def scores(self) -> FloatArray:
        """(days,): how far each day went beyond the bases that the other weeks give."""
        found = np.zeros(len(self.deepest))
        for week in range(len(self.weekly)):
            days = slice(7 * week, 7 * week + 7)
            found[days] = (np.nan_to_num(self.deepest[days]) / self.base(week)).max(axis=1)
        return found


@dataclass(frozen=True)
class Vigil:
    """The bars in force, and what they would have done.

    factor: by which every base is raised. opened: incidents that would have been opened in the
    last `weeks` weeks, over all measures, each week judged by the others. allowed: how many may be.
    """

    bars: Mapping[str, FloatArray]
    noises: Mapping[str, Noise]
    factor: float
    opened: int
    allowed: int
    weeks: float

    def beyond(self, measure: str, found: FloatArray) -> FloatArray:
        """(bins,) how far depths (windows, bins) lie beyond a measure's bars: an alarm over 1."""
        ratio: FloatArray = (np.nan_to_num(found) / self.bars[measure][:, None]).max(axis=0)
        return ratio


def depths(
    actual: FloatArray, usual: FloatArray, step_s: int, noise: Noise, kind: Kind
) -> FloatArray:
    """(windows, bins): the depth of the window that ends with each bin.

    actual, usual: (bins,) counts, NaN where not measured. 0 where less than LEAST_SHARE is missing
    (of a load: on top), NaN where the window expects too little or is not there.
    """
    seen = np.isfinite(actual) & np.isfinite(usual)
    counted, expected = np.where(seen, actual, 0.0), np.where(seen, usual, 0.0)
    level = rolling_level(np.where(seen, actual, np.nan), expected, noise.phi, step_s)
    sums = [np.concatenate([[0.0], np.cumsum(x)]) for x in (counted, expected)]
    found = np.full((len(WINDOWS_S), len(actual)), np.nan)
    least = np.log1p(LEAST_SHARE) if kind == "load" else -np.log1p(-LEAST_SHARE)
    for row, window in enumerate(WINDOWS_S):
        bins = window // step_s
        if bins < 1 or window % step_s or bins > len(actual):
            continue
        got, usually = (s[bins:] - s[:-bins] for s in sums)
        should = usually * level[: len(usually)]
        enough = should >= LEAST_UNITS
        e, a = should[enough], got[enough]
        missing = np.log((e + 1.0) / (a + 1.0)) * (-1.0 if kind == "load" else 1.0)
        depth = np.where(missing >= least, missing / noise.relative_sd(e), 0.0)
        found[row, bins - 1 :][enough] = depth
    return found


def look_back(
    times: TimeArray,
    values: FloatArray,
    *,
    kind: Kind,
    timezone: str,
    holidays: Holidays = None,
    known: Windows = (),
) -> History | None:
    """The backtest of one measure: every week as the weeks before it would have expected it.

    times: (T,) starts of regular bins, UTC; values: (T,), NaN = no data. known: windows of earlier
    incidents; they, and the hours after them, are not judged. None with too little history.
    """
    if len(times) < 2:
        return None
    times, values = _coarser(times, values)
    seconds = times.astype(np.int64)
    step_s = int(seconds[1] - seconds[0])
    per_week = WEEK // step_s
    first = max(int(-(-FIRST_S // step_s)), len(values) - WEEKS * per_week)
    if step_s > WINDOWS_S[-1] or len(values) - first < DAY // step_s:
        return None
    usual = np.full(len(values), np.nan)
    for begin in range(first, len(values), per_week):
        oldest = max(0, begin - TEACHING_S // step_s)
        older = slice(oldest, begin)
        if not np.nansum(values[older]) > 0.0:
            continue
        learned = prepare(
            times[older], values[older], timezone=timezone, holidays=holidays, known_incidents=known
        )
        usual[begin : begin + per_week] = learned.usual(seconds[begin : begin + per_week])[0]
    actual = np.where(_in_known(seconds, known), np.nan, values)
    seen, expected = actual[first:], usual[first:]
    if not np.isfinite(expected).any():
        return None
    level = rolling_level(seen, np.nan_to_num(expected), 1.0, step_s)
    noise = Noise(*dispersion(seen, np.nan_to_num(expected) * level))
    return History(_daily(depths(seen, expected, step_s, noise, kind), step_s), noise)


def calibrate(histories: Mapping[str, History], per_week: float = 1.0) -> Vigil:
    """The bars with which all measures together open `per_week` incidents a week at most."""
    weeks = max((h.weeks for h in histories.values()), default=0.0)
    weights = {name: weeks / h.weeks for name, h in histories.items() if h.weeks > 0.0}
    allowed = _allowed(per_week * weeks)
    scores = np.sort(np.concatenate([[1.0], *(h.scores for h in histories.values())]))
    low, high = int(np.searchsorted(scores, 1.0)), len(scores) - 1

    def opened(factor: float) -> float:
        return sum(w * events(histories[name].scores, factor) for name, w in weights.items())

    while low < high:  # the smallest factor that keeps the promise
        middle = (low + high) // 2
        if opened(float(scores[middle])) <= allowed:
            high = middle
        else:
            low = middle + 1
    factor = float(scores[high])
    if allowed < 0:  # too short a history to have seen what happens once a week
        factor *= HAZE
    return Vigil(
        {name: factor * h.base() for name, h in histories.items()},
        {name: h.noise for name, h in histories.items()},
        factor,
        int(sum(events(h.scores, factor) for h in histories.values())),
        max(allowed, 0),
        weeks,
    )


def events(scores: FloatArray, factor: float) -> int:
    """How many stretches of days lie beyond a factor: what lasts for days is one incident."""
    beyond = scores > factor
    return int((beyond & ~np.concatenate([[False], beyond[:-1]])).sum())


def _allowed(expected: float) -> int:
    """The largest count that makes a mean of `expected` or more unlikely; -1 where none does."""
    count = 0
    while pdtr(count, expected) <= 1.0 - CERTAIN:
        count += 1
    return count - 1


def _coarser(times: TimeArray, values: FloatArray) -> tuple[TimeArray, FloatArray]:
    """Sums over bins of STEP_S, where the bins are finer and fit; NaN where a part is missing."""
    seconds = epoch_seconds(times)
    step = int(seconds[1] - seconds[0])
    if step >= STEP_S or STEP_S % step:
        return seconds.astype("datetime64[s]"), values
    each = STEP_S // step
    lead = int(-(seconds[0] // step) % each)
    bins = (len(values) - lead) // each
    inside = slice(lead, lead + bins * each)
    sums: FloatArray = values[inside].reshape(bins, each).sum(axis=1)
    return seconds[inside][::each].astype("datetime64[s]"), sums


def _daily(found: FloatArray, step_s: int) -> FloatArray:
    """(days, windows) the deepest of each day."""
    windows, bins = found.shape
    per_day = DAY // step_s
    padded = np.full((windows, -(-bins // per_day) * per_day), -np.inf)
    padded[:, :bins] = np.where(np.isfinite(found), found, -np.inf)
    deepest = padded.reshape(windows, -1, per_day).max(axis=2).T
    return np.where(np.isfinite(deepest), deepest, np.nan)


def _in_known(seconds: IntArray, known: Windows) -> BoolArray:
    """(T,) bool: in an earlier incident, or in the hours after it."""
    inside = np.zeros(len(seconds), dtype=bool)
    for start, end in known:
        stop = end + AFTERWARDS
        inside |= (seconds >= start.timestamp()) & (seconds < stop.timestamp())
    return inside
