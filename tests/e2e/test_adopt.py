"""Every snippet of docs/adopt.md, run by its sender where that is at hand."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
import yaml

from api.app import build_app
from api.cli.run import port
from api.run.counting import Follower
from api.setup.settings import Listen
from api.setup.streams_file import read_streams
from enrich.mapfile import load
from ingest.streams import IngestConfig
from store.store import Store
from tests.api.app import SALT, SHOP, TOKENS, Toll, opened, with_tokens
from tests.e2e.ingesting import wait
from tests.ingest.test_github import DEPLOYED, GITHUB
from tests.senders import Exporter, alertmanager, prometheus, served

pytestmark = [pytest.mark.engine, pytest.mark.network, pytest.mark.slow]

PAGE = Path(__file__).parents[2] / "docs" / "adopt.md"
EXAMPLE = "https://toll.example.com"
TOKEN = TOKENS["write"]


def snippets() -> dict[str, list[tuple[str, str]]]:
    """Heading -> (language, text) of each of its blocks."""
    found: dict[str, list[tuple[str, str]]] = {}
    for section in PAGE.read_text("utf-8").split("\n## "):
        title, _, text = section.partition("\n")
        found[title] = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return found


def snippet(title: str, number: int = 0) -> str:
    """One block, with the token of the tests."""
    return snippets()[title][number][1].replace("TOKEN", TOKEN)


def filled(title: str, address: str, number: int = 0) -> str:
    """One block, pointed at this address without TLS."""
    text = snippet(title, number).replace(EXAMPLE, f"http://{address}")
    return text.replace("scheme: https", "scheme: http").replace("toll.example.com", address)


def route(url: str) -> str:
    assert url.startswith(EXAMPLE), url
    return url.removeprefix(EXAMPLE)


def config(folder: Path, *texts: str) -> IngestConfig:
    file = folder / "streams.yaml"
    file.write_text("\n".join(texts), "utf-8")
    return read_streams(file, salt=SALT, retention=timedelta(days=90))


@pytest.fixture
def toll(tmp_path: Path, store: Store) -> Iterator[Toll]:
    counters = config(tmp_path, snippet("Prometheus counters (remote-write)", 1))
    with opened(tmp_path, store, tokens=with_tokens(), config=counters) as toll:
        topic = toll.parts.settings.counters_topic
        toll.parts.log.ensure_topics({topic: 2})
        yield toll


def signals(toll: Toll) -> list[dict[str, Any]]:
    return [json.loads(line) for line in toll.lines(toll.parts.settings.signals_topic)]


def test_every_snippet_has_its_test_here():
    assert {title: [lang for lang, _ in blocks] for title, blocks in snippets().items()} == {
        "# Pointing your tools at Toll": ["caddy"],  # the only one that nothing here can read
        "Prometheus": ["yaml"],
        "Prometheus counters (remote-write)": ["yaml", "yaml"],
        "Alertmanager": ["yaml"],
        "Grafana": ["yaml"],
        "PagerDuty, in its place": ["python"],
        "PagerDuty, beside it": ["text"],
        "GitHub": ["json"],
        "Providers' status pages": ["yaml", "text"],
        "OpenTelemetry": ["yaml", "python"],
        "CloudEvents": ["python"],
        "Anything else": ["sh", "sh", "yaml", "yaml"],
    }


RULES = """
groups:
  - name: shop
    rules:
      - {alert: Down, expr: up == 0, labels: {provider: stripe, severity: critical}}
      - {record: shop_payments_total, expr: vector(time()), labels: {result: success}}
"""


def test_prometheus_posts_alerts_and_writes_counters(tmp_path, toll, senders):
    def counted() -> list[str]:
        consumer = toll.parts.log.consumer("toll-counters", [toll.parts.settings.counters_topic])
        producer = toll.parts.log.producer()
        reader = Follower(toll.parts, consumer, producer)
        reader.turn(0.0)
        while reader.turn(0.0):
            pass
        consumer.close()
        producer.close()
        return [json.loads(line)["status"] for line in toll.lines()]

    with served(toll) as address:
        text = f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs: [{{job_name: probe, static_configs: [{{targets: ["{Exporter().address}"]}}]}}]
{filled("Prometheus", address)}
{filled("Prometheus counters (remote-write)", address)}
"""
        with prometheus(tmp_path, text, RULES):
            wait(lambda: bool(signals(toll)), 90)
            wait(lambda: "ok" in counted(), 90)
    assert {s["labels"]["provider"] for s in signals(toll)} == {"stripe"}


def test_alertmanager_posts_to_its_webhook(tmp_path, toll, senders):
    text = snippet("Alertmanager")
    (tmp_path / "as-written.yml").write_text(text, "utf-8")
    checked = ["amtool", "check-config", str(tmp_path / "as-written.yml")]
    assert subprocess.run(checked, capture_output=True, check=False).returncode == 0
    with served(toll) as address, alertmanager(tmp_path, filled("Alertmanager", address)) as door:
        alert = {"labels": {"alertname": "Down", "service": "payment"}}
        httpx2.post(f"http://{door}/api/v2/alerts", json=[alert]).raise_for_status()
        wait(lambda: bool(signals(toll)))
    [told] = signals(toll)
    assert (told["source"], told["labels"]["service"]) == ("alertmanager", "payment")


# --- Programs that want TLS -------------------------------------------------------------------


