"""What Prometheus is given: metrics, configuration, rules; each held against Debian's promtool."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path

import pytest
import yaml
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from api.run.metrics import METRICS
from api.run.runtime import Runtime
from enrich.model import BusinessMap
from impact.perception import PARTS
from ingest.dead_letters import REASONS
from tests.api.app import priced

HERE = Path(__file__).parent
DEPLOY = HERE.parents[1] / "deploy" / "prometheus"
RULES = sorted((DEPLOY / "rules").glob("*.yml"))
CASES = sorted((HERE / "prometheus").glob("*.yml"))
# What is not Toll's own but Prometheus' word for a target that answers.
FOREIGN = {"up"}


@pytest.fixture(scope="session")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        said = "promtool is not installed: it is part of Debian's package prometheus"
        if os.environ.get("TOLL_REQUIRE_SENDERS") == "1":
            pytest.fail(said)
        pytest.skip(said)
    return found


def told(promtool: str, *words: object, given: str | None = None) -> str:
    done = subprocess.run(
        [promtool, *map(str, words)],
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_configuration_is_one(promtool, tmp_path):
    shutil.copytree(DEPLOY, tmp_path / "deployed")
    file = tmp_path / "deployed" / "prometheus.yml"
    text = file.read_text("utf-8")
    for token in set(re.findall(r"/tokens/(\w+)", text)):
        (tmp_path / token).write_text("a token")
    file.write_text(text.replace("/tokens/", f"{tmp_path}/"))
    assert f"{len(RULES)} rule files found" in told(promtool, "check", "config", file)


def test_the_rules_are_rules(promtool):
    told(promtool, "check", "rules", *RULES)


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_the_rules_fire_when_they_should(promtool, case):
    assert "SUCCESS" in told(promtool, "test", "rules", case)


def test_every_alert_has_a_case_and_speaks_of_metrics_there_are():
    alerts = [r for f in RULES for g in yaml.safe_load(f.read_text())["groups"] for r in g["rules"]]
    tried = {
        one["alertname"]
        for case in CASES
        for test in yaml.safe_load(case.read_text())["tests"]
        for one in test["alert_rule_test"]
        if one["exp_alerts"]
    }
    assert {alert["alert"] for alert in alerts} == tried
    for alert in alerts:
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}
        assert alert["annotations"]["summary"]
        named = set(re.findall(r"\b(?:toll_\w+|up)\b", alert["expr"]))
        assert named and named <= METRICS.keys() | FOREIGN, alert["alert"]
    parts = {p for f in RULES for p in re.findall(r'part="(\w+)"', f.read_text())}
    assert parts <= set(PARTS)


@pytest.mark.engine
def test_a_whole_scrape_follows_the_rules_of_names(promtool, shop):
    parts = shop.toll.parts
    runtime = Runtime(parts, ingest=True, assess=True, serve=True)
    assert runtime.assessor and runtime.outlook
    shop.toll.state.runtime = runtime
    status = runtime.assessor.status
    status.active, status.last_tick = True, shop.now
    status.impacts = [priced(shop.incident, shop.now)]
    text = shop.toll.http.get("/metrics").text
    shop.toll.state.runtime = None
    assert told(promtool, "check", "metrics", given=text) == ""

    found = {f.name: f for f in text_string_to_metric_families(text)}
    place = {"process": "checkout", "measure": "payments"}
    expected, low, actual = (
        {tuple(s.labels.values()): s.value for s in found[f"toll_measure_{name}_units"].samples}
        for name in ("expected", "expected_low", "actual")
    )
    [key] = [k for k in expected if set(k) == set(place.values())]
    assert low[key] < actual[key] and 1000 < expected[key] < 1400  # twenty a minute
    [seen] = [
        s.value
        for s in found["toll_perception_seconds"].samples
        if s.labels == {"process": "checkout", "part": "both_red"}
    ]
    assert 30 * 60 <= seen <= 60 * 60
    assert_bounded(found, parts.map.map)


def assert_bounded(found: dict[str, Metric], business_map: BusinessMap) -> None:
    """No label can take more values than the map has entries, or a closed list has words."""
    words: dict[str, Collection[str]] = {
        "process": set(business_map.processes),
        "measure": {m.name for m in business_map.measures()},
        "currency": {business_map.currency},
        "part": set(PARTS),
        "reason": set(REASONS),
        "favours": {"feed", "business", "toll", "neither"},
    }
    for family in found.values():
        for sample in family.samples:
            for label, value in sample.labels.items():
                assert label in {"page", "version"} or value in words[label], sample
