"""The one set of baselines of a process, for the assessor and for what HTTP answers.

Learning thirteen weeks of every measure is the dearest thing that Toll does, so it is done once.
Whoever uses the baselines holds the lock; views that were made from them need none. While an
assessor is active here, its ticks keep them fresh; where none is (`toll serve`, a standby), they
are kept fresh by `keep_fresh`, which reads of the estimates only what is new.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from threading import RLock

from enrich.model import BusinessMap
from impact.assess import known_windows
from impact.baselines import Baselines, Windows
from impact.model import MeasureImpact
from impact.watermark import Watermark, watermark
from store.store import Store

TICKS = timedelta(minutes=2)  # an active assessor has looked at everything within this
_OVERLAP = timedelta(minutes=5)  # estimates become visible some time after their `as_of`


class SharedBaselines:
    """Baselines with their lock, and how far each stream's data reached at the last look."""

    def __init__(self, business_map: BusinessMap, store: Store) -> None:
        self.lock = RLock()
        self.baselines = Baselines(business_map, store)
        self.marks: Mapping[str, Watermark] = {}
        self._store = store
        self._ticked: datetime | None = None
        self._impacts: dict[tuple[str, str, str], MeasureImpact] = {}
        self._asked: datetime | None = None

    def take_map(self, business_map: BusinessMap) -> None:
        """Learn for another version of the map. The caller holds the lock."""
        self.baselines = Baselines(business_map, self._store)
        self._ticked = None

    def ticked(self, now: datetime, marks: Mapping[str, Watermark]) -> None:
        """A tick has refreshed the baselines. The caller holds the lock."""
        self._ticked, self.marks = now, marks

    def keep_fresh(self, now: datetime) -> None:
        """Read what is new, unless a tick has done so lately. The caller holds the lock."""
        if self._ticked is not None and now - self._ticked < TICKS:
            return
        states = self._store.stream_states()
        self.marks = {name: watermark(state, now) for name, state in states.items()}
        self.baselines.refresh(now, self.marks, self._known(now))
        self.baselines.update(now)

    def _known(self, now: datetime) -> Mapping[str, Windows]:
        if self._asked is None:
            found = self._store.estimates.latest()
        else:
            found = [e.impact for e in self._store.estimates.issued(self._asked - _OVERLAP)]
        for impact in found:
            self._impacts[impact.incident, impact.process, impact.measure] = impact
        self._asked = now
        return known_windows(self._impacts.values())
