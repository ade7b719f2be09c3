"""PagerDuty, both ways: events as sent to it, and webhooks as it sends them."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.events import Signal
from ingest.log import Record
from ingest.sources.pagerduty import pagerduty
from ingest.sources.pagerduty_events import (
    EventError,
    alert_signal,
    change_signal,
    read_change,
    read_event,
)
from ingest.sources.wire import decode_signals, encode_signal

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEY = "R0123456789abcdef0123456789abcde"
TRIGGER: dict[str, Any] = {
    "routing_key": KEY,
    "event_action": "trigger",
    "dedup_key": "db/full",
    "client_url": f"https://nagios.example/?routing_key={KEY}",
    "payload": {
        "summary": "disk full",
        "source": "host-a",
        "severity": "error",
        "timestamp": "2026-11-22T11:58:00.000+0000",
        "component": "mysql",
        "custom_details": {"service": "database", "api_token": "T0", "free": 0.02, "x": [1]},
    },
}
INCIDENT: dict[str, Any] = {
    "id": "PGR0VU2",
    "type": "incident",
    "status": "triggered",
    "incident_key": "db/full",
    "created_at": "2026-11-22T10:03:00Z",
    "title": "payments fail",
    "urgency": "high",
    "priority": {"id": "P", "summary": "P1"},
    "service": {"id": "PF9KMXH", "summary": "payment"},
    "teams": [{"id": "T", "summary": "Payments"}],
    "html_url": "https://example.pagerduty.com/incidents/PGR0VU2",
}


def event(received_at: datetime = NOW, **more: Any) -> Signal:
    found = read_event(json.dumps({**TRIGGER, **more}).encode())
    return alert_signal(found, found.dedup_key, "nagios", received_at)


def wrong(body: Any) -> list[str]:
    with pytest.raises(EventError) as error:
        read_event(body if isinstance(body, bytes) else json.dumps(body).encode())
    return error.value.errors


def webhook(event_type: str, occurred_at: str, **incident: Any) -> list[Signal]:
    event = {
        "id": f"{event_type}@{occurred_at}",
        "event_type": event_type,
        "resource_type": "incident",
        "occurred_at": occurred_at,
        "agent": None,
        "data": {**INCIDENT, **incident},
    }
    return pagerduty(json.dumps({"event": event}).encode(), received_at=NOW)


# --- events, as sent to PagerDuty -----------------------------------------------------------------


def test_a_trigger_fires_and_a_resolve_ends_it():
    firing = event()
    over = event(event_action="resolve", payload=None)
    assert (firing.kind, firing.status, firing.severity) == ("alert", "firing", "major")
    assert firing.started_at == datetime(2026, 11, 22, 11, 58, tzinfo=UTC)
    assert (firing.source, firing.fingerprint, firing.summary) == (
        "pagerduty:nagios", "db/full", "disk full",
    )  # fmt: skip
    assert firing.labels == {
        "host": "host-a",
        "source": "host-a",
        "component": "mysql",
        "service": "database",
        "free": "0.02",
        "api_token": "[removed]",
        "event_action": "trigger",
    }
    assert (over.status, over.source, over.fingerprint) == ("resolved", firing.source, "db/full")
    assert over.started_at == over.ended_at == NOW
    assert over.labels == {"event_action": "resolve"}


def test_the_routing_key_is_in_no_part_of_a_signal():
    for signal in (event(), event(event_action="acknowledge")):
        assert KEY not in encode_signal(signal).decode() and "T0" not in signal.raw


def test_an_event_sent_again_is_the_same_statement():
    assert event().id == event(NOW + timedelta(hours=1)).id  # it says when
    unsaid = {"payload": {**TRIGGER["payload"], "timestamp": None}}
    first, again, later = (
        event(NOW + timedelta(seconds=s), **unsaid).id for s in (1, 30, 90)
    )  # fmt: skip
    assert first == again != later
    change = json.dumps({"routing_key": KEY, "payload": {"summary": "4.11"}}).encode()
    ids = {
        change_signal(read_change(change), "ci", NOW + timedelta(seconds=s)).id for s in (1, 30, 90)
    }
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("said", "minute"),
    [
        ("2026-11-22T11:58:00Z", 58),
        ("2026-11-22T11:58:00.5+00:00Z", 58),
        ("2026-11-22 11:58:00", 58),
        (1795348680, 58),
        ("soon", 0),
        (None, 0),
        ({}, 0),
    ],
)
def test_times_are_met_as_they_come(said, minute):
    found = event(payload={**TRIGGER["payload"], "timestamp": said})
    assert found.started_at.minute == minute


def test_a_change_event_is_a_change():
    body = {
        "routing_key": KEY,
        "payload": {"summary": "payment 4.11", "source": "ci", "timestamp": "2026-11-22T11:00:00Z"},
        "links": [{"href": "https://ci.example/7", "text": "build"}],
    }
    signal = change_signal(read_change(json.dumps(body).encode()), "ci", NOW)
    assert (signal.kind, signal.severity, signal.summary) == ("change", "info", "payment 4.11")
    assert (signal.started_at.hour, signal.url) == (11, "https://ci.example/7")
    assert KEY not in encode_signal(signal).decode()


def test_every_mistake_of_an_event_is_told():
    assert wrong({}) == [
        "'routing_key' is missing or blank",
        "'event_action' is missing or blank",
    ]
    assert wrong({**TRIGGER, "payload": {"severity": "loud"}}) == [
        "'payload.summary' is missing or blank",
        "'payload.source' is missing or blank",
        "'payload.severity' is invalid (must be one of 'critical', 'error', 'warning', 'info')",
    ]
    assert wrong({**TRIGGER, "payload": "full"}) == ["'payload' is missing or blank"]
    assert wrong({**TRIGGER, "event_action": "shout"})[0].startswith("'event_action' is invalid")
    assert wrong({"routing_key": KEY, "event_action": "resolve"}) == [
        "'dedup_key' is missing or blank"
    ]
    assert "too long" in wrong({**TRIGGER, "dedup_key": "k" * 256})[0]
    assert "not JSON" in wrong(b"{")[0] and "object" in wrong(b"[]")[0]
    with pytest.raises(EventError, match=r"payload\.summary"):
        read_change(json.dumps({"routing_key": KEY}).encode())


# --- webhooks, as PagerDuty sends them ------------------------------------------------------------


def test_an_incident_of_the_pager_fires_until_it_is_resolved():
    [fires] = webhook("incident.triggered", "2026-11-22T10:03:00Z")
    [known] = webhook("incident.acknowledged", "2026-11-22T10:07:00Z", status="acknowledged")
    [over] = webhook("incident.resolved", "2026-11-22T10:40:00Z", status="resolved")
    assert [s.status for s in (fires, known, over)] == ["firing", "firing", "resolved"]
    assert len({s.id for s in (fires, known, over)}) == 3
    assert {s.fingerprint for s in (fires, known, over)} == {"PGR0VU2"}
    assert {s.started_at.minute for s in (fires, known, over)} == {3}
    assert (over.ended_at, fires.severity) == (NOW.replace(hour=10, minute=40), "critical")
    assert fires.labels["service"] == "payment" and fires.labels["teams"] == "Payments"
    assert fires.labels["pager_incident"] == "pagerduty:PGR0VU2"
    [later] = webhook("incident.priority_updated", "2026-11-22T11:00:00Z", status="resolved")
    assert later.status == "firing"  # and so leaves the end where it was


def person(name: str, kind: str = "user_reference") -> dict[str, str]:
    return {"id": name, "type": kind, "summary": "a name that is nobody's business"}


def test_who_works_on_what_is_acknowledged_is_told_by_ids_alone():
    paged, service = [person("P1")], person("S1", "service_reference")
    [fires] = webhook("incident.triggered", "2026-11-22T10:03:00Z", assignees=paged)
    assert "responders" not in fires.labels  # paged is not at work
    [known] = webhook(
        "incident.acknowledged",
        "2026-11-22T10:07:00Z",
        status="acknowledged",
        assignees=[person("P2"), *paged, service],
    )
    assert known.labels["responders"] == "P1 P2"
    assert known.labels["responders_at"] == "2026-11-22T10:07:00+00:00"
    assert "nobody's business" not in str(known.labels)
    [again] = webhook("incident.acknowledged", "2026-11-22T10:07:00Z", status="acknowledged")
    assert "responders" not in again.labels


def test_what_is_reopened_begins_anew():
    [again] = webhook(
        "incident.reopened", "2026-11-22T11:00:00Z", reopened_at="2026-11-22T11:00:00Z"
    )
    assert (again.status, again.started_at) == ("firing", NOW.replace(hour=11))


@pytest.mark.parametrize(
    ("priority", "urgency", "severity"),
    [
        ({"summary": "P2"}, "low", "major"),
        ({"summary": "SEV-1"}, "low", "critical"),
        (None, "high", "major"),
        (None, "low", "minor"),
        ({"summary": "Tuesday"}, None, "major"),
        ("P1", 7, "major"),
    ],
)
def test_priority_says_how_bad_it_is_and_else_urgency(priority, urgency, severity):
    [found] = webhook(
        "incident.priority_updated", "2026-11-22T10:03:00Z", priority=priority, urgency=urgency
    )
    assert found.severity == severity


@pytest.mark.parametrize(
    ("event_type", "data"),
    [
        ("pagey.ping", {"message": "Hello from your friend Pagey!", "type": "ping"}),
        ("incident.annotated", {"id": "N1", "type": "incident_note", "content": "looking"}),
        ("service.updated", {"id": "PF9KMXH", "type": "service", "summary": "payment"}),
        ("incident.workflow.started", None),
    ],
)
def test_what_tells_no_state_is_no_signal_and_no_error(event_type, data):
    body = {"event": {"id": "e", "event_type": event_type, "resource_type": "x", "data": data}}
    assert pagerduty(json.dumps(body).encode(), received_at=NOW) == []


# --- nothing but the documented error -------------------------------------------------------------

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(["2026-11-22T10:00:00Z", "trigger", "resolve", "incident", "1e400", "9" * 30]),
)
names = st.sampled_from(
    [*TRIGGER, *TRIGGER["payload"], *INCIDENT, "links", "reopened_at", "href", "event_type"]
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)
changes = st.dictionaries(names, values, max_size=4)


@given(changes, changes)
@settings(deadline=None, max_examples=150)
def test_any_event_is_a_signal_or_a_list_of_mistakes(outer: Any, inner: Any) -> None:
    payload = {**TRIGGER["payload"], **inner}
    body = json.dumps({**TRIGGER, "payload": payload, **outer}).encode()
    found = []
    with contextlib.suppress(EventError):
        event = read_event(body)
        found.append(alert_signal(event, event.dedup_key or "made", "x", NOW))
    with contextlib.suppress(EventError):
        found.append(change_signal(read_change(body), "x", NOW))
    for signal in found:
        record = Record("toll.signals", 0, 0, 0, None, encode_signal(signal))
        assert decode_signals([record], NOW) == ([signal], [])


@given(changes, changes)
@settings(deadline=None, max_examples=150)
def test_no_incident_of_a_webhook_is_refused(outer: Any, inner: Any) -> None:
    event = {"id": "e", "event_type": "incident.triggered", "data": {**INCIDENT, **inner}, **outer}
    for signal in pagerduty(json.dumps({"event": event}).encode(), received_at=NOW):
        record = Record("toll.signals", 0, 0, 0, None, encode_signal(signal))
        assert decode_signals([record], NOW) == ([signal], [])


@given(st.binary(max_size=60))
@settings(deadline=None)
def test_any_bytes_are_refused_in_words(body: bytes) -> None:
    for read in (read_event, read_change):
        with contextlib.suppress(EventError):
            read(body)
