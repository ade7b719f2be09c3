from __future__ import annotations

import contextlib
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import InputError
from ingest.events import Signal
from ingest.log import Record
from ingest.sources import SOURCES
from ingest.sources.alertmanager import alertmanager, label_fingerprint, posted_alerts
from ingest.sources.body import PartlyReadError
from ingest.sources.mapped import mapped
from ingest.sources.statuspage import statuspage
from ingest.sources.wire import decode_signals, encode_signal
from tests.ingest.test_github import DEPLOYED, DEPLOYMENT, GITHUB
from tests.ingest.test_mapped import EVENT, ZABBIX

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

ALERT = {
    "status": "firing",
    "labels": {"alertname": "PaymentErrors", "service": "payment", "severity": "critical"},
    "annotations": {"summary": "payments fail"},
    "startsAt": "2026-11-22T10:02:00.123456Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "https://user:pw@prometheus.example/graph?g0.expr=up&token=abc",
    "fingerprint": "5b1c2d3e4f",
}
INCIDENT = {
    "id": "n2vq",
    "name": "Payments fail",
    "status": "investigating",
    "impact": "major",
    "created_at": "2026-11-22T10:00:00Z",
    "updated_at": "2026-11-22T10:05:00Z",
    "resolved_at": None,
    "shortlink": "https://stspg.example/n2vq",
    "components": [{"id": "c1", "name": "API"}, {"id": "c2", "name": "Webhooks"}],
}
PAGE = {"id": "p1", "name": "Acme Pay", "url": "https://status.acme.example"}


def read(source: str, body: Any) -> list[Signal]:
    return SOURCES[source](json.dumps(body).encode(), received_at=NOW)


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 22, hour, minute, tzinfo=UTC)


# --- Alertmanager ---------------------------------------------------------------------------


def test_an_alert_of_the_webhook_fires_and_resolves() -> None:
    resolved = {**ALERT, "status": "resolved", "endsAt": "2026-11-22T11:00:00Z"}
    firing, over = read(
        "alertmanager", {"version": "4", "status": "firing", "alerts": [ALERT, resolved]}
    )
    assert (firing.kind, firing.status, firing.severity) == ("alert", "firing", "critical")
    assert firing.summary == "payments fail"
    assert firing.fingerprint == over.fingerprint == "5b1c2d3e4f"
    assert firing.started_at == over.started_at == at(10, 2).replace(microsecond=123000)
    assert (firing.ended_at, over.ended_at) == (None, at(11))
    assert firing.id != over.id
    assert "pw" not in firing.url + firing.raw and "abc" not in firing.url + firing.raw


def test_a_repeat_is_the_same_statement_within_the_hour_and_a_new_word_after_it() -> None:
    body = json.dumps({"alerts": [ALERT]}).encode()
    times = [NOW, NOW + timedelta(minutes=5), NOW + timedelta(hours=4)]
    first, again, later = (alertmanager(body, received_at=when)[0].id for when in times)
    assert first == again != later


def test_alerts_posted_as_to_alertmanager_are_over_when_their_end_has_passed() -> None:
    labels = {"alertname": "Down", "empty": ""}
    posted = [
        {"labels": labels, "startsAt": "2026-11-22T10:00:00Z", "endsAt": "2026-11-22T12:04:00Z"},
        {"labels": labels, "startsAt": "2026-11-22T10:00:00Z", "endsAt": "2026-11-22T11:59:00Z"},
        {"labels": labels},
    ]
    firing, over, startless = read("alertmanager", posted)
    assert (firing.status, firing.ended_at) == ("firing", at(12, 15))  # it is two hours old
    assert (over.status, over.ended_at) == ("resolved", at(11, 59))
    assert (startless.started_at, startless.ended_at) == (NOW, at(12, 5))
    assert firing.labels == {"alertname": "Down"}
    assert firing.fingerprint == label_fingerprint({"alertname": "Down"})


