"""Tools green, business red: measures that are short without any signal.

Every flow (and, for too much, every load) is watched by the sequential test of `impact.cusum`,
which says that it is red and since when. An incident is opened where the shortfall is also deeper
than the bars that a backtest has set (`impact.vigil`), so that all measures together open one false
incident a week at most. What a silent feed leaves unknown is no shortfall: both see only what the
watermark lets them see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

import numpy as np

from enrich.model import BusinessMap, Measure
from impact.baselines import Baselines, kind_of
from impact.cusum import JOIN, THRESHOLD, Interval, Watched, red_intervals
from impact.times import epoch_seconds, utc64
from impact.vigil import Vigil, depths
from impact.watermark import Watermark

LOOK_BACK = timedelta(hours=12)
BEFORE = timedelta(hours=36)  # it, whose level says how the days have been going
HEAD_START = timedelta(hours=2)  # before the start of a known one, from which it is followed
RECENT = timedelta(hours=1)  # a shortfall that was over for longer opens nothing any more

NONE_OPEN: Mapping[str, datetime] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Shortfall:
    """One measure that is red, or was until just now; `end` is None while it is.

    Of a measure with an open incident also what is long over: how that incident ended, and what
    came after it.
    """

    measure: str  # process/name
    start: datetime
    end: datetime | None
    beyond: float  # the deepest of it, in bars: more than 1, or of a known one
    share: float  # of what was expected between start and end, missing (load: on top)


def find_shortfalls(
    business_map: BusinessMap,
    baselines: Baselines,
    marks: Mapping[str, Watermark],
    vigil: Vigil | None,
    since: Mapping[str, datetime] = NONE_OPEN,
) -> tuple[Shortfall, ...]:
    """The measures that are short now, the deepest first.

    since: by measure, when the open incident began that it is known to be short in. It is followed
    from then on, however deep it is, so that what was missed meanwhile makes no difference.

    marks: by stream, as a `Tick` has them. vigil: the bars; a measure without one is not judged.
    Measures that a technical incident reaches are found too: whether a signal explains them is the
    caller's to say.
    """
    found = []
    for measure in business_map.measures():
        mark = marks.get(measure.stream)
        if mark is None or vigil is None or measure.id not in vigil.bars:
            continue
        known = since.get(measure.id)
        first = mark.until - LOOK_BACK
        if known is not None:
            first = min(first, known - HEAD_START)
        series = baselines.followed(measure, first, mark.until, mark)
        if series is None:
            continue
        for red in _of_interest(red_intervals(series, threshold=THRESHOLD), mark.until, known):
            beyond = _beyond(measure, baselines, mark, red, vigil)
            if beyond > 1.0 or known is not None:
                share = _share(series, red)
                found.append(Shortfall(measure.id, red.start, red.end, beyond, share))
    return tuple(sorted(found, key=lambda s: -s.beyond))


def _of_interest(
    reds: Sequence[Interval], until: datetime, known: datetime | None
) -> Sequence[Interval]:
    """The newest stretch, unless it is over for long; where one is known, all since that."""
    since = until - RECENT if known is None else known - JOIN
    chosen = [r for r in reds if r.end is None or r.end >= since]
    return chosen if known is not None else chosen[-1:]


def _beyond(
    measure: Measure, baselines: Baselines, mark: Watermark, red: Interval, vigil: Vigil
) -> float:
    """How far the deepest window that ends in a red stretch lies beyond the measure's bars."""
    learned = baselines.learned(measure)
    assert learned is not None
    times, actual = baselines.series(measure, mark)
    recent = times >= utc64(min(mark.until - LOOK_BACK, red.start) - BEFORE)
    times, actual = times[recent], actual[recent]
    usual = learned.baseline.usual(epoch_seconds(times))[0]
    step_s = int(baselines.step.total_seconds())
    found = depths(actual, usual, step_s, vigil.noises[measure.id], kind_of(measure))
    within = times >= utc64(red.start)
    if red.end is not None:
        within &= times < utc64(red.end)
    return float(vigil.beyond(measure.id, found[:, within]).max(initial=0.0))


def _share(series: Watched, red: Interval) -> float:
    inside = np.isfinite(series.actual) & (series.times >= utc64(red.start))
    if red.end is not None:
        inside &= series.times < utc64(red.end)
    expected = float(series.expected[inside].sum())
    missing = expected - float(series.actual[inside].sum())
    return abs(missing) / expected if expected > 0.0 else 0.0
