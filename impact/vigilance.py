"""Keeps the bars of `impact.vigil` in force: every measure is looked back at once a day.

A look back takes some hundredths of a second, so a tick does a few and large companies take
some minutes to be through. Until then the bars of before stay in force (`restored`, after a start).
A measure without enough history comes up again a day later.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from enrich.model import BusinessMap, Measure
from impact.baselines import Baselines, kind_of
from impact.model import FloatArray, TimeArray
from impact.vigil import History, Vigil, Windows, calibrate, look_back
from impact.watermark import Watermark

EVERY = timedelta(days=1)
AT_ONCE = 20  # measures that a tick looks back at


class Vigilance:
    """The bars in force. `vigil` is None before anything was learned."""

    def __init__(self, business_map: BusinessMap, restored: Vigil | None = None) -> None:
        self.vigil = restored
        self._map = business_map
        self._watched = [m for m in business_map.measures() if m.kind in ("flow", "load")]
        self._histories: dict[str, History] = {}
        self._looked_at: dict[str, datetime] = {}
        self._taken: list[tuple[Measure, TimeArray, FloatArray]] = []
        self._left = 0  # measures that are due, but not this time

    def take(self, baselines: Baselines, marks: Mapping[str, Watermark], now: datetime) -> None:
        """Copy the histories that are due, a few at a time, out of what others share."""
        due = [m for m in self._watched if m.stream in marks and self._due(m, now)]
        self._left = max(len(due) - AT_ONCE, 0)
        for measure in due[:AT_ONCE]:
            self._looked_at[measure.id] = now
            self._histories.pop(measure.id, None)
            if baselines.learned(measure) is not None:
                series = baselines.series(measure, marks[measure.stream])
                self._taken.append((measure, *series))

    def learn(self, known: Mapping[str, Windows]) -> bool:
        """Look back at what was taken; True where the bars have changed.

        known: by measure, the windows of incidents that signals tell of. An incident that only the
        business showed is left in: it may have been a false one, and those are what is counted.
        """
        if not self._taken:
            return False
        while self._taken:
            measure, times, values = self._taken.pop()
            found = look_back(
                times,
                values,
                kind=kind_of(measure),
                timezone=self._map.timezone,
                holidays=self._map.holidays or None,
                known=known.get(measure.id, ()),
            )
            if found is not None:
                self._histories[measure.id] = found
        if self._left and self.vigil is not None:
            return False
        self.vigil = calibrate(self._histories)
        return True

    def _due(self, measure: Measure, now: datetime) -> bool:
        looked = self._looked_at.get(measure.id)
        return looked is None or now - looked >= EVERY