@pytest.mark.parametrize(("age", "step"), [(0, 5), (40, 5), (60, 15), (300, 15), (600, 60)])
def test_a_posted_repeat_is_a_new_word_now_and_then_and_outlives_its_end(
    age: int, step: int
) -> None:
    told = set()
    for minute in range(0, 15):  # as Prometheus does
        now = NOW + timedelta(minutes=minute)
        post = {
            "labels": {"alertname": "Down"},
            "startsAt": (NOW - timedelta(minutes=age)).isoformat(),
            "endsAt": (now + timedelta(minutes=4)).isoformat(),
        }
        (signal,) = alertmanager(json.dumps([post]).encode(), received_at=now)
        assert signal.status == "firing" and signal.ended_at is not None
        assert timedelta(minutes=4) <= signal.ended_at - now < timedelta(minutes=4 + step)
        told.add(signal.id)
    assert len(told) <= 15 // step + 1


def test_an_end_at_the_end_of_time_is_read() -> None:
    last = [{"labels": {"alertname": "Down"}, "endsAt": "2099-12-31T23:59:59Z"}]
    assert decode_signals(wired(*map(encode_signal, read("alertmanager", last))), NOW)[1] == []


def test_the_fingerprint_is_alertmanagers_own() -> None:
    # FNV-1a of nothing is its offset basis: the fingerprint of an empty label set in Prometheus
    assert label_fingerprint({}) == "cbf29ce484222325"
    assert label_fingerprint({"a": "b", "c": "d"}) == label_fingerprint({"c": "d", "a": "b"})
    assert label_fingerprint({"a": "bc"}) != label_fingerprint({"ab": "c"})


# --- Grafana --------------------------------------------------------------------------------


def test_grafana_alerts_are_alertmanagers_with_an_address_of_their_panel() -> None:
    alert = {
        **ALERT,
        "values": {"B": 0.31},
        "dashboardURL": "https://grafana.example/d/pay?orgId=1",
        "panelURL": "https://grafana.example/d/pay?orgId=1&viewPanel=4",
    }
    over = {**alert, "status": "resolved", "endsAt": "2026-11-22T11:00:00Z"}
    firing, resolved = read("grafana", {"version": "1", "orgId": 1, "alerts": [alert, over]})
    assert (firing.source, firing.status, firing.ended_at) == ("grafana", "firing", None)
    assert firing.url.endswith("viewPanel=4") and '"B":0.31' in firing.raw
    assert (resolved.fingerprint, resolved.ended_at) == (firing.fingerprint, at(11))


# --- Statuspage -----------------------------------------------------------------------------


def test_an_incident_is_one_signal_for_each_component() -> None:
    api, hooks = read("statuspage", {"page": PAGE, "incidents": [INCIDENT]})
    assert api.source == "statuspage:acme-pay"
    assert api.labels == {
        "provider": "Acme Pay",
        "page": "Acme Pay",
        "component": "API",
        "impact": "major",
        "status": "investigating",
        "pager_incident": "statuspage:acme-pay:n2vq",  # what keeps its components together
    }
    assert (api.fingerprint, hooks.fingerprint) == ("n2vq:c1", "n2vq:c2")
    assert (api.kind, api.status, api.severity) == ("outage", "firing", "major")
    assert (api.started_at, api.ended_at) == (at(10), None)


def test_an_update_is_a_statement_of_the_same_thing() -> None:
    resolved = {
        **INCIDENT,
        "status": "resolved",
        "updated_at": "2026-11-22T11:00:00Z",
        "resolved_at": "2026-11-22T10:58:00Z",
    }
    (before, _) = read("statuspage", {"page": PAGE, "incidents": [INCIDENT]})
    (after, _) = read("statuspage", {"page": PAGE, "incident": resolved})
    assert before.fingerprint == after.fingerprint and before.id != after.id
    assert (after.status, after.started_at, after.ended_at) == ("resolved", at(10), at(10, 58))


def test_an_incident_without_components_is_still_a_signal() -> None:
    (signal,) = statuspage(
        json.dumps({"incident": {**INCIDENT, "components": []}}).encode(), provider="acme"
    )
    assert (signal.source, signal.fingerprint) == ("statuspage:acme", "n2vq")
    assert "component" not in signal.labels


