"""What if: past incidents replayed on another map, and what an outage would cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field

from api.ask.replaying import Replay, Supposition, past, replay
from api.ask.whatif_words import OUTAGE_RESTS_ON, RESTS_ON, in_words, length_of, moment_of
from api.http import problems, schemas
from api.http.auth import Reading
from api.http.bodies import as_model, read_body
from api.http.present import present_range, present_sum, present_total
from api.http.state import State, state_of
from api.http.window import looked_at
from api.routes.processes import MeasureHour, known_node, present_measures
from enrich.mapchange import MapChange
from enrich.model import BusinessMap
from enrich.propagate import severities
from impact.model import MeasureImpact
from impact.totals import Total, money_sum, total_units
from impact.whatif import SAVED_UNITS, SavedUnit, Saving
from ingest.errors import InputError

router = APIRouter(tags=["numbers"])

USUALLY = timedelta(days=91)
OUTAGE_LONGEST = timedelta(days=31)
_EXAMPLES = {
    "other needs": {"value": {"needs": {"payment": "[payments-app, {any: [stripe, adyen]}]"}}},
    "a twin": {"value": {"duplicate": ["database"], "from": "2026-08-01T00:00:00Z"}},
    "one incident": {"value": {"incident": "20261122-5b1c2d3e4f", "shorten": "20m"}},
}


class WhatIf(BaseModel):
    """What is to be supposed, and of which incidents. At least one thing must be supposed."""

    model_config = ConfigDict(extra="forbid")

    start: schemas.Moment | None = Field(
        None, alias="from", description="Incidents begun at or after this; else 91 days before."
    )
    to: schemas.Moment | None = Field(None, description="And before this; by default now.")
    incident: str | None = Field(None, description="Only this incident, whenever it was.")
    needs: dict[str, str | list[Any]] = Field(
        {}, description="By process or node: what it would need, as a map says it."
    )
    duplicate: list[str] = Field([], description="Nodes that would have a twin.")
    add: list[str] = Field([], description="New nodes, for `needs` to name.")
    shorten: str | None = Field(
        None, description="By how much every outage would have been shorter.", examples=["20m"]
    )
    not_failed: list[str] = Field([], description="Nodes that would not have failed.")
    not_been: list[str] = Field([], description="Incidents that would not have been.")
    map: str | None = Field(None, description="A whole other map, YAML, in place of changes.")


class MeasureSaved(BaseModel):
    """What would have been saved of one number of one measure."""

    process: str
    process_title: str
    measure: str
    measure_title: str
    part: SavedUnit = Field(examples=["lost"])
    units: schemas.Units = Field(description="As it was.")
    saved_units: schemas.Units = Field(description="Negative: there would have been more.")
    cost: schemas.Sum | None
    saved: schemas.Sum | None
    added: bool = Field(description="Whether sums hold its money.")


class IncidentSaved(BaseModel):
    """What would have been saved of one incident."""

    incident: str
    title: str
    started_at: schemas.Utc
    root: str
    cost: schemas.Sum | None
    saved: schemas.Sum | None
    measures: list[MeasureSaved]


class ProcessSaved(BaseModel):
    """What one process would have kept."""

    process: str
    title: str
    cost: schemas.Sum | None
    saved: schemas.Sum | None
    measures: list[MeasureSaved] = Field(description="Over all incidents.")


class WhatIfAnswer(BaseModel):
    """What would have been saved."""

    start: schemas.Utc
    end: schemas.Utc
    supposed: str = Field(description="In words.", examples=["Order database had had a twin"])
    method: Literal["modelled"] = "modelled"
    incidents_replayed: int
    cost: schemas.Sum | None = Field(description="What they cost; null: nothing with a price.")
    saved: schemas.Sum | None = Field(description="Negative: it would have cost more.")
    left: schemas.Sum | None = Field(description="What they would have cost.")
    processes: list[ProcessSaved]
    incidents: list[IncidentSaved] = Field(description="Those that change, the largest first.")
    rests_on: list[str]
    cannot_say: list[str]


class ProcessHit(BaseModel):
    """How badly a process would be hit."""

    process: str
    title: str
    severity: float = Field(examples=[0.5])


class OutageAnswer(BaseModel):
    """What an outage to come would cost."""

    node: str
    title: str
    start: schemas.Utc
    end: schemas.Utc
    method: Literal["modelled"] = "modelled"
    processes: list[ProcessHit]
    cost: schemas.Sum | None = Field(
        description="Null where nothing that carries money is counted: see `not_counted`."
    )
    measures: list[MeasureHour] = Field(description="Units and money over all of that time.")
    not_counted: list[str] = Field(description="Measures left out, and why.")
    rests_on: list[str]


@router.post(
    "/v1/what-if",
    summary="What past incidents would have cost had something been otherwise",
    responses=problems.responses(400, 401, 403, 404, 413, 415, 422, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": WhatIf.model_json_schema(), "examples": _EXAMPLES}
            },
        }
    },
)
async def ask_what_if(request: Request, _: Reading) -> WhatIfAnswer:
    """Nothing is changed by asking. Savings are modelled: measured losses scaled by the map."""
    state = state_of(request)
    body = await read_body(request, state.body_limit)
    asked = as_model(body, WhatIf)
    return await run_in_threadpool(replayed, state, asked)


def replayed(state: State, asked: WhatIf) -> WhatIfAnswer:
    """What the incidents would have cost, as asked."""
    parts = state.parts
    start, end = looked_at(asked.start, asked.to, datetime.now(UTC), USUALLY)
    supposition = _supposition(asked)
    known = past(parts, start, end, asked.incident)
    found = replay(parts, state.outlook(), known, supposition)
    if known.one:
        one = known.incidents[known.one]
        start, end = one.started_at, one.ended_at or end
    return _answer(found, supposition, parts.map.map, start, end)


@router.get(
    "/v1/what-if/outage",
    summary="What an outage of a node or process would cost",
    responses=problems.responses(401, 403, 404, 422, 503),
)
def get_outage(
    request: Request,
    _: Reading,
    node: Annotated[str, Query(description="A node or process.", examples=["stripe"])],
    length: Annotated[
        str, Query(alias="for", description="How long.", examples=["2h", "30m"])
    ] = "1h",
    at: Annotated[
        str | None,
        Query(description="`Fri 18:00` by the company's clock, or RFC 3339; by default now."),
    ] = None,
) -> OutageAnswer:
    """With a node gone completely and everything else well; the range doubts the map, too."""
    state = state_of(request)
    graph = state.parts.map.graph
    now = datetime.now(UTC)
    lasts = length_of(length, "for")
    if not timedelta(0) < lasts <= OUTAGE_LONGEST:
        raise InputError(f"for: '{length}' is not between a second and 31 days")
    start = now if at is None else moment_of(at, now, graph.map.timezone)
    if node not in graph.map.processes:
        known_node(state, node)
    hit = severities(graph, {node: 0.0})
    state.outlook().learned()
    found = state.outlook().outage(node, hit, (start, start + lasts))
    return OutageAnswer(
        node=node,
        title=graph.thing(node).title,
        start=start,
        end=start + lasts,
        processes=[
            ProcessHit(process=p, title=graph.map.title(p), severity=round(s, 4))
            for p, s in sorted(hit.items(), key=lambda x: -x[1])
        ],
        cost=None if found.worth is None else present_sum(found.worth),
        measures=present_measures(found.measures),
        not_counted=list(found.not_counted),
        rests_on=list(OUTAGE_RESTS_ON),
    )


def _supposition(asked: WhatIf) -> Supposition:
    needs = {
        name: text if isinstance(text, str) else orjson.dumps(text).decode()
        for name, text in asked.needs.items()
    }
    found = Supposition(
        MapChange(tuple(dict.fromkeys(asked.duplicate)), tuple(asked.add), needs),
        asked.map or "",
        length_of(asked.shorten, "shorten") if asked.shorten else timedelta(0),
        frozenset(asked.not_failed),
        frozenset(asked.not_been),
    )
    if found.map_text and found.change:
        raise InputError("either a whole other map or changes of this one, not both")
    if found == Supposition():
        raise InputError(
            "nothing is supposed: say what would have been otherwise (needs, duplicate, shorten, "
            "not_failed, not_been, map)"
        )
    return found


def _answer(
    found: Replay, asked: Supposition, business_map: BusinessMap, start: datetime, end: datetime
) -> WhatIfAnswer:
    cost, saved = found.cost(found.savings), found.saved(found.savings)
    return WhatIfAnswer(
        start=start,
        end=end,
        supposed=in_words(asked, business_map),
        incidents_replayed=len({s.impact.incident for s in found.savings}),
        cost=present_total(cost),
        saved=present_total(saved),
        left=present_total(_less(cost, saved)),
        processes=_processes(found, business_map),
        incidents=_incidents(found, business_map),
        rests_on=list(RESTS_ON),
        cannot_say=list(found.cannot_say),
    )


def _less(cost: Total, saved: Total) -> Total:
    """What is left; of each draw what was saved of it is gone."""
    draws = cost.draws - saved.draws
    mid = cost.money.mid - saved.money.mid
    return Total(money_sum(mid, draws, cost.money.currency), cost.count, draws, ())


def _processes(found: Replay, business_map: BusinessMap) -> list[ProcessSaved]:
    split: dict[str, list[Saving]] = defaultdict(list)
    for saving in found.savings:
        split[saving.impact.process].append(saving)
    return [
        ProcessSaved(
            process=name,
            title=business_map.title(name),
            cost=present_total(found.cost(split[name])),
            saved=present_total(found.saved(split[name])),
            measures=_measures(split[name], found, business_map),
        )
        for name in business_map.processes
        if name in split
    ]


def _incidents(found: Replay, business_map: BusinessMap) -> list[IncidentSaved]:
    split: dict[str, list[Saving]] = defaultdict(list)
    for saving in found.savings:
        split[saving.impact.incident].append(saving)
    rows = []
    for name, its in split.items():
        if all(s.kept == 1.0 for s in its):
            continue
        incident = found.past.incidents[name]
        rows.append(
            IncidentSaved(
                incident=name,
                title=incident.title,
                started_at=incident.started_at,
                root=incident.root,
                cost=present_total(found.cost(its)),
                saved=present_total(found.saved(its)),
                measures=_measures(its, found, business_map),
            )
        )
    return sorted(rows, key=lambda r: -abs(r.saved.mid) if r.saved else 0)


def _measures(
    its: Sequence[Saving], found: Replay, business_map: BusinessMap
) -> list[MeasureSaved]:
    by_measure: dict[str, list[Saving]] = defaultdict(list)
    for saving in its:
        by_measure[saving.impact.measure_id].append(saving)
    rows = []
    for name, savings in by_measure.items():
        part = next(p for p in SAVED_UNITS if any(p in s.impact.units for s in savings))
        cost, saved = found.cost(savings), found.saved(savings)
        process = name.partition("/")[0]
        was: list[MeasureImpact] = [s.impact for s in savings]
        rows.append(
            MeasureSaved(
                process=process,
                process_title=business_map.title(process),
                measure=name.partition("/")[2],
                measure_title=business_map.called(name),
                part=part,
                units=present_range(total_units(was, part)),
                saved_units=present_range(total_units([s.saved for s in savings], part)),
                cost=present_total(cost),
                saved=present_total(saved),
                added=name in found.carriers,
            )
        )
    return rows
