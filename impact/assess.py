"""Prices incidents: what a tick calls.

A `Tick` is one look at everything at one moment: it asks where each stream's data end, updates the
histories, and answers `assess(incident)` for each incident, sharing between them what they share
(effect windows, and one measurement per group of concurrent incidents on a measure). Nothing of a
tick outlives it; what does is in `impact.baselines`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from enrich.incident import Incident
from enrich.model import BusinessMap, Measure
from impact.assess_flow import Group, Member, divide, overlapping
from impact.assess_lead_time import Concurrent, LeadTimes
from impact.assess_measured import measured, modelled
from impact.assess_record import Draft, Facts, record
from impact.baselines import Baselines, Learned, Windows, kind_of
from impact.calendar import IntArray
from impact.effect import SETTLING_MAX, EffectWindow, earliest_effect, effect_window
from impact.estimate import estimate
from impact.games import Severities, game, independent, told_apart
from impact.marks import first_marks, known_marks
from impact.model import Estimate, FloatArray, MeasureImpact
from impact.ports import Reader
from impact.silence import find_silences
from impact.watermark import Watermark

ABNORMAL_MAX = timedelta(hours=48)  # of an open incident that a baseline leaves out
SEEN_ENOUGH = timedelta(minutes=1)  # of data in the effect window, for a measurement


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a reached process or measure has no number: what would have to be collected."""

    process: str
    measure: str  # "" for a process without measures
    why: str


@dataclass(frozen=True)
class Assessment:
    """What one incident did to each measure it reaches, and what cannot be said."""

    impacts: tuple[MeasureImpact, ...]
    missing: tuple[Missing, ...]


def known_windows(impacts: Iterable[MeasureImpact]) -> dict[str, Windows]:
    """By measure, the effect windows that are over: what the history must leave out.

    Windows of incidents that left a measure untouched teach as any other hour does.
    """
    found: dict[str, set[tuple[datetime, datetime]]] = {}
    for impact in impacts:
        start, end = impact.effect
        if end is not None and felt(impact):
            found.setdefault(impact.measure_id, set()).add((start, end))
    return {measure: tuple(sorted(windows)) for measure, windows in found.items()}


def measures_of(incident: Incident, business_map: BusinessMap) -> tuple[Measure, ...]:
    """What an incident is priced on: measures of the processes it reaches, or those it names."""
    if incident.kind == "business" and not incident.reached:
        named = (business_map.measure(name) for name in incident.measures)
        return tuple(m for m in named if m is not None and m.kind != "level")
    reached = {r.process for r in incident.reached}
    return tuple(
        m
        for m in business_map.measures()
        if m.kind != "level"
        and (m.process in reached or (m.kind == "load" and reached & set(m.driven_by)))
    )


def felt(impact: MeasureImpact) -> bool:
    """Whether an incident touched the measure for certain, by the test or by its cohort."""
    if impact.kind == "lead_time":
        return "delayed" in impact.units and impact.units["delayed"].low > 0.0
    return impact.inputs.get("ever_red", 1.0) > 0.0


