"""OpenTelemetry logs over HTTP (OTLP): business events and signals from what already logs.

Source: open-telemetry/opentelemetry-proto, `docs/specification.md` (OTLP/HTTP).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from pydantic import BaseModel, Field

from api.http import problems
from api.http.auth import Writing
from api.http.bodies import read_body
from api.http.state import State, keep, state_of
from api.intake import business_messages
from ingest.decode import check_lines
from ingest.errors import InputError
from ingest.sources.otlp import read_json, read_logs, read_protobuf

router = APIRouter(tags=["in"])

_PROTOBUF, _JSON = "application/x-protobuf", "application/json"
_SAID = 5  # reasons that an answer names

_EXPORT = {
    "resourceLogs": [
        {
            "resource": {
                "attributes": [{"key": "service.name", "value": {"stringValue": "payment"}}]
            },
            "scopeLogs": [
                {
                    "logRecords": [
                        {
                            "timeUnixNano": "1795342443000000000",
                            "severityNumber": 17,
                            "eventName": "payment.provider.unreachable",
                            "body": {"stringValue": "no answer within 5 s"},
                        },
                        {
                            "timeUnixNano": "1795342443000000000",
                            "attributes": [
                                {"key": "toll.stream", "value": {"stringValue": "payments"}},
                                {"key": "toll.id", "value": {"stringValue": "pay-8821"}},
                                {"key": "toll.status", "value": {"stringValue": "ok"}},
                            ],
                        },
                    ]
                }
            ],
        }
    ]
}


class PartialSuccess(BaseModel):
    """What of an export was not taken, and why."""

    rejected_log_records: str = Field(
        alias="rejectedLogRecords", description="How many, as a string.", examples=["1"]
    )
    error_message: str = Field(
        alias="errorMessage", examples=["no_zone: '2026-11-22T10:14:03' has no zone"]
    )


class ExportedLogs(BaseModel):
    """OTLP's answer; without `partialSuccess` where everything was taken."""

    partial_success: PartialSuccess | None = Field(
        None, alias="partialSuccess", description="Absent where everything was taken."
    )


@router.post(
    "/v1/logs",
    summary="Take OpenTelemetry logs (OTLP/HTTP) as business events and signals",
    responses=problems.responses(400, 401, 403, 413, 415, 422, 503),
    response_model=ExportedLogs,
    response_model_exclude_none=True,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                _JSON: {"schema": {"type": "object"}, "example": _EXPORT},
                _PROTOBUF: {"schema": {"type": "string", "format": "binary"}, "example": ""},
            },
        }
    },
)
async def post_logs(request: Request, _: Writing) -> dict[str, Any] | Response:
    """JSON or protobuf, answered alike. 200 means that the log has what is not rejected.

    A record with the attribute `toll.stream` is a business event; one with `toll.kind` or
    `toll.status`, or with an event name and severity WARN or more, is a signal. Everything else is
    ordinary logging: it is taken and not kept. Business events that cannot be read are kept as dead
    letters.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in {_PROTOBUF, _JSON}:
        raise HTTPException(415, f"send {_PROTOBUF} or {_JSON}")
    state = state_of(request)
    body = await read_body(request, state.body_limit)
    rejected = await run_in_threadpool(_take, state, body, content_type)
    said = "; ".join(rejected[:_SAID])
    if content_type == _PROTOBUF:
        answer = ExportLogsServiceResponse()
        if rejected:
            answer.partial_success.rejected_log_records = len(rejected)
            answer.partial_success.error_message = said
        return Response(answer.SerializeToString(), media_type=_PROTOBUF)
    if not rejected:
        return {}
    return {"partialSuccess": {"rejectedLogRecords": str(len(rejected)), "errorMessage": said}}


def _take(state: State, body: bytes, content_type: str) -> list[str]:
    """Put what an export holds into the log; why some of it was not taken, a sentence each."""
    now = datetime.now(UTC)
    try:
        request: Any = read_protobuf(body) if content_type == _PROTOBUF else read_json(body)
    except InputError as error:  # 400 is what the protocol asks for: senders do not try again
        raise HTTPException(400, str(error)) from error
    logs = read_logs(request, now)
    rejected = list(logs.faults)
    if logs.events:
        checked = check_lines(b"\n".join(logs.events), state.parts.config, now)
        rejected += [f"{r.reason}: {r.detail}" for r in checked.rejected]
        lines = [*checked.accepted, *(("", r.raw) for r in checked.rejected)]
        topic, producer = state.parts.settings.business_topic, state.producer()
        producer.send(business_messages(lines, topic, producer.partitions(topic)))
    keep(state, logs.signals)
    return rejected
