"""What could not be read: listed for readers; looked at, mended and replayed by admins."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.http.auth import Administering, Reading
from api.http.bodies import read_body
from api.http.state import state_of
from api.page.render import render
from api.routes.dead_letters import (
    Line,
    Offset,
    Partition,
    Topic,
    get_dead_letter,
    list_dead_letters,
    replay,
)
from ingest.dead_letters import REASONS
from ingest.errors import InputError

router = APIRouter(include_in_schema=False)

_PAGE = 50
_ROOT = "../../../../"  # from one letter
_ONE = "/dead-letters/{topic}/{partition}/{offset}/{line}"


@router.get("/dead-letters", response_class=HTMLResponse)
def dead_letters(
    request: Request,
    caller: Reading,
    reason: str = "",
    replayed: bool = False,
    skip: Annotated[int, Query(ge=0, le=10**9)] = 0,
    sent: bool = False,
) -> HTMLResponse:
    """Where each stood and why it could not be read; `sent`: one has just been replayed."""
    state = state_of(request)
    found = list_dead_letters(request, caller, reason or None, replayed, _PAGE + 1, skip)
    return render(
        state,
        "dead_letters.html",
        found=found[:_PAGE],
        more=len(found) > _PAGE,
        counts={r: c.open for r, c in state.parts.store.dead_letters.counts().items() if c.open},
        reasons=REASONS,
        reason=reason,
        replayed=replayed,
        skip=skip,
        step=_PAGE,
        sent=sent,
        may=caller.may("admin"),
    )


@router.get(_ONE, response_class=HTMLResponse)
def dead_letter(
    request: Request,
    caller: Administering,
    topic: Topic,
    partition: Partition,
    offset: Offset,
    line: Line,
) -> HTMLResponse:
    """One of them with its bytes, and a form to send it again."""
    found = get_dead_letter(request, caller, topic, partition, offset, line)
    return render(
        state_of(request), "dead_letter.html", root=_ROOT, found=found, mended=None, error=""
    )


@router.post(_ONE, response_class=HTMLResponse)
async def send_again(
    request: Request,
    caller: Administering,
    topic: Topic,
    partition: Partition,
    offset: Offset,
    line: Line,
) -> Response:
    """Replay what the form holds; the form again, with the reason, where that cannot be read."""
    state, place = state_of(request), (topic, partition, offset, line)
    body = await read_body(request, state.body_limit)

    def answer() -> Response:
        form = parse_qs(body.decode("utf-8", "replace"))
        mended = form.get("mended", [""])[0].replace("\r\n", "\n").strip("\n")
        found = get_dead_letter(request, caller, *place)
        # A letter that is no text cannot stand in a form: without a text its bytes are sent.
        same = not mended or mended == (found.raw or "").strip("\n")
        try:
            replay(state, place, b"" if same else mended.encode())
        except InputError as error:
            page = render(
                state, "dead_letter.html", root=_ROOT, found=found, mended=mended, error=str(error)
            )
            page.status_code = 422
            return page
        return RedirectResponse(f"{_ROOT}dead-letters?sent=true", status_code=303)

    return await run_in_threadpool(answer)
