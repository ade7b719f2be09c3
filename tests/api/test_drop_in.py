"""Toll in the place of other tools: Alertmanager's API, PagerDuty's Events API v2."""

from __future__ import annotations

import gzip
import json
import logging
import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.app import TOKENS, assert_problem, bearer

pytestmark = pytest.mark.engine

KEY = "R0123456789abcdef0123456789abcde"
EVENT: dict[str, Any] = {
    "routing_key": KEY,
    "event_action": "trigger",
    "payload": {
        "summary": "payment provider answers with errors",
        "source": "edge-1",
        "severity": "critical",
        "custom_details": {"provider": "stripe"},
    },
}


def ago(minutes: float) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()


def posted(ends_in: float, **labels: str) -> dict[str, Any]:
    named = {"alertname": "ProviderErrors", "provider": "stripe", "severity": "critical"}
    return {
        "labels": {**named, **labels},
        "annotations": {"summary": "payment provider answers with errors"},
        "startsAt": "2026-01-05T10:00:00Z",
        "endsAt": ago(-ends_in),
        "generatorURL": "http://prometheus.example/graph",
    }


def stored(toll: Any) -> list[Any]:
    toll.ingest()
    found: list[Any] = toll.parts.store.signals.all()
    return found


# --- Alertmanager ---------------------------------------------------------------------------------


def test_prometheus_may_post_here(toll):
    for _ in range(3):  # it repeats itself
        answer = toll.http.post("/api/v2/alerts", json=[posted(600), posted(600, job="b")])
        assert (answer.status_code, answer.json()) == (200, {"accepted": 2})
    assert [s.status for s in stored(toll)] == ["firing", "firing"]
    toll.http.post("/api/v2/alerts", json=[posted(-1)])
    assert sorted(s.status for s in stored(toll)) == ["firing", "firing", "resolved"]
    assert toll.http.post("/api/v2/alerts", json=[]).json() == {"accepted": 0}


def test_an_alert_of_which_nothing_more_is_heard_ends_where_it_said(toll):
    started = datetime.now(UTC) - timedelta(minutes=30)
    alert = {**posted(4), "startsAt": started.isoformat()}
    toll.http.post("/api/v2/alerts", json=[alert])
    toll.ingest()
    now = datetime.now(UTC)
    toll.assess(now + timedelta(seconds=1))
    [incident] = toll.ask("/v1/incidents")
    assert (incident["root"], incident["state"]) == ("stripe", "open")
    toll.assess(now + timedelta(minutes=15))
    [incident] = toll.ask("/v1/incidents")
    ended = datetime.fromisoformat(incident["ended_at"])
    assert timedelta(minutes=4) <= ended - now + timedelta(seconds=2) < timedelta(minutes=10)


@pytest.mark.parametrize("body", [b"{}", b'{"alerts": []}', b"[7]", b"[{}]", b"nonsense", b""])
def test_what_is_no_array_of_alerts_is_refused(toll, body):
    assert_problem(toll.http.post("/api/v2/alerts", content=body), 422)
    assert toll.records("toll.signals") == []


def test_version_1_is_refused_in_words(toll):
    problem = assert_problem(toll.http.post("/api/v1/alerts", json=[posted(5)]), 410)
    assert "api_version: v2" in problem["detail"]


def test_a_client_that_asks_whether_an_alertmanager_is_up(toll, guarded):
    status = toll.ask("/api/v2/status")
    assert status["cluster"] == {"status": "disabled", "peers": []}
    assert status["versionInfo"]["version"] and status["config"] == {"original": ""}
    assert datetime.fromisoformat(status["uptime"]) <= datetime.now(UTC)
    assert_problem(guarded.http.get("/api/v2/status"), 401)
    assert guarded.http.get("/api/v2/status", headers=bearer("write")).status_code == 200


