"""OpenTelemetry logs over HTTP, sent by the official exporter to a real port."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import threading
import time

import pytest
import uvicorn
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from ingest.sources.otlp import read_json
from tests.api.app import assert_problem, bearer
from tests.ingest.test_otlp import ERROR, SALE, export, record

pytestmark = pytest.mark.engine

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}


def post(toll, body, headers=JSON):
    return toll.http.post("/v1/logs", content=body, headers=headers)


def test_events_and_signals_of_one_export(toll):
    answer = post(toll, export(record(SALE), ERROR, record(), service_name="payment"))
    assert (answer.status_code, answer.json()) == (200, {})
    toll.ingest()
    assert [s.stream for s in toll.parts.store.coverage()] == ["payments"]
    [signal] = toll.parts.store.signals.all()
    assert toll.parts.map.resolver.nodes(signal.labels) == ("payment",)


def test_protobuf_is_answered_in_protobuf(toll):
    packed = read_json(export(record(SALE))).SerializeToString()
    answer = post(toll, gzip.compress(packed), PROTOBUF | {"Content-Encoding": "gzip"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == PROTOBUF["Content-Type"]
    assert ExportLogsServiceResponse.FromString(answer.content) == ExportLogsServiceResponse()
    assert len(toll.lines()) == 1


def test_what_is_rejected_is_said_and_the_rest_is_kept(toll):
    bad = record({**SALE, "toll.amount": "much"})
    body = export(record(SALE), bad, record({"toll.kind": "odd"}))
    told = post(toll, body).json()["partialSuccess"]
    assert told["rejectedLogRecords"] == "2"
    assert "bad_amount" in told["errorMessage"] and "kind of record 3" in told["errorMessage"]
    answer = post(toll, read_json(body).SerializeToString(), PROTOBUF)
    found = ExportLogsServiceResponse.FromString(answer.content).partial_success
    assert found.rejected_log_records == 2 and found.error_message == told["errorMessage"]
    toll.ingest()
    assert {d["reason"] for d in toll.ask("/v1/dead-letters")} == {"bad_amount"}


def test_what_is_no_export_is_refused_for_good(toll):
    assert_problem(post(toll, b"{"), 400)
    assert_problem(post(toll, b"\xff\xff", PROTOBUF), 400)
    assert_problem(post(toll, b"{}", {"Content-Type": "text/plain"}), 415)
    assert toll.records() == []


def test_it_needs_a_token_that_may_write(guarded):
    assert_problem(post(guarded, export(ERROR)), 401)
    assert_problem(post(guarded, export(ERROR), JSON | bearer("read")), 403)
    assert post(guarded, export(ERROR), JSON | bearer("write")).status_code == 200


@pytest.mark.network
@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_the_official_exporter(toll, compression, caplog):
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        config = uvicorn.Config(toll.http.app, log_level="warning", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
        thread.start()
        try:
            deadline = time.monotonic() + 20
            while not server.started:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            url = f"http://127.0.0.1:{door.getsockname()[1]}/v1/logs"
            provider = LoggerProvider(Resource.create({"service.name": "payment"}))
            exporter = OTLPLogExporter(endpoint=url, compression=compression)
            provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
            logger = provider.get_logger("till")
            with caplog.at_level(logging.WARNING):
                logger.emit(attributes=SALE)
                logger.emit(event_name="down", severity_number=SeverityNumber.FATAL, body="away")
                provider.shutdown()
            assert not caplog.records
        finally:
            server.should_exit = True
            thread.join(20)
    assert [json.loads(line)["id"] for line in toll.lines()] == ["p1"]
    [said] = [json.loads(v) for v in toll.lines(toll.parts.settings.signals_topic)]
    assert (said["labels"]["service"], said["severity"]) == ("payment", "critical")
