"""Real Prometheus, real Alertmanager, and PagerDuty's own client, pointed at Toll by URL alone."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pagerduty
import pytest

from store.store import Store
from tests.api.app import TOKENS, Toll, bearer, opened, with_tokens
from tests.e2e.ingesting import wait
from tests.senders import Exporter, alertmanager, prometheus, served

pytestmark = [pytest.mark.engine, pytest.mark.network, pytest.mark.slow]

CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: provider-probe
    static_configs: [{{targets: ["{probe}"]}}]
alerting:
  alertmanagers:
    - api_version: v2
      static_configs: [{{targets: ["{alerts}"]}}]
"""
RULES = """
groups:
  - name: shop
    rules:
      - alert: ProviderDown
        expr: up{job="provider-probe"} == 0
        labels: {provider: stripe, severity: critical}
        annotations: {summary: payment provider does not answer}
      - alert: PaymentErrors
        expr: up{job="provider-probe"} == 0
        labels: {service: payment, severity: major}
        annotations: {summary: payments fail}
"""
ALERTMANAGER = """
route: {{receiver: toll, group_by: [alertname], group_wait: 0s, group_interval: 1s}}
receivers:
  - name: toll
    webhook_configs:
      - {{url: "http://{toll}/t/{token}/v1/signals/alertmanager", send_resolved: true}}
"""


@pytest.fixture
def guarded(tmp_path: Path, store: Store) -> Iterator[Toll]:
    with opened(tmp_path, store, tokens=with_tokens()) as toll:
        yield toll


def statuses(toll: Toll) -> dict[tuple[str, str], set[str]]:
    """What was said of each alert, by its name and fingerprint."""
    toll.ingest()
    found: dict[tuple[str, str], set[str]] = {}
    for signal in toll.parts.store.signals.all():
        told = (signal.labels["alertname"], signal.fingerprint)
        found.setdefault(told, set()).add(signal.status)
    return found


def both(toll: Toll, status: str) -> bool:
    """Whether both alerts have said so."""
    found = statuses(toll)
    return len(found) == 2 and all(status in said for said in found.values())


def the_incident(toll: Toll, after: timedelta = timedelta(seconds=1)) -> Any:
    toll.assess(datetime.now(UTC) + after)
    answer = toll.http.get("/v1/incidents", headers=bearer("read"))
    [incident] = answer.json()
    return incident


def test_prometheus_with_toll_as_its_alertmanager(tmp_path, store, senders):
    probe = Exporter()
    with opened(tmp_path, store) as toll, served(toll) as address:
        config = CONFIG.format(probe=probe.address, alerts=address)
        with prometheus(tmp_path, config, RULES):
            wait(lambda: both(toll, "firing"))
            burning = the_incident(toll)
            with probe.up():
                wait(lambda: both(toll, "resolved"))
        check(burning, the_incident(toll, timedelta(seconds=2)))


def test_prometheus_by_an_alertmanager_with_a_webhook(tmp_path, guarded, senders):
    probe = Exporter()
    with served(guarded) as address:
        webhook = ALERTMANAGER.format(toll=address, token=TOKENS["write"])
        with alertmanager(tmp_path, webhook) as alerts:
            config = CONFIG.format(probe=probe.address, alerts=alerts)
            with prometheus(tmp_path, config, RULES):
                wait(lambda: both(guarded, "firing"))
                burning = the_incident(guarded)
                with probe.up():
                    wait(lambda: both(guarded, "resolved"))
        check(burning, the_incident(guarded, timedelta(seconds=2)))


def check(burning: Any, over: Any) -> None:
    """One incident with the right cause and reach, which ends when the probe answers again."""
    assert (burning["root"], burning["state"], burning["ended_at"]) == ("stripe", "open", None)
    assert burning["title"] == "Stripe: payment provider does not answer"
    [reached] = [r for r in burning["reached"] if r["process"] == "checkout"]
    assert [step if isinstance(step, str) else step["name"] for step in reached["path"]] == [
        "stripe", "payment", "checkout",
    ]  # fmt: skip
    assert (over["id"], over["root"], over["state"]) == (burning["id"], "stripe", "recovering")
    started, ended = (datetime.fromisoformat(over[f"{edge}ed_at"]) for edge in ("start", "end"))
    assert started < ended <= datetime.now(UTC)


class _BehindTls(httpx2.HTTPTransport):
    """Stands for the proxy that ends TLS before Toll: the client takes no other address."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.url = request.url.copy_with(scheme="http")
        return super().handle_request(request)


def client_of(routing_key: str, address: str) -> pagerduty.EventsApiV2Client:
    url = f"https://{address}"
    return pagerduty.EventsApiV2Client(routing_key, base_url=url, transport=_BehindTls())


def test_pagerdutys_own_client(guarded, caplog):
    with (
        served(guarded) as address,
        client_of(TOKENS["write"], address) as client,
        client_of("nobody's key", address) as stranger,
    ):
        client.submit(
            "new rates",
            source="release-train",
            custom_details={"service": "payment"},
            timestamp=(datetime.now(UTC) - timedelta(minutes=2)).isoformat(),
        )
        details = {"service": "payment"}
        made = client.trigger("payments fail", "edge-1", custom_details=details)
        assert re.fullmatch("[0-9a-f]{32}", made)
        assert client.trigger("provider is down", "x", "own", payload={"component": "y"}) == "own"
        assert client.acknowledge(made) == made
        guarded.ingest()
        burning = the_incident(guarded)
        assert client.resolve(made) == made
        guarded.ingest()
        over = the_incident(guarded)
        with pytest.raises(pagerduty.HttpError):
            stranger.resolve(made)
    assert (burning["root"], burning["state"]) == ("payment", "open")
    assert burning["trigger"]["summary"] == "new rates"
    assert (over["id"], over["state"]) == (burning["id"], "recovering")
    ours = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert not any(TOKENS["write"] in said for said in ours)
