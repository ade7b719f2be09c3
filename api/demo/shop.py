"""The simulated shop: its history, its present, what its tools say, and the truth about it.

`Shop(seed, start)` fixes everything: the same seed and start give the same bytes. `start` is when
the live demo begins; history lies before it, with incidents that have healed, and from it on the
live scenario repeats every two hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np

from api.demo.cohorts import CONVERSION, Cohorts
from api.demo.demand import Demand
from api.demo.incidents import (
    CYCLE,
    QUIET,
    Incident,
    live_incidents,
    past_incidents,
    signals_of,
)
from api.demo.live import Line, live_lines
from api.demo.moments import DAY_MINUTES, DAY_MS, MINUTE_MS, day_of, moment_of, ms_of
from api.demo.render import lines
from api.demo.truth import Truth
from api.demo.world import World


class Shop:
    """A simulated shop, clearly labelled as such.

    `payments_per_minute` is the mean over a week; evenings see three times as many. `incidents`
    replaces the scheduled ones, for tests and scenarios.
    """

    def __init__(
        self,
        seed: int,
        start: datetime,
        *,
        weeks: int = 8,
        payments_per_minute: float = 7.0,
        incidents: tuple[Incident, ...] | None = None,
    ) -> None:
        if weeks < 1:
            raise ValueError("weeks must be at least 1")
        self.seed = seed
        self.start = start = moment_of(ms_of(start))  # UTC, so that weeks are weeks
        self.first = start - timedelta(weeks=weeks)
        first_day = day_of(ms_of(self.first))
        self._scheduled = incidents is None
        self._cycles = 0
        if incidents is None:
            incidents = past_incidents(seed, self.first, start)
        push_day = first_day + int(np.random.default_rng([seed, 0x9054]).integers(3, 7 * weeks))
        demand = Demand(
            seed,
            first_day,
            payments_per_minute / CONVERSION,
            push_minute=push_day * DAY_MINUTES + 9 * 60,
        )
        self._world = World(Cohorts(demand), first_day, incidents)
        self.truth = Truth(self._world, lambda until: self._schedule(ms_of(until)))

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """The incidents scheduled so far; `incidents_until` looks further ahead."""
        return self._world.incidents

    def incidents_until(self, until: datetime) -> tuple[Incident, ...]:
        """All incidents whose business effect starts before `until`."""
        self._schedule(ms_of(until))
        return tuple(i for i in self._world.incidents if i.start_ms < ms_of(until))

    def history(self, until: datetime | None = None) -> Iterator[bytes]:
        """Events from `first` to `until` (default: `start`) as NDJSON, one chunk per UTC day.

        Within a chunk, and from chunk to chunk, lines ascend in time.
        """
        from_ms, to_ms = ms_of(self.first), ms_of(until or self.start)
        for day in range(day_of(from_ms), day_of(to_ms - 1) + 1):
            low, high = max(from_ms, day * DAY_MS), min(to_ms, (day + 1) * DAY_MS)
            self._schedule(high)
            found = lines(self._world.between(low, high))
            if found:
                yield ("\n".join(found) + "\n").encode()

    def live(self, frm: datetime, to: datetime) -> list[Line]:
        """The events in [frm, to), in order of time: the same that a history would hold."""
        self._schedule(ms_of(to))
        return live_lines(self._world.between(ms_of(frm), ms_of(to)))

    def signals(self, frm: datetime, to: datetime) -> list[dict[str, object]]:
        """What the tools say in [frm, to), in the normal form of signals, in order of time."""
        self._schedule(ms_of(to) + 30 * MINUTE_MS)  # a change is told before its incident
        low, high = ms_of(frm), ms_of(to)
        told = [t for incident in self._world.incidents for t in signals_of(incident)]
        return [signal for at, signal in sorted(told, key=lambda t: t[0]) if low <= at < high]

    def _schedule(self, until_ms: int) -> None:
        """Schedule the live cycles of all days up to the one of `until_ms`, and the next days.

        The warehouse looks some days ahead when it works a queue off, so cycles are scheduled
        well before the world gets there: what is already told never changes.
        """
        if not self._scheduled:
            return
        horizon = (until_ms // DAY_MS + 7) * DAY_MS
        while ms_of(self.start + QUIET + CYCLE * self._cycles) < horizon:
            self._world.extend(live_incidents(self.seed, self.start, self._cycles))
            self._cycles += 1
