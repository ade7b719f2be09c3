"""Up to when a stream's data can be taken as complete, and what a minute without rows means.

Three things bound the watermark: how far the ingesters have read, how late the stream's events
usually arrive, and how recently anything proved that the source was alive. A minute without rows is
zero only below the watermark; a feed that is silent by itself leaves its minutes unknown (NaN),
because a dead feed and a stopped business look the same from here. Both readings are offered:
`until` is the first one, `stopped_until` the second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np

from impact.calendar import IntArray
from impact.model import FloatArray, TimeArray
from impact.ports import StreamState
from impact.times import epoch_seconds

Reason = Literal["", "no data", "never read", "feed silent or business stopped"]
SILENT: Reason = "feed silent or business stopped"

DEFAULT_DELAY = timedelta(minutes=2)  # until a stream's own delay has been learned
USUAL_GAP = timedelta(minutes=5)  # a busy stream that says nothing for longer is silent
LUMP_QUIET = timedelta(minutes=1)  # a lump counts as delivered when nothing followed for this long
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Watermark:
    """Data in [since, until) are complete. `alive`: the source has shown itself lately."""

    since: datetime  # of the oldest row known; minutes before it were not measured
    until: datetime
    alive: bool
    reason: Reason
    stopped_until: datetime  # where the watermark would stand if silence meant zero
    as_of: datetime  # when this was known

    def as_stopped(self) -> Watermark:
        """The second reading of a silence: the business stopped, the missing minutes are zeros."""
        return replace(self, until=self.stopped_until)


def watermark(state: StreamState, now: datetime, usual_gap: timedelta = USUAL_GAP) -> Watermark:
    """Where the stream's data are complete; `usual_gap` is how long it may well say nothing."""
    if state.first_at is None or state.last_at is None or state.last_received is None:
        return Watermark(NEVER, NEVER, False, "no data", NEVER, now)
    newest = _minute(state.last_at)
    if state.read_until is None:
        return Watermark(state.first_at, newest, False, "never read", newest, now)
    delay = usual_delay(state)
    reach = min(now, state.read_until)
    proof = _proof(state, delay)
    until = min(reach, proof) - delay
    if _lump_delivered(state, now):
        until = max(until, min(newest, reach))
    alive = proof >= reach - longest_pause(state, usual_gap)
    reason: Reason = "" if alive else SILENT
    stopped = _minute(max(reach - delay, until))
    return Watermark(state.first_at, _minute(until), alive, reason, stopped, now)


def fill_bins(starts: IntArray, counts: FloatArray, width: int, mark: Watermark) -> FloatArray:
    """Counts of bins that start at `starts` (epoch seconds), NaN where not measured."""
    since, until = int(_minute(mark.since).timestamp()), int(mark.until.timestamp())
    seen = (starts >= since) & (starts + width <= until)
    filled: FloatArray = np.where(seen, counts, np.nan)
    return filled


def bin_sums(
    times: TimeArray, weights: FloatArray, first: int, width: int, size: int
) -> FloatArray:
    """Sums of `weights` in `size` bins of `width` seconds from epoch second `first`."""
    index = (epoch_seconds(times) - first) // width
    inside = (index >= 0) & (index < size)
    sums = np.bincount(index[inside], weights=weights[inside], minlength=size)
    return sums.astype(np.float64)


def usual_delay(state: StreamState) -> timedelta:
    """How late the stream's events usually arrive."""
    if state.delay_s is not None:
        return timedelta(seconds=state.delay_s)
    return (state.cadence or timedelta(0)) + DEFAULT_DELAY


def longest_pause(state: StreamState, usual_gap: timedelta = USUAL_GAP) -> timedelta:
    """For how long the stream may say nothing: lumps that it learned or declared come in between.

    What was learned already holds the declared rhythm, so the longer of the two counts.
    """
    learned = timedelta(seconds=state.pause_s or 0.0)
    return usual_gap + max(state.cadence or timedelta(0), learned)


def _proof(state: StreamState, delay: timedelta) -> datetime:
    """The last moment at which the source was seen to deliver.

    Old news proves nothing: an import of last week's file does not make today's silence a zero.
    """
    assert state.last_at is not None and state.last_received is not None
    own = min(state.last_received, state.last_at + delay)
    return max(own, state.siblings_received or own)


def _lump_delivered(state: StreamState, now: datetime) -> bool:
    """Whether a feed that comes in lumps (a declared cadence) has its last lump behind it."""
    return (
        state.cadence is not None
        and state.last_received is not None
        and state.last_received <= now - LUMP_QUIET
    )


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
