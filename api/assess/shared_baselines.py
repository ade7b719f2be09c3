"""The one set of baselines of a process, for the assessor and for what HTTP answers.

Learning thirteen weeks of every measure is the dearest thing that Toll does, so it is done once.
Whoever changes the baselines holds the lock; whoever reads takes the newest `Snapshot`, which needs
none: what is learned anew every hour is learned beside it. While an assessor is active here, its
ticks keep them fresh; where none is (`toll serve`, a standby), they are kept fresh by `keep_fresh`,
which reads of the estimates only what is new. Only the first time, and for a new map, a snapshot is
taken after every baseline that was learned, so that what is known can be shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import RLock

from enrich.model import BusinessMap, Measure
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


@dataclass(frozen=True)
class Snapshot:
    """What is known of the usual, and where each stream's data ended. It never changes."""

    baselines: Baselines
    marks: Mapping[str, Watermark] = field(default_factory=dict)
    silences: tuple[Silence, ...] = ()
    whole: bool = False  # all that can be learned was; else this is on the way

    def waiting(self, measure: Measure) -> bool:
        """Whether what it usually does is still to be learned."""
        if self.whole or measure.kind not in ("flow", "load"):
            return False
        return not self.marks or (
            measure.stream in self.marks and not self.baselines.looked_at(measure)
        )

    @property
    def progress(self) -> tuple[int, int]:
        """(learned, of): measures that have a usual week."""
        counted = [m for m in self.baselines.map.measures() if m.kind in ("flow", "load")]
        return sum(not self.waiting(m) for m in counted), len(counted)


class SharedBaselines:
    """Baselines with the lock of those who change them, and the snapshot of those who read."""

    def __init__(self, business_map: BusinessMap, store: Store) -> None:
        self.lock = RLock()
        self.baselines = Baselines(business_map, store, told=self._learned_one)
        self.snapshot = Snapshot(self.baselines.frozen())
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
        if self._seen is None:
            self._seen = self._store.minutes.newest()
        for change in self._store.minutes.changed(self._seen):
            self._seen = max(self._seen, change.generation)
            if change.first < now - HISTORY:
                self.baselines.filled_in(change.stream, change.minutes)

    def take_map(self, business_map: BusinessMap) -> None:
        """Learn for another version of the map. The caller holds the lock."""
        self.baselines = Baselines(business_map, self._store, told=self._learned_one)
        self.snapshot = Snapshot(self.baselines.frozen())
        self._ticked = None

    def ticked(
        self, now: datetime, marks: Mapping[str, Watermark], silences: Sequence[Silence] = ()
    ) -> None:
        """A tick has refreshed the baselines. The caller holds the lock."""
        self._ticked = now
        self._publish(marks, silences)

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
        marks = known_marks(business_map, baselines, states, now)
        silences = find_silences(business_map, baselines, states, marks, open_)
        self._publish(marks, silences)

    def _publish(self, marks: Mapping[str, Watermark], silences: Sequence[Silence]) -> None:
        self.snapshot = Snapshot(self.baselines.frozen(), marks, tuple(silences), whole=True)

    def _learned_one(self, marks: Mapping[str, Watermark]) -> None:
        """Show what is known so far, while nothing whole can be shown."""
        if not self.snapshot.whole:
            self.snapshot = Snapshot(self.baselines.frozen(), marks)

    def _known(self, now: datetime) -> Mapping[str, Windows]:
        if self._asked is None:
            found = self._store.estimates.latest()
        else:
            found = [e.impact for e in self._store.estimates.issued(self._asked - _OVERLAP)]
        for impact in found:
            self._impacts[impact.incident, impact.process, impact.measure] = impact
        self._asked = now
        return known_windows(self._impacts.values())
