"""What the store says at a scrape, for metrics: measures, perception, how far Toll is behind.

Worked out by who serves, at most every fifteen seconds however often it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock

from api.ask.outlook import MeasureView, Outlook
from api.ask.perceiving import perceived
from api.run.wiring import Parts
from impact.perception import Perception
from ingest.consumer import topics_of
from ingest.dead_letters import REASONS
from ingest.errors import TollError

KEPT = timedelta(seconds=15)  # as often as Prometheus asks by default
SEEN = timedelta(days=1)  # over which the perception gap is told


@dataclass(frozen=True)
class Standing:
    """Everything at one moment; `up` is False, and the rest empty, where the store is away."""

    at: datetime
    up: bool
    measures: Sequence[MeasureView] = ()
    perceptions: Sequence[Perception] = ()
    dead_letters: Mapping[str, int] = field(default_factory=dict)  # not replayed, by reason
    behind: timedelta | None = None  # None: nothing has been read yet


class Standings:
    """Makes a standing when it is asked for, and keeps it for a while."""

    def __init__(self, parts: Parts, outlook: Outlook) -> None:
        self._parts, self._outlook = parts, outlook
        self._lock = Lock()
        self._last: Standing | None = None

    def now(self) -> Standing:
        """The standing, at most `KEPT` old."""
        now = datetime.now(UTC)
        with self._lock:
            if self._last is None or not timedelta(0) <= now - self._last.at < KEPT:
                try:
                    self._last = self._make(now)
                except TollError:  # told as `toll_store_up`, and by `/health/ready` in words
                    self._last = Standing(now, up=False)
            return self._last

    def _make(self, now: datetime) -> Standing:
        parts, settings = self._parts, self._parts.settings
        topics = topics_of(parts.config, settings.business_topic, settings.signals_topic)
        read = [p.read_until for p in parts.store.progress() if p.topic in topics]
        letters = parts.store.dead_letters.counts()
        seen = perceived(parts, self._outlook, now - SEEN, now)
        return Standing(
            now,
            up=True,
            measures=list(self._outlook.view().measures.values()),
            # None of what is being learned: "cannot tell" is said of what stays so.
            perceptions=[p for p in seen.processes if p.name not in seen.waiting],
            # Zero where there are none: from nothing to one is an increase only if zero was said.
            dead_letters={r: letters[r].open if r in letters else 0 for r in REASONS},
            behind=max(timedelta(0), now - min(read)) if read else None,
        )
