"""What Toll cannot answer yet, and why: the data points that a company still has to collect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from api.ask.unmatched import unmatched
from api.http import problems, schemas
from api.http.auth import Reading
from api.http.state import state_of
from enrich.coverage import coverage, paste

router = APIRouter(tags=["data"])


class StreamSeen(BaseModel):
    """A stream and what is stored of it."""

    stream: str = Field(examples=["payments"])
    first_minute: schemas.Utc
    last_minute: schemas.Utc
    events: int
    statuses: list[str] = Field(examples=[["failed", "ok"]])
    events_in_other: int = Field(description="Past the 200th combination of segments.")


class UnmatchedSignals(BaseModel):
    """Signals about one thing that no node of the map claims."""

    labels: Mapping[str, str]
    count: int
    match: str = Field(description="A rule for the map that would find them.")
    node: str = Field(description="The node that is called most like it, or empty.")
    paste: str = Field(
        description="The same as lines for the map file: a node to add, or one with this rule.",
        examples=["services:\n  payment:\n    match: [{service: payment}]"],
    )


class OwnerGap(BaseModel):
    """An owner whom nobody could tell anything."""

    owner: str = Field(examples=["payments-team"])
    why: Literal["unknown", "no_contact"] = Field(
        description="unknown: not among the owners that the map (or the catalogue) names."
    )
    owns: list[str]


class StatusPageSeen(BaseModel):
    """A status page of a provider on the map."""

    page: str = Field(examples=["https://status.example/api/v2"])
    nodes: list[str] = Field(description="That name it.", examples=[["stripe"]])
    seen_at: schemas.Utc | None = Field(description="When it last answered.")
    trouble: str = Field(
        description="Why it does not answer, or what of it was unreadable; or empty."
    )


class CoverageAnswer(BaseModel):
    """Every gap; empty lists mean none."""

    streams: list[StreamSeen]
    processes_without_measures: list[str]
    processes_without_volume: list[str]
    services_without_process: list[str]
    orphans: list[str] = Field(description="Other nodes that no process needs.")
    measures_without_data: list[str]
    measures_without_value: list[str]
    streams_without_measure: list[str]
    unmatched_signals: list[UnmatchedSignals]
    processes_without_owner: list[str]
    stale_owners: list[OwnerGap]
    dead_letters: dict[str, int] = Field(description="Not replayed yet, by reason.")
    status_pages: list[StatusPageSeen] = Field(
        description="As this process sees them; none where it does not look."
    )
    map_refused: list[str] = Field(
        description="Mistakes of the map's newest files; an older map stays in force."
    )


@router.get("/v1/coverage", summary="What is missing", responses=problems.responses(401, 403, 503))
def get_coverage(request: Request, _: Reading) -> CoverageAnswer:
    """Processes without data, signals without a node, streams without a measure."""
    parts = state_of(request).parts
    streams = parts.store.coverage()
    lost = unmatched(parts.store.signals.all(), parts.map.resolver)
    last = {s.stream: s.last_minute for s in streams}
    gaps = coverage(parts.map.graph, last, [signal.labels for signal in lost])
    return CoverageAnswer(
        streams=[
            StreamSeen(
                stream=s.stream,
                first_minute=s.first_minute,
                last_minute=s.last_minute,
                events=s.events,
                statuses=list(s.statuses),
                events_in_other=s.events_in_other,
            )
            for s in streams
        ],
        processes_without_measures=list(gaps.processes_without_measures),
        processes_without_volume=list(gaps.processes_without_volume),
        services_without_process=list(gaps.services_without_process),
        orphans=list(gaps.orphans),
        measures_without_data=list(gaps.measures_without_data),
        measures_without_value=list(gaps.measures_without_value),
        streams_without_measure=list(gaps.streams_without_measure),
        unmatched_signals=[
            UnmatchedSignals(
                labels=u.labels,
                count=u.count,
                match=u.match,
                node=u.node,
                paste=paste(parts.map.map, u),
            )
            for u in gaps.unmatched
        ],
        processes_without_owner=list(gaps.processes_without_owner),
        stale_owners=[
            OwnerGap(owner=o.owner, why=o.why, owns=list(o.owns)) for o in gaps.stale_owners
        ],
        dead_letters={r: c.open for r, c in parts.store.dead_letters.counts().items() if c.open},
        status_pages=[
            StatusPageSeen(
                page=p.shown, nodes=list(p.nodes), seen_at=p.seen_at, trouble=p.trouble or p.unread
            )
            for p in state_of(request).status_pages()
        ],
        map_refused=list(state_of(request).map_refused()),
    )
