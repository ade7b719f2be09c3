"""Reads from the store what a week's report is composed of. Nothing here is decided or worded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import islice
from zoneinfo import ZoneInfo

from api.ask.costing import beside
from api.ask.outlook import Outlook, View
from api.ask.perceiving import Answer, perceived
from api.ask.reading import impacts_of
from api.ask.risks import single_points
from api.ask.simulated import simulated_streams
from api.ask.taking import taken_between
from api.ask.unmatched import unmatched
from api.report.model import WeeklyReport
from api.report.waiting import waits_for
from api.report.week import Week
from api.run.wiring import Parts
from api.setup.mapfiles import LoadedMap
from enrich.coverage import Coverage, coverage
from enrich.edits import Edit, standing
from enrich.incident import Incident
from enrich.model import Measure
from impact.mapgaps import MapGap, map_gaps
from impact.model import MoneyRange
from impact.taken import Taken, taken_in
from impact.weekly import Book, Case
from store.records import ReportName

TREND = 13  # weeks before the week itself
USUAL = 4  # weeks before it that say what is usual
RISKS = 5


@dataclass(frozen=True)
class Carried:
    """What a week brought: units by measure, value by process."""

    units: Mapping[str, int]
    value: Mapping[str, Decimal | None]


@dataclass(frozen=True)
class Risk:
    """A node whose loss alone takes half of a process or more, and an hour of it at its worst."""

    node: str
    processes: tuple[str, ...]
    hour: MoneyRange | None  # None: nothing of it is priced by the hour


@dataclass(frozen=True)
class Facts:
    """What is known of a week at one moment."""

    week: Week
    now: datetime
    start: datetime
    end: datetime
    loaded: LoadedMap
    cases: Mapping[Week, Sequence[Case]]  # this week and those of the trend, as they began
    gone: Mapping[str, Incident]  # incidents that are in no list any more
    edits: Mapping[str, Sequence[Edit]]  # those that stand
    carried: Carried
    before: Sequence[Carried]  # weeks that have data, the newest first
    known_since: datetime | None  # the first minute of any data
    seen: Answer  # the perception gap
    view: View
    coverage: Coverage
    unmatched: int  # alarms of the week that no node claims
    unread: int  # dead letters
    waits_for: str  # what is still being counted or priced, as a clause
    simulated: frozenset[str]  # streams of the week that a simulated shop sent
    gaps: Sequence[MapGap]
    risks: Sequence[Risk]
    last: WeeklyReport | None  # the report issued last before this week's

    @property
    def zone(self) -> ZoneInfo:
        """Whose hours are meant."""
        return ZoneInfo(self.loaded.map.timezone)

    @cached_property
    def book(self) -> Book:
        """How money is added."""
        business_map = self.loaded.map
        return Book(business_map.carriers(), business_map.currency)

    @property
    def this_week(self) -> Sequence[Case]:
        """The incidents that began in the week."""
        return self.cases.get(self.week, ())

    def outages(self, week: Week) -> list[Case]:
        """What began in a week, but for planned maintenance."""
        return [case for case in self.cases.get(week, ()) if not case.planned]


def gather(parts: Parts, outlook: Outlook, week: Week, now: datetime) -> Facts:
    """Everything that is known of a week at `now`."""
    loaded, store = parts.map, parts.store
    zone = ZoneInfo(loaded.map.timezone)
    start, end = week.bounds(zone)
    cases, gone = _cases(parts, week.back(TREND), week, zone)
    streams = store.coverage()
    known_since = min((s.first_minute for s in streams), default=None)
    known = {s.stream: s.first_minute for s in streams}
    earlier = [week.back(n).bounds(zone) for n in range(1, USUAL + 1)]
    if now < end:  # as much of each as there is of this one
        earlier = [(began, began + (now - start)) for began, _ in earlier]
    lost = unmatched(store.signals.between(start, end), loaded.resolver)
    return Facts(
        week=week,
        now=now,
        start=start,
        end=end,
        loaded=loaded,
        cases=cases,
        gone=gone,
        edits=_edits(parts),
        carried=_carried(parts, known, start, min(end, now)),
        before=[_carried(parts, known, *bounds) for bounds in earlier],
        known_since=known_since,
        seen=perceived(parts, outlook, start, end),
        view=outlook.view(),
        coverage=coverage(loaded.graph, {s.stream: s.last_minute for s in streams}, ()),
        unmatched=len({(s.source, s.fingerprint) for s in lost}),
        waits_for=waits_for(parts, end),
        simulated=simulated_streams(parts, start, end),
        unread=sum(count.open for count in store.dead_letters.counts().values()),
        gaps=_gaps(loaded, [case for found in cases.values() for case in found]),
        risks=_risks(loaded, outlook, now),
        last=_last(parts, week),
    )


def _cases(
    parts: Parts, first: Week, last: Week, zone: ZoneInfo
) -> tuple[dict[Week, list[Case]], dict[str, Incident]]:
    """Incidents that began from one week to another, by week, and those that are gone."""
    start, end = first.bounds(zone)[0], last.bounds(zone)[1]
    versions = parts.store.incidents.find(start=start, end=end, gone=True)
    began = [v for v in versions if start <= v.incident.started_at < end]
    there = [v.incident for v in began if not v.gone]
    impacts, costs = impacts_of(parts, [i.id for i in there]), beside(parts, there)
    cases: dict[Week, list[Case]] = defaultdict(list)
    for incident in there:
        more = tuple(costs.get(incident.id, ()))
        case = Case(incident, tuple(impacts.get(incident.id, ())), more)
        cases[Week.of(incident.started_at, zone)].append(case)
    return cases, {v.incident.id: v.incident for v in versions if v.gone}


def _edits(parts: Parts) -> dict[str, list[Edit]]:
    found: dict[str, list[Edit]] = defaultdict(list)
    for edit in standing(parts.store.edits.find()):
        found[edit.incident].append(edit)
    return found


def _carried(
    parts: Parts, known: Mapping[str, datetime], start: datetime, end: datetime
) -> Carried:
    """What was counted in [start, end), of the measures whose data reach back so far."""
    business_map = parts.map.map
    measures = [m for m in business_map.measures() if known.get(m.stream, end) < end]
    taken = taken_between(parts.store, business_map, (m.stream for m in measures), start, end)
    whole = [m for m in measures if known[m.stream] <= start + timedelta(days=1)]
    units = {m.id: _units(m, taken) for m in whole if m.kind != "level"}
    value = {
        name: taken_in(business_map, name, taken)
        for name, process in business_map.processes.items()
        if any(m.id in units for m in process.measures)
    }
    return Carried(units, value)


def _units(measure: Measure, taken: Sequence[Taken]) -> int:
    done = (measure.finish,) if measure.kind == "lead_time" else measure.ok
    return sum(t.units for t in taken if t.stream == measure.stream and t.status in done)


def _gaps(loaded: LoadedMap, cases: Sequence[Case]) -> list[MapGap]:
    impacts = [impact for case in cases for impact in case.impacts]
    return map_gaps(loaded.graph, [case.incident for case in cases], impacts)


def _risks(loaded: LoadedMap, outlook: Outlook, now: datetime) -> list[Risk]:
    """Single points of failure, the dearest first."""
    return [
        Risk(
            node,
            tuple(sorted(hit, key=lambda p: -hit[p])),
            (cost := outlook.cost(node, loaded.losses.severity[node], now)).worth(cost.peak),
        )
        for node, hit in islice(single_points(loaded, outlook, 0.5).items(), RISKS)
    ]


def _last(parts: Parts, week: Week) -> WeeklyReport | None:
    """The newest report of an earlier week."""
    earlier = [name for name in map(week_of, parts.store.reports.names()) if name]
    newest = max((w for w in earlier if w < week), default=None)
    if newest is None:
        return None
    report = parts.store.reports.get(f"weekly/{newest.name}.json")
    return WeeklyReport.model_validate_json(report.content) if report is not None else None


def week_of(report: ReportName) -> Week | None:
    """The week of a weekly report in JSON, of which there is one for each week issued."""
    kind, _, rest = report.name.partition("/")
    name, _, form = rest.partition(".")
    return Week.parse(name) if kind == "weekly" and form == "json" else None