class Tick:
    """All incidents at one moment. `incidents`: every one that is open or settling."""

    def __init__(
        self,
        business_map: BusinessMap,
        reader: Reader,
        baselines: Baselines,
        incidents: Sequence[Incident],
        *,
        severities: Severities = independent,
        now: datetime,
        known: Mapping[str, Windows] | None = None,
    ) -> None:
        self.map, self.now = business_map, now
        self._reader, self._baselines, self._severities = reader, baselines, severities
        self._known = known or {}
        self._incidents: dict[str, list[Incident]] = {}
        for incident in incidents:
            for measure in self.measures(incident):
                self._incidents.setdefault(measure.id, []).append(incident)
        states = reader.stream_states()
        baselines.refresh(now, first_marks(states, now), self._abnormal(self._known))
        baselines.update(now)
        self.marks = known_marks(business_map, baselines, states, now)
        self.silences = find_silences(business_map, baselines, states, self.marks, incidents)
        self._windows: dict[tuple[str, str], EffectWindow] = {}
        self._groups: dict[tuple[str, tuple[str, ...]], Group] = {}
        self._lead_times = LeadTimes(reader, baselines.kept)

    def measures(self, incident: Incident) -> tuple[Measure, ...]:
        """What it is priced on."""
        return measures_of(incident, self.map)

    def assess(self, incident: Incident) -> Assessment:
        """The impact on every measure the incident reaches."""
        impacts: list[MeasureImpact] = []
        missing = self._without_measures(incident)
        silences = {s.measure.id: s for s in self.silences}
        for measure in self.measures(incident):
            why = self._why_not(measure)
            if why:
                missing.append(Missing(measure.process, measure.name, why))
                continue
            learned = self._baselines.learned(measure)
            mark, silence = self.marks[measure.stream], silences.get(measure.id)
            facts = Facts(incident, measure, self.map, mark, learned, silence)
            impacts.append(record(facts, self._draft(facts), self._reader))
        return Assessment(tuple(impacts), tuple(missing))

    def window(self, incident: Incident, measure: Measure) -> EffectWindow:
        """The effect window of an incident on a flow or load."""
        key = (incident.id, measure.id)
        if key not in self._windows:
            self._windows[key] = self._window(incident, measure)
        return self._windows[key]

    def _window(self, incident: Incident, measure: Measure) -> EffectWindow:
        mark = self.marks[measure.stream]
        learned = self._baselines.learned(measure)
        over = incident.ended_at
        earliest = earliest_effect(incident.started_at, incident.red_since)
        if learned is None or mark.until <= earliest:
            return EffectWindow(incident.started_at, over, None, None, False)
        until = mark.until
        if over is not None:
            until = min(until, over + _closed_after(learned, over) + SETTLING_MAX)
        technical = (incident.started_at, over)

        def look() -> EffectWindow:
            watched = self._baselines.watched(measure, earliest, until, mark)
            assert watched is not None
            return effect_window(
                watched,
                technical,
                until,
                threshold=learned.felt,
                red_since=incident.red_since,
                closed_after=partial(_closed_after, learned),
            )

        state = (technical, earliest, self._baselines.state(measure, mark))
        return self._baselines.kept(("window", incident.id, measure.id), state, look)

    def _abnormal(self, known: Mapping[str, Windows]) -> dict[str, Windows]:
        """What the baselines must not learn from: earlier windows, and those of these incidents.

        Open ends are taken up to the next hour, so that a baseline is learned anew once an hour; an
        alert that nobody resolves does not use up the history.
        """
        hour = self.now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        found = {measure: set(windows) for measure, windows in known.items()}
        for measure, incidents in self._incidents.items():
            for incident in incidents:
                start = earliest_effect(incident.started_at, incident.red_since)
                end = min(incident.ended_at or hour, incident.started_at + ABNORMAL_MAX)
                found.setdefault(measure, set()).add((start, max(end, incident.started_at)))
        return {measure: tuple(sorted(windows)) for measure, windows in found.items()}

    def _why_not(self, measure: Measure) -> str:
        """Why a measure has no number at all; empty when it has one."""
        mark = self.marks.get(measure.stream)
        if mark is None or mark.reason == "no data":
            return f"no data in stream {measure.stream}"
        if measure.kind == "lead_time" and measure.promise is None:
            return "no promise in the map"
        return ""

    def _draft(self, facts: Facts) -> Draft:
        incident, measure, mark = facts.incident, facts.measure, facts.mark
        if measure.kind == "lead_time":
            at_once = Concurrent(
                self._incidents.get(measure.id, [incident]),
                partial(self._v, measure),
                partial(self._players, measure),
                self._known.get(measure.id, ()),
            )
            return self._lead_times.draft(facts, at_once)
        window = self.window(incident, measure)
        if facts.learned is None:
            said = ("less than a week of history: no baseline yet",)
            return Draft(window, "evidence_only", warnings=said)
        if window.start < self._baselines.first(measure):
            said = ("the data begin after the incident: nothing to compare with",)
            return Draft(window, "evidence_only", warnings=said)
        if mark.until - window.start < max(SEEN_ENOUGH, self._baselines.step):
            return modelled(facts, window, float(self._v(measure, [incident], None)[-1]))
        return measured(facts, self._group(incident, measure, mark))

    def _group(self, incident: Incident, measure: Measure, mark: Watermark) -> Group:
        first = self._baselines.first(measure)
        windows = [Member(i, self.window(i, measure)) for i in self._incidents[measure.id]]
        measurable = [m for m in windows if m.window.start >= first]
        members = overlapping(measurable, incident.id, mark.until)
        key = (measure.id, tuple(m.incident.id for m in members))
        if key not in self._groups:
            self._groups[key] = self._measure(measure, members, mark)
        return self._groups[key]

    def _players(self, measure: Measure, members: Sequence[Member]) -> IntArray:
        """Which members are told apart, each at its worst."""
        return told_apart(self._severities, measure, [m.incident for m in members])

    def _measure(self, measure: Measure, members: tuple[Member, ...], mark: Watermark) -> Group:
        learned = self._baselines.learned(measure)
        assert learned is not None
        start = min(m.window.start for m in members)
        seen = self._baselines.seen_until(measure, mark)
        end = min(max(max(m.end(seen) for m in members), start + self._baselines.step), seen)
        settle = [m.window.settling_until for m in members]
        known = [s for s in settle if s is not None]
        cut = max(known) if len(known) == len(settle) else None

        def answer() -> tuple[Estimate, datetime]:
            times, values = self._baselines.series(measure, mark)
            found = estimate(
                times,
                values,
                start=start,
                end=end,
                kind=kind_of(measure),
                timezone=self.map.timezone,
                holidays=self.map.holidays or None,
                as_of=None if cut is None else min(cut, seen),
                baseline=learned.baseline,
            )
            return found, seen

        state = (start, end, cut, self._baselines.state(measure, mark))
        key = ("estimate", measure.id, start)
        found, until = self._baselines.kept(key, state, answer, waits=1)
        watched = self._baselines.watched(measure, start, min(mark.until, cut or mark.until), mark)
        assert watched is not None
        players = self._players(measure, members)
        together = [members[i].incident for i in players]
        v = partial(self._v, measure, together)
        return divide(members, (found, until), watched, v, players)

    def _v(
        self, measure: Measure, incidents: Sequence[Incident], when: datetime | None
    ) -> FloatArray:
        return game(self._severities, measure, incidents, when)

    def _without_measures(self, incident: Incident) -> list[Missing]:
        return [
            Missing(r.process, "", "the process has no measures")
            for r in incident.reached
            if r.process in self.map.processes and not self.map.processes[r.process].measures
        ]


def _closed_after(learned: Learned, moment: datetime) -> timedelta:
    return timedelta(seconds=learned.baseline.closed_after(moment.timestamp()))
