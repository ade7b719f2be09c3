"""Which incidents to price, when, and from what was known: the assessor's second half.

*Live* are incidents that are open or may still settle: priced together at every tick. *Past* are
the others: priced once, in hindsight, from the history around them, and again when their facts or
the data of their time change (late events, an import). What was issued as final and comes out
different is issued again as *restated*; what comes out the same is not issued again. After an edit
that is done at once, though the incident may not be settled with its new times. A measure that an
incident no longer reaches is *withdrawn*: issued once more, without any number.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

from api.assess.bars import keep_bars, kept_bars
from api.assess.shared_baselines import SharedBaselines
from api.setup.mapfiles import LoadedMap
from enrich.graph import Graph
from enrich.incident import Incident
from enrich.model import HEADLINE
from enrich.severity import Predictor
from impact.assess import Tick, known_windows, measures_of
from impact.baselines import Baselines, Windows
from impact.effect import SETTLING_MAX
from impact.games import predicted_by
from impact.model import MeasureImpact
from impact.promise import due
from impact.shortfall import Shortfall, find_shortfalls
from impact.silence import Silence
from impact.vigilance import Vigilance
from store.asof import AsOf
from store.minutes import ChangedMinutes
from store.store import Store

ERA = timedelta(days=28)  # past incidents this close together share one look at the history
_MARGIN = timedelta(hours=1)  # for the watermark to pass the end of the settling
_OVERLAP_NS = 5 * 10**9  # generations of two ingesters may become visible out of order
WITHDRAWN = "withdrawn"  # among the inputs of an impact that was taken back
_NOISE = 0.005  # of a middle: two estimates this close say the same


class Pricer:
    """Prices incidents and remembers what was issued for them."""

    def __init__(
        self,
        store: Store,
        loaded: LoadedMap,
        shared: SharedBaselines,
        graphs: Mapping[str, Graph] = MappingProxyType({}),
    ) -> None:
        self._store, self._loaded, self._shared = store, loaded, shared
        self._graphs = graphs  # by version: what is over is priced by the map of its time
        self._issued: dict[str, dict[str, MeasureImpact]] = {}  # by incident and measure, no draws
        self._priced: dict[str, Incident] = {}  # past ones, as they were when priced
        self._edits: dict[str, tuple[str, ...]] = {}  # by incident, taken into what was issued
        self._vigilance = Vigilance(loaded.map)
        self.shortfalls: Sequence[Shortfall] | None = None  # as of the last live tick
        self.short_since: Mapping[str, datetime] = {}  # by measure: business-first, and open
        self.gone: Container[str] = ()  # what is no incident: its hours teach as any other
        self.silences: Sequence[Silence] = ()
        self._all: tuple[Incident, ...] = ()
        self._changes: frozenset[ChangedMinutes] = frozenset()
        self._seen = 0  # generation of the newest minute that was looked at
        self._known_at: dict[datetime, datetime] = {}  # by the end of an incident

    def restore(self) -> None:
        """Read what was issued before this process started."""
        for impact in self._store.estimates.latest():
            self._remember(impact)
        self._seen = self._store.minutes.newest()
        bars = kept_bars(self._store)
        self._vigilance.vigil = None if bars is None else bars.vigil

    def take_up(self, incidents: Mapping[str, Incident], stored: Mapping[str, Incident]) -> None:
        """Count as done what has its final estimates and has not changed since it was stored."""
        self._edits = {name: incident.edits for name, incident in stored.items()}
        for name, impacts in self._issued.items():
            unchanged = name in incidents and incidents[name] == stored.get(name)
            if unchanged and all(impact.state != "live" for impact in impacts.values()):
                self._priced[name] = incidents[name]

    def issued(self, incident: str) -> list[MeasureImpact]:
        """What was last issued for an incident."""
        return list(self._issued.get(incident, {}).values())

    def split(
        self, incidents: Iterable[Incident], now: datetime
    ) -> tuple[list[Incident], list[Incident]]:
        """(live, past and not yet priced); a past one is forgotten when its data have changed."""
        self._forget_changed(now)
        self._all = tuple(incidents)
        live, past = [], []
        for incident in self._all:
            if self._hindsight(incident, now) is None:
                live.append(incident)
            elif self._priced.get(incident.id) != incident:
                past.append(incident)
        return live, sorted(past, key=lambda i: i.started_at, reverse=True)

    def live(self, incidents: Sequence[Incident], now: datetime) -> list[MeasureImpact]:
        """Price what is going on; also keeps the baselines fresh when nothing is."""
        with self._shared.lock:
            baselines = self._shared.baselines
            if baselines.map.version != self._loaded.map.version:
                return []  # the map changed a moment ago: the next tick works with the new one
            self._shared.look_back(now)
            tick = Tick(
                self._loaded.map,
                self._store,
                baselines,
                incidents,
                severities=predicted_by(Predictor(self._loaded.graph, incidents)),
                now=now,
                known=self._known(self._all),
            )
            self._shared.ticked(now, tick.marks, tick.silences)
            self.silences = tick.silences
            found = self._issue(incidents, tick, now)
            self._vigilance.take(baselines, tick.marks, now)
        if self._vigilance.learn(self._signalled()) and self._vigilance.vigil is not None:
            keep_bars(self._store, self._vigilance.vigil, now)
        with self._shared.lock:
            if self._shared.baselines is not baselines:
                return found
            self.shortfalls = find_shortfalls(
                self._loaded.map, baselines, tick.marks, self._vigilance.vigil, self.short_since
            )
        return found

    def past(self, incidents: Sequence[Incident], now: datetime) -> list[MeasureImpact]:
        """Price the newest era of these (newest first) in hindsight; they count as done.

        Those of an era have one version of the map.
        """
        newest = incidents[0]
        era = [
            i
            for i in incidents
            if i.started_at > newest.started_at - ERA and i.map_version == newest.map_version
        ]
        graph = self._graphs.get(newest.map_version, self._loaded.graph)
        moment = min(now, max(self._hindsight(i, now) or now for i in era))
        reader = AsOf(self._store, moment)
        tick = Tick(
            graph.map,
            reader,
            Baselines(graph.map, reader),
            era,
            severities=predicted_by(Predictor(graph, era)),
            now=moment,
            known=self._known(self._all),
        )
        found = self._issue(era, tick, now)
        for incident in era:  # one that settles later than was thought is priced once more
            known_at = self._hindsight(incident, now)
            if known_at is not None and known_at <= moment:
                self._priced[incident.id] = incident
        return found

    def effects(self) -> dict[str, Windows]:
        """By measure, the windows of all incidents that are over."""
        return self._known(self._all)

    def _issue(
        self, incidents: Sequence[Incident], tick: Tick, now: datetime
    ) -> list[MeasureImpact]:
        fresh = []
        for incident in incidents:
            edited = incident.edits != self._edits.get(incident.id, ())
            found = [replace(impact, as_of=now) for impact in tick.assess(incident).impacts]
            for impact in (*found, *self._withdrawn(incident, tick, now)):
                issue = self._next(impact, edited)
                if issue is not None:
                    self._remember(replace(issue, draws={}))
                    fresh.append(issue)
            self._edits[incident.id] = incident.edits
        return fresh

    def _withdrawn(self, incident: Incident, tick: Tick, now: datetime) -> list[MeasureImpact]:
        """What was said of measures that the incident does not reach any more."""
        reached = {m.id for m in tick.measures(incident)}
        issued = self._issued.get(incident.id, {})
        return [withdrawn(i, now) for name, i in issued.items() if name not in reached]

    def _next(self, impact: MeasureImpact, edited: bool) -> MeasureImpact | None:
        """The impact as it is to be issued, or None where nothing new would be said."""
        before = self._issued.get(impact.incident, {}).get(impact.measure_id)
        if is_withdrawn(impact):
            return None if before is None or is_withdrawn(before) else impact
        if before is None or before.state == "live":
            return impact
        if is_withdrawn(before):  # it is reached after all
            return impact if impact.state == "live" else replace(impact, state="restated")
        if (impact.state == "live" and not edited) or _same(before, impact):
            return None  # once final, only another final takes its place, or an edit
        return replace(impact, state="restated")

    def _hindsight(self, incident: Incident, now: datetime) -> datetime | None:
        """When everything about an incident can be known, None while that lies ahead."""
        end = incident.ended_at
        if end is None or end + SETTLING_MAX > now:
            return None
        if end not in self._known_at:
            promised = [m for m in self._loaded.map.measures() if m.promise]
            last = max((due(m, self._loaded.map, end) for m in promised), default=end)
            self._known_at[end] = last + SETTLING_MAX + _MARGIN
        settling = [m.settling_until for m in self.issued(incident.id) if m.settling_until]
        # doors that were closed for long open later than all that is settled by day and night
        known_at = max((self._known_at[end], *(until + _MARGIN for until in settling)))
        return None if known_at > now else known_at

    def _known(self, incidents: Iterable[Incident]) -> dict[str, Windows]:
        """What the history must leave out: effects that were measured, else technical windows."""
        issued = (i for n, of in self._issued.items() if n not in self.gone for i in of.values())
        found = known_windows(i for i in issued if not is_withdrawn(i))
        for incident in incidents:
            if incident.ended_at is None or incident.id in self._issued:
                continue
            window = (incident.started_at, incident.ended_at)
            for measure in measures_of(incident, self._loaded.map):
                found[measure.id] = tuple(sorted({*found.get(measure.id, ()), window}))
        return found

    def _signalled(self) -> dict[str, Windows]:
        """By measure, when signals told of incidents that are over."""
        found: dict[str, list[tuple[datetime, datetime]]] = {}
        for incident in self._all:
            if incident.kind != "business" and incident.ended_at is not None:
                for measure in measures_of(incident, self._loaded.map):
                    found.setdefault(measure.id, []).append(
                        (incident.started_at, incident.ended_at)
                    )
        return {measure: tuple(windows) for measure, windows in found.items()}

    def _remember(self, impact: MeasureImpact) -> None:
        self._issued.setdefault(impact.incident, {})[impact.measure_id] = impact

    def _forget_changed(self, now: datetime) -> None:
        changes = self._store.minutes.changed(max(0, self._seen - _OVERLAP_NS))
        fresh = [change for change in changes if change not in self._changes]
        self._changes = frozenset(changes)
        for change in fresh:
            self._seen = max(self._seen, change.generation)
            for name, incident in list(self._priced.items()):
                until = self._hindsight(incident, now)
                if until and change.first <= until and change.last >= incident.started_at - _MARGIN:
                    del self._priced[name]


def withdrawn(impact: MeasureImpact, now: datetime) -> MeasureImpact:
    """The record that takes an impact back: no number, and why."""
    return replace(
        impact,
        state="restated",
        as_of=now,
        method="evidence_only",
        units={},
        money={},
        lost_is="",
        per_minute_units=None,
        per_minute_money=None,
        red=None,
        share=0.0,
        evidence={},
        inputs={WITHDRAWN: 1.0},
        draws={},
        warnings=("the incident does not reach this measure after all",),
    )


def is_withdrawn(impact: MeasureImpact) -> bool:
    """Whether an impact was taken back."""
    return WITHDRAWN in impact.inputs


def _same(one: MeasureImpact, other: MeasureImpact) -> bool:
    name = HEADLINE[one.kind]
    a, b = one.units.get(name), other.units.get(name)
    if a is None or b is None:
        return (a is None) == (b is None)
    room = _NOISE * max(abs(a.mid), a.high - a.low, 1.0)
    return abs(a.mid - b.mid) <= room
