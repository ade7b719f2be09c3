"""When an incident was felt on a measure, and how long what was lost may come back.

The technical window is the signals'; each measure has a window of its own, from when it turned red
around the first signal until it is back (`impact.cusum`). Settling follows: until the surplus has
ended, and only from when the doors open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from impact.cusum import (
    BIN_UNITS,
    THRESHOLD,
    Interval,
    Watched,
    red_intervals,
    surplus_intervals,
)
from impact.times import utc64

LEAD = timedelta(minutes=30)  # how much earlier than the first signal a measure may turn red
SETTLING_MAX = timedelta(hours=48)
SETTLING_MIN = timedelta(hours=2)
SETTLING_QUIET = timedelta(hours=12)  # without a surplus to be seen: it may be spread thinly
SURPLUS_WITHIN = timedelta(hours=6)  # a surplus that begins later is not this incident's


@dataclass(frozen=True, slots=True)
class EffectWindow:
    """From the first sign until the measure is back, and how long its surplus is counted.

    `end` is None while the effect lasts. `settling_until` may lie in the future: the last moment at
    which a surplus can still count. `red`: now, at the end of the data; None: cannot tell.
    """

    start: datetime
    end: datetime | None
    settling_until: datetime | None
    red: bool | None
    ever_red: bool


def never_closed(moment: datetime) -> timedelta:
    """Of a business that is open day and night."""
    return timedelta(0)


def effect_window(
    series: Watched,
    technical: tuple[datetime, datetime | None],
    until: datetime,
    *,
    threshold: float = THRESHOLD,
    red_since: datetime | None = None,
    closed_after: Callable[[datetime], timedelta] = never_closed,
) -> EffectWindow:
    """The measure's own window for an incident with the `technical` one, from data up to `until`.

    `series` should begin some hours before the technical window and reach to `until`.
    `red_since`: since when the business had been short before any signal, if it was known.
    `closed_after`: how long business is closed after a moment. What was lost comes back when the
    doors open, so settling begins then.
    """
    start, ended = technical
    earliest = earliest_effect(start, red_since)
    over = ended if ended is not None and ended <= until else None
    red = red_intervals(series, anchor=start, threshold=threshold)
    ours = _belonging(red, earliest, ended or until)
    if not ours:
        thin = _expected_between(series, start, over or until) < BIN_UNITS
        settling = over + closed_after(over) + SETTLING_QUIET if over is not None else None
        return EffectWindow(start, over, settling, None if thin else False, False)
    begin = max(min(start, ours[0].start), earliest)
    end = ours[-1].end
    settling = _settling(series, end, end + closed_after(end)) if end is not None else None
    return EffectWindow(begin, end, settling, end is None, True)


def earliest_effect(start: datetime, red_since: datetime | None) -> datetime:
    """How early an effect may begin: `LEAD` before the first signal, or when it was seen to."""
    lead = start - LEAD
    return lead if red_since is None else min(lead, red_since)


def _belonging(red: Sequence[Interval], earliest: datetime, latest: datetime) -> list[Interval]:
    """Red stretches that touch [earliest, latest]."""
    return [r for r in red if r.start <= latest and (r.end is None or r.end > earliest)]


def _settling(series: Watched, end: datetime, opens: datetime) -> datetime:
    """When the surplus (of a load: the tail) after the effect is over, or can be at the latest.

    opens: when business goes on after `end`; the same moment unless it is closed for long.
    """
    if series.kind == "load":
        return opens + SETTLING_QUIET
    tail = series.where(series.times >= utc64(end))
    last: datetime | None = None
    for surplus in surplus_intervals(tail, anchor=end):
        if surplus.start - (last or opens) > SURPLUS_WITHIN:
            break
        if surplus.end is None:
            return opens + SETTLING_MAX
        last = surplus.end
    if last is None:
        return opens + SETTLING_QUIET
    return min(max(last, opens + SETTLING_MIN), opens + SETTLING_MAX)


def _expected_between(series: Watched, start: datetime, end: datetime) -> float:
    inside = (
        (series.times >= utc64(start)) & (series.times < utc64(end)) & np.isfinite(series.actual)
    )
    return float(np.nansum(series.expected[inside]))
