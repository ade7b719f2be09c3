"""What stands behind an incident, through the whole of Toll: the change before it, and the plan."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from api.assess.assessor import Assessor
from store.store import Store
from tests.api.app import Toll, alert, opened
from tests.api.shop import Shop, five_weeks

pytestmark = [pytest.mark.engine, pytest.mark.slow]

MINUTE = timedelta(minutes=1)
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=20)


@pytest.fixture
def toll(tmp_path: Path, store: Store) -> Iterator[Toll]:
    with opened(tmp_path, store) as toll:
        yield toll


def deploy(toll: Toll, node: str, minutes_before: float, number: int) -> None:
    """A change event, as PagerDuty's API takes it."""
    payload = {
        "summary": f"release {number}",
        "source": "release-train",
        "timestamp": (BEGAN - minutes_before * MINUTE).isoformat(),
        "custom_details": {"node": node},
    }
    body = {"routing_key": "k" * 32, "payload": payload}
    assert toll.http.post("/v2/change/enqueue", json=body).status_code == 202


def trigger(toll: Toll) -> Any:
    """What set the incident off that begins when the payment service fails."""
    down = alert(BEGAN, labels={"service": "payment"}, id="p", fingerprint="p")
    assert toll.http.post("/v1/signals/generic", json=[down]).status_code == 202
    toll.ingest()
    toll.assess(datetime.now(UTC))
    [incident] = toll.ask("/v1/incidents")
    assert incident["root"] == "payment"
    told = toll.ask(f"/v1/incidents/{incident['id']}/timeline")
    named = {entry["text"] for entry in told if entry["kind"] == "change"}
    assert incident["trigger"] is None or incident["trigger"]["summary"] in named
    return incident["trigger"]


@pytest.mark.parametrize("node", ["payment", "payments-app", "database"])
def test_a_change_on_the_cause_or_beneath_it_in_the_hour_before_is_named(toll, node):
    deploy(toll, node, 50, 1)
    found = trigger(toll)
    assert (found["node"], found["summary"]) == (node, "release 1")
    assert datetime.fromisoformat(found["at"]) == BEGAN - 50 * MINUTE


def test_of_several_changes_the_last_one_is_named(toll):
    for minutes, number in ((55, 1), (5, 2), (30, 3)):
        deploy(toll, "payments-app", minutes, number)
    assert trigger(toll)["summary"] == "release 2"


def test_a_change_elsewhere_too_long_ago_or_afterwards_is_not_named(toll):
    deploy(toll, "warehouse", 10, 1)  # payments do not need it
    deploy(toll, "payments-app", 61, 2)
    deploy(toll, "payments-app", -1, 3)  # the repair, perhaps
    assert trigger(toll) is None


# --- Planned maintenance: priced, and held against nobody ---------------------------------------


@pytest.fixture
def planned(toll: Toll) -> Shop:
    """Half of all payments were missing for 40 minutes this morning, as was announced."""
    return five_weeks(toll, kind="maintenance", severity="minor")


def test_maintenance_has_a_price_and_is_in_no_objective_perception_or_loss(planned):
    toll, span = planned.toll, {"to": planned.now.isoformat()}
    span["from"] = (planned.now - timedelta(hours=6)).isoformat()
    incident = toll.ask(f"/v1/incidents/{planned.incident}")
    assert incident["kind"] == "maintenance"
    [impact] = [i for i in incident["impacts"] if i["measure"] == "payments"]
    assert impact["units"]["gross"]["low"] > 200, "it is priced"
    cost = Decimal(incident["cost"]["mid"])
    found = toll.ask("/v1/perception", **span)
    checkout = found["processes"][0]
    assert checkout["technical_availability"] == 1.0, "no objective is missed by a plan"
    assert checkout["business_availability"]["mid"] == 1.0
    minutes, money = checkout["minutes"], checkout["money"]
    assert minutes["maintenance"] == 40
    assert minutes["both_red"] == minutes["only_tools_red"] == 0
    assert minutes["only_business_red"] <= 10, "the bins of five minutes that its ends cut"
    assert Decimal(money["maintenance"]["mid"]) == pytest.approx(cost, rel=Decimal("0.05"))
    assert {part for part, said in money.items() if said is not None} == {"maintenance"}


def test_what_a_plan_explains_is_no_shortfall_that_nobody_explains(planned):
    toll = planned.toll
    assessor = Assessor(toll.parts, now=lambda: planned.ended - MINUTE)
    for _ in range(3):
        assessor.tick()
    assert {i["kind"] for i in toll.ask("/v1/incidents")} == {"maintenance"}
    assert [i.kind for i in assessor.status.burning] == ["maintenance"]
    assert assessor.status.impacts and assessor.status.costs() == {}, "no alert on money goes off"


def test_an_outage_during_maintenance_is_an_incident_of_its_own(planned):
    toll = planned.toll
    at = planned.began + 5 * MINUTE
    down = alert(at, planned.ended, labels={"service": "payment"}, id="p", fingerprint="p")
    assert toll.http.post("/v1/signals/generic", json=[down]).status_code == 202
    toll.ingest()
    toll.assess(planned.now)
    kinds = {i["kind"]: i["root"] for i in toll.ask("/v1/incidents")}
    assert kinds == {"maintenance": "stripe", "outage": "payment"}
