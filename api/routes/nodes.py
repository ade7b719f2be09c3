"""The map: what it holds, and whom a node reaches."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from api.ask.live import standing
from api.http import problems, schemas
from api.http.auth import Reading
from api.http.state import state_of
from api.routes.processes import HourCosts, hour_costs, known_node
from enrich.explain import path_in_words, reach
from enrich.model import needed

router = APIRouter(tags=["map"])


class NodeOnMap(BaseModel):
    """A node and what it needs."""

    node: str = Field(examples=["stripe"])
    layer: str = Field(examples=["provider"])
    title: str
    owner: str
    needs: list[str]


class ProcessOnMap(BaseModel):
    """A process and what it needs."""

    process: str = Field(examples=["checkout"])
    title: str
    owner: str
    needs: list[str]
    measures: list[str]


class MapAnswer(BaseModel):
    """The map that is in force."""

    company: str
    currency: str
    timezone: str
    holidays: str = Field(description="Whose holidays; empty without.", examples=["DE"])
    version: str = Field(description="Hash of its content.")
    processes: list[ProcessOnMap]
    nodes: list[NodeOnMap]


class Reach(BaseModel):
    """Whom a node hurts if it fails completely."""

    node: str
    needed_by: list[str] = Field(description="Directly.")
    further: int = Field(description="How many more need it through those.")
    through: list[str] = Field(description="Who they are, nearest first; at most 1,000.")
    processes: list[schemas.ReachedProcess]
    paths: list[str] = Field(
        description="To each process, in words.",
        examples=[["Stripe (provider) -> Payment (service) -> Web checkout"]],
    )
    in_trouble: list[str] = Field(description="With `live`: nodes that fire already.")
    redundancy: list[str] = Field(examples=[["one of two providers is left"]])
    words: list[str] = Field(description="The same in sentences.")
    cost_of_an_hour: HourCosts


@router.get("/v1/map", summary="The map in force", responses=problems.responses(401, 403))
def get_map(request: Request, _: Reading) -> MapAnswer:
    """Processes, nodes, and who needs what."""
    found = state_of(request).parts.map.map
    return MapAnswer(
        company=found.company,
        currency=found.currency,
        timezone=found.timezone,
        holidays=found.holidays,
        version=found.version,
        processes=[
            ProcessOnMap(
                process=p.name,
                title=p.title,
                owner=p.owner,
                needs=[n for need in p.needs for n in needed(need)],
                measures=[m.name for m in p.measures],
            )
            for p in found.processes.values()
        ],
        nodes=[
            NodeOnMap(
                node=n.name,
                layer=n.layer,
                title=n.title,
                owner=n.owner,
                needs=[name for need in n.needs for name in needed(need)],
            )
            for n in found.nodes.values()
        ],
    )


@router.get(
    "/v1/map/nodes/{node}/reach",
    summary="Whom a node reaches, by which path, and what an hour without it would cost",
    responses=problems.responses(401, 403, 404, 503),
)
def get_reach(
    request: Request,
    _: Reading,
    node: Annotated[str, Path(description="A node of the map.", examples=["stripe"])],
    live: Annotated[
        bool, Query(description="On top of what is in trouble now, not on a healthy map.")
    ] = False,
) -> Reach:
    """Direct and through others, with the redundancy that would be left."""
    state = state_of(request)
    known_node(state, node)
    now = datetime.now(UTC)
    own = standing(state.parts, now).own if live else {}
    graph = state.parts.map.graph
    found = reach(graph, node, own)
    processes = state.parts.map.map.processes
    direct = set(found.needed_by)
    return Reach(
        node=node,
        needed_by=list(found.needed_by),
        further=found.further,
        through=[n for n in graph.rising_names(node) if n not in direct][:1000],
        processes=[
            schemas.ReachedProcess(
                process=r.process,
                title=processes[r.process].title,
                severity=round(r.severity, 4),
                path=list(r.path),
            )
            for r in found.processes
        ],
        paths=[path_in_words(graph, r.path) for r in found.processes],
        in_trouble=[n for n in own if n != node],
        redundancy=[r.words for r in found.redundancy],
        words=list(found.words),
        cost_of_an_hour=hour_costs(state.outlook().without(node, now)),
    )
