"""CloudEvents over HTTP, sent by the official client, and the handshake before them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from cloudevents.core.bindings import http as client
from cloudevents.core.v1.event import CloudEvent

from tests.api.app import assert_problem, bearer, payment

pytestmark = pytest.mark.engine

PATHS = ("/v1/signals/cloudevents", "/v1/business")
WHEN = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)


def event(data, **attributes):
    return CloudEvent(
        attributes={
            "id": "e 1 ü",
            "source": "/checks",
            "type": "check.failed",
            "specversion": "1.0",
            "time": WHEN,
            "datacontenttype": "application/json",
            **attributes,
        },
        data=data,
    )


@pytest.mark.parametrize("mode", [client.to_structured_event, client.to_binary_event])
def test_signals_of_the_official_client(toll, mode):
    message = mode(event({"labels": {"provider": "stripe"}}, subject="stripe"))
    for _ in range(2):  # a repeat changes nothing
        answer = toll.http.post(PATHS[0], content=message.body, headers=message.headers)
        assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    toll.ingest()
    [signal] = toll.parts.store.signals.all()
    assert (signal.id, signal.source, signal.started_at) == ("e 1 ü", "/checks", WHEN)
    assert toll.parts.map.resolver.nodes(signal.labels) == ("stripe",)


@pytest.mark.parametrize("mode", [client.to_structured_event, client.to_binary_event])
def test_business_events_of_the_official_client(toll, mode):
    data = {k: v for k, v in payment(1).items() if k not in {"id", "at"}}
    message = mode(event(data))
    answer = toll.http.post(PATHS[1], content=message.body, headers=message.headers)
    assert answer.status_code == 202, answer.text
    assert answer.json()["accepted"] == 1
    [line] = toll.lines()
    assert json.loads(line)["id"] == "e 1 ü"


def test_a_batch_of_signals(toll):
    several = [json.loads(client.to_structured_event(event({}, id=f"e{n}")).body) for n in range(3)]
    answer = toll.http.post(
        PATHS[0],
        content=json.dumps(several).encode(),
        headers={"content-type": "application/cloudevents-batch+json"},
    )
    assert answer.json() == {"accepted": 3}


@pytest.mark.parametrize("given", ["application/json", "application/cloudevents+avro", ""])
def test_other_types_are_refused(toll, given):
    answer = toll.http.post(PATHS[0], content=b"{}", headers={"content-type": given})
    assert_problem(answer, 415)


def test_what_is_no_event_says_why(toll):
    headers = {"content-type": "application/cloudevents+json"}
    answer = toll.http.post(PATHS[0], content=b'{"specversion": "1.0"}', headers=headers)
    assert "attribute id" in assert_problem(answer, 422)["detail"]
    assert toll.records(toll.parts.settings.signals_topic) == []


@pytest.mark.parametrize("path", PATHS)
def test_whoever_asks_first_is_agreed_to(toll, path):
    asked = {"WebHook-Request-Origin": "sender.example", "WebHook-Request-Rate": "120"}
    answer = toll.http.request("OPTIONS", path, headers=asked)
    assert answer.status_code == 200
    assert answer.headers["WebHook-Allowed-Origin"] == "sender.example"
    assert answer.headers["WebHook-Allowed-Rate"] == "*"
    assert "POST" in answer.headers["Allow"]
    assert_problem(toll.http.request("OPTIONS", path), 400)


@pytest.mark.parametrize("path", PATHS)
def test_only_who_may_write_may_agree(guarded, path):
    asked = {"WebHook-Request-Origin": "sender.example"}
    assert_problem(guarded.http.request("OPTIONS", path, headers=asked), 401)
    assert_problem(guarded.http.request("OPTIONS", path, headers=asked | bearer("read")), 403)
    answer = guarded.http.request("OPTIONS", path, headers=asked | bearer("write"))
    assert answer.headers["WebHook-Allowed-Origin"] == "sender.example"
    in_path = guarded.http.request("OPTIONS", f"/t/toll_writing-a-lot{path}", headers=asked)
    assert in_path.status_code == 200
