"""How far volumes stray from the usual week, and for how long: a sum of fading correlations.

The relative residual u = z / expected z - 1 of square-root volumes is a Gaussian process: a sum of
Ornstein-Uhlenbeck parts (covariance a exp(-|t| / tau), Uhlenbeck and Ornstein 1930) from a quarter
of an hour to two weeks, one part that returns at the same hour on following days, one that every
local day has for itself (weather, a sale, a strike), and the noise of counting (variance 1/4 of z:
Anscombe 1948). How much of each part a series has is read from its own autocovariance, of pairs
within a local day and of pairs across days, by non-negative least squares (Lawson and Hanson 1974),
leaning on typical shares while the history is short. Averages of an Ornstein-Uhlenbeck process over
disjoint intervals with gap g have covariance a exp(-g / tau) A(v) A(w), A(w) = (1 - exp(-w / tau))
tau / w.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from impact.calendar import IntArray
from impact.model import FloatArray

TAUS_H = np.array([0.25, 1.0, 4.0, 16.0, 72.0, 336.0])
DAILY_FADE_H, DAILY_WIDTH_H = 120.0, 2.0  # of the part that returns on following days
TYPICAL = np.array([0.30, 0.10, 0.15, 0.10, 0.10, 0.10, 0.05, 0.10])  # shares of the variance
TYPICAL_VARIANCE = 0.01  # of u: about 20 % of volume
TYPICAL_HOURS = 72.0  # worth of this many hours of history
LAGS_H = 336


@dataclass(frozen=True)
class Residuals:
    """Covariance of the relative residual: amounts of each part, and a scale per slot."""

    amount: FloatArray  # (8,), of TAUS_H, the part that returns, and the day's own
    scale: FloatArray  # (S,), standard deviation relative to the whole, mean about 1

    @property
    def quick(self) -> float:
        """Variance of what passes within a day."""
        return float(self.amount[: len(TAUS_H)][TAUS_H < 24].sum())

    def covariance(self, centre: FloatArray, width: FloatArray, day: IntArray) -> FloatArray:
        """(N, N) of averages over intervals (hours), without scale and counting noise."""
        distance = np.abs(centre[:, None] - centre[None, :])
        gap = np.maximum(distance - (width[:, None] + width[None, :]) / 2, 0.0)
        out = np.zeros_like(gap)
        on = np.arange(len(centre))
        longer, fade = 0.0, gap
        for tau, amount in zip(TAUS_H[::-1], self.amount[len(TAUS_H) - 1 :: -1], strict=True):
            if longer == 4 * tau:  # cheaper than another exponential
                fade = fade * fade
                fade *= fade
            else:
                fade = np.exp(gap * (-1 / tau))
            longer = tau
            if amount <= 0:
                continue
            ratio = width / tau
            share = -np.expm1(-ratio) / ratio
            part = fade * (amount * share)[:, None]
            part *= share[None, :]
            part[on, on] = amount * _own(ratio)
            out += part
        if self.amount[-2] > 0:
            out += self.amount[-2] * _daily(distance)
        if self.amount[-1] > 0:
            out += self.amount[-1] * (day[:, None] == day[None, :])
        return out


def _own(ratio: FloatArray) -> FloatArray:
    """Variance of the average of a unit process over an interval of `ratio` times tau."""
    small = ratio < 1e-3
    safe = np.where(small, 1.0, ratio)
    out: FloatArray = np.where(small, 1 - ratio / 3, 2 * (safe - 1 + np.exp(-safe)) / safe**2)
    return out


def _daily(distance: FloatArray) -> FloatArray:
    away = distance - 24.0 * np.round(distance / 24.0)
    out: FloatArray = np.exp(-np.abs(away) / DAILY_WIDTH_H - distance / DAILY_FADE_H)
    return out


def counting_noise(expected: FloatArray, unit: float) -> FloatArray:
    """Variance of z for counts around `expected`; a quarter, less where next to nothing comes."""
    out: FloatArray = 0.25 * unit * expected / (expected + 0.3 * unit)
    return out


def fit_residuals(
    z: FloatArray,
    root: FloatArray,
    slots: IntArray,
    group: IntArray,
    day: IntArray,
    step_h: float,
    unit: float,
) -> tuple[Residuals, FloatArray]:
    """From z and expected z at regular times (T,), NaN where unknown; also returns u / scale."""
    expected = np.maximum(root**2 - 0.375 * unit, 0.0)
    usable = np.isfinite(z) & (expected > 0.5 * unit)
    safe = np.where(root > 0, root, 1.0)
    u = np.where(usable, np.nan_to_num(z) / safe - 1, 0.0)
    noise = counting_noise(expected, unit) / safe**2
    weight = np.where(usable, 1 / (TYPICAL_VARIANCE + noise), 0.0)
    typical = np.sqrt(TYPICAL_VARIANCE + noise)
    u = np.clip(u, -6 * typical, 6 * typical)
    scale, variance = _scale(u, noise, weight, slots, group)
    relative = scale[slots]
    u, noise = u / relative, noise / relative**2
    spread = np.sqrt(variance + noise)
    u = np.clip(u, -3.5 * spread, 3.5 * spread)
    weight = np.where(usable, 1 / (spread**2), 0.0)
    pairs = _pairs(u, weight, day, step_h)
    pairs.value[0] -= (weight**2 * noise).sum() / max(float((weight**2).sum()), 1e-12)
    return Residuals(_amounts(pairs, step_h, variance, float(usable.sum())), scale), u


def _scale(
    u: FloatArray, noise: FloatArray, weight: FloatArray, slots: IntArray, group: IntArray
) -> tuple[FloatArray, float]:
    """Standard deviation per slot over that of the whole, and the variance of the whole."""
    excess = weight * (u**2 - noise)
    overall = float(excess.sum() + TYPICAL_HOURS * TYPICAL_VARIANCE * weight.mean()) / max(
        float(weight.sum() + TYPICAL_HOURS * weight.mean()), 1e-12
    )
    overall = max(overall, 1e-5)
    of = group[slots]
    size = int(group.max()) + 1
    total = np.bincount(of, excess, size)
    count = np.bincount(of, weight, size)
    lean = 10.0 * weight.mean()
    variance = (total + lean * overall) / np.maximum(count + lean, 1e-12)
    scale = np.sqrt(np.clip(variance / overall, 0.1, 10.0))
    return scale[group], overall


@dataclass(frozen=True)
class _Pairs:
    """Autocovariance of pairs of hours, those of one local day apart from the others; (P,)."""

    lag: FloatArray  # hours
    one_day: FloatArray  # 1 for pairs within a local day, 0 for pairs across days
    value: FloatArray  # mean product
    weight: FloatArray  # how many pairs


def _pairs(u: FloatArray, weight: FloatArray, day: IntArray, step_h: float) -> _Pairs:
    lags = min(LAGS_H, int(LAGS_H / step_h), len(u) - 1)
    size = 1 << int(np.ceil(np.log2(len(u) + lags + 1)))
    product = np.fft.irfft(np.abs(np.fft.rfft(weight * u, size)) ** 2, size)[: lags + 1]
    count = np.fft.irfft(np.abs(np.fft.rfft(weight, size)) ** 2, size)[: lags + 1]
    near = min(lags, int(23 / step_h))
    inside, inside_count = np.zeros(near), np.zeros(near)
    for lag in range(1, near + 1):
        same = day[lag:] == day[:-lag]
        inside[lag - 1] = (weight * u)[lag:][same] @ (weight * u)[:-lag][same]
        inside_count[lag - 1] = weight[lag:][same] @ weight[:-lag][same]
    product[1 : near + 1] -= inside
    count[1 : near + 1] -= inside_count
    least = 1e-9 * max(float(count[0]), 1e-300)  # the transform leaves rounding errors about zero
    product, count = np.concatenate([product, inside]), np.concatenate([count, inside_count])
    known = count > least
    lag_h = np.concatenate([np.arange(lags + 1), np.arange(1, near + 1)]) * step_h
    return _Pairs(
        lag=lag_h,
        one_day=((np.arange(len(lag_h)) > lags) | (lag_h == 0)).astype(float),
        value=np.where(known, product / np.where(known, count, 1.0), 0.0),
        weight=np.where(known, count, 0.0),
    )


def _amounts(pairs: _Pairs, step_h: float, variance: float, seen: float) -> FloatArray:
    lag = pairs.lag
    columns = []
    for tau in TAUS_H:
        ratio = np.array([step_h / tau])
        share = float((-np.expm1(-ratio) / ratio)[0])
        column = share**2 * np.exp(-np.maximum(lag - step_h, 0) / tau)
        column[0] = _own(ratio)[0]
        columns.append(column)
    design = np.stack([*columns, _daily(lag), pairs.one_day], axis=1)
    trust = np.sqrt(pairs.weight / max(float(pairs.weight[0]), 1e-12) / (1 + lag / 6.0))
    lean = np.sqrt(TYPICAL_HOURS / max(seen * step_h, 24.0))
    a = np.concatenate([design * trust[:, None], lean * np.eye(len(TYPICAL))])
    b = np.concatenate([pairs.value * trust, lean * TYPICAL * variance])
    out, _ = nnls(a, b)
    # never certain: a hundredth of the variance has no memory
    out[0] = max(out[0], 0.01 * variance)
    amounts: FloatArray = out
    return amounts
