"""CloudEvents: signals in envelopes, and the handshake by which a webhook's sender asks first.

Source: cloudevents/spec, `bindings/http-protocol-binding.md` and `http-webhook.md`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from api.http import problems
from api.http.auth import Writing
from api.http.bodies import read_body
from api.http.state import state_of
from api.routes.signals import SignalsTaken, take
from ingest.cloudevents import STRUCTURED
from ingest.sources.cloudevents import from_http, is_format

router = APIRouter(tags=["in"])

_EVENT = {
    "specversion": "1.0",
    "id": "9f2c",
    "source": "/monitoring/checks",
    "type": "check.failed",
    "subject": "payment/latency",
    "time": "2026-11-22T10:14:03Z",
    "data": {"severity": "critical", "labels": {"service": "payment"}},
}
_CONTENT: dict[str, Any] = {
    f"{STRUCTURED}+json": {"schema": {"type": "object"}, "example": _EVENT},
    f"{STRUCTURED}-batch+json": {
        "schema": {"type": "array", "items": {"type": "object"}},
        "example": [_EVENT],
    },
    "application/json": {"schema": {"type": "object"}, "example": _EVENT["data"]},
}


class Agreed(BaseModel):
    """Who may send; the same stands in the header `WebHook-Allowed-Origin`."""

    allowed_origin: str = Field(examples=["sender.example"])


@router.post(
    "/v1/signals/cloudevents",
    status_code=202,
    summary="Take signals as CloudEvents: structured, binary or in a batch",
    responses=problems.responses(400, 401, 403, 413, 415, 422, 503),
    openapi_extra={"requestBody": {"required": True, "content": _CONTENT}},
)
async def post_cloudevents(request: Request, _: Writing) -> SignalsTaken:
    """`data` is the normal form of `/v1/signals/generic`; the envelope says what it lacks.

    In binary mode the attributes are headers `ce-*`, and the body is the data.
    """
    headers = dict(request.headers)
    content_type = headers.get("content-type", "")
    if not is_format(content_type) and (
        "ce-specversion" not in headers or content_type.lower().startswith(STRUCTURED)
    ):
        raise HTTPException(415, f"send {STRUCTURED}+json, its batch, or headers ce-*")
    state = state_of(request)
    body = await read_body(request, state.body_limit)

    return await run_in_threadpool(take, state, partial(from_http, body, headers))


async def _agree(request: Request, response: Response, _: Writing) -> Agreed:
    """A sender asks before it sends: whoever may write here may also agree to be sent to.

    The answer names the sender and sets no limit to its rate. A `WebHook-Request-Callback`
    is not called: the answer is given at once.
    """
    origin = request.headers.get("webhook-request-origin")
    if not origin:
        raise HTTPException(400, "a sender that asks names itself in WebHook-Request-Origin")
    response.headers.update({"Allow": "POST, OPTIONS", "WebHook-Allowed-Origin": origin})
    if "webhook-request-rate" in request.headers:
        response.headers["WebHook-Allowed-Rate"] = "*"
    return Agreed(allowed_origin=origin)


for _path, _what in (("signals/cloudevents", "signals"), ("business", "business events")):
    router.add_api_route(
        f"/v1/{_path}",
        _agree,
        methods=["OPTIONS"],
        summary=f"Agree to be sent {_what} by a webhook of CloudEvents",
        responses=problems.responses(400, 401, 403),
        operation_id=f"agree_{_path.replace('/', '_')}",
    )
