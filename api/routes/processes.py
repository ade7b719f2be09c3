"""Processes: what they usually do, what they do now, and what an hour without them would cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from api import words
from api.ask.outlook import MeasureView, View
from api.ask.silent import Silent
from api.http import problems, schemas
from api.http.auth import Reading
from api.http.present import present_range, present_sum
from api.http.state import State, state_of
from api.routes.silent import silent_now
from enrich.model import Measure, Process
from enrich.suggest import did_you_mean
from impact import cost_now
from impact.baselines import RANGE_SD
from impact.cost_now import CostOfAnHour, HourCost
from impact.model import MoneyRange, Range
from impact.spread import sd_of_sums
from ingest.errors import InputError, NotFoundError

router = APIRouter(tags=["numbers"])

ProcessName = Annotated[str, Path(description="A process of the map.", examples=["checkout"])]


class MeasureNow(BaseModel):
    """One measure: the last hour of its data against what is usual."""

    measure: str = Field(examples=["payments"])
    title: str = Field(examples=["Payments"])
    kind: str = Field(examples=["flow"])
    stream: str = Field(examples=["payments"])
    data_until: schemas.Utc | None = Field(description="Null where there are no data yet.")
    alive: bool = Field(description="Whether its source has shown itself lately.")
    actual: float | None = Field(description="Units in the last hour of data.", examples=[712])
    expected: schemas.Units | None = Field(description="What that hour usually has.")
    why: str = Field(description="Where nothing is expected, why.", examples=["learning"])


class ProcessNow(BaseModel):
    """One process now."""

    process: str = Field(examples=["checkout"])
    title: str = Field(examples=["Web checkout"])
    owner: str
    measures: list[MeasureNow]
    hour_now: schemas.Sum | None = Field(description="What an hour without it would cost now.")


class MeasureHour(BaseModel):
    """What one measure would lose in one hour."""

    measure: str = Field(examples=["checkout/payments"])
    units: schemas.Units
    money: schemas.Sum | None = Field(description="Null where a unit has no known worth.")
    added: bool = Field(description="Whether `cost` holds it: money of another's is not added.")


class Hour(BaseModel):
    """One hour of the week and what it would cost."""

    hour: str = Field(description="Local weekday and hour.", examples=["Tue 20:00"])
    cost: schemas.Sum | None = Field(
        description="Null where no measure that carries money is counted: see `not_counted`."
    )
    measures: list[MeasureHour] = Field(description="What that hour usually has, and its worth.")


class HourCosts(BaseModel):
    """What one hour of an outage would cost."""

    name: str = Field(description="A process or a node.", examples=["checkout"])
    now: Hour
    peak: Hour = Field(description="The dearest hour of the week.")
    tonight: Hour = Field(description="The cheapest hour of the coming night.")
    not_counted: list[str] = Field(description="Measures left out, and why.")


class WeekHour(BaseModel):
    """What one hour of the week usually has."""

    hour: str = Field(examples=["Mon 09:00"])
    units: schemas.Units


class Peak(WeekHour):
    """The busiest hour of the week, and when it is nearly as busy."""

    when: str = Field(
        description="All hours with at least nine tenths of the busiest.",
        examples=["Mon to Thu 19:00 to 22:00, Sun 18:00 to 22:00"],
    )


class DaySoFar(BaseModel):
    """A measure since local midnight, against what those hours usually have."""

    since: schemas.Utc
    until: schemas.Utc = Field(description="Up to where its data are complete.")
    actual: float = Field(examples=[8120])
    expected: schemas.Units


class ProcessDetail(ProcessNow):
    """One process with its usual week."""

    week: dict[str, list[WeekHour]] = Field(description="By measure, 168 hours from Monday on.")
    peak: dict[str, Peak] = Field(description="By measure.")
    today: dict[str, DaySoFar] = Field(description="By measure, where today has data.")
    hours: HourCosts
    silent: list[Silent] = Field(description="Measures of it without data, in both readings.")


class Bins(BaseModel):
    """A measure over time, bin by bin; null is not measured, which is not zero."""

    step_s: int = Field(examples=[60])
    times: list[schemas.Utc]
    actual: list[float | None]
    expected: list[float]
    expected_low: list[float]
    expected_high: list[float]


@router.get(
    "/v1/processes",
    summary="All processes, now",
    responses=problems.responses(401, 403, 503),
)
def list_processes(request: Request, _: Reading) -> list[ProcessNow]:
    """The last hour of every measure against its usual hour."""
    state = state_of(request)
    view = state.outlook().view()
    return [_now(p, view) for p in state.parts.map.map.processes.values()]


@router.get(
    "/v1/processes/{process}",
    summary="One process with its usual week",
    responses=problems.responses(401, 403, 404, 503),
)
def get_process(request: Request, _: Reading, process: ProcessName) -> ProcessDetail:
    """Its usual week, its peak, today so far, and what an hour without it costs."""
    state = state_of(request)
    found = known_process(state, process)
    outlook = state.outlook()
    view = outlook.view()
    weeks = {m.name: week for m in found.measures if (week := view.measures[m.id].week) is not None}
    days = {m.name: day for m in found.measures if (day := outlook.today(m)) is not None}
    return ProcessDetail(
        **_now(found, view).model_dump(),
        week={name: _week(week) for name, week in weeks.items()},
        peak={name: _peak(week) for name, week in weeks.items()},
        today={
            name: DaySoFar(
                since=day.since,
                until=day.until,
                actual=day.actual,
                expected=present_range(day.expected),
            )
            for name, day in days.items()
        },
        hours=hour_costs(view.hours[process]),
        silent=silent_now(state, process),
    )


@router.get(
    "/v1/processes/{process}/measures/{measure}/minutes",
    summary="A measure over time, beside what was to be expected",
    responses=problems.responses(401, 403, 404, 422, 503),
)
def get_minutes(
    request: Request,
    _: Reading,
    process: ProcessName,
    measure: Annotated[str, Path(description="A measure of it.", examples=["payments"])],
    start: Annotated[
        schemas.Moment | None, Query(alias="from", description="By default six hours before.")
    ] = None,
    to: Annotated[schemas.Moment | None, Query(description="By default now.")] = None,
    step: Annotated[int, Query(ge=60, le=86400, description="Width of a bin in seconds.")] = 60,
) -> Bins:
    """By default the last six hours. Expectations are at the level of the hours before `from`."""
    state = state_of(request)
    found = known_measure(state, process, measure)
    until = to or datetime.now(UTC)
    begin = start or until - timedelta(hours=6)
    if begin >= until or until - begin > timedelta(days=92):
        raise InputError("`from` must lie before `to`, at most 92 days")
    watched = state.outlook().watched(found, begin, until)
    if watched is None:
        raise NotFoundError(f"{found.id} has no baseline: {_why(state, found)}")
    if np.isnan(watched.actual[watched.times >= np.datetime64(begin.replace(tzinfo=None))]).all():
        raise NotFoundError(f"{found.id} has no data between `from` and `to`")
    return _bins(watched.times, (watched.actual, watched.expected, watched.sigma), begin, step)


@router.get(
    "/v1/cost-of-an-hour",
    summary="What an hour of an outage would cost",
    responses=problems.responses(401, 403, 404, 503),
)
def get_cost_of_an_hour(
    request: Request,
    _: Reading,
    node: Annotated[
        str | None, Query(description="A node; else every process.", examples=["stripe"])
    ] = None,
) -> list[HourCosts]:
    """Now, at the week's peak, and tonight, for each process or for one node."""
    state = state_of(request)
    if node is None:
        return [hour_costs(c) for c in state.outlook().view().hours.values()]
    known_node(state, node)
    return [hour_costs(state.outlook().without(node, datetime.now(UTC)))]


