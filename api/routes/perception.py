"""The perception gap: when the tools were green and the business was red, and the reverse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from api.ask.outlook import Learning
from api.ask.perceiving import Answer, perceived
from api.http import problems, schemas
from api.http.auth import Reading
from api.http.present import present_sum
from api.http.state import state_of
from api.http.window import looked_at
from api.routes.processes import known_process
from enrich.graph import Graph
from impact.perception import Part, Perception
from impact.tools import MINUTE

router = APIRouter(tags=["numbers"])

USUALLY = timedelta(days=7)


class Minutes(BaseModel):
    """Minutes of the time asked for; they sum to all of it."""

    both_green: int = Field(examples=[9840])
    only_business_red: int = Field(description="Tools green, business red.", examples=[35])
    only_tools_red: int = Field(description="Tools red, business green.", examples=[120])
    both_red: int = Field(description="They agree.", examples=[85])
    cannot_tell: int = Field(description="No data, or too few units to judge.", examples=[0])
    maintenance: int = Field(description="Planned; in no other part.", examples=[0])


class PartMoney(BaseModel):
    """What incidents cost in those minutes, signed; null where there were none."""

    both_green: schemas.Sum | None = None
    only_business_red: schemas.Sum | None = None
    only_tools_red: schemas.Sum | None = None
    both_red: schemas.Sum | None = None
    cannot_tell: schemas.Sum | None = None
    maintenance: schemas.Sum | None = None


class Delivered(BaseModel):
    """Share of the expected value that was delivered, with its 90 % range."""

    low: float = Field(examples=[0.9931])
    mid: float = Field(examples=[0.9947])
    high: float = Field(examples=[0.9962])


class NodeGap(BaseModel):
    """One node: its own signals against the business it carries."""

    node: str = Field(examples=["stripe"])
    title: str = Field(examples=["Stripe"])
    minutes: Minutes
    money: PartMoney = Field(description="Of the incidents that it was the root cause of.")
    own_availability: float = Field(
        description="Share of the time without own signals, each weighed by what it says is left.",
        examples=[0.9989],
    )
    technical_availability: float = Field(
        description="The same with all that it needs.", examples=[0.9981]
    )
    left_out: list[str] = Field(description="Impacts whose money could not be added, and why.")


class Stretch(BaseModel):
    """A time in which tools and business stood in one way."""

    part: Part = Field(examples=["only_business_red"])
    start: schemas.Utc
    end: schemas.Utc


class ProcessGap(BaseModel):
    """One process: its tools, which are all that it needs, against its measures."""

    process: str = Field(examples=["checkout"])
    title: str = Field(examples=["Web checkout"])
    minutes: Minutes
    money: PartMoney
    technical_availability: float = Field(
        description="As the map predicts it from the signals, outside maintenance.",
        examples=[0.9978],
    )
    business_availability: Delivered | None = Field(
        description="Delivered share of the expected value; null for a process without priced flow."
    )
    stretches: list[Stretch] = Field(
        description="When, oldest first; between them both were green."
    )
    left_out: list[str] = Field(description="Impacts whose money could not be added, and why.")
    learning: bool = Field(
        description="Its usual week is still being learned: until then nothing of it is judged.",
        examples=[False],
    )
    blind: list[str] = Field(
        description="Why some of the time cannot be told.",
        examples=[["Orders: judged order by order, and only where an incident reaches it"]],
    )


class LearningProgress(BaseModel):
    """How many measures have their usual week, of how many."""

    done: int = Field(examples=[7])
    of: int = Field(examples=[10])


class PerceptionGap(BaseModel):
    """How tools and business agreed over a time, in whole minutes."""

    start: schemas.Utc
    end: schemas.Utc
    processes: list[ProcessGap]
    nodes: list[NodeGap] = Field(description="Those that had signals or were a root cause.")
    learning: LearningProgress | None = Field(
        description="While the usual weeks are learned, for seconds: how far; else null."
    )


@router.get(
    "/v1/perception",
    summary="The perception gap: tools green while business is red, and the reverse",
    responses=problems.responses(401, 403, 404, 422, 503),
)
def get_perception(
    request: Request,
    _: Reading,
    start: Annotated[
        schemas.Moment | None, Query(alias="from", description="By default seven days before `to`.")
    ] = None,
    to: Annotated[schemas.Moment | None, Query(description="By default now.")] = None,
    process: Annotated[
        str | None,
        Query(description="Only this process and what it needs.", examples=["checkout"]),
    ] = None,
) -> PerceptionGap:
    """Business red is decided by a sequential test on bins of 30 units, never by single minutes."""
    state = state_of(request)
    begin, end = looked_at(start, to, datetime.now(UTC), USUALLY)
    if process is not None:
        known_process(state, process)
    found = perceived(state.parts, state.outlook(), begin, end, process)
    graph = state.parts.map.graph
    return PerceptionGap(
        start=found.start,
        end=found.end,
        processes=[_process(graph, one, found) for one in found.processes],
        nodes=[_node(graph, one) for one in found.nodes],
        learning=_progress(found.learning),
    )


def _progress(found: Learning | None) -> LearningProgress | None:
    return None if found is None else LearningProgress(done=found.done, of=found.of)


def _process(graph: Graph, found: Perception, answer: Answer) -> ProcessGap:
    share, start = found.delivered, answer.start
    return ProcessGap(
        process=found.name,
        title=graph.thing(found.name).title,
        minutes=Minutes.model_validate(found.minutes),
        money=_money(found),
        technical_availability=round(found.effective, 6),
        business_availability=None
        if share is None
        else Delivered(low=round(share.low, 6), mid=round(share.mid, 6), high=round(share.high, 6)),
        stretches=[
            Stretch(part=r.part, start=start + r.first * MINUTE, end=start + r.stop * MINUTE)
            for r in found.runs
            if r.part != "both_green"
        ],
        left_out=list(found.left_out),
        learning=found.name in answer.waiting,
        blind=list(answer.blind[found.name]),
    )


def _node(graph: Graph, found: Perception) -> NodeGap:
    return NodeGap(
        node=found.name,
        title=graph.thing(found.name).title,
        minutes=Minutes.model_validate(found.minutes),
        money=_money(found),
        own_availability=round(found.own, 6),
        technical_availability=round(found.effective, 6),
        left_out=list(found.left_out),
    )


def _money(found: Perception) -> PartMoney:
    return PartMoney(**{part: present_sum(sum_) for part, sum_ in found.money.items()})
