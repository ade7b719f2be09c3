"""What would have been said: past incidents priced again as of moments while they went on.

An incident that was over before Toll heard of it (an import, the history of the demo) has a final
price but was never priced live. For the trust ledger it is played through once: at a few ages, with
the data, the baselines and the incidents that lay before that moment. What came late is a part of
its time here, as nobody knows any more when it arrived; so replays are marked wherever they count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

from api.setup.mapfiles import LoadedMap
from enrich.graph import Graph
from enrich.incident import Incident
from enrich.life import as_known
from enrich.model import BusinessMap
from enrich.severity import Predictor
from impact.assess import Tick, measures_of
from impact.baselines import Baselines, Windows
from impact.effect import SETTLING_MAX
from impact.games import predicted_by
from impact.model import MeasureImpact
from impact.trust import HOUR_AFTER, TEN_MINUTES, Age
from store.asof import AsOf
from store.store import Store

FIRST_LOOK = timedelta(minutes=3)  # after the first signal: its data have come, a tick has passed
NEXT_TICK = timedelta(minutes=1)  # after the last signal cleared
PAST = timedelta(weeks=26)  # older incidents say little of the business of today


class Replayer:
    """Replays incidents one by one, the newest first."""

    def __init__(
        self, store: Store, loaded: LoadedMap, graphs: Mapping[str, Graph] = MappingProxyType({})
    ) -> None:
        self._store, self._loaded = store, loaded
        self._graphs = graphs  # by version: an incident is replayed with the map of its time
        self._done: set[str] = set()

    def due(self, incidents: Sequence[Incident], now: datetime) -> list[Incident]:
        """What was never priced live and is not replayed yet, the newest first."""
        missing = set(self._store.trust.not_replayed()) - self._done
        found = [
            i
            for i in incidents
            if i.id in missing and i.kind != "business" and i.ended_at and now - i.ended_at < PAST
        ]
        return sorted(found, key=lambda i: i.started_at, reverse=True)

    def replay(
        self,
        incident: Incident,
        others: Sequence[Incident],
        known: Mapping[str, Windows],
        now: datetime,
    ) -> int:
        """Play one incident through and keep what would have been said; returns how much that is.

        others: all incidents, of which those that went on then count. known: by measure, effect
        windows of earlier incidents.
        """
        self._done.add(incident.id)
        graph = self._graphs.get(incident.map_version, self._loaded.graph)
        map_ = _only(graph.map, incident)
        reader = AsOf(self._store, incident.started_at)
        baselines = Baselines(map_, reader)
        found: list[tuple[Age, MeasureImpact]] = []
        for age, moment in ages(incident):
            reader.moment = moment
            went_on = [k for o in others if (k := _going_on(o, moment)) is not None]
            tick = Tick(
                map_,
                reader,
                baselines,
                went_on,
                severities=predicted_by(Predictor(graph, went_on)),
                now=moment,
                known=_before(known, moment),
            )
            then = as_known(incident, moment)
            assert then is not None  # every age lies after its start
            found += [(age, replace(i, draws={})) for i in tick.assess(then).impacts if i.units]
        self._store.trust.insert_replays(found, now)
        return len(found)


def ages(incident: Incident) -> list[tuple[Age, datetime]]:
    """At which moments an incident that is over is looked at."""
    start, end = incident.started_at, incident.ended_at
    if end is None:
        return []
    found: list[tuple[Age, datetime]] = [("first", start + FIRST_LOOK)]
    if end > start + TEN_MINUTES:
        found.append(("ten_minutes", start + TEN_MINUTES))
    found.append(("cleared", max(end, start + FIRST_LOOK) + NEXT_TICK))
    found.append(("hour_after", end + HOUR_AFTER))
    return found


def _going_on(other: Incident, moment: datetime) -> Incident | None:
    """An incident as known then, where it was open or its business could still settle."""
    known = as_known(other, moment)
    if known is None or (known.ended_at and known.ended_at + SETTLING_MAX < moment):
        return None
    return known


def _before(known: Mapping[str, Windows], moment: datetime) -> dict[str, Windows]:
    return {
        measure: tuple(window for window in windows if window[1] <= moment)
        for measure, windows in known.items()
    }


def _only(business_map: BusinessMap, incident: Incident) -> BusinessMap:
    """The map with the measures of one incident alone: no other history has to be read."""
    wanted = {m.id for m in measures_of(incident, business_map)}
    processes = {
        name: replace(p, measures=tuple(m for m in p.measures if m.id in wanted))
        for name, p in business_map.processes.items()
    }
    return replace(business_map, processes=processes)
