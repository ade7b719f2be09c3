"""How far the numbers can be trusted: live estimates beside what they came to."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from api.ask.ledger import business_first, present_pair, read_ledger
from api.http import problems, schemas
from api.http.auth import Reading
from api.http.state import State, state_of
from api.routes.processes import known_process
from enrich.suggest import did_you_mean
from ingest.errors import NotFoundError

router = APIRouter(tags=["numbers"])


@router.get(
    "/v1/trust",
    summary="How far the numbers can be trusted: bias and coverage of live against final",
    responses=problems.responses(401, 403, 404, 422, 503),
)
def get_trust(
    request: Request,
    _: Reading,
    process: Annotated[
        str | None, Query(description="Only this process.", examples=["checkout"])
    ] = None,
    measure: Annotated[
        str | None, Query(description="Only measures of this name.", examples=["payments"])
    ] = None,
    start: Annotated[
        schemas.Moment | None, Query(alias="from", description="Incidents begun at or after this.")
    ] = None,
    to: Annotated[schemas.Moment | None, Query(description="Incidents begun before this.")] = None,
    limit: Annotated[
        int, Query(ge=0, le=10_000, description="At most so many pairs, the newest.")
    ] = 200,
) -> schemas.TrustReport:
    """Every live estimate is kept and compared with the final one of the same thing."""
    state = state_of(request)
    if process is not None:
        known_process(state, process)
    if measure is not None:
        _known_measure(state, process, measure)
    found, lines = read_ledger(state.parts, process or "", measure or "", start, to)
    newest = sorted(found, key=lambda p: p.said_at, reverse=True)[:limit]
    view = state.outlook().view()
    hours = {
        name: sum(hour.mid for hour in m.week) / len(m.week)
        for name, m in view.measures.items()
        if m.week is not None
    }
    return schemas.TrustReport(
        ledger=lines,
        pairs=[present_pair(pair) for pair in newest],
        business_first=business_first(state.parts, hours),
    )


def _known_measure(state: State, process: str | None, measure: str) -> None:
    """A name that is not on the map is a mistake, not an empty answer."""
    measures = {m.name for m in state.parts.map.map.measures() if process in (None, m.process)}
    if measure not in measures:
        raise NotFoundError(f"no measure '{measure}' on the map{did_you_mean(measure, measures)}")