def test_maintenance_runs_as_scheduled() -> None:
    planned = {
        **INCIDENT,
        "status": "scheduled",
        "impact": "maintenance",
        "scheduled_for": "2026-11-23T01:00:00Z",
        "scheduled_until": "2026-11-23T03:00:00Z",
        "components": [{"name": "API"}],
    }
    (signal,) = read("statuspage", {"page": PAGE, "scheduled_maintenances": [planned]})
    assert (signal.kind, signal.status, signal.severity) == ("maintenance", "firing", "minor")
    assert signal.started_at == datetime(2026, 11, 23, 1, tzinfo=UTC)
    assert signal.ended_at == datetime(2026, 11, 23, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "expected", "severity"),
    [
        ("major_outage", "firing", "critical"),
        ("PARTIALOUTAGE", "firing", "major"),
        ("degraded_performance", "firing", "minor"),
        ("UNDERMAINTENANCE", "firing", "minor"),
        ("operational", "resolved", "info"),
    ],
)
def test_a_component_speaks_for_itself(status: str, expected: str, severity: str) -> None:
    body = {
        "page": {"id": "p1", "status_description": "Some Systems Down"},
        "component_update": {"created_at": "2026-11-22T10:00:00Z", "new_status": status},
        "component": {"id": "c1", "name": "API", "status": "operational"},
    }
    (signal,) = read("statuspage", body)
    assert (signal.status, signal.severity) == (expected, severity)
    assert (signal.fingerprint, signal.started_at) == ("component:c1", at(10))
    assert signal.ended_at == (at(10) if status == "operational" else None)
    assert signal.labels["component"] == "API"


def test_a_quiet_summary_says_nothing_but_that_components_are_well() -> None:
    components = [
        {"id": "c1", "name": "API", "status": "operational", "updated_at": "2026-11-22T09:00:00Z"},
        {"id": "g1", "name": "Group", "group": True, "status": "operational"},
    ]
    summary = {"page": PAGE, "status": {"indicator": "none"}, "components": components}
    (signal,) = read("statuspage", {**summary, "incidents": [], "scheduled_maintenances": []})
    assert signal.status == "resolved"
    assert read("statuspage", {"page": PAGE, "incidents": []}) == []


@pytest.mark.shared
def test_the_real_incidents_of_a_provider_are_all_read(shared_data: Path) -> None:
    body = (shared_data / "real" / "github" / "incidents.json").read_bytes()
    signals = statuspage(body)
    incidents = json.loads(body)["incidents"]
    assert len(signals) == sum(max(1, len(one["components"])) for one in incidents) == 1250
    assert len({signal.id for signal in signals}) == 1250
    assert {signal.source for signal in signals} == {"statuspage:github"}
    assert Counter(signal.status for signal in signals) == {"resolved": 1250}
    assert all(s.ended_at is not None and s.ended_at >= s.started_at for s in signals)


def test_an_alert_with_times_that_cannot_be_read_takes_no_other_with_it() -> None:
    odd = {**ALERT, "startsAt": "garbage", "endsAt": [7]}
    found = read("alertmanager", {"version": "4", "alerts": [odd, ALERT]})
    assert [signal.started_at for signal in found] == [NOW, at(10, 2).replace(microsecond=123000)]


# --- generic --------------------------------------------------------------------------------


def test_generic_signals_have_sensible_defaults() -> None:
    (signal,) = read("generic", {"labels": {"service": "payment", "up": False, "n": 3, "x": {}}})
    assert (signal.source, signal.kind, signal.status) == ("generic", "alert", "firing")
    assert (signal.severity, signal.started_at) == ("major", NOW)
    assert signal.labels == {"service": "payment", "up": "false", "n": "3"}


