"""The perception gap: minutes, and money, in which the tools and the business disagreed.

*Tools red*: a signal is firing on the node, or for a process on something it needs so that the map
predicts harm. *Business red* is never decided by single minutes: it is the effect window of an
incident whose measure the sequential test found red (`impact.cusum`), or whose cohort was late for
certain, as it was last issued. Where a measure was watched and nothing was found, business was
green. A minute in which no measure of a process could have been judged is *cannot tell*: no data
yet, a silent feed, or a series so thin that the test's look back holds no full bin.

Planned maintenance stands apart: its minutes and its money are in no other part, and it is held
against neither availability.

An incident's money lies evenly over its effect window, and each minute's part goes where the minute
goes. Money is added by draws, signed: false alarms sum to about nothing.

A *process* is judged by all that hurt it; what drives its loads counts as its tools while they run.
A *node* is judged by its own signals: tools red and business green are its false alarms, over all
processes it reaches; tools green and business red is what it was the root cause of while its own
tools said nothing. Money of a node is that of the incidents it was the root cause of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Literal, get_args

import numpy as np

from enrich.graph import Graph
from enrich.incident import Incident
from enrich.model import Measure
from impact.assess import felt
from impact.calendar import IntArray
from impact.cusum import BIN_UNITS
from impact.model import DRAWS, BoolArray, FloatArray, MeasureImpact, MoneyRange, Range
from impact.money import decimal, hours_of_week
from impact.shortfall import LOOK_BACK
from impact.tools import Grid, stretches
from impact.totals import MONEY, cost_name, draws_of, money_sum, quantile_range

Part = Literal[
    "both_green", "only_business_red", "only_tools_red", "both_red", "cannot_tell", "maintenance"
]
PARTS: tuple[Part, ...] = get_args(Part)
LEVEL = 0.90


@dataclass(frozen=True)
class Sight:
    """When a flow or load can be judged: in [since, until), but for `thin` hours of the week."""

    since: datetime
    until: datetime
    thin: BoolArray  # (168,) local hours


def thin_hours(week: FloatArray) -> BoolArray:
    """(168,): hours at whose end the test's look back expects less than one full bin."""
    hours = int(LOOK_BACK / timedelta(hours=1))
    twice = np.concatenate([[0.0], np.cumsum(np.concatenate([week, week]))])
    before = twice[len(week) + 1 :] - twice[len(week) + 1 - hours : -hours]
    thin: BoolArray = before < BIN_UNITS
    return thin


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring minutes of one part: [first, stop) of the grid."""

    part: Part
    first: int
    stop: int


@dataclass(frozen=True)
class Perception:
    """How a process or node was seen, and how it was. Minutes sum to the time asked for.

    own, effective: technical availability outside maintenance, 0 to 1, of the thing itself and with
    all that it needs. delivered: share of the expected value, for processes that carry value.
    """

    name: str
    minutes: Mapping[Part, int]
    money: Mapping[Part, MoneyRange]
    own: float
    effective: float
    delivered: Range | None = None
    left_out: tuple[str, ...] = ()  # impacts whose money could not be added, and why
    draws: Mapping[Part, FloatArray] = field(default_factory=dict)  # of the money, for sums
    runs: tuple[Run, ...] = ()  # every minute, in order


@dataclass(frozen=True)
class Question:
    """What was recorded over a time. impacts: the last ones issued, with their draws of money.

    sights: by measure; a flow or load without one cannot be judged. delivered: money that processes
    took in outside of any estimate, in the company's currency; without it no share is given.
    """

    graph: Graph
    grid: Grid
    now: datetime
    incidents: Sequence[Incident]
    impacts: Sequence[MeasureImpact]
    sights: Mapping[str, Sight]
    delivered: Mapping[str, Decimal]


def perceive(
    question: Question, processes: Iterable[str], nodes: Iterable[str] | None = None
) -> tuple[list[Perception], list[Perception]]:
    """(processes, nodes); nodes are those of `nodes` that fired or were a root cause."""
    look = _Look(question)
    wanted = set(question.graph.map.nodes if nodes is None else nodes)
    spoke = look.own_red.keys() | {i.root for i in question.incidents}
    found = [n for n in question.graph.order(wanted & spoke) if question.graph.processes(n)]
    return [look.process(p) for p in processes], [look.node(n) for n in found]


class _Look:
    """The masks of one question, each (minutes,), made when they are first asked for."""

    def __init__(self, question: Question) -> None:
        self.q = question
        self.zero: BoolArray = np.zeros(question.grid.size, dtype=bool)
        self.own_red: dict[str, BoolArray] = {}
        self._tools: dict[str, BoolArray] = {}
        self._lost_own: dict[str, float] = defaultdict(float)  # minutes of availability
        self._lost: dict[str, float] = defaultdict(float)
        self._aside = self._maintained()
        self._look_at_tools()
        self._incidents = {i.id: i for i in question.incidents}
        self._of_process: dict[str, list[MeasureImpact]] = defaultdict(list)
        self._of_root: dict[str, list[MeasureImpact]] = defaultdict(list)
        for impact in question.impacts:
            self._of_process[impact.process].append(impact)
            root = self._incidents[impact.incident].root
            if root:
                self._of_root[root].append(impact)
        self._business: dict[str, tuple[BoolArray, BoolArray]] = {}
        self._hours: IntArray | None = None
        self._carriers = question.graph.map.carriers()

    def process(self, name: str) -> Perception:
        """One process."""
        red, judged = self.business(name)
        tools = self._tools.get(name, self.zero)
        for driver in self._drivers(name):
            tools = tools | (self._tools.get(driver, self.zero) & red)
        aside = self._aside.get(name, self.zero)
        impacts = self._of_process[name]
        sums = self._money(impacts, tools, aside)
        masks = _masks(tools, red, judged, aside)
        return Perception(
            name,
            _minutes(masks),
            sums.money(self.q.graph.map.currency),
            *self._available(name, aside),
            self._delivered(name, impacts, tools, aside),
            tuple(sums.left_out),
            sums.draws,
            _runs(masks),
        )

    def node(self, name: str) -> Perception:
        """One node, over the processes that it reaches."""
        red, judged = self.zero, self.zero
        for process in self.q.graph.processes(name):
            its_red, its_judged = self.business(process)
            red, judged = red | its_red, judged | its_judged
        own = self.own_red.get(name, self.zero)
        rooted = self.zero.copy()
        for impact in self._of_root[name]:
            if _state(impact) == "red":
                rooted[self._effect(impact)] = True
        aside = self._aside.get(name, self.zero)
        sums = self._money(self._of_root[name], own, aside)
        masks = _masks(own, np.where(own, red, rooted), judged | rooted, aside)
        return Perception(
            name,
            _minutes(masks),
            sums.money(self.q.graph.map.currency),
            *self._available(name, aside),
            left_out=tuple(sums.left_out),
        )

    def business(self, process: str) -> tuple[BoolArray, BoolArray]:
        """(red, judged): when any measure of it was red, and when any could be judged."""
        if process not in self._business:
            red, judged = self.zero.copy(), self.zero.copy()
            for measure in self.q.graph.map.processes[process].measures:
                seen = self._watched(measure)
                for impact in self._of_process[process]:
                    if impact.measure == measure.name:
                        state = _state(impact)
                        seen[self._effect(impact)] = state != "unknown"
                        red[self._effect(impact)] |= state == "red"
                judged |= seen
            self._business[process] = red, judged | red
        return self._business[process]

    def _watched(self, measure: Measure) -> BoolArray:
        """When a shortfall of the measure would have been found."""
        seen = self.zero.copy()
        sight = self.q.sights.get(measure.id)
        if sight is not None and sight.since < sight.until:
            within = self.q.grid.minutes(sight.since, sight.until)
            seen[within] = ~sight.thin[self._local_hours()[within]]
        return seen

    def _local_hours(self) -> IntArray:
        if self._hours is None:
            first = int(self.q.grid.start.timestamp())
            times = first + 60 * np.arange(self.q.grid.size, dtype=np.int64)
            zone = self.q.graph.map.timezone
            self._hours = hours_of_week(times.astype("datetime64[s]"), zone)
        return self._hours

    def _drivers(self, process: str) -> set[str]:
        measures = self.q.graph.map.processes[process].measures
        return {name for m in measures if m.kind == "load" for name in m.driven_by}

    def _maintained(self) -> dict[str, BoolArray]:
        """By process and node, the minutes of planned maintenance that it was part of."""
        aside: dict[str, BoolArray] = {}
        for incident in self.q.incidents:
            if incident.kind == "maintenance":
                within = self.q.grid.minutes(incident.started_at, incident.ended_at or self.q.now)
                names = {n for e in incident.episodes for n in e.nodes}
                names |= {n for r in incident.reached for n in (r.process, *r.path)}
                for name in names:
                    if name not in aside:
                        aside[name] = self.zero.copy()
                    aside[name][within] = True
        return aside

    def _look_at_tools(self) -> None:
        outages = (i for i in self.q.incidents if i.kind == "outage")
        episodes = [e for i in outages for e in i.episodes]
        for stretch in stretches(self.q.graph, episodes, self.q.grid, self.q.now):
            for available, masks, lost in (
                (stretch.own, self.own_red, self._lost_own),
                (stretch.effective, self._tools, self._lost),
            ):
                for name, level in available.items():
                    if level < 1.0:
                        if name not in masks:
                            masks[name] = self.zero.copy()
                        masks[name][stretch.minutes] = True
                        minutes = stretch.minutes.stop - stretch.minutes.start
                        if name in self._aside:
                            minutes -= np.count_nonzero(self._aside[name][stretch.minutes])
                        lost[name] += (1.0 - level) * minutes

    def _available(self, name: str, aside: BoolArray) -> tuple[float, float]:
        minutes = max(self.q.grid.size - int(aside.sum()), 1)
        return 1.0 - self._lost_own[name] / minutes, 1.0 - self._lost[name] / minutes

    def _effect(self, impact: MeasureImpact) -> slice:
        return self.q.grid.minutes(*impact.known_effect)

    def _money(self, impacts: Iterable[MeasureImpact], tools: BoolArray, aside: BoolArray) -> _Sums:
        sums = _Sums()
        for impact in impacts:
            if impact.measure_id in self._carriers:
                why = self._add(impact, tools, aside, sums)
                if why:
                    sums.left_out.append(f"{impact.incident} {impact.measure}: {why}")
        return sums

    def _add(self, impact: MeasureImpact, tools: BoolArray, aside: BoolArray, sums: _Sums) -> str:
        """Put an impact's money where its minutes are; says why where it cannot."""
        name = cost_name(impact)
        if name is None:
            return "no money"
        money = impact.money[name]
        if money.currency != self.q.graph.map.currency:
            return f"in {money.currency}"
        draws = draws_of(impact, MONEY + name, float(money.mid))
        within = self._effect(impact)
        whole = _whole_minutes(impact)
        planned = self._incidents[impact.incident].kind == "maintenance"
        rest, on = ~aside[within] & (not planned), tools[within]
        state = _state(impact)
        if state == "unknown":
            places: dict[Part, BoolArray] = {"cannot_tell": rest}
        elif state == "red":
            places = {"both_red": rest & on, "only_business_red": rest & ~on}
        else:
            places = {"only_tools_red": rest & on, "both_green": rest & ~on}
        for part, minutes in {**places, "maintenance": ~rest}.items():
            sums.add(part, money.mid, draws, float(np.count_nonzero(minutes)) / whole)
        return ""

    def _delivered(
        self, name: str, impacts: Sequence[MeasureImpact], tools: BoolArray, aside: BoolArray
    ) -> Range | None:
        """Share of the expected value: what came in, over that and what was lost."""
        came = self.q.delivered.get(name)
        if came is None:
            return None
        sums = self._money([i for i in impacts if i.kind == "flow"], tools, aside)
        mids, draws = sums.mids, sums.draws
        expected = came + sum(mids.values(), Decimal(0))
        expected_draws = float(came) + sum(draws.values(), np.zeros(DRAWS))
        if expected <= 0 or (expected_draws <= 0).any():
            return None
        lost = sum((m for part, m in mids.items() if part != "maintenance"), Decimal(0))
        missing = sum((d for p, d in draws.items() if p != "maintenance"), np.zeros(DRAWS))
        return quantile_range(float(1 - lost / expected), 1.0 - missing / expected_draws, LEVEL)


