"""Measures without data: no data is not zero, so both readings are served."""

from __future__ import annotations

from fastapi import APIRouter, Request

from api.ask.silent import IfFeed, IfStopped, Silent
from api.http import problems
from api.http.auth import Reading
from api.http.present import present_range, present_sum
from api.http.state import State, state_of
from impact.silence import Silence, Stopped

router = APIRouter(tags=["numbers"])


@router.get(
    "/v1/silent",
    summary="Measures without data: feed silent or business stopped",
    responses=problems.responses(401, 403, 503),
)
def list_silent(request: Request, _: Reading) -> list[Silent]:
    """Those with the most at stake first. Neither an incident nor in any sum: nobody knows yet."""
    return silent_now(state_of(request))


def silent_now(state: State, process: str | None = None) -> list[Silent]:
    """What is silent, of all processes or of one."""
    found = state.outlook().view().silences
    return [_present(s, state) for s in found if process in (None, s.measure.process)]


def _present(silence: Silence, state: State) -> Silent:
    measure = silence.measure
    assert measure.kind != "level"
    return Silent(
        process=measure.process,
        process_title=state.parts.map.map.processes[measure.process].title,
        measure=measure.name,
        measure_title=measure.called,
        kind=measure.kind,
        stream=measure.stream,
        since=silence.since,
        as_of=silence.as_of,
        last_event_at=silence.last_at,
        last_received_at=silence.last_received,
        favours=silence.favours,
        why=silence.why,
        if_feed_silent=IfFeed(),
        if_stopped=None if silence.stopped is None else _stopped(silence.stopped),
    )


def _stopped(found: Stopped) -> IfStopped:
    money, per_minute = (
        None if sum_ is None else present_sum(sum_)
        for sum_ in (found.money, found.money_per_minute)
    )
    return IfStopped(
        until=found.until,
        units=present_range(found.units),
        money=money,
        units_per_minute=present_range(found.per_minute),
        money_per_minute=per_minute,
    )
