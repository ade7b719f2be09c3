"""The store as it would answer at an earlier moment: for pricing what is long over.

Counts stay what they are now (late events belong to their time); only how far the data reach is
cut off at the moment, so that estimates are made as if it were the present.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from enrich.model import Measure
from impact.ports import Cohort, LateHistory, Reader, StreamState, Volumes
from impact.promise import Clock


class AsOf:
    """A reader whose streams end at a moment."""

    def __init__(self, reader: Reader, moment: datetime) -> None:
        self._reader, self._moment = reader, moment

    def stream_states(self) -> Mapping[str, StreamState]:
        """Every stream, as if nothing after the moment had arrived."""
        return {
            name: replace(state, read_until=_earlier(state.read_until, self._moment))
            for name, state in self._reader.stream_states().items()
        }

    def volumes(
        self, stream: str, statuses: Sequence[str], start: datetime, end: datetime, /
    ) -> Volumes:
        """Minutes in [start, end), none after the moment."""
        return self._reader.volumes(stream, statuses, start, min(end, self._moment))

    def cohort(self, measure: Measure, start: datetime, end: datetime, /) -> Cohort:
        """As the store has it."""
        return self._reader.cohort(measure, start, end)

    def late_history(
        self, measure: Measure, clock: Clock, start: datetime, end: datetime, as_of: datetime, /
    ) -> LateHistory:
        """As the store has it."""
        return self._reader.late_history(measure, clock, start, end, as_of)

    def failed_keys(
        self, measure: Measure, start: datetime, end: datetime, until: datetime, /
    ) -> tuple[int | None, int | None]:
        """As the store has it."""
        return self._reader.failed_keys(measure, start, end, until)


def _earlier(one: datetime | None, other: datetime) -> datetime | None:
    return None if one is None else min(one, other)
