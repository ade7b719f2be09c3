"""Journeys: the first time of each status of a business key, for lead times and evidence."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from enrich.model import Measure
from impact.model import FloatArray, TimeArray
from impact.ports import Cohort, LateHistory
from impact.progress import BINS, PER_PROMISE
from impact.promise import Clock
from ingest.times import to_ms
from store.clickhouse import Database
from store.times import to_seconds

# Inserts that were under way while a stream was registered: they may have missed the view, and the
# first backfill may have missed them.
_IN_FLIGHT = timedelta(minutes=10)


class JourneyTable:
    """Reads `journeys`, and says of which streams they are kept."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def track(self, streams: Collection[str]) -> None:
        """Keep the journeys of these streams too, with what is already stored of them."""
        known = {row["stream"] for row in self._database.rows("journey_streams")}
        new = sorted(set(streams) - known)
        if not new:
            return
        lately = self._clock() - _IN_FLIGHT
        self._database.run("journey_streams_add", streams=new)
        self._database.run("journeys_backfill", streams=new, since=0)
        self._database.run("journeys_backfill", streams=new, since=to_ms(lately))

    def cohort(self, measure: Measure, start: datetime, end: datetime) -> Cohort:
        """Keys begun before `end` that were still open at `start`."""
        table = self._database.table(
            "cohort",
            stream=measure.stream,
            start_status=measure.start,
            finish_status=measure.finish,
            closed=list(measure.closed),
            start=to_ms(start),
            end=to_ms(end),
        )
        return Cohort(
            started=_times(table, "started"),
            finished=_times(table, "finished"),
            closed=_times(table, "closed"),
            amount=_floats(table, "amount"),
        )

    def late_history(
        self, measure: Measure, clock: Clock, start: datetime, end: datetime, as_of: datetime
    ) -> LateHistory:
        """Keys placed in [start, end), late as far as known at `as_of`, per hour of placement."""
        if measure.promise is None:
            raise ValueError("measure: has no promise to be late against")
        table = self._database.table(
            "late_history",
            stream=measure.stream,
            start_status=measure.start,
            finish_status=measure.finish,
            closed=list(measure.closed),
            promise=measure.promise // timedelta(milliseconds=1),
            knots=(1000 * clock.at).tolist(),
            readings=(1000 * clock.reading).tolist(),
            rates=clock.rate.tolist(),
            start=to_ms(start),
            end=to_ms(end),
            as_of=to_ms(as_of),
            bins=BINS,
            per_promise=PER_PROMISE,
        )
        return _by_hour(table)

    def failed_keys(
        self, measure: Measure, start: datetime, end: datetime, until: datetime
    ) -> tuple[int | None, int | None]:
        """(keys, customers) that failed in [start, end) and did not succeed before `until`."""
        row = self._database.rows(
            "failed_keys",
            stream=measure.stream,
            ok=list(measure.ok),
            failed=list(measure.failed),
            start=to_ms(start),
            end=to_ms(end),
            until=to_ms(until),
        )[0]
        if row["expired"] or not row["keyed"]:
            return None, None
        customers = int(row["customers_hit"]) if row["with_customer"] else None
        return int(row["keys"]), customers


def _by_hour(table: pa.Table) -> LateHistory:
    """Rows of (hour, bin of age) with the bins of an hour side by side."""
    hours, row = np.unique(table.column("hour").to_numpy(), return_inverse=True)
    ages = np.zeros((len(hours), BINS))
    ages[row, table.column("bin").to_numpy()] = _floats(table, "units")
    placed, late, late_hours = (
        np.bincount(row, _floats(table, name), minlength=len(hours)).astype(np.float64)
        for name in ("placed", "late", "late_hours")
    )
    return LateHistory(to_seconds(hours), placed, late, late_hours, ages)


def _times(table: pa.Table, name: str) -> TimeArray:
    """Milliseconds as seconds, rounded down; the smallest integer is NaT and stays so."""
    values = table.column(name).to_numpy().astype("datetime64[ms]")
    return values.astype("datetime64[s]")


def _floats(table: pa.Table, name: str) -> FloatArray:
    return np.asarray(table.column(name).to_numpy(), dtype=np.float64)