def test_an_id_names_the_thing_and_its_end_is_another_statement() -> None:
    start = {"id": "job-7", "started_at": "2026-11-22T10:00:00Z", "kind": "outage"}
    firing, over = read("generic", [start, {**start, "status": "resolved"}])
    assert (firing.id, over.id) == ("job-7", "job-7:resolved")
    assert firing.fingerprint == over.fingerprint == "job-7"
    assert over.ended_at == NOW


def test_secrets_are_removed() -> None:
    body = {"id": "x", "routing_key": "R0", "labels": {"api_token": "T0", "key": "order"}}
    (signal,) = read("generic", {**body, "links": ["https://x.example/?access_token=Q0&a=1"]})
    assert not any(secret in signal.raw for secret in ("R0", "T0", "Q0"))
    assert signal.labels == {"api_token": "[removed]", "key": "order"}


@pytest.mark.parametrize("source", sorted(SOURCES))
@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"7", b"null", b"[1]", b"[" * 100_000, b'{"x":1e999']
)
def test_garbage_is_an_input_error(source: str, body: bytes) -> None:
    with pytest.raises(InputError):
        SOURCES[source](body, received_at=NOW)


@pytest.mark.parametrize(
    ("source", "body", "expected"),
    [
        ("alertmanager", {"status": "firing"}, "object with alerts"),
        ("alertmanager", [{"labels": {}}], "no labels"),
        ("statuspage", {"a": 1}, "no page, incident or component"),
        ("statuspage", {"incident": {"name": "x"}}, "no id"),
        ("generic", {"kind": "party"}, "must be one of alert"),
        ("generic", {"started_at": "2026-11-22T10:00:00"}, "has no zone"),
        ("generic", [{}, {"started_at": 5}], "signal 2"),
    ],
)
def test_an_input_error_says_what_is_wrong(source: str, body: Any, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        read(source, body)


UNREADABLE: dict[str, Any] = {
    "alertmanager": {"labels": {}},
    "generic": {"kind": "party"},
    "statuspage": {"id": ""},
}
READABLE: dict[str, Any] = {
    "alertmanager": ALERT,
    "generic": {"id": "x"},
    "statuspage": {**INCIDENT, "components": []},
}
WRAPPED = {"alertmanager": "alerts", "statuspage": "incidents"}


@pytest.mark.parametrize("source", sorted(UNREADABLE))
def test_what_cannot_be_read_takes_nothing_else_of_its_body_with_it(source: str) -> None:
    one = READABLE[source]
    several: Any = [one, 7, UNREADABLE[source], one]
    body = {"page": PAGE, WRAPPED[source]: several} if source in WRAPPED else several
    with pytest.raises(PartlyReadError, match=r"^\w+ 2 is no object; \w+") as caught:
        read(source, body)
    alone = {"page": PAGE, WRAPPED[source]: [one]} if source in WRAPPED else [one]
    assert caught.value.signals == 2 * read(source, alone)
    assert len(caught.value.faults) == 2


def test_many_faults_are_counted_and_the_first_are_named() -> None:
    with pytest.raises(InputError, match=r"signal 5 is no object; and 95 more$"):
        read("generic", [None] * 100)


def test_a_component_that_cannot_be_read_costs_no_incident() -> None:
    body = {"page": PAGE, "incidents": [INCIDENT], "components": [{"status": "operational"}]}
    with pytest.raises(PartlyReadError, match="the component has neither id nor name") as caught:
        read("statuspage", body)
    assert len(caught.value.signals) == 2  # of the incident's two components


# --- the signals topic ----------------------------------------------------------------------

words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=10)
moments = st.datetimes(
    NOW.replace(year=1990, tzinfo=None), NOW.replace(year=2090, tzinfo=None), timezones=st.just(UTC)
).map(lambda when: when.replace(microsecond=when.microsecond // 1000 * 1000))
signals = st.builds(
    Signal,
    id=words,
    source=words,
    kind=st.sampled_from(["alert", "outage", "maintenance", "change"]),
    status=st.just("firing"),
    severity=st.sampled_from(["critical", "major", "minor", "info"]),
    labels=st.dictionaries(
        st.from_regex(r"[a-z]{1,3}", fullmatch=True), st.text("abc", max_size=3)
    ),
    summary=words,
    fingerprint=words,
    started_at=moments,
    ended_at=st.none(),
    url=st.just("https://x.example"),
    availability=st.none() | st.floats(0, 1),
    received_at=moments,
    raw=st.text(st.characters(codec="utf-8"), max_size=10),
)


def wired(*values: bytes | None) -> list[Record]:
    return [Record("toll.signals", 0, n, 0, None, value) for n, value in enumerate(values)]


@given(signals)
@settings(deadline=None, max_examples=50)
def test_a_signal_survives_the_wire(signal: Signal) -> None:
    found, dead = decode_signals(wired(encode_signal(signal)), NOW)
    assert (found, dead) == ([signal], [])


def test_every_native_signal_survives_the_wire() -> None:
    native = [
        *read("alertmanager", [ALERT, {**ALERT, "status": "resolved"}]),
        *read("statuspage", {"page": PAGE, "incidents": [INCIDENT]}),
        *read("generic", {"id": "x", "status": "resolved"}),
    ]
    assert decode_signals(wired(*map(encode_signal, native)), at(13)) == (native, [])


def test_what_is_no_signal_is_a_dead_letter() -> None:
    values = (None, b"\xff", b"[]", b"{", b'{"kind": "party"}', b'{"id": "ok"}\n\n{"status": 1}')
    found, dead = decode_signals(wired(*values), NOW)
    assert [signal.received_at for signal in found] == [NOW]
    assert [(one.offset, one.line, one.reason) for one in dead] == [
        (0, 0, "empty"),
        (1, 0, "not_utf8"),
        (2, 0, "not_json"),
        (3, 0, "not_json"),
        (4, 0, "bad_signal"),
        (5, 2, "bad_signal"),
    ]


# --- nothing but the documented error -------------------------------------------------------

names = st.sampled_from(
    [
        *ALERT,
        *INCIDENT,
        *PAGE,
        *EVENT,
        *DEPLOYMENT,
        *DEPLOYED,
        *GITHUB,
        "alerts",
        "page",
        "incident",
        "incidents",
        "component",
        "group",
    ]
) | st.sampled_from(
    ["component_update", "scheduled_maintenances", "scheduled_for", "ended_at", "started_at"]
)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["2026-11-22T10:00:00Z", "firing", "resolved", "operational", 1795342500000]),
)
bodies = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
    max_leaves=12,
)
mutated = st.builds(
    lambda change: {
        "page": PAGE,
        "incidents": [{**INCIDENT, **change}],
        "alerts": [{**ALERT, **change}],
        "events": [{**EVENT, **change}],
        **GITHUB,
        "deployment_status": {**DEPLOYED, **change},
    },
    st.dictionaries(names, bodies, max_size=3),
)


READERS = {**SOURCES, "zabbix": mapped(ZABBIX), "posted": posted_alerts}


@given(st.sampled_from(sorted(READERS)), st.one_of(bodies, mutated), st.booleans())
@settings(deadline=None, max_examples=300)
def test_any_json_is_signals_or_an_input_error(source: str, body: Any, known: bool) -> None:
    try:
        found = READERS[source](json.dumps(body).encode(), received_at=NOW if known else None)
    except InputError:
        return
    for signal in found:
        assert signal.id and signal.fingerprint and signal.started_at.tzinfo is UTC
        assert decode_signals(wired(encode_signal(signal)), NOW)[1] == []


@given(st.sampled_from(sorted(READERS)), st.binary(max_size=60))
@settings(deadline=None, max_examples=100)
def test_any_bytes_are_signals_or_an_input_error(source: str, body: bytes) -> None:
    with contextlib.suppress(InputError):
        READERS[source](body, received_at=NOW)
    found, dead = decode_signals(wired(body), NOW)
    lines = [line for line in body.split(b"\n") if line.strip()]
    assert len(found) + len(dead) == max(1, len(lines))