def test_prometheus_shows_its_token_in_path_or_header(guarded):
    assert_problem(guarded.http.post("/api/v2/alerts", json=[posted(5)]), 401)
    assert_problem(
        guarded.http.post("/api/v2/alerts", json=[posted(5)], headers=bearer("read")), 403
    )
    for path, headers in (
        (f"/t/{TOKENS['write']}/api/v2/alerts", {}),
        ("/api/v2/alerts", bearer("write")),
    ):
        assert guarded.http.post(path, json=[posted(5)], headers=headers).status_code == 200


# --- PagerDuty ------------------------------------------------------------------------------------


def test_an_alert_of_pagerduty_from_trigger_to_resolve(toll):
    answer = toll.http.post("/v2/enqueue", json=EVENT)
    assert answer.status_code == 202
    key = answer.json()["dedup_key"]
    assert answer.json() == {
        "status": "success", "message": "Event processed", "dedup_key": key,
    }  # fmt: skip
    assert re.fullmatch("[0-9a-f]{32}", key)
    assert toll.http.post("/v2/enqueue", json=EVENT).json()["dedup_key"] != key  # another alert
    for action in ("acknowledge", "resolve"):
        told = {"routing_key": KEY, "event_action": action, "dedup_key": key}
        assert toll.http.post("/v2/enqueue", json=told).json()["dedup_key"] == key
    mine = [s for s in stored(toll) if s.fingerprint == key]
    assert sorted(s.id.split(":")[1] for s in mine) == ["acknowledge", "resolve", "trigger"]
    toll.assess(datetime.now(UTC) + timedelta(seconds=1))
    [incident] = toll.ask("/v1/incidents")
    assert (incident["root"], incident["state"]) == ("stripe", "open")  # the other alert fires
    assert toll.ask("/v1/coverage")["unmatched_signals"] == []


def test_an_event_sent_again_changes_nothing(toll):
    at = ago(3)
    event = {**EVENT, "dedup_key": "one", "payload": {**EVENT["payload"], "timestamp": at}}
    for _ in range(3):
        assert toll.http.post("/v2/enqueue", json=event).json()["dedup_key"] == "one"
    assert len(stored(toll)) == 1


def test_alike_keys_of_two_integrations_are_two_alerts(toll):
    for routing_key in (KEY, KEY[::-1]):
        toll.http.post("/v2/enqueue", json={**EVENT, "routing_key": routing_key, "dedup_key": "a"})
    assert len({(s.source, s.fingerprint) for s in stored(toll)}) == 2


