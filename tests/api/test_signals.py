"""Signals over HTTP, in the formats of their senders."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingest.streams import IngestConfig, SignalMapping
from tests.api.app import alert, assert_problem, opened

pytestmark = pytest.mark.engine

ALERTMANAGER: dict[str, Any] = {
    "version": "4",
    "status": "firing",
    "receiver": "toll",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "PaymentErrors", "service": "payment"},
            "annotations": {"summary": "payments fail"},
            "startsAt": "2026-11-22T10:02:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": "5b1c2d3e4f",
        }
    ],
}
STATUSPAGE = {
    "meta": {"unsubscribe": "https://status.example.com/unsubscribe"},
    "page": {"id": "p1", "status_indicator": "major", "status_description": "Partial outage"},
    "incident": {
        "id": "i1",
        "name": "Card payments fail",
        "status": "investigating",
        "impact": "major",
        "backfilled": False,
        "created_at": "2026-11-22T10:01:00Z",
        "updated_at": "2026-11-22T10:01:00Z",
        "resolved_at": None,
        "url": "https://status.example.com/incidents/i1",
        "incident_updates": [],
    },
}


def test_a_signal_without_a_label_is_listed_unless_others_say_what_it_is_about(toll):
    said = [
        {"summary": "help"},
        {"id": "fan", "labels": {"service": "payment"}},
        {"id": "fan, louder", "fingerprint": "fan"},
        {"id": "of old", "status": "resolved"},
    ]
    assert toll.http.post("/v1/signals/generic", json=said).json() == {"accepted": 4}
    toll.ingest()
    [unmatched] = toll.ask("/v1/coverage")["unmatched_signals"]
    assert (unmatched["labels"], unmatched["count"], unmatched["match"]) == ({}, 1, "")


@pytest.mark.parametrize(
    ("format", "body", "fingerprint"),
    [
        ("alertmanager", ALERTMANAGER, "5b1c2d3e4f"),
        ("statuspage", STATUSPAGE, "i1"),
        ("generic", alert(datetime(2026, 11, 22, 10, tzinfo=UTC)), "stripe-errors"),
    ],
)
def test_a_webhook_becomes_a_stored_signal(toll, format, body, fingerprint):
    for _ in range(2):  # senders repeat themselves
        answer = toll.http.post(f"/v1/signals/{format}", json=body)
        assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    assert len(toll.records("toll.signals")) == 2
    toll.ingest()
    [signal] = toll.parts.store.signals.all()
    assert signal.fingerprint.endswith(fingerprint)
    assert signal.status == "firing"


def test_several_generic_signals_at_once(toll):
    start = datetime.now(UTC) - timedelta(hours=1)
    body = [alert(start), alert(start, start + timedelta(minutes=20))]
    assert toll.http.post("/v1/signals/generic", json=body).json() == {"accepted": 2}
    toll.ingest()
    assert {s.status for s in toll.parts.store.signals.all()} == {"firing", "resolved"}


def test_a_signal_that_means_no_node_is_kept_and_listed(toll):
    body = {"summary": "fan is loud", "labels": {"host": "printer-7"}}
    assert toll.http.post("/v1/signals/generic", json=body).status_code == 202
    toll.ingest()
    [unmatched] = toll.ask("/v1/coverage")["unmatched_signals"]
    assert unmatched["labels"] == {"host": "printer-7"}
    assert (unmatched["count"], "printer-7" in unmatched["match"]) == (1, True)


@pytest.mark.parametrize(
    ("format", "body"),
    [
        ("alertmanager", "not json"),
        ("alertmanager", json.dumps({"alerts": [{"labels": 7}]})),
        ("statuspage", "[]"),
        ("generic", json.dumps({"severity": "loud"})),
        ("generic", ""),
        ("carrier-pigeon", "{}"),
    ],
)
def test_what_is_no_signal_is_refused_with_a_reason(toll, format, body):
    assert_problem(toll.http.post(f"/v1/signals/{format}", content=body), 422)
    assert toll.records("toll.signals") == []


@pytest.mark.parametrize("path", ["/v1/signals/alertmanager", "/api/v2/alerts"])
def test_an_alert_that_cannot_be_read_is_named_and_the_others_are_taken(toll, path):
    [alert] = ALERTMANAGER["alerts"]
    alerts = [alert, {"labels": {}}, {**alert, "fingerprint": "another"}]
    body = alerts if "v2" in path else {**ALERTMANAGER, "alerts": alerts}
    told = assert_problem(toll.http.post(path, json=body), 422)
    assert told["detail"].endswith("; the other 2 signals of the body are taken")
    [fault] = told["errors"]
    assert fault["what"].startswith("alert 2 has no labels")
    toll.ingest()
    assert {s.fingerprint for s in toll.parts.store.signals.all()} == {"5b1c2d3e4f", "another"}


def test_json_of_any_shape_by_its_mapping(tmp_path, store):
    mapping = SignalMapping("probe", labels={"provider": "$.who"}, words={}, each="$.list")
    config = IngestConfig(signals={"probe": mapping})
    with opened(tmp_path, store, config=config) as toll:
        body = {"list": [{"who": "stripe"}, {"who": "adyen"}]}
        answer = toll.http.post("/v1/signals/generic/probe", json=body)
        assert (answer.status_code, answer.json()) == (202, {"accepted": 2})
        assert_problem(toll.http.post("/v1/signals/generic/probe", json={"list": 7}), 422)
        unknown = assert_problem(toll.http.post("/v1/signals/generic/prob", json=body), 404)
        assert "did you mean 'probe'" in unknown["detail"]
        toll.ingest()
        assert {s.labels["provider"] for s in toll.parts.store.signals.all()} == {"stripe", "adyen"}