@dataclass
class _Sums:
    """Money by part, its middle and its draws."""

    mids: dict[Part, Decimal] = field(default_factory=dict)
    draws: dict[Part, FloatArray] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def add(self, part: Part, mid: Decimal, draws: FloatArray, weight: float) -> None:
        """Add a share of an impact's money."""
        if weight > 0.0:
            self.mids[part] = self.mids.get(part, Decimal(0)) + mid * decimal(weight)
            self.draws[part] = self.draws.get(part, np.zeros(DRAWS)) + draws * weight

    def money(self, currency: str) -> dict[Part, MoneyRange]:
        """The parts that have any."""
        found = {}
        for part in PARTS:
            if part in self.mids:
                found[part] = money_sum(self.mids[part], self.draws[part], currency, LEVEL)
        return found


def _masks(
    tools: BoolArray, red: BoolArray, judged: BoolArray, aside: BoolArray
) -> dict[Part, BoolArray]:
    """(minutes,) by part: every minute is in one of them."""
    rest = ~aside
    green = rest & judged & ~red
    return {
        "both_green": green & ~tools,
        "only_business_red": rest & red & ~tools,
        "only_tools_red": green & tools,
        "both_red": rest & red & tools,
        "cannot_tell": rest & ~judged & ~red,
        "maintenance": aside,
    }


