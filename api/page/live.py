"""Server-sent events: that there is something new to be shown. `static/live.js` listens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Request
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event

from api.http.auth import Reading
from api.http.pulse import Pulse
from api.http.state import state_of

router = APIRouter(include_in_schema=False)

_RETRY_MS = 3000


@router.get("/live")
async def live(
    request: Request, _: Reading, last_event_id: Annotated[str, Header()] = ""
) -> StreamingResponse:
    """An event `news` whenever there is something new, and at least every ten seconds."""
    pulse = state_of(request).pulse
    if refusal := pulse.refusal():
        raise HTTPException(503, refusal, headers={"Retry-After": "60"})
    return StreamingResponse(
        _events(pulse, last_event_id),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(pulse: Pulse, told: str) -> AsyncIterator[bytes]:
    yield format_sse_event(comment="Toll", retry=_RETRY_MS)
    async for seen in pulse.listen(told):
        if seen is None:
            yield format_sse_event(comment="still here")
        else:
            yield format_sse_event(event="news", data_str=seen, id=seen)
