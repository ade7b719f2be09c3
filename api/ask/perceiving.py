"""Gathers what the perception gap is worked out from, and asks `impact.perception`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from api.ask.outlook import LEARNING, Learning, MeasureView, Outlook, View
from api.ask.taking import taken_between
from api.run.wiring import Parts
from impact.baselines import MIN_HISTORY_DAYS
from impact.perception import Perception, Question, Sight, perceive, thin_hours
from impact.taken import taken_in
from impact.tools import MINUTE, Grid

HISTORY = timedelta(days=MIN_HISTORY_DAYS)  # of a stream: nothing is judged without a baseline


@dataclass(frozen=True)
class Answer:
    """The gap in whole minutes of [start, end), which may end earlier than was asked for: now."""

    start: datetime
    end: datetime
    processes: Sequence[Perception]
    nodes: Sequence[Perception]
    learning: Learning | None  # how far the usual weeks are learned, where not all are
    waiting: frozenset[str]  # processes of which one is still being learned
    blind: Mapping[str, tuple[str, ...]]  # by process, why some of the time cannot be judged


def perceived(
    parts: Parts, outlook: Outlook, start: datetime, end: datetime, process: str | None = None
) -> Answer:
    """The perception gap of all processes, or of one and what it needs."""
    now = datetime.now(UTC)
    start = start.replace(second=0, microsecond=0)
    end = min(end, now)
    grid = Grid(start, max((end - start) // MINUTE, 1))
    graph, store = parts.map.graph, parts.store
    names = [process] if process is not None else list(graph.map.processes)
    nodes = None if process is None else graph.below(process)
    incidents = [v.incident for v in store.incidents.find(start=start, end=grid.end)]
    ids = [i.id for i in incidents]
    impacts = store.estimates.latest(ids, draws="money")
    flows = [m.stream for m in graph.map.measures() if m.kind == "flow" and m.priced]
    taken = taken_between(store, graph.map, flows, grid.start, grid.end)
    view = outlook.view()
    question = Question(
        graph,
        grid,
        now,
        incidents,
        [i for i in impacts if graph.map.measure(i.measure_id) is not None],
        {name: _sight(seen) for name, seen in view.measures.items() if seen.week},
        {p: came for p in names if (came := taken_in(graph.map, p, taken)) is not None},
    )
    return Answer(
        start,
        grid.end,
        *perceive(question, names, nodes),
        view.learning,
        frozenset(p for p in names if view.waiting(p)),
        {p: tuple(_blind(view, p, start)) for p in names},
    )


def _blind(view: View, process: str, start: datetime) -> Iterator[str]:
    """Why a process cannot be judged at times, measure by measure."""
    own = [seen for seen in view.measures.values() if seen.measure.process == process]
    if not own:
        yield "it counts nothing"
    for seen in own:
        why = _why_blind(seen, start)
        if why:
            yield f"{seen.measure.title}: {why}"


def _why_blind(seen: MeasureView, start: datetime) -> str:
    if seen.why == LEARNING:
        return "its usual week is being learned"
    if seen.measure.kind == "lead_time":
        return "judged order by order, and only where an incident reaches it"
    if seen.week is None:
        return "no data yet" if seen.data_since is None else "judged after a week of history"
    sight = _sight(seen)
    if sight.thin.any():
        return "at some hours too few come to be judged"
    return "judged from a week after its first data on" if sight.since > start else ""


def _sight(view: MeasureView) -> Sight:
    assert view.data_since is not None and view.data_until is not None and view.week is not None
    thin = thin_hours(np.array([hour.mid for hour in view.week]))
    return Sight(view.data_since + HISTORY, view.data_until, thin)