def known_node(state: State, node: str) -> None:
    """`NotFoundError` for a node that is not on the map, with what was perhaps meant."""
    nodes = state.parts.map.map.nodes
    if node not in nodes:
        raise NotFoundError(f"no node '{node}' on the map{did_you_mean(node, nodes)}")


def hour_costs(cost: CostOfAnHour) -> HourCosts:
    """As HTTP says it."""
    return HourCosts(
        name=cost.name,
        now=_hour(cost.now, cost.worth(cost.now)),
        peak=_hour(cost.peak, cost.worth(cost.peak)),
        tonight=_hour(cost.tonight, cost.worth(cost.tonight)),
        not_counted=list(cost.not_counted),
    )


def _hour(hour: HourCost, worth: MoneyRange | None) -> Hour:
    return Hour(
        hour=words.slot(hour.hour),
        cost=None if worth is None else present_sum(worth),
        measures=present_measures(hour.measures),
    )


def present_measures(measures: Iterable[cost_now.MeasureHour]) -> list[MeasureHour]:
    """What each measure usually has in a time, and its worth."""
    return [
        MeasureHour(
            measure=m.measure,
            units=present_range(m.units),
            money=None if m.money is None else present_sum(m.money),
            added=m.added,
        )
        for m in measures
    ]


def _week(week: Sequence[Range]) -> list[WeekHour]:
    return [
        WeekHour(hour=words.slot(i), units=present_range(units)) for i, units in enumerate(week)
    ]


