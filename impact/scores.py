"""How good estimates are where the truth is known: the scores of the benchmark and of the backtest.

    wape      sum |mid - truth| / sum truth           mdare  median of |mid - truth| / truth
    bias      sum (mid - truth) / sum truth           coverage  share of ranges that hold the truth
    width     sum (high - low) / sum truth            iscore    interval score over sum truth
    false     placebos: mean of |mid| / volume        rec_wape  wape of what came back

The interval score (Winkler 1972; Gneiting and Raftery 2007) is the width of a range plus, where it
misses, 2 / (1 - level) times the distance by which it does. Cases of different measures are made
comparable by `scale`, the measure's mean day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from impact.model import FloatArray, Range

LEVEL = 0.90


@dataclass(frozen=True, slots=True)
class Scored:
    """One estimate beside its truth. `volume`: what the window would have had without anything.

    placebo: nothing happened. recovered, recovered_truth: what came back, where that is asked for.
    """

    estimate: Range
    truth: float
    volume: float
    placebo: bool = False
    scale: float = 1.0
    recovered: float | None = None
    recovered_truth: float | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of a group of cases; None where it holds nothing to measure."""

    cases: int
    coverage: float | None = None
    wape: float | None = None
    mdare: float | None = None
    bias: float | None = None
    width: float | None = None
    iscore: float | None = None
    false: float | None = None
    false_width: float | None = None
    rec_wape: float | None = None


def score(cases: Sequence[Scored], level: float = LEVEL) -> Scores:
    """The scores of some cases. Coverage counts placebos too; only `false` is theirs alone."""
    if not cases:
        return Scores(0)
    low, mid, high, truth = (
        np.array(column)
        for column in zip(
            *((c.estimate.low, c.estimate.mid, c.estimate.high, c.truth) for c in cases),
            strict=True,
        )
    )
    scale = np.array([c.scale for c in cases])
    volume = np.array([c.volume for c in cases])
    placebo = np.array([c.placebo for c in cases])
    coverage = float(np.mean((low <= truth) & (truth <= high)))
    low, mid, high, truth, volume = (x / scale for x in (low, mid, high, truth, volume))
    real = _real(low[~placebo], mid[~placebo], high[~placebo], truth[~placebo], level)
    claimed = _ratio_mean(np.abs(mid[placebo]), volume[placebo])
    width = _ratio_mean((high - low)[placebo], volume[placebo])
    return Scores(
        len(cases),
        coverage,
        **real,
        false=claimed,
        false_width=width,
        rec_wape=_recovered(cases),
    )


def inside_interval(inside: int, of: int, level: float = LEVEL) -> tuple[float, float]:
    """The exact interval of a share that was seen `inside` of `of` times (Clopper-Pearson 1934)."""
    if not 0 <= inside <= of:
        raise ValueError("inside: must lie between 0 and of")
    tail = (1.0 - level) / 2.0
    low = float(betaincinv(inside, of - inside + 1, tail)) if inside else 0.0
    high = float(betaincinv(inside + 1, of - inside, 1.0 - tail)) if inside < of else 1.0
    return low, high


def _real(
    low: FloatArray, mid: FloatArray, high: FloatArray, truth: FloatArray, level: float
) -> dict[str, float]:
    total = float(truth.sum()) if len(truth) else 0.0
    if total <= 0.0:
        return {}
    error = mid - truth
    miss = np.maximum(low - truth, 0.0) + np.maximum(truth - high, 0.0)
    return {
        "wape": float(np.abs(error).sum()) / total,
        "mdare": float(np.median(np.abs(error[truth > 0.0]) / truth[truth > 0.0])),
        "bias": float(error.sum()) / total,
        "width": float((high - low).sum()) / total,
        "iscore": float((high - low + 2.0 / (1.0 - level) * miss).sum()) / total,
    }


def _ratio_mean(part: FloatArray, whole: FloatArray) -> float | None:
    usable = whole > 0.0
    return float(np.mean(part[usable] / whole[usable])) if usable.any() else None


def _recovered(cases: Sequence[Scored]) -> float | None:
    pairs = [
        (c.recovered / c.scale, c.recovered_truth / c.scale)
        for c in cases
        if c.recovered is not None and c.recovered_truth is not None
    ]
    total = sum(truth for _, truth in pairs)
    return sum(abs(mid - truth) for mid, truth in pairs) / total if total > 0.0 else None
