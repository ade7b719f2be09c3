"""A feed goes silent: what HTTP, the page, the command line and the metrics make of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.run.runtime import Runtime
from impact.silence import Silence
from ingest.sink import Arrival, Progress
from tests.api.shop import Shop
from tests.api.test_cli import running

pytestmark = pytest.mark.engine

SILENT_MIN = 30


@pytest.fixture(scope="module")
def silent(shop: Shop) -> Iterator[Shop]:
    """Half an hour after the last payment: the log has been read, nothing else has come."""
    topic, minute = shop.toll.parts.settings.business_topic, timedelta(minutes=1)
    store, last = shop.toll.parts.store, shop.now - minute
    live = Arrival("payments", topic, shop.now, 0, last, shop.now)
    read = [
        Progress(p.topic, p.partition, p.next_offset, moment(shop), 0) for p in store.progress()
    ]
    store.record_progress(read, [live])
    shop.toll.state.outlook().refresh(moment(shop))
    yield shop


def moment(shop: Shop) -> datetime:
    return shop.now + timedelta(minutes=SILENT_MIN)


def test_both_readings_are_served(silent):
    [found] = silent.toll.ask("/v1/silent")
    assert (found["process"], found["measure"], found["stream"]) == (
        "checkout",
        "payments",
        "payments",
    )
    assert found["title"] == "feed silent or business stopped"
    assert found["favours"] == "neither"
    assert found["if_feed_silent"] == {"units": 0.0, "money": None}
    stopped = found["if_stopped"]
    assert stopped["units"]["mid"] == pytest.approx(20 * SILENT_MIN, rel=0.15)
    assert stopped["units_per_minute"]["low"] < 20 < stopped["units_per_minute"]["high"]
    assert Decimal(stopped["money_per_minute"]["mid"]) == pytest.approx(
        Decimal(800), rel=Decimal("0.1")
    )
    assert Decimal(stopped["money"]["low"]) < Decimal(stopped["money"]["mid"])
    assert silent.toll.ask("/v1/processes/checkout")["silent"] == [found]
    assert silent.toll.ask("/v1/processes/support")["silent"] == []


def test_the_page_tells_it_before_what_burns(silent):
    page = " ".join(silent.toll.http.get("/").text.split())
    doubt = page.index("No data: feed silent or business stopped")
    assert doubt < page.index('<section aria-labelledby="burning">')
    assert re.search(r"If it stopped: up to \d+ payments missing \([\d,]+ to [\d,]+\), EUR ", page)
    assert "If not: nothing known lost." in page and "Nothing tells which:" in page


def test_toll_now_tells_it_within_80_columns(monkeypatch, silent, cli):
    running(monkeypatch, silent.toll)
    code, out, _ = cli("now")
    assert code == 0
    assert "Web checkout, payments: feed silent or business stopped" in out
    assert "no data after" in out and max(map(len, out.splitlines())) <= 80
    assert '"silent": [' in cli("now --json")[1]


def test_it_is_no_incident_and_costs_nothing(silent):
    silent.toll.assess(moment(silent))
    [incident] = silent.toll.ask("/v1/incidents")
    assert incident["kind"] == "outage"


def test_the_metrics_are_there_while_it_lasts(silent):
    state = silent.toll.state
    state.runtime = Runtime(silent.toll.parts, ingest=False, assess=True)
    try:
        status = state.runtime.assessor.status
        status.active, status.silences = True, list(silences(silent))
        found = metrics(silent)
        [seconds] = found["toll_silent_seconds"]
        assert seconds.labels == {
            "process": "checkout",
            "measure": "payments",
            "favours": "neither",
        }
        assert 60 * SILENT_MIN <= seconds.value < 60 * (SILENT_MIN + 5)
        assert found["toll_silent_units_per_minute"][0].value == pytest.approx(20, rel=0.1)
        assert found["toll_silent_money_per_minute"][0].labels["currency"] == "EUR"
        status.silences = []
        assert metrics(silent)["toll_silent_seconds"] == []
    finally:
        state.runtime = None


def silences(shop: Shop) -> tuple[Silence, ...]:
    return shop.toll.state.outlook().view().silences


def metrics(shop: Shop):
    text = shop.toll.http.get("/metrics").text
    return {f.name: f.samples for f in text_string_to_metric_families(text)}
