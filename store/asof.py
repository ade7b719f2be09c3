"""The store as it would answer at an earlier moment: for pricing what is long over.

Counts stay what they are now (late events belong to their time); only how far the data reach is
cut off at the moment, so that estimates are made as if it were the present: minutes after it are
not there, and an order that was finished later is still open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from enrich.model import Measure
from impact.ports import Cohort, LateHistory, Reader, StreamState, Volumes
from impact.promise import Clock
from impact.times import utc64


class AsOf:
    """A reader whose streams end at `moment`; who plays time through moves it forward."""

    def __init__(self, reader: Reader, moment: datetime) -> None:
        self._reader, self.moment = reader, moment

    def stream_states(self) -> Mapping[str, StreamState]:
        """Every stream, as if nothing after the moment had arrived."""
        return {
            name: replace(state, read_until=_earlier(state.read_until, self.moment))
            for name, state in self._reader.stream_states().items()
        }

    def volumes(
        self, stream: str, statuses: Sequence[str], start: datetime, end: datetime, /
    ) -> Volumes:
        """Minutes in [start, end), none after the moment."""
        return self._reader.volumes(stream, statuses, start, min(end, self.moment))

    def cohort(self, measure: Measure, start: datetime, end: datetime, /) -> Cohort:
        """Those placed by the moment; what was finished or closed later is open."""
        found = self._reader.cohort(measure, start, min(end, self.moment))
        last = utc64(self.moment)
        finished, closed = (
            np.where(times > last, np.datetime64("NaT", "s"), times)
            for times in (found.finished, found.closed)
        )
        return replace(found, finished=finished, closed=closed)

    def late_history(
        self, measure: Measure, clock: Clock, start: datetime, end: datetime, as_of: datetime, /
    ) -> LateHistory:
        """Late as far as was known by the moment."""
        known = min(as_of, self.moment)
        return self._reader.late_history(measure, clock, start, end, known)

    def failed_keys(
        self, measure: Measure, start: datetime, end: datetime, until: datetime, /
    ) -> tuple[int | None, int | None]:
        """Of what had failed, and not succeeded, by the moment."""
        last = self.moment
        return self._reader.failed_keys(measure, start, min(end, last), min(until, last))


def _earlier(one: datetime | None, other: datetime) -> datetime | None:
    return None if one is None else min(one, other)
