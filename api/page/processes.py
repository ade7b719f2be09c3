"""What the company does: each process in its usual week, today against it, and what it is worth."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from api.ask import reading
from api.ask.live import standing
from api.charts.day import Day, day
from api.charts.usual_week import HOURS, usual_week
from api.http.auth import Reading
from api.http.state import State, state_of
from api.page.figures import Wanted
from api.page.render import render
from api.routes.processes import (
    Bins,
    ProcessDetail,
    get_minutes,
    get_process,
    hour_costs,
    known_measure,
    known_process,
    list_processes,
)
from enrich.explain import need_in_words
from enrich.model import Measure, needed
from impact.cost_now import BY_LENGTH
from impact.model import FloatArray
from impact.money import hours_of_week
from ingest.errors import NotFoundError

router = APIRouter(include_in_schema=False)

_SHOWN = 15  # incidents of one process
_STEPS_S = (300, 900, 1800, 3600)  # of today's bins, the finest that is no noise
_LEAST_UNITS = 60.0  # expected in a bin, in the middle


@router.get("/processes", response_class=HTMLResponse)
def processes(request: Request, caller: Reading) -> HTMLResponse:
    """All processes: how they are now, and what an hour without each would cost."""
    state = state_of(request)
    view = state.outlook().view()
    burning = defaultdict(list)
    for incident in reading.incidents(state.parts, states=reading.BURNING):
        for process in {i.process for i in incident.impacts} | {
            r.process for r in incident.reached
        }:
            burning[process].append(incident)
    now = standing(state.parts, datetime.now(UTC))
    return render(
        state,
        "processes.html",
        found=list_processes(request, caller),
        hours={name: hour_costs(cost) for name, cost in view.hours.items()},
        burning=burning,
        standing=now,
    )


@router.get("/processes/{process}", response_class=HTMLResponse)
def process(request: Request, caller: Reading, process: str) -> HTMLResponse:
    """One process: its usual week, today against it, its incidents, and what it needs."""
    state = state_of(request)
    on_map = known_process(state, process)
    found = get_process(request, caller, process)
    graph = state.parts.map.graph
    return render(
        state,
        "process.html",
        root="../",
        found=found,
        on_map=on_map,
        hour=_titled_hours(state, found),
        not_counted=[_titled(state, why) for why in found.hours.not_counted],
        by_length=_by_length(found),
        incidents=reading.incidents(state.parts, process=process, limit=_SHOWN),
        needs=[(need_in_words(graph, need), needed(need)) for need in on_map.needs],
        titles=state.parts.map.map.title,
        below=len(graph.below(process)),
        standing=standing(state.parts, datetime.now(UTC)),
        weeks={name: _table(found, name) for name in found.week},
        an_hour=timedelta(hours=1),
    )


@router.get("/processes/{process}/{measure}/week.{form}")
def week(request: Request, caller: Reading, wanted: Wanted, process: str, measure: str) -> Response:
    """The usual week of one measure, with this one so far."""
    state = state_of(request)
    found = known_measure(state, process, measure)
    usual = state.outlook().view().measures[found.id].week
    if usual is None:
        raise NotFoundError(f"{found.id} has no usual week yet")
    expected = np.array([hour.mid for hour in usual])
    so_far = _this_week(state, found)
    return wanted.answer(
        lambda theme, width: usual_week(
            expected, found.called.lower(), theme, width, actual=so_far, title=False
        ),
        expected,
        found.called,
        so_far,
    )


@router.get("/processes/{process}/{measure}/today.{form}")
def today(
    request: Request, caller: Reading, wanted: Wanted, process: str, measure: str
) -> Response:
    """Today so far beside the band of what is usual."""
    state = state_of(request)
    found = known_measure(state, process, measure)
    so_far = state.outlook().today(found)
    usual = state.outlook().view().measures[found.id].week
    if so_far is None or usual is None:
        raise NotFoundError(f"{found.id} has no today yet")
    step = _step(np.array([hour.mid for hour in usual]))
    # A bin that is still going on would look like a fall.
    until = so_far.until - (so_far.until - so_far.since) % timedelta(seconds=step)
    if until <= so_far.since:
        raise NotFoundError(f"today of {found.id} has only just begun")
    bins = get_minutes(request, caller, process, measure, so_far.since, until, step)
    what = _day(bins, state.parts.map.map.timezone, found.called.lower())
    return wanted.answer(lambda theme, width: day(what, theme, width), what)


def _by_length(found: ProcessDetail) -> bool:
    """Whether what an hour costs depends, for all that is counted, on how long an outage lasts."""
    whys = found.hours.not_counted
    return len(whys) == len(found.measures) > 0 and all(why.endswith(BY_LENGTH) for why in whys)


def _titled(state: State, why: str) -> str:
    """Why a measure is not counted, with what it is called instead of its id."""
    name, _, said = why.partition(": ")
    return f"{state.parts.map.map.called(name)}: {said}"


def _step(week: FloatArray) -> int:
    """Seconds of a bin in which enough is to be expected to be looked at."""
    hour = float(np.median(week))
    return next((s for s in _STEPS_S if hour * s / 3600 >= _LEAST_UNITS), _STEPS_S[-1])


def _day(bins: Bins, timezone: str, unit: str) -> Day:
    actual = [float("nan") if v is None else v for v in bins.actual]
    return Day(
        np.array([t.timestamp() for t in bins.times]),
        bins.step_s,
        np.array(actual),
        np.array(bins.expected),
        np.array(bins.expected_low),
        np.array(bins.expected_high),
        timezone,
        unit,
    )


def _this_week(state: State, measure: Measure) -> FloatArray | None:
    """(168,) units per local hour since Monday, NaN for hours to come; None without any."""
    timezone = state.parts.map.map.timezone
    local = datetime.now(ZoneInfo(timezone))
    monday = (local - timedelta(days=local.weekday())).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    watched = state.outlook().watched(measure, monday.astimezone(UTC), datetime.now(UTC))
    if watched is None:
        return None
    first = np.datetime64(monday.astimezone(UTC).replace(tzinfo=None), "s")
    seen = (watched.times >= first) & np.isfinite(watched.actual)
    if not seen.any():
        return None
    hours = hours_of_week(watched.times[seen], timezone)
    sums = np.bincount(hours, watched.actual[seen], HOURS)
    bins = np.bincount(hours, minlength=HOURS)
    whole = bins >= timedelta(hours=1) / watched.step  # an hour that still goes on is left out
    out: FloatArray = np.where(whole, sums, np.nan)
    return out


def _table(found: ProcessDetail, measure: str) -> list[dict[str, Any]]:
    """The usual week in words: a row a day, sums of three hours."""
    week = [hour.units.mid for hour in found.week[measure]]
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    return [
        {"day": name, "sums": [sum(week[24 * n + h : 24 * n + h + 3]) for h in range(0, 24, 3)]}
        for n, name in enumerate(days)
    ]


def _titled_hours(state: State, found: ProcessDetail) -> list[dict[str, Any]]:
    """What an hour without it costs, with the measures by their titles."""
    names = (("now", "Now"), ("peak", "At the peak of the week"), ("tonight", "Tonight"))
    title = state.parts.map.map.called
    return [
        {
            "title": said,
            "hour": (hour := getattr(found.hours, name)).hour,
            "cost": hour.cost,
            "measures": [
                {"title": title(m.measure), "units": m.units, "money": m.money, "added": m.added}
                for m in hour.measures
            ],
        }
        for name, said in names
    ]