@contextmanager
def behind_tls(toll: Toll, folder: Path) -> Iterator[dict[str, str]]:
    """The Toll of a test behind TLS; gives the environment of whoever sends to it."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    named = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *named]
    subprocess.run([*made, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    with port(Listen("127.0.0.1", 0)) as door:
        config = uvicorn.Config(
            build_app(toll.state),
            log_level="warning",
            access_log=False,
            ssl_keyfile=str(key),
            ssl_certfile=str(cert),
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        try:
            trusted = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
            yield {
                "PATH": os.environ["PATH"],
                "TOLL_URL": f"https://localhost:{door.getsockname()[1]}",
                "TOLL_TOKEN": TOKEN,
                **dict.fromkeys(trusted, str(cert)),
            }
        finally:
            server.should_exit = True
            thread.join(15)


def run(toll: Toll, folder: Path, title: str, number: int = 0) -> None:
    """Run a block as its reader would."""
    language, text = snippets()[title][number]
    command = [sys.executable, "-c", text] if language == "python" else ["bash", "-ec", text]
    with behind_tls(toll, folder) as env:
        ran = subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=60, check=False
        )
    assert ran.returncode == 0, ran.stderr


def test_pagerdutys_own_client(toll, tmp_path, senders):
    run(toll, tmp_path, "PagerDuty, in its place")
    assert sorted((s["kind"], s["status"]) for s in signals(toll)) == [
        ("alert", "firing"),
        ("alert", "resolved"),
        ("change", "firing"),
    ]


@pytest.mark.parametrize(
    ("title", "number", "told"),
    [("OpenTelemetry", 1, "pay-1"), ("CloudEvents", 0, "pay-2"), ("Anything else", 0, "pay-3")],
)
def test_business_events(toll, tmp_path, senders, title, number, told):
    run(toll, tmp_path, title, number)
    [line] = toll.lines()
    assert told in line.decode() and "39.90" in line.decode()
    toll.ingest()
    assert [s.stream for s in toll.parts.store.coverage()] == ["payments"]


def test_a_signal_in_tolls_own_form(toll, tmp_path, senders):
    run(toll, tmp_path, "Anything else", 1)
    [told] = signals(toll)
    assert (told["severity"], told["labels"]) == ("critical", {"service": "payment"})


# --- What has no sender here --------------------------------------------------------------------


def test_grafana_posts_as_its_contact_point_says(toll):
    [point] = yaml.safe_load(snippet("Grafana"))["contactPoints"]
    [receiver] = point["receivers"]
    said = receiver["settings"]
    assert (receiver["type"], receiver["disableResolveMessage"]) == ("webhook", False)
    alert = {"status": "firing", "labels": {"service": "payment"}, "fingerprint": "f1"}
    answer = toll.http.request(
        said["httpMethod"],
        route(said["url"]),
        json={"orgId": 1, "alerts": [alert | {"startsAt": datetime.now(UTC).isoformat()}]},
        headers={
            "Authorization": f"{said['authorization_scheme']} {said['authorization_credentials']}"
        },
    )
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    assert signals(toll)[0]["source"] == "grafana"


def test_github_delivers_signed_deployments(tmp_path, store):
    hook = json.loads(snippet("GitHub"))
    assert (hook["name"], hook["events"]) == ("web", ["deployment", "deployment_status"])
    said = hook["config"]
    assert said["content_type"] == "json"
    body = json.dumps({**GITHUB, "deployment_status": DEPLOYED}).encode()
    signature = hmac.new(said["secret"].encode(), body, hashlib.sha256).hexdigest()
    with opened(tmp_path, store, tokens=with_tokens(), github_secrets=said["secret"]) as toll:
        answer = toll.http.post(
            route(said["url"]),
            content=body,
            headers={"X-Hub-Signature-256": f"sha256={signature}"},
        )
        assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
        assert signals(toll)[0]["kind"] == "change"


@pytest.mark.parametrize(
    ("title", "number", "body"),
    [
        ("PagerDuty, beside it", 0, {"event": {"event_type": "pagey.ping", "id": "1"}}),
        ("Providers' status pages", 1, {"page": {"id": "p", "name": "Mail"}, "components": []}),
    ],
)
def test_an_address_is_one_of_tolls(toll, title, number, body):
    answer = toll.http.post(route(snippet(title, number).strip()), json=body)
    assert answer.status_code == 202, answer.text


def test_the_collectors_exporter_names_address_and_token(toll):
    said = yaml.safe_load(snippet("OpenTelemetry"))["exporters"]["otlphttp/toll"]
    answer = toll.http.post(
        route(said["logs_endpoint"]), json={"resourceLogs": []}, headers=said["headers"]
    )
    assert answer.status_code == 200


def test_providers_on_the_map(tmp_path):
    shop = yaml.safe_load(SHOP.read_text("utf-8"))
    shop["providers"] |= yaml.safe_load(snippet("Providers' status pages"))["providers"]
    found = load({"map.yaml": yaml.safe_dump(shop)})
    assert found.nodes["mail"].status_page == "https://status.mail.example"


def test_what_the_file_of_streams_says_is_read(tmp_path, store):
    mapped = [snippet("Anything else", number) for number in (2, 3)]
    found = config(tmp_path, snippet("Prometheus counters (remote-write)", 1), *mapped)
    assert found.mappings["shop.transactions"].status["SETTLED"] == "ok"
    assert found.counters[0].words == {"success": "ok", "refused": "declined"}
    event = {"eventid": "7", "trigger": "t", "clock": 1_795_342_440, "value": "PROBLEM"}
    with opened(tmp_path, store, tokens=with_tokens(), config=found) as toll:
        answer = toll.http.post(
            f"/t/{TOKEN}/v1/signals/generic/zabbix",
            json={"events": [{**event, "name": "load", "hosts": [{"name": "host-a"}]}]},
        )
        assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
        assert signals(toll)[0]["labels"] == {"host": "host-a"}
