"""When a promise is up: in hours, in calendar days, or in working hours.

Each kind of promise has a clock of its own, and a unit is late once that clock has gone on by more
than what was promised since the unit was placed. `24h` is a stop watch. `2 days` is the wall clock
of the company's zone: the same time of day two days later, also across a clock change (an hour
that the night repeats stands still, so that time never runs back). `8 working hours` is a clock
that runs only while the company is open, and never on a holiday. Hours of delay are read from the
same clock: what was due on Friday at closing time and comes on Monday an hour after opening is an
hour late.

A clock is piecewise linear and never falls: K knots, from each of which it runs (rate 1) or stands
(rate 0). Seconds since 1970 throughout, exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import numpy as np

from enrich.model import BusinessMap, Measure
from impact.calendar import DAY, EPOCH_DAY, WEEK, IntArray, holiday_days, utc_offsets, zone_of

QUARTER = 900  # zones change their offset at whole quarters of an hour
CLOSED_LONG = timedelta(days=21)  # a company's longest holiday: how far beyond a week is looked


@dataclass(frozen=True)
class Clock:
    """What a promise counts. at: (K,) ascending, the first is 1970; reading, rate: (K,)."""

    at: IntArray
    reading: IntArray
    rate: IntArray

    def read(self, seconds: IntArray) -> IntArray:
        """What the clock shows at each moment."""
        knot = np.maximum(np.searchsorted(self.at, seconds, side="right") - 1, 0)
        shown: IntArray = self.reading[knot] + self.rate[knot] * (seconds - self.at[knot])
        return shown

    def shows(self, moment: datetime) -> int:
        """What it shows at one moment."""
        return int(self.read(np.array([int(moment.timestamp())], dtype=np.int64))[0])

    def due(self, start: datetime, promise: timedelta) -> datetime:
        """The last moment at which a unit placed at `start` is in time."""
        shown = self.shows(start) + _seconds(promise)
        return self._between(int(np.searchsorted(self.reading, shown, side="left")) - 1, shown)

    def since(self, start: datetime, promise: timedelta) -> datetime:
        """The moment since which units were placed that are due only after `start`."""
        shown = self.shows(start) - _seconds(promise)
        return self._between(int(np.searchsorted(self.reading, shown, side="right")) - 1, shown)

    def _between(self, knot: int, shown: int) -> datetime:
        """When the clock comes to show so much, after this knot and before the next has passed."""
        found = []
        if knot >= 0 and self.rate[knot]:
            found.append(int(self.at[knot]) + shown - int(self.reading[knot]))
        if knot + 1 < len(self.at):
            found.append(int(self.at[knot + 1]))
        if not found:
            raise ValueError("promise: the clock ends before it is up")
        return datetime.fromtimestamp(min(found), UTC)


_ZERO = np.zeros(1, dtype=np.int64)
STOPWATCH = Clock(_ZERO, _ZERO, np.ones(1, dtype=np.int64))


def clock_of(measure: Measure, business_map: BusinessMap, start: datetime, end: datetime) -> Clock:
    """The clock of a measure's promise, good for promises that are given or due in [start, end]."""
    if measure.promise_in == "elapsed":
        return STOPWATCH
    reach = longest(measure, business_map)
    first, last = (int(t.timestamp()) for t in (start - reach, end + reach))
    if measure.promise_in == "days":
        return _wall_clock(business_map.timezone, first, last)
    return _working_clock(business_map, first // DAY, last // DAY + 1)


def due(measure: Measure, business_map: BusinessMap, start: datetime) -> datetime:
    """When a unit of `measure` that is placed at `start` is due."""
    if measure.promise is None:
        raise ValueError("measure: has no promise")
    return clock_of(measure, business_map, start, start).due(start, measure.promise)


def longest(measure: Measure, business_map: BusinessMap) -> timedelta:
    """No promise of this measure takes longer than this, by the calendar."""
    if measure.promise is None:
        raise ValueError("measure: has no promise")
    if measure.promise_in != "working":
        return measure.promise + timedelta(days=1)
    open_minutes = sum(span.closes - span.opens for span in business_map.working_hours)
    if open_minutes <= 0:
        raise ValueError("business_map: a promise in working hours needs working_hours")
    weeks = measure.promise / timedelta(minutes=open_minutes)
    return timedelta(seconds=2 * weeks * WEEK) + CLOSED_LONG  # half the days may be holidays


def _wall_clock(timezone: str, first: int, last: int) -> Clock:
    marks = np.arange(first // QUARTER, last // QUARTER + 2, dtype=np.int64) * QUARTER
    offsets = utc_offsets(marks, zone_of(timezone))
    knots = [(0, int(offsets[0]), 1)]
    for i in (np.flatnonzero(np.diff(offsets)) + 1).tolist():
        moment, before, after = int(marks[i]), int(offsets[i - 1]), int(offsets[i])
        if after < before:
            knots.append((moment, moment + before, 0))
            moment += before - after
        knots.append((moment, moment + after, 1))
    return _clock(knots)


def _working_clock(business_map: BusinessMap, first_day: int, last_day: int) -> Clock:
    """Local days from `first_day` to `last_day`, counted since 1970."""
    zone = zone_of(business_map.timezone)
    closed = set(holiday_days(business_map.holidays or None, first_day, last_day + 1).tolist())
    knots, shown = [(0, 0, 0)], 0
    for day in range(first_day, last_day + 1):
        if day in closed:
            continue
        midnight = datetime.combine(EPOCH_DAY + timedelta(days=day), time(), zone)
        for span in sorted(business_map.working_hours, key=lambda s: s.opens):
            if span.weekday != midnight.weekday():
                continue
            # wall clock arithmetic: adding to a local time keeps its zone and finds its offset
            opens, closes = (
                int((midnight + timedelta(minutes=m)).timestamp())
                for m in (span.opens, span.closes)
            )
            knots.append((opens, shown, 1))
            shown += closes - opens
            knots.append((closes, shown, 0))
    return _clock(knots)


def _clock(knots: list[tuple[int, int, int]]) -> Clock:
    """Of two knots at one moment (it closes and opens again) the later one counts."""
    at, reading, rate = np.array(knots, dtype=np.int64).T
    kept = np.append(np.diff(at) > 0, True)
    return Clock(at[kept], reading[kept], rate[kept])


def _seconds(promise: timedelta) -> int:
    return int(promise.total_seconds())