@pytest.mark.parametrize("path", ["/v2/enqueue", "/v2/change/enqueue"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"routing_key": "x"}', b"[" * 1000])
def test_a_bad_event_is_answered_as_pagerduty_does(toll, path, body):
    answer = toll.http.post(path, content=body)
    assert answer.status_code == 400
    told = answer.json()
    assert (told["status"], told["message"]) == ("invalid event", "Event object is invalid")
    assert told["errors"] and all(isinstance(error, str) for error in told["errors"])
    assert toll.records("toll.signals") == []


def test_bodies_of_events_are_limited_and_may_be_compressed(toll):
    body = json.dumps(EVENT).encode()
    headers = {"Content-Encoding": "gzip"}
    answer = toll.http.post("/v2/enqueue", content=gzip.compress(body), headers=headers)
    assert answer.status_code == 202
    assert toll.http.post("/v2/enqueue", content=body, headers=headers).status_code == 400
    assert_problem(toll.http.post("/v2/enqueue", content=b" " * 600_000), 413)
    assert_problem(
        toll.http.post("/v2/enqueue", content=body, headers={"Content-Encoding": "br"}), 415
    )


def test_the_routing_key_is_the_token(guarded):
    for path, event in (("/v2/enqueue", EVENT), ("/v2/change/enqueue", EVENT)):
        assert_problem(guarded.http.post(path, json=event), 401)
        assert_problem(guarded.http.post(path, json={**event, "routing_key": TOKENS["read"]}), 403)
        mine = {**event, "routing_key": TOKENS["write"]}
        assert guarded.http.post(path, json=mine).status_code == 202
        assert_problem(guarded.http.post(path, json=mine, headers=bearer("read")), 403)
        by_path = guarded.http.post(f"/t/{TOKENS['write']}{path}", json=event)
        assert by_path.status_code == 202  # whatever its routing key
    sources = {s.source for s in stored(guarded)}
    assert "pagerduty:the writeer" in sources and len(sources) == 2


# --- changes --------------------------------------------------------------------------------------


def test_a_change_before_the_incident_is_its_likely_trigger(toll):
    """A deployment that GitHub tells of, a change that a pipeline tells PagerDuty of."""
    change = {
        "routing_key": KEY,
        "payload": {
            "summary": "new rates",
            "timestamp": ago(50),
            "custom_details": {"service": "payment"},
        },
    }
    answer = toll.http.post("/v2/change/enqueue", json=change)
    assert (answer.status_code, answer.json()) == (
        202, {"status": "success", "message": "Change event processed"},
    )  # fmt: skip
    for minutes, environment in ((15, "production"), (12, "staging")):
        deployment = {
            "action": "created",
            "deployment_status": {
                "id": minutes, "state": "success", "environment": environment,
                "created_at": ago(minutes), "log_url": "https://ci.example/7",
            },
            "deployment": {"id": 4, "ref": "v4.11", "environment": environment},
            "repository": {"full_name": "shop/payment"},
        }  # fmt: skip
        told = {"X-GitHub-Event": "deployment_status", "X-GitHub-Delivery": "d-1"}
        answer = toll.http.post("/v1/signals/github", json=deployment, headers=told)
        assert answer.json() == {"accepted": int(environment == "production")}
    alert = {**posted(5), "labels": {"service": "payment", "severity": "critical"}}
    toll.http.post("/api/v2/alerts", json=[{**alert, "startsAt": ago(10)}])
    toll.ingest()
    toll.assess(datetime.now(UTC) + timedelta(seconds=1))
    [incident] = toll.ask("/v1/incidents")
    assert (incident["root"], incident["reached"][0]["process"]) == ("payment", "checkout")
    assert incident["trigger"]["summary"] == "payment v4.11: deployed to production"
    assert incident["trigger"]["url"] == "https://ci.example/7"


# --- secrets --------------------------------------------------------------------------------------


def test_no_secret_is_stored_or_logged(guarded, caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    token = TOKENS["write"]
    event = {**EVENT, "routing_key": token, "client_url": f"https://x.example/?routing_key={token}"}
    said = [
        guarded.http.post("/v2/enqueue", json=event),
        guarded.http.post("/v2/enqueue", json={**event, "event_action": "shout"}),
        guarded.http.post("/v2/enqueue", content=json.dumps(event)[:-3]),
        guarded.http.post("/v2/enqueue", json={**event, "routing_key": KEY}),
        guarded.http.post("/v2/change/enqueue", json=event),
        guarded.http.post(f"/t/{token}/api/v2/alerts", json=[posted(5)]),
        guarded.http.post(f"/t/{token}/api/v2/alerts", json={"alerts": 7}),
        guarded.http.post(f"/t/{token}/v1/signals/grafana", json={"alerts": [posted(5)]}),
    ]  # fmt: skip
    assert [a.status_code for a in said] == [202, 400, 400, 401, 202, 200, 422, 202]
    guarded.ingest()
    signals = guarded.parts.store.signals.all()
    dead = guarded.parts.store.dead_letters.find(limit=100)
    kept = repr([asdict(s) for s in signals]) + repr(dead)
    log = "".join(
        record.getMessage() for record in caplog.records if not record.name.startswith("httpx")
    )
    files = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    files_said = files.decode("latin-1")
    assert all("payment provider answers" in place for place in (kept, files_said))
    for place in (kept, files_said, log, *(answer.text for answer in said)):
        assert token not in place and KEY not in place
