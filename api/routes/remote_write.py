"""Prometheus' remote-write: counters of the business, from where they are counted already."""

from __future__ import annotations

from collections import defaultdict

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.http import problems
from api.http.auth import Writing
from api.http.bodies import read_body
from api.http.state import State, state_of
from ingest.counters import CounterReader, sample_line
from ingest.errors import InputError, NotFoundError
from ingest.log import Message, partition_for
from ingest.remote_write import read_v1, read_v2, unpack

router = APIRouter(tags=["in"])

_V2 = "io.prometheus.write.v2.Request"
_WRITTEN = "X-Prometheus-Remote-Write-Samples-Written"


@router.post(
    "/api/v1/write",
    status_code=204,
    response_class=Response,
    summary="Take Prometheus' remote-write: counters become business events",
    responses=problems.responses(400, 401, 403, 404, 413, 415, 422, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/x-protobuf": {
                    "schema": {"type": "string", "format": "binary"},
                    "example": "",
                }
            },
        }
    },
)
async def post_write(request: Request, _: Writing) -> Response:
    """Remote-write 1.0 or 2.0, packed with snappy. 204 means that the log has the samples.

    Taken are the series that `counters` in the file TOLL_STREAMS names; all others are passed over.
    What a counter rose by between two samples becomes events of its stream.
    """
    state = state_of(request)
    if not state.parts.config.counters:
        raise NotFoundError("no `counters` in the file TOLL_STREAMS names: nothing to count here")
    content_type, *parameters = request.headers.get("content-type", "").split(";")
    if content_type.strip().lower() not in {"application/x-protobuf", ""}:
        raise HTTPException(415, "send application/x-protobuf")
    packed = await read_body(request, state.body_limit, left_packed="snappy")
    written = await run_in_threadpool(
        _take, state, packed, v2=any(_V2 in one for one in parameters)
    )
    return Response(status_code=204, headers={_WRITTEN: str(written)})


def _take(state: State, packed: bytes, *, v2: bool) -> int:
    """Put the samples into the log; how many there were, wanted or not."""
    reader = CounterReader(state.parts.config.counters)
    try:
        body = unpack(packed, state.body_limit)
        series = list((read_v2 if v2 else read_v1)(body))
    except InputError as error:  # 400 is what the protocol asks for: senders do not try again
        raise HTTPException(400, str(error)) from error
    topic, producer = state.parts.settings.counters_topic, state.producer()
    lines: dict[int, list[bytes]] = defaultdict(list)
    partitions = producer.partitions(topic)
    for sample in reader.samples(series):
        lines[partition_for(sample.series.encode(), partitions)].append(sample_line(sample))
    if lines:
        producer.send(
            [Message(topic, b"\n".join(of), partition=number) for number, of in lines.items()]
        )
    return sum(len(one.samples) for one in series)
