"""Tools green, business red: measures that are short without any signal.

Every flow (and, for too much, every load) is watched by the sequential test of `impact.effect`,
with a threshold that a backtest on its own history sets, so that all measures together open one
false incident a week at most. What a silent feed leaves unknown is no shortfall: the test sees
only what the watermark lets it see. And a small shortfall can be certain and still be the day's own
level, so what is missing must also be a good part (`LEAST`) of what was expected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from enrich.model import BusinessMap
from impact.baselines import Baselines
from impact.effect import Interval, Watched, sustained_shortfall
from impact.watermark import Watermark

LOOK_BACK = timedelta(hours=12)
LEAST = 0.3  # of what was expected: a slow day is often 25 % off its weekday, and no outage
RECENT = timedelta(hours=1)  # a shortfall that was over for longer opens nothing any more


@dataclass(frozen=True, slots=True)
class Shortfall:
    """One measure that is red, or was until just now; `end` is None while it is."""

    measure: str  # process/name
    start: datetime
    end: datetime | None
    peak: float  # of the test, over `threshold`
    threshold: float
    share: float  # of what was expected between start and end, missing (load: on top)


def find_shortfalls(
    business_map: BusinessMap, baselines: Baselines, marks: Mapping[str, Watermark]
) -> tuple[Shortfall, ...]:
    """The measures that are short now, the most certain first.

    marks: by stream, as a `Tick` has them. Measures that a technical incident reaches are found
    too: whether a signal explains them is the caller's to say.
    """
    watched = [m for m in business_map.measures() if m.kind in ("flow", "load")]
    found = []
    for measure in watched:
        mark, learned = marks.get(measure.stream), baselines.learned(measure)
        if mark is None or learned is None:
            continue
        series = baselines.followed(measure, mark.until - LOOK_BACK, mark.until, mark)
        if series is None:
            continue
        threshold = learned.alone(len(watched))
        red = sustained_shortfall(series, threshold=threshold)
        if red is None or (red.end is not None and red.end < mark.until - RECENT):
            continue
        share = _share(series, red)
        if share >= LEAST:
            found.append(Shortfall(measure.id, red.start, red.end, red.peak, threshold, share))
    return tuple(sorted(found, key=lambda s: s.threshold - s.peak))


def _share(series: Watched, red: Interval) -> float:
    inside = np.isfinite(series.actual) & (series.times >= _np(red.start))
    if red.end is not None:
        inside &= series.times < _np(red.end)
    expected = float(series.expected[inside].sum())
    missing = expected - float(series.actual[inside].sum())
    return abs(missing) / expected if expected > 0.0 else 0.0


def _np(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "s")
