"""`deploy/compose.yaml` held against Compose's schema and against the code it starts."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import jsonschema  # type: ignore[import-untyped]  # it has no stubs
import pytest
import typer
import yaml
from typer.main import get_command

from api.cli.main import app
from api.run.wiring import require_servers
from api.setup.settings import SETTINGS, read_settings
from tests.docs import openapi

HERE = Path(__file__).parent
DEPLOY = HERE.parents[1] / "deploy"
TEXT = (DEPLOY / "compose.yaml").read_text("utf-8")
TOLL = ("setup", "serve", "ingest", "assess", "shop")
PARTS = ("serve", "ingest", "assess")


def interpolated(text: str) -> str:
    """As Compose reads it where nobody set a variable."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text).replace("$$", "$")


COMPOSE: dict[str, Any] = yaml.safe_load(interpolated(TEXT))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def read(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text("utf-8"))


def mounts(service: str) -> dict[str, str]:
    """What lies where inside the container."""
    pairs = [volume.split(":")[:2] for volume in SERVICES[service].get("volumes", [])]
    return {inside: outside for outside, inside in pairs}


def commands_of(service: str) -> list[list[str]]:
    """Every `toll ...` that a service runs, as words."""
    found = SERVICES[service]["command"]
    if "entrypoint" not in SERVICES[service]:
        return [found]
    [script] = found
    assert subprocess.run(["sh", "-n", "-c", script], check=False).returncode == 0
    lines = [re.sub(r"^\w+=\S+( /\w+/\w+\))? (exec )?", "", one) for one in script.splitlines()]
    words = [shlex.split(line) for line in lines]
    assert all(line[0] == "toll" for line in words), words
    return [line[1:] for line in words]


