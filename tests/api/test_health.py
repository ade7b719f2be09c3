"""Whether Toll says how it is: liveness, readiness, metrics."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.assess.status import AssessStatus
from api.run.health_app import build_health_app
from api.run.metrics import METRICS, TollCollector, registry
from api.run.runtime import Runtime, Supervised, pause_s
from ingest.errors import UnavailableError
from ingest.rhythm import Stats
from tests.api.app import Http, bearer, payment, priced
from tests.store.rows import NOON

pytestmark = pytest.mark.engine


def test_alive_and_ready(toll):
    for path in ("/health/live", "/health/ready"):
        assert toll.ask(path) == {"status": "ok", "troubles": [], "warnings": []}


def test_not_ready_says_why(toll, monkeypatch):
    def away():
        raise UnavailableError("the store does not answer")

    monkeypatch.setattr(toll.parts.store, "ping", away)
    monkeypatch.setattr(toll.state, "_producer", NoLog())
    toll.state.runtime = Runtime(toll.parts, ingest=True, assess=True)  # whose threads do not run
    answer = toll.http.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["status"] == "unwell"
    said = " | ".join(answer.json()["troubles"])
    assert "store: the store does not answer" in said
    assert "log: no broker answers" in said
    assert "ingest: not running" in said and "assess: not running" in said
    assert toll.http.get("/health/live").status_code == 200


class NoLog:
    def partitions(self, topic, /):
        raise UnavailableError("no broker answers")

    def close(self):
        pass


def families(text):
    return {f.name: f for f in text_string_to_metric_families(text)}


def test_metrics_are_prometheus_text(toll):
    toll.parts.settings = replace(toll.parts.settings, subscriptions=Path("subscriptions.yaml"))
    toll.state.runtime = Runtime(toll.parts, ingest=True, assess=True, serve=True)
    status = toll.state.runtime.assessor.status
    status.impacts = [priced("inc", NOON), priced("inc", NOON, measure="carts", money={})]
    status.active, status.last_tick = True, NOON
    toll.post([payment(1)])
    toll.ingest()
    answer = toll.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    found = families(answer.text)
    served = {name.removesuffix("_total"): told for name, told in METRICS.items()}
    assert found.keys() == served.keys()
    for name, told in served.items():
        assert (found[name].type, found[name].documentation) == (told.kind, told.help)
        for sample in found[name].samples:
            assert set(sample.labels) == set(told.labels)
    [money] = found["toll_impact_money"].samples
    assert (money.value, money.labels["currency"]) == (10900.0, "EUR")
    assert found["toll_impact_money_per_minute"].samples[0].value == 498.0
    assert len(found["toll_impact_units"].samples) == 2
    assert found["toll_impact_units_per_minute"].samples[0].value == 12.4
    assert found["toll_store_up"].samples[0].value == 1
    [behind] = found["toll_pipeline_behind_seconds"].samples
    assert behind.value >= 0


def test_a_store_that_is_away_is_told_not_failed_on(toll, monkeypatch):
    def away():
        raise UnavailableError("the store does not answer")

    monkeypatch.setattr(toll.parts.store, "progress", away)
    toll.state.runtime = Runtime(toll.parts, ingest=False, assess=False, serve=True)
    found = families(toll.http.get("/metrics").text)
    assert found["toll_store_up"].samples[0].value == 0
    assert "toll_pipeline_behind_seconds" not in found


def test_what_does_not_run_here_has_no_metrics(toll):
    assert families(toll.http.get("/metrics").text).keys() == {"toll_build_info"}
    assert {f.name for f in registry(TollCollector(ingest=Stats())).collect()} == {
        "toll_build_info",
        *(n.removesuffix("_total") for n in METRICS if n.startswith("toll_ingest")),
    }


def test_one_that_stands_by_says_nothing_of_what_it_knew():
    known = AssessStatus(impacts=[priced("inc", NOON)], last_tick=NOON)
    assert {f.name for f in registry(TollCollector(assess=known)).collect()} == {
        "toll_build_info",
        "toll_assess_active",
        "toll_assess_ticks",
    }


def test_costs_of_several_incidents_are_added_per_measure():
    status = AssessStatus(impacts=[priced("one", NOON), priced("two", NOON)])
    [(place, cost)] = status.costs().items()
    assert place == ("checkout", "payments")
    assert (cost.units, cost.units_so_far) == (540.0, 900.0)
    [(currency, own)] = cost.sums.items()
    assert (currency, own.money, own.per_minute) == ("EUR", Decimal("21800.00"), Decimal(996))
    assert own.money_so_far == Decimal("36200.00")


def test_costs_in_two_currencies_are_never_added():
    one, two = priced("one", NOON), priced("two", NOON)
    dollars = {name: replace(money, currency="USD") for name, money in two.money.items()}
    known = AssessStatus(active=True, impacts=[one, replace(two, money=dollars)], last_tick=NOON)
    [found] = [
        f
        for f in registry(TollCollector(assess=known)).collect()
        if f.name == "toll_impact_money_per_minute"
    ]
    told = {sample.labels["currency"]: sample.value for sample in found.samples}
    assert told == {"EUR": 498.0, "USD": 498.0}


def test_a_failing_thread_is_told_of_and_tried_again(monkeypatch):
    tries = []

    def task(stop):
        tries.append(1)
        if len(tries) == 1:
            raise UnavailableError("the log is away")
        stop.wait(20)

    thread = Supervised("ingest", task)
    monkeypatch.setattr("api.run.runtime.FIRST_PAUSE_S", 0.01)
    thread.start()
    while len(tries) < 2:
        assert thread.error in ("", "the log is away")
    thread.stop()
    assert not thread.alive


@pytest.mark.parametrize(
    ("ran_s", "before_s", "rests_s"), [(0, 0, 0.5), (1, 0.5, 1), (1, 20, 30), (3600, 30, 0.5)]
)
def test_a_thread_that_ran_well_for_long_rests_as_after_its_first_failure(ran_s, before_s, rests_s):
    assert pause_s(ran_s, before_s) == rests_s


def test_a_part_apart_answers_health_and_metrics_alone(guarded):
    guarded.state.runtime = Runtime(guarded.parts, ingest=True, assess=False)
    http = Http(build_health_app(guarded.state))
    assert http.get("/health/live").status_code == 200
    assert http.get("/health/ready").status_code == 503  # its threads do not run
    assert http.get("/metrics").status_code == 401
    told = families(http.get("/metrics", headers=bearer("read")).text)
    assert "toll_ingest_lag_records" in told and "toll_assess_active" not in told
    assert http.get("/v1/incidents", headers=bearer("admin")).status_code == 404
    http.close()