def _peak(week: Sequence[Range]) -> Peak:
    usual = [units.mid for units in week]
    at = usual.index(max(usual))
    return Peak(hour=words.slot(at), units=present_range(week[at]), when=words.busiest_hours(usual))


def _now(process: Process, view: View) -> ProcessNow:
    cost = view.hours[process.name]
    worth = cost.worth(cost.now)
    return ProcessNow(
        process=process.name,
        title=process.title,
        owner=process.owner,
        measures=[_measure_now(view.measures[m.id]) for m in process.measures],
        hour_now=None if worth is None else present_sum(worth),
    )


def _measure_now(view: MeasureView) -> MeasureNow:
    return MeasureNow(
        measure=view.measure.name,
        title=view.measure.called,
        kind=view.measure.kind,
        stream=view.measure.stream,
        data_until=view.data_until,
        alive=view.alive,
        actual=view.actual,
        expected=None if view.expected is None else present_range(view.expected),
        why=view.why,
    )


def known_process(state: State, name: str) -> Process:
    """A process of the map; `NotFoundError` for another name, with what was perhaps meant."""
    processes = state.parts.map.map.processes
    if name not in processes:
        raise NotFoundError(f"no process '{name}' on the map{did_you_mean(name, processes)}")
    return processes[name]


def known_measure(state: State, process: str, name: str) -> Measure:
    """A measure of a process; `NotFoundError` for another name, with what was perhaps meant."""
    measures = {m.name: m for m in known_process(state, process).measures}
    if name not in measures:
        hint = did_you_mean(name, measures)
        raise NotFoundError(f"process '{process}' has no measure '{name}'{hint}")
    return measures[name]


def _why(state: State, measure: Measure) -> str:
    return state.outlook().view().measures[measure.id].why


def _bins(
    times: np.ndarray,
    columns: tuple[np.ndarray, np.ndarray, np.ndarray],
    begin: datetime,
    step: int,
) -> Bins:
    """Sums over bins of `step`, with the spread of each sum."""
    width = 60 if len(times) < 2 else int((times[1] - times[0]) / np.timedelta64(1, "s"))
    if step % width:
        raise InputError(f"`step` must be a multiple of {width} seconds")
    starts = times.astype("datetime64[s]").astype(np.int64)
    inside = starts >= int(begin.timestamp()) // step * step
    group = starts[inside] // step
    actual, expected, sigma = (column[inside] for column in columns)
    edges = np.flatnonzero(np.diff(group, prepend=group[0] - 1)) if len(group) else group
    if not len(edges):
        raise NotFoundError("no bins in that time")
    seen, usual = np.add.reduceat(actual, edges), np.add.reduceat(expected, edges)
    spread = RANGE_SD * sd_of_sums(sigma, edges)
    moments = group[edges] * step
    return Bins(
        step_s=step,
        times=[datetime.fromtimestamp(int(t), UTC) for t in moments],
        actual=[None if np.isnan(v) else float(v) for v in seen],
        expected=[round(float(v), 3) for v in usual],
        expected_low=[round(float(v), 3) for v in np.maximum(usual - spread, 0.0)],
        expected_high=[round(float(v), 3) for v in usual + spread],
    )
