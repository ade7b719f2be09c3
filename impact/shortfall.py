"""Tools green, business red: measures that are short without any signal.

Every flow (and, for too much, every load) is watched by the sequential test of `impact.effect`,
which says that it is red and since when. An incident is opened where the shortfall is also deeper
than the bars that a backtest has set (`impact.vigil`), so that all measures together open one false
incident a week at most. What a silent feed leaves unknown is no shortfall: both see only what the
watermark lets them see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from enrich.model import BusinessMap, Measure
from impact.baselines import Baselines
from impact.effect import THRESHOLD, Interval, Watched, sustained_shortfall
from impact.vigil import Kind, Vigil, depths
from impact.watermark import Watermark

LOOK_BACK = timedelta(hours=12)
BEFORE = timedelta(hours=36)  # it, whose level says how the days have been going
RECENT = timedelta(hours=1)  # a shortfall that was over for longer opens nothing any more


@dataclass(frozen=True, slots=True)
class Shortfall:
    """One measure that is red, or was until just now; `end` is None while it is."""

    measure: str  # process/name
    start: datetime
    end: datetime | None
    beyond: float  # the deepest of it, in bars: more than 1
    share: float  # of what was expected between start and end, missing (load: on top)


def find_shortfalls(
    business_map: BusinessMap,
    baselines: Baselines,
    marks: Mapping[str, Watermark],
    vigil: Vigil | None,
) -> tuple[Shortfall, ...]:
    """The measures that are short now, the deepest first.

    marks: by stream, as a `Tick` has them. vigil: the bars; a measure without one is not judged.
    Measures that a technical incident reaches are found too: whether a signal explains them is the
    caller's to say.
    """
    found = []
    for measure in business_map.measures():
        mark = marks.get(measure.stream)
        if mark is None or vigil is None or measure.id not in vigil.bars:
            continue
        series = baselines.followed(measure, mark.until - LOOK_BACK, mark.until, mark)
        if series is None:
            continue
        red = sustained_shortfall(series, threshold=THRESHOLD)
        if red is None or (red.end is not None and red.end < mark.until - RECENT):
            continue
        beyond = _beyond(measure, baselines, mark, red, vigil)
        if beyond > 1.0:
            share = _share(series, red)
            found.append(Shortfall(measure.id, red.start, red.end, beyond, share))
    return tuple(sorted(found, key=lambda s: -s.beyond))


def _beyond(
    measure: Measure, baselines: Baselines, mark: Watermark, red: Interval, vigil: Vigil
) -> float:
    """How far the deepest window that ends in a red stretch lies beyond the measure's bars."""
    learned = baselines.learned(measure)
    assert learned is not None
    times, actual = baselines.series(measure, mark)
    recent = times >= _np(mark.until - LOOK_BACK - BEFORE)
    times, actual = times[recent], actual[recent]
    usual = learned.baseline.usual(times.astype("datetime64[s]").astype(np.int64))[0]
    kind: Kind = "load" if measure.kind == "load" else "flow"
    step_s = int(baselines.step.total_seconds())
    found = depths(actual, usual, step_s, vigil.noises[measure.id], kind)
    within = times >= _np(red.start)
    if red.end is not None:
        within &= times < _np(red.end)
    return float(vigil.beyond(measure.id, found[:, within]).max(initial=0.0))


def _share(series: Watched, red: Interval) -> float:
    inside = np.isfinite(series.actual) & (series.times >= _np(red.start))
    if red.end is not None:
        inside &= series.times < _np(red.end)
    expected = float(series.expected[inside].sum())
    missing = expected - float(series.actual[inside].sum())
    return abs(missing) / expected if expected > 0.0 else 0.0


def _np(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "s")