def _minutes(masks: Mapping[Part, BoolArray]) -> dict[Part, int]:
    """How many minutes each part has; they sum to all."""
    return {part: int(np.count_nonzero(masks[part])) for part in PARTS}


def _runs(masks: Mapping[Part, BoolArray]) -> tuple[Run, ...]:
    """The same as stretches of time."""
    which = np.zeros(len(masks["both_green"]), dtype=np.int8)
    for number, part in enumerate(PARTS):
        which[masks[part]] = number
    edges = np.flatnonzero(np.diff(which)) + 1
    bounds = [0, *edges.tolist(), len(which)]
    return tuple(Run(PARTS[which[first]], first, stop) for first, stop in pairwise(bounds))


def _state(impact: MeasureImpact) -> Literal["red", "green", "unknown"]:
    """What the test said of a measure over an incident's effect."""
    if felt(impact):
        return "red"
    if impact.kind == "lead_time":
        return "green" if impact.state != "live" else "unknown"
    return "unknown" if impact.red is None or impact.method != "measured" else "green"


def _whole_minutes(impact: MeasureImpact) -> float:
    """Minutes of an effect, also those outside the time that was asked for."""
    start, end = impact.known_effect
    whole = Grid(start.replace(second=0, microsecond=0), 10**9)
    within = whole.minutes(start, end)
    return float(within.stop - within.start)
