"""The one set of baselines of a process, for the assessor and for what HTTP answers.

Learning thirteen weeks of every measure is the dearest thing that Toll does, so it is done once.
Whoever uses the baselines holds the lock; views that were made from them need none. While an
assessor is active here, its ticks keep them fresh; where none is (`toll serve`, a standby), they
are kept fresh by `keep_fresh`, which reads of the estimates only what is new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from threading import RLock

from enrich.model import BusinessMap
from impact.assess import known_windows
from impact.baselines import Baselines, Windows
from impact.marks import first_marks, known_marks
from impact.model import MeasureImpact
from impact.silence import Silence, find_silences
from impact.watermark import Watermark
from store.store import Store

TICKS = timedelta(minutes=2)  # an active assessor has looked at everything within this
HISTORY = timedelta(days=1)  # minutes older than that are history, newer ones may just be late
_OVERLAP = timedelta(minutes=5)  # estimates become visible some time after their `as_of`


class SharedBaselines:
    """Baselines with their lock, and where each stream's data ended at the last look."""

    def __init__(self, business_map: BusinessMap, store: Store) -> None:
        self.lock = RLock()
        self.baselines = Baselines(business_map, store)
        self.marks: Mapping[str, Watermark] = {}
        self.silences: Sequence[Silence] = ()
        self._store = store
        self._ticked: datetime | None = None
        self._impacts: dict[tuple[str, str, str], MeasureImpact] = {}
        self._asked: datetime | None = None
        self._seen: int | None = None  # generation of the newest minute that was looked at

    def look_back(self, now: datetime) -> None:
        """Tell the baselines of history that was loaded meanwhile. The caller holds the lock.

        Two ingesters may make their minutes visible out of order; the few that are passed over then
        are learned with the next that come, or within the hour.
        """
        seen = self._seen
        changes = self._store.minutes.changed(seen or 0)
        self._seen = max((c.generation for c in changes), default=seen or 0)
        for change in changes:
            if seen is not None and change.first < now - HISTORY:
                self.baselines.filled_in(change.stream, change.minutes)

    def take_map(self, business_map: BusinessMap) -> None:
        """Learn for another version of the map. The caller holds the lock."""
        self.baselines = Baselines(business_map, self._store)
        self._ticked = None

    def ticked(
        self, now: datetime, marks: Mapping[str, Watermark], silences: Sequence[Silence] = ()
    ) -> None:
        """A tick has refreshed the baselines. The caller holds the lock."""
        self._ticked, self.marks, self.silences = now, marks, silences

    def keep_fresh(self, now: datetime) -> None:
        """Read what is new, unless a tick has done so lately. The caller holds the lock."""
        if self._ticked is not None and now - self._ticked < TICKS:
            return
        states = self._store.stream_states()
        business_map, baselines = self.baselines.map, self.baselines
        self.look_back(now)
        baselines.refresh(now, first_marks(states, now), self._known(now))
        baselines.update(now)
        open_ = [v.incident for v in self._store.incidents.find(states=("open",))]
        self.marks = known_marks(business_map, baselines, states, now)
        self.silences = find_silences(business_map, baselines, states, self.marks, open_)

    def _known(self, now: datetime) -> Mapping[str, Windows]:
        if self._asked is None:
            found = self._store.estimates.latest()
        else:
            found = [e.impact for e in self._store.estimates.issued(self._asked - _OVERLAP)]
        for impact in found:
            self._impacts[impact.incident, impact.process, impact.measure] = impact
        self._asked = now
        return known_windows(self._impacts.values())
