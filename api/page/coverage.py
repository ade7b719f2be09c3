"""What Toll cannot answer yet, and what to do about each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.http.auth import Reading
from api.http.state import State, state_of
from api.page.render import render
from api.routes.coverage import CoverageAnswer, get_coverage

router = APIRouter(include_in_schema=False)

_QUIET = timedelta(days=1)  # a stream without data for longer is worth a look


@router.get("/coverage", response_class=HTMLResponse)
def coverage(request: Request, caller: Reading) -> HTMLResponse:
    """Every gap with what would close it."""
    state = state_of(request)
    found = get_coverage(request, caller)
    return render(
        state,
        "coverage.html",
        found=found,
        lists=_lists(found, state),
        titles=state.parts.map.map.title,
        measure=lambda measure_id: _measure(state, measure_id),
        old=datetime.now(UTC) - _QUIET,
    )


def _measure(state: State, measure_id: str) -> str:
    """`Web checkout: Payments`."""
    found = state.parts.map.map.measure(measure_id)
    return f"{state.parts.map.map.title(found.process)}: {found.called}" if found else measure_id


def _lists(found: CoverageAnswer, state: State) -> list[dict[str, object]]:
    """Gaps that are plain names: what is missing, what to do, and (link, title) of each."""
    title = state.parts.map.map.title

    def things(names: list[str]) -> list[tuple[str, str]]:
        return [(f"map/{name}", title(name)) for name in names]

    def measures(ids: list[str]) -> list[tuple[str, str]]:
        return [(f"processes/{i.partition('/')[0]}", _measure(state, i)) for i in ids]

    said = (
        (
            "Processes in which nothing is counted",
            "Their incidents are seen but not priced. Give each a measure on the map: a stream of "
            "events that it leaves, such as payments, orders or calls.",
            things(found.processes_without_measures),
        ),
        (
            "Processes whose measures have no data",
            "Send their events to /v1/business or the topic, or load history with toll import.",
            things(found.processes_without_volume),
        ),
        (
            "Measures without data",
            "No event of their stream has come. Check the name of the stream on the map, and that "
            "its sender is running.",
            measures(found.measures_without_data),
        ),
        (
            "Measures without a worth",
            "They are counted, yet no incident of theirs costs anything. Give each a value on the "
            "map, or same_money_as where another measure carries it.",
            measures(found.measures_without_value),
        ),
        (
            "Streams that no measure counts",
            "Their events are stored and used for nothing. Add a measure on the map, or stop "
            "sending them.",
            [("", name) for name in found.streams_without_measure],
        ),
        (
            "Processes without an owner",
            "Nobody would be told. Write an owner on the map.",
            things(found.processes_without_owner),
        ),
        (
            "Services that no process needs",
            "Their outages reach nobody, on the map. Add them to the needs of what they carry, or "
            "take them off.",
            things(found.services_without_process),
        ),
        (
            "Other things that nothing needs",
            "The same for applications, infrastructure and providers.",
            things(found.orphans),
        ),
    )
    return [
        {"title": title_, "todo": todo, "things": names} for title_, todo, names in said if names
    ]
