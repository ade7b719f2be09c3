"""Whether Toll lives, whether it is ready, and its own metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from api.http import problems
from api.http.auth import Reading
from api.http.state import State, state_of
from api.run.metrics import Telling, TollCollector, registry
from ingest.errors import TollError

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """How this process is."""

    status: Literal["ok", "unwell"]
    troubles: list[str] = Field(
        description="Why not, in sentences.", examples=[["ingest waits: the disk is full"]]
    )
    warnings: list[str] = Field(
        default=[],
        description="What somebody should look at, though Toll works.",
        examples=[["the changed map is refused: map.yaml:7:11: ..."]],
    )


@router.get("/health/live", summary="Whether the process answers", responses=problems.responses())
async def live() -> Health:
    """200 as long as the process serves at all."""
    return Health(status="ok", troubles=[])


@router.get(
    "/health/ready",
    summary="Whether the log, the store and the threads are well",
    responses=problems.responses()
    | {503: {"model": Health, "description": "Not ready; `troubles` says why."}},
)
async def ready(request: Request, response: Response) -> Health:
    """200 when everything works, 503 with the reasons when something does not."""
    troubles = await run_in_threadpool(_troubles, state_of(request))
    if troubles:
        response.status_code = 503
    return Health(
        status="unwell" if troubles else "ok",
        troubles=troubles,
        warnings=[f"the changed map is refused: {m}" for m in state_of(request).map_refused()]
        + [
            f"the changed subscriptions are refused: {m}"
            for m in state_of(request).subscriptions_refused()
        ]
        + [
            f"the status page {page.shown} is away: {page.trouble}"
            if page.trouble
            else f"of the status page {page.shown}, {page.unread}"
            for page in state_of(request).status_pages()
            if page.trouble or page.unread
        ],
    )


def _troubles(state: State) -> list[str]:
    found = state.runtime.troubles() if state.runtime else []
    topic = state.parts.settings.business_topic
    probes: dict[str, Callable[[], object]] = {
        "store": state.parts.store.ping,
        "log": lambda: state.producer().partitions(topic),
    }
    for name, probe in probes.items():
        try:
            probe()
        except TollError as error:
            found.append(f"{name}: {error}")
    return found


@router.get(
    "/metrics",
    summary="Toll's own metrics",
    response_class=PlainTextResponse,
    responses=problems.responses(401, 403),
)
async def metrics(request: Request, _: Reading) -> Response:
    """Prometheus text format."""
    runtime = state_of(request).runtime
    stats = runtime.ingest.stats if runtime and runtime.ingest else None
    status = runtime.assessor.status if runtime and runtime.assessor else None
    watch = runtime.map_watch if runtime else None
    pages = runtime.status_pages if runtime else None
    telling = (
        Telling(runtime.notes, runtime.events, runtime.subscriptions_watch) if runtime else None
    )

    def written() -> bytes:
        standings = state_of(request).standings()
        standing = standings.now() if standings else None
        found = TollCollector(stats, status, watch, pages, standing, telling)
        return generate_latest(registry(found))

    text = await run_in_threadpool(written)
    return Response(text, media_type=CONTENT_TYPE_LATEST)