def test_it_is_a_compose_file():
    schema = json.loads((HERE / "compose-spec.json").read_text("utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    assert [e.message for e in validator.iter_errors(yaml.safe_load(TEXT))] == []
    wrong = {"services": {"a": {"image": "b", "comand": "c"}}}
    assert not validator.is_valid(wrong)  # so the schema does say something


@pytest.mark.parametrize("service", TOLL)
def test_commands_are_commands_of_toll(service):
    click = cast(Any, get_command(app))
    context = typer.Context(click)
    for name, *words in commands_of(service):
        command = click.get_command(context, name)
        assert command is not None, f"toll {name}"
        command.make_context(name, list(words))  # a wrong option or a missing word raises


@pytest.mark.parametrize("service", TOLL)
def test_variables_are_settings(service, tmp_path):
    given = SERVICES[service].get("environment", {})
    assert given.keys() <= {s.variable for s in SETTINGS}
    settings = read_settings(environ=given, file=tmp_path / "toll.toml")
    if service in PARTS:
        require_servers(settings)
        assert settings.tokens is not None  # it listens for other containers
        listen = settings.listen if service == "serve" else settings.health_listen
        assert listen is not None and (listen.host, listen.port) == ("0.0.0.0", 8080)


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_mounted_is_there(service):
    for inside, outside in mounts(service).items():
        assert inside.startswith("/")
        if outside.startswith("."):
            assert (DEPLOY / outside).exists(), outside
        else:
            assert outside in COMPOSE["volumes"]


def test_every_volume_is_used_and_every_wait_is_for_someone_who_answers():
    used = {outside for name in SERVICES for outside in mounts(name).values()}
    assert COMPOSE["volumes"].keys() <= used
    for service in SERVICES.values():
        for other, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy" and other not in TOLL:
                assert "healthcheck" in SERVICES[other]  # Toll's own stands in the image
            if wait["condition"] == "service_completed_successfully":
                assert SERVICES[other]["restart"] == "no"


@pytest.mark.parametrize("service", TOLL)
def test_toll_may_write_its_data_folder_and_nothing_else(service):
    told = SERVICES[service]
    assert told["read_only"] and told["cap_drop"] == ["ALL"]
    assert told["tmpfs"] == ["/tmp"]
    assert told["build"] == {"context": "..", "dockerfile": "deploy/Dockerfile"}
    assert (DEPLOY / ".." / "deploy" / "Dockerfile").is_file()


def test_ports_are_published_on_this_machine_alone():
    published = {n: s["ports"] for n, s in SERVICES.items() if "ports" in s}
    assert published == {
        "serve": ["127.0.0.1:8080:8080"],
        "prometheus": ["127.0.0.1:9090:9090"],
        "alertmanager": ["127.0.0.1:9093:9093"],
        "grafana": ["127.0.0.1:3000:3000"],
    }


def test_services_find_each_other():
    ports = {
        "kafka": 9092,
        "clickhouse": 8123,
        "serve": 8080,
        "prometheus": 9090,
        "alertmanager": 9093,
    }
    environment = SERVICES["serve"]["environment"]
    assert environment["TOLL_KAFKA"] == f"kafka:{ports['kafka']}"
    kafka = SERVICES["kafka"]["environment"]
    assert kafka["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{environment['TOLL_KAFKA']}"
    assert kafka["KAFKA_LOG_DIRS"] in mounts("kafka")

    store, server = urlsplit(environment["TOLL_CLICKHOUSE"]), SERVICES["clickhouse"]["environment"]
    assert (store.hostname, store.port) == ("clickhouse", ports["clickhouse"])
    assert store.username == server["CLICKHOUSE_USER"]
    assert store.password == server["CLICKHOUSE_PASSWORD"]
    assert store.path == f"/{server['CLICKHOUSE_DB']}"

    assert SERVICES["shop"]["environment"]["TOLL_URL"] == f"http://serve:{ports['serve']}"
    prometheus = read("prometheus/prometheus.yml")
    targets = [
        t
        for one in prometheus["alerting"]["alertmanagers"]
        for group in one["static_configs"]
        for t in group["targets"]
    ]
    assert targets == [f"serve:{ports['serve']}", f"alertmanager:{ports['alertmanager']}"]
    [scraped] = prometheus["scrape_configs"][0]["dns_sd_configs"]
    assert (set(scraped["names"]), scraped["port"]) == (set(PARTS), ports["serve"])


def test_grafana_reads_as_a_user_who_can_only_read():
    clickhouse, prometheus = read("grafana/provisioning/datasources/toll.yaml")["datasources"]
    assert prometheus["url"] == "http://prometheus:9090"
    told = clickhouse["jsonData"]
    assert (told["host"], told["port"], told["protocol"]) == ("clickhouse", 9000, "native")
    database = SERVICES["clickhouse"]["environment"]["CLICKHOUSE_DB"]
    assert told["defaultDatabase"] == database

    users = ET.parse(DEPLOY / "clickhouse" / "grafana.xml").getroot()
    [user] = users.findall(f"users/{told['username']}")
    assert user.findtext("grants/query") == f"GRANT SELECT ON {database}.*"
    assert users.findtext(f"profiles/{user.findtext('profile')}/readonly") == "2"
    password = user.find("password")
    assert password is not None
    grafana, server = SERVICES["grafana"]["environment"], SERVICES["clickhouse"]["environment"]
    variable = clickhouse["secureJsonData"]["password"].removeprefix("$")
    assert grafana[variable] == server[password.attrib["from_env"]]
    assert clickhouse["type"] in grafana["GF_PLUGINS_PREINSTALL_SYNC"].split(",")
    [provider] = read("grafana/provisioning/dashboards/toll.yaml")["providers"]
    assert mounts("grafana")[provider["options"]["path"]] == "./grafana/dashboards"


def test_every_token_that_is_read_is_made_with_the_role_it_needs():
    made = {words[1]: words[2] for words in commands_of("setup")}
    assert all(
        words[0] == "token" and words[3:] == ["--into", "/tokens"] for words in commands_of("setup")
    )
    assert mounts("setup") == {"/tokens": "toll-tokens"}
    prometheus = read("prometheus/prometheus.yml")
    read_by = {
        prometheus["scrape_configs"][0]["authorization"]["credentials_file"]: "read",
        prometheus["alerting"]["alertmanagers"][0]["authorization"]["credentials_file"]: "write",
        re.findall(r"cat (\S+)\)", SERVICES["shop"]["command"][0])[0]: "write",
        re.findall(r"exec serve cat (\S+)", TEXT)[0]: "admin",
    }
    assert read_by == {f"/tokens/{name}": role for name, role in made.items()}
    for service in (*PARTS, "shop", "prometheus"):
        assert mounts(service)["/tokens"] == "toll-tokens"
    assert SERVICES["prometheus"]["group_add"] == ["10001"]
    assert SERVICES["serve"]["environment"]["TOLL_TOKENS"] == "/tokens/tokens"


def test_alertmanager_gets_a_receiver_that_exists():
    told = read("alertmanager/alertmanager.yml")
    assert told["route"]["receiver"] in {r["name"] for r in told["receivers"]}
    assert "/api/v2/alerts" in openapi()["paths"]  # where Prometheus sends to Toll
