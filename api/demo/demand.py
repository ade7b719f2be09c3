"""How many carts are opened: an inhomogeneous, doubly stochastic (Cox) process.

intensity = slow random walk x mood x (home customers + customers abroad) + bursts, per minute, and
the mood is multiplied by gamma noise of each minute, so that counts are negative binomial around a
drifting level. Home customers mix a lunch, an evening and a weekend shape in Berlin time, with
weekdays, pay days, holidays and one marketing push; customers abroad follow New York time, whose
clocks change on other days. Bursts have Pareto sizes. None of this is separable into a weekly
profile times a smooth trend, which is what an estimator would like to assume.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from api.demo.moments import (
    ABROAD_ZONE,
    DAY_MINUTES,
    SHOP_ZONE,
    Floats,
    Ints,
    local_parts,
)

KNOTS = 72  # of the mood, one every 20 minutes
MOOD_SD = 0.10
NOISE_SHAPE = 25.0  # of the gamma noise: variance of a minute's count is mean + mean^2 / 25
WALK_SD = 0.022  # of the slow level, per day, on the log scale
BURSTS_PER_DAY = 0.7
ABROAD_SHARE = 0.24
WEEKDAY = np.array([1.02, 0.97, 0.96, 1.0, 0.93, 0.98, 1.16])  # Monday first
HOME_MEAN, ABROAD_MEAN = 1.45, 1.19  # of the shapes below over a year, divided out
PUSH_DAYS = 3.0
EPOCH_DAY = date(1970, 1, 1)


@dataclass
class Demand:
    """Carts per minute of every UTC day, from `first_day` on; equal arguments, equal demand.

    `mean` is the mean number of carts per minute; `push_ms` is when the marketing push starts, in
    minutes since the epoch (None: never). Keeps the walk's path, which grows day by day.
    """

    seed: int
    first_day: int
    mean: float
    push_minute: int | None = None
    _walk: list[float] = field(default_factory=lambda: [0.0], repr=False)

    def intensity(self, day: int) -> Floats:
        """The expected carts in each minute of a UTC day, noise included, shape (1440,)."""
        rng = np.random.default_rng([self.seed, 0xDE, day])
        noise = rng.gamma(NOISE_SHAPE, 1.0 / NOISE_SHAPE, DAY_MINUTES)
        smooth = self.level(day) * self.mood(day) * self.shape(day)
        return self.mean * (smooth * noise + self._bursts(day, rng))

    def abroad_share(self, day: int) -> Floats:
        """The share of customers abroad per minute, (1440,)."""
        abroad = ABROAD_SHARE * abroad_shape(day)
        share: Floats = abroad / (abroad + (1.0 - ABROAD_SHARE) * home_shape(day))
        return share

    def shape(self, day: int) -> Floats:
        """What hour, weekday, pay day, holiday and push make of the mean, per minute, (1440,)."""
        home = (1.0 - ABROAD_SHARE) * home_shape(day)
        return usual_shape(day) + home * (self._push(day) - 1.0)

    def level(self, day: int) -> Floats:
        """The slow random walk, interpolated within the day, (1440,)."""
        index = max(day - self.first_day, 0)
        while len(self._walk) < index + 2:
            step_day = self.first_day + len(self._walk)
            step = np.random.default_rng([self.seed, 0x3A1, step_day]).normal(0.0, WALK_SD)
            self._walk.append(self._walk[-1] + float(step))
        path = np.linspace(self._walk[index], self._walk[index + 1], DAY_MINUTES, endpoint=False)
        level: Floats = np.exp(path)
        return level

    def mood(self, day: int) -> Floats:
        """Correlated noise over tens of minutes, continuous across midnight, (1440,)."""
        knots = np.append(self._knots(day), self._knots(day + 1)[0])
        at = np.arange(DAY_MINUTES) / (DAY_MINUTES / KNOTS)
        mood: Floats = np.exp(MOOD_SD * np.interp(at, np.arange(KNOTS + 1), knots))
        return mood

    def _knots(self, day: int) -> Floats:
        return np.random.default_rng([self.seed, 0x30D, day]).standard_normal(KNOTS)

    def _push(self, day: int) -> Floats | float:
        if self.push_minute is None:
            return 1.0
        since = (np.arange(DAY_MINUTES) + day * DAY_MINUTES - self.push_minute) / DAY_MINUTES
        running = (since >= 0) & (since < PUSH_DAYS)
        return 1.0 + np.where(running, 0.45 * np.exp(-np.clip(since, 0.0, PUSH_DAYS)), 0.0)

    def _bursts(self, day: int, rng: np.random.Generator) -> Floats:
        """Somebody with many followers shows a product: a jump that fades over minutes."""
        extra = np.zeros(DAY_MINUTES)
        minutes = np.arange(DAY_MINUTES)
        for _ in range(rng.poisson(BURSTS_PER_DAY)):
            begin = int(rng.integers(5 * 60, 21 * 60))
            size = min(0.2 * (1.0 + rng.pareto(1.5)), 4.0)
            fade = rng.lognormal(2.2, 0.5)
            since = np.maximum(minutes - begin, 0)
            extra += np.where(minutes >= begin, size * np.exp(-since / fade), 0.0)
        return extra


def usual_shape(day: int) -> Floats:
    """Both kinds of customers on a day without a push, mean about 1, per minute, (1440,)."""
    mixed: Floats = (1.0 - ABROAD_SHARE) * home_shape(day) + ABROAD_SHARE * abroad_shape(day)
    return mixed


def home_shape(day: int) -> Floats:
    """Customers at home, mean about 1 over a usual week, per minute of a UTC day, (1440,)."""
    hour, weekday, local_day = local_parts(day, SHOP_ZONE)
    holiday = np.isin(local_day, [d for d in np.unique(local_day) if is_holiday(int(d))])
    working = 0.22 + 1.2 * _bump(hour, 12.4, 2.2) + 3.1 * _bump(hour, 20.2, 2.2)
    resting = 0.30 + 1.7 * _bump(hour, 11.3, 3.4) + 2.0 * _bump(hour, 19.6, 3.2)
    at_rest = (weekday >= 5) | holiday
    shape = np.where(at_rest, resting, working) * WEEKDAY[weekday] * _pay_day(local_day)
    home: Floats = np.where(holiday, 0.82, 1.0) * shape / HOME_MEAN
    return home


def abroad_shape(day: int) -> Floats:
    """Customers on New York time, mean about 1, per minute of a UTC day, (1440,)."""
    hour, weekday, _ = local_parts(day, ABROAD_ZONE)
    shape = 0.35 + 1.0 * _bump(hour, 13.0, 3.5) + 1.3 * _bump(hour, 20.5, 2.8)
    abroad: Floats = shape * np.where(weekday >= 5, 1.12, 0.95) / ABROAD_MEAN
    return abroad


def is_holiday(local_day: int) -> bool:
    """Whether a local day (since the epoch) is a holiday in all of Germany."""
    day = EPOCH_DAY + timedelta(days=local_day)
    if (day.month, day.day) in {(1, 1), (5, 1), (10, 3), (12, 25), (12, 26)}:
        return True
    return (day - _easter(day.year)).days in {-2, 1, 39, 50}


def _easter(year: int) -> date:
    """Easter Sunday, Gregorian (Meeus, Jones and Butcher)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    weekday = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * weekday) // 451
    month, day = divmod(h + weekday - 7 * m + 114, 31)
    return date(year, month, day + 1)


def _pay_day(local_day: Ints) -> Floats:
    """More is bought when wages arrive, from the 27th to the 2nd."""
    days, which = np.unique(local_day, return_inverse=True)
    dates = [EPOCH_DAY + timedelta(days=int(day)) for day in days]
    lift = np.array([1.12 if day.day >= 27 or day.day <= 2 else 1.0 for day in dates])
    return lift[which]


def _bump(hour: Floats, peak: float, width_h: float) -> Floats:
    """A smooth hill on the circle of 24 hours, 1 at its peak (von Mises)."""
    kappa = (24.0 / (2.0 * np.pi * width_h)) ** 2
    hill: Floats = np.exp(kappa * (np.cos((hour - peak) * 2.0 * np.pi / 24.0) - 1.0))
    return hill
