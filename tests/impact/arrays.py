"""A reader over arrays in memory, and the small worlds that tests of the numbers start from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from enrich.incident import Episode, Incident, Reached
from enrich.model import BusinessMap, Measure, Process
from impact.model import FloatArray
from impact.ports import Cohort, LateHistory, StreamState, Volumes
from impact.progress import BINS, PER_PROMISE
from impact.promise import Clock

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
NOWHERE = np.datetime64("NaT", "s")


def at(minutes: float = 0, *, days: float = 0, hours: float = 0) -> datetime:
    """A moment after Monday, 2 March 2026, 00:00 UTC."""
    return MONDAY + timedelta(minutes=minutes, days=days, hours=hours)


def stamp(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "s")


@dataclass
class ArrayReader:
    """Implements `impact.ports.Reader`. streams: (stream, status) -> (first minute, counts)."""

    streams: dict[tuple[str, str], tuple[datetime, FloatArray]] = field(default_factory=dict)
    amounts: dict[str, dict[str, float]] = field(default_factory=dict)  # stream -> currency -> mean
    journeys: Cohort | None = None
    failed: tuple[int | None, int | None] = (None, None)
    now: datetime = MONDAY
    states: dict[str, StreamState] = field(default_factory=dict)
    reads: int = 0

    def volumes(
        self, stream: str, statuses: Sequence[str], start: datetime, end: datetime, /
    ) -> Volumes:
        self.reads += 1
        total: dict[int, float] = {}
        parts = [
            (first, counts)
            for (name, status), (first, counts) in self.streams.items()
            if name == stream and status in statuses
        ]
        if len(parts) != 1:
            assert not parts, "one status per stream is enough here"
            return Volumes(np.zeros(0, "datetime64[s]"), np.zeros(0), {})
        first, counts = parts[0]
        low = max(int((min(start, self.now) - first) / timedelta(minutes=1)), 0)
        high = max(int((min(end, self.now) - first) / timedelta(minutes=1)), low)
        part = counts[low:high]
        rows = np.flatnonzero(part > 0)
        times = stamp(first) + (low + rows) * np.timedelta64(60, "s")
        del total
        money = {c: part[rows] * mean for c, mean in self.amounts.get(stream, {}).items()}
        return Volumes(times, part[rows], money)

    def stream_states(self) -> Mapping[str, StreamState]:
        found = dict(self.states)
        for (stream, _), (first, _counts) in self.streams.items():
            found.setdefault(
                stream,
                StreamState(stream, first, self.now, self.now, 0.0, self.now, self.now),
            )
        return found

    def cohort(self, measure: Measure, start: datetime, end: datetime, /) -> Cohort:
        c = self.journeys
        assert c is not None
        stop = np.fmin(c.finished, c.closed)
        keep = (c.started < stamp(end)) & ~(stop < stamp(start))
        return Cohort(c.started[keep], c.finished[keep], c.closed[keep], c.amount[keep])

    def late_history(
        self, measure: Measure, clock: Clock, start: datetime, end: datetime, as_of: datetime, /
    ) -> LateHistory:
        c = self.journeys
        assert c is not None and measure.promise is not None
        inside = (c.started >= stamp(start)) & (c.started < stamp(end))
        started, stop = c.started[inside], np.fmin(c.finished, c.closed)[inside]
        last = np.where(np.isnat(stop) | (stop > stamp(as_of)), stamp(as_of), stop)
        took = clock.read(last.astype(np.int64)) - clock.read(started.astype(np.int64))
        over_s = took - int(measure.promise.total_seconds())
        hours, which = np.unique(started.astype("datetime64[h]"), return_inverse=True)
        late = over_s > 0
        size = len(hours)
        promise = int(measure.promise.total_seconds())
        age = np.clip(took * PER_PROMISE // promise, 0, BINS - 1)
        age[np.isnat(stop) | (stop > stamp(as_of))] = BINS - 1
        ages = np.bincount(which * BINS + age, minlength=size * BINS).reshape(size, BINS)
        return LateHistory(
            hours.astype("datetime64[s]"),
            np.bincount(which, minlength=size).astype(float),
            np.bincount(which, late, size).astype(float),
            np.bincount(which, np.where(late, over_s / 3600.0, 0.0), size).astype(float),
            ages.astype(float),
        )

    def failed_keys(
        self, measure: Measure, start: datetime, end: datetime, until: datetime, /
    ) -> tuple[int | None, int | None]:
        return self.failed


def business_map(*measures: Measure, timezone: str = "UTC", **changes: object) -> BusinessMap:
    """A map whose processes have these measures and need nothing."""
    processes: dict[str, Process] = {}
    for name in dict.fromkeys(m.process for m in measures):
        own = tuple(m for m in measures if m.process == name)
        processes[name] = Process(name, name.title(), measures=own)
    return BusinessMap("Example Shop", "EUR", timezone, "v1", processes, {}, **changes)  # type: ignore[arg-type]


def incident(
    name: str,
    start: datetime,
    end: datetime | None,
    reached: Mapping[str, float],
    **changes: object,
) -> Incident:
    """A technical incident that reaches processes with these severities."""
    return Incident(
        id=name,
        kind=changes.pop("kind", "outage"),  # type: ignore[arg-type]
        state="open" if end is None else "recovering",
        title=name,
        started_at=start,
        ended_at=end,
        root="payment",
        explanation="",
        episodes=(),
        reached=tuple(Reached(p, s, ("payment", p)) for p, s in reached.items()),
        **changes,  # type: ignore[arg-type]
    )


def daily(days: int, per_minute: float, *, swing: float = 0.5) -> FloatArray:
    """(minutes,) expected counts: a sine over the day around `per_minute`."""
    minute = np.arange(days * 1440)
    return per_minute * (1.0 + swing * np.sin((minute / 1440.0 - 0.25) * 2 * np.pi))


__all__ = ["ArrayReader", "Episode", "at", "business_map", "daily", "incident", "stamp"]
