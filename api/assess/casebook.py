"""Signals as they come in, put together into incidents: the assessor's first half.

All signals are kept in memory; a tick only looks again at what is not yet quiet (see
`enrich.correlate`), so that months of them cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from enrich.correlate import quiet_point
from enrich.episodes import DEFAULT_EXPIRIES
from enrich.eras import Era, matters, put_together
from enrich.incident import Episode, Incident
from enrich.rootcause import TRIGGER_WINDOW
from ingest.events import Signal


class SignalReader(Protocol):
    """Where signals are kept."""

    def all(self) -> list[Signal]:
        """Every signal."""

    def since(self, moment: datetime, /) -> list[Signal]:
        """Signals received or stored at that moment or later."""


# Clocks of ingesters differ, and an insert takes a moment: ask again for the last minutes.
_OVERLAP = timedelta(minutes=5)


class Casebook:
    """All incidents that signals make, by id."""

    def __init__(
        self,
        reader: SignalReader,
        eras: Sequence[Era],
        expiries: Mapping[str, timedelta] = DEFAULT_EXPIRIES,
    ) -> None:
        self._reader, self._eras, self._expiries = reader, eras, expiries
        self._signals: dict[tuple[str, str], Signal] = {}
        self._asked: datetime | None = None
        self._known: list[Episode] = []
        self._incidents: dict[str, Incident] = {}

    def update(self, now: datetime) -> Mapping[str, Incident]:
        """Read new signals and give all incidents as known at `now`."""
        new = self._read(now)
        first = min((s.started_at for s in new), default=now)
        quiet = quiet_point(self._known, min(first, now))
        since = quiet - TRIGGER_WINDOW
        again = [s for s in self._signals.values() if matters(s, since)]
        fresh, found = put_together(again, self._eras, self._expiries, now, quiet)
        self._known = [e for e in self._known if e.started_at < quiet] + [
            e for e in fresh if e.started_at >= quiet
        ]
        kept = {k: v for k, v in self._incidents.items() if v.started_at < quiet}
        self._incidents = kept | {incident.id: incident for incident in found}
        return self._incidents

    def changes(self) -> list[Episode]:
        """All changes that were heard of: what may have triggered an incident."""
        return [episode for episode in self._known if episode.kind == "change"]

    def _read(self, now: datetime) -> list[Signal]:
        asked = self._asked
        found = self._reader.all() if asked is None else self._reader.since(asked - _OVERLAP)
        new = []
        for signal in found:
            key = (signal.source, signal.id)
            if self._signals.get(key) != signal:
                self._signals[key] = signal
                new.append(signal)
        self._asked = now
        return new
