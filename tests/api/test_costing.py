"""What incidents cost beside what was measured, wherever a cost is shown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from api.report.compose import compose
from api.report.gather import gather
from api.report.sections import sections
from api.report.week import Week
from api.setup.mapfiles import loaded
from tests.api.app import SHOP, assert_problem
from tests.api.shop import Shop
from tests.api.test_cli import running
from tests.api.test_editing import patch, put_back, send, tick

pytestmark = pytest.mark.engine

TEXT = SHOP.read_text("utf-8")
WITH_CREDITS = TEXT.replace(
    "    cost: 12000 EUR/month\n",
    "    cost: 12000 EUR/month\n    credits: [{below: 100, share: 10%}]\n",
).replace(
    "    needs: [storefront, payment] #",
    "    promise: 99.9\n    credits: [{below: 100, share: 1%}]\n    needs: [storefront, payment] #",
)


@pytest.fixture
def shop(settled: Shop) -> Iterator[Shop]:
    was = settled.toll.parts.map
    yield settled
    settled.toll.parts.map = was
    put_back(settled)


def asked(shop: Shop, **params: str) -> Any:
    return shop.toll.ask(f"/v1/incidents/{shop.incident}", **params)


def parts(found: Any) -> dict[str, Any]:
    return {part["part"]: part for part in found["parts"]}


def on(shop: Shop, text: str) -> None:
    """From now on the shop has this map."""
    shop.toll.parts.map = loaded({"map.yaml": text})


def responded(shop: Shop, **said: Any) -> Any:
    patch(shop.toll, shop.incident, **said)
    tick(shop.toll)
    return asked(shop)


def test_nobody_is_guessed_and_the_measured_parts_are_the_cost(shop):
    found = asked(shop)
    assert parts(found)["lost_value"]["money"] == found["cost"]
    response = parts(found)["response_time"]
    assert (response["money"], response["hours"], response["added"]) == (None, None, False)
    assert "--people" in response["rests_on"]
    [impact] = [i for i in found["impacts"] if i["measure"] == "payments"]
    assert impact["part"] == "lost_value"


def test_what_people_say_counts_is_kept_and_can_be_taken_back(shop):
    before, then = asked(shop), datetime.now(UTC).isoformat()
    found = responded(shop, people=4, hours="3.0")
    response = parts(found)["response_time"]
    assert response["money"]["mid"] == "1020.00" and response["method"] == "people"
    assert response["hours"] == {"low": 11.8, "mid": 12.0, "high": 12.2}
    added = Decimal(found["cost"]["mid"]) - Decimal(before["cost"]["mid"])
    assert added == Decimal("1020.00")
    assert [e["says"] for e in found["edits"] if e["stands"]] == ["took 4 people 3.0 h each"]
    assert asked(shop, as_of=then) == before
    undone = responded(shop, why="not so", undo=[e["id"] for e in found["edits"] if e["stands"]])
    assert undone["cost"] == before["cost"]


def test_hours_need_people(shop):
    body = assert_problem(send(shop.toll, shop.incident, hours=3), 422)
    assert "say of how many people" in str(body)
    assert_problem(send(shop.toll, shop.incident, people=-1), 422)


def test_without_labour_there_are_hours_alone(shop):
    on(shop, TEXT.replace("labour: 85 EUR", "# labour: 85 EUR"))
    response = parts(responded(shop, people=2))["response_time"]
    assert response["money"] is None and response["hours"]["mid"] == pytest.approx(
        2 * 40 / 60, 0.01
    )


def test_a_part_that_is_off_is_shown_and_not_added_anywhere(shop):
    cost = asked(shop)["cost"]
    on(shop, TEXT + "\ncosts: {response_time: off}\n")
    found = responded(shop, people=4, hours=3)
    assert parts(found)["response_time"]["added"] is False and found["cost"] == cost
    on(shop, TEXT + "\ncosts: {lost_value: off, response_time: off}\n")
    found = asked(shop)
    assert parts(found)["lost_value"]["added"] is False
    assert found["cost"] is None or Decimal(found["cost"]["mid"]) < Decimal(cost["mid"])


def test_credits_of_the_month_are_parts_of_its_incidents(shop):
    cost = asked(shop)["cost"]
    on(shop, WITH_CREDITS)
    found = asked(shop)
    due, owed = parts(found)["credits_due"], parts(found)["credits_owed"]
    # nothing was admitted, so that the middle is nothing; lived: a tenth of the fee
    assert Decimal(due["money"]["mid"]) == 0 and Decimal(due["money"]["low"]) <= -1200
    assert "Stripe in 20" in due["rests_on"] and due["method"] == "contract"
    mid = Decimal(owed["money"]["mid"])
    assert mid > 1000  # a hundredth of what a month of 20 payments of 40 a minute brings
    assert Decimal(found["cost"]["mid"]) == Decimal(cost["mid"]) + mid
    stripe = shop.toll.ask("/v1/providers")["providers"][0]
    assert parts(stripe)["credits_owed"]["money"]["mid"] == owed["money"]["mid"]
    assert stripe["cost"]["mid"] == found["cost"]["mid"]


def test_commands_say_people_and_show_the_parts(shop, cli, monkeypatch):
    running(monkeypatch, shop.toll)
    monkeypatch.setattr("api.cli.incident._TAKEN_S", 0.0)
    name = shop.incident
    code, out, err = cli(
        f"incident edit {name} --by on-call --why 'all hands' --people 4 --hours 3"
    )
    assert (code, err) == (0, "") and "took 4 people 3 h each" in out
    tick(shop.toll)
    code, out, _ = cli(f"impact {name}")
    assert code == 0 and "Lost value: EUR" in out
    assert "People's time: EUR 1,020 (850 to 1,190)" in out
    code, out, _ = cli("providers")
    assert code == 0 and "People's time: EUR 1,020" in out


def test_the_postmortem_the_page_and_the_report_have_the_parts(shop):
    responded(shop, people=4, hours=3)
    path = f"/v1/incidents/{shop.incident}/postmortem.md"
    text = shop.toll.http.get(path, params={"pictures": "none"}).text
    assert "What the cost is the sum of, in EUR:" in text
    assert "| People's time | 850.00 | 1,020.00 | 1,190.00 | 4 people, 3 h each" in text
    page = shop.toll.http.get(f"/incidents/{shop.incident}").text
    assert "People&#39;s time" in page and "EUR 1,020" in page

    business_map = shop.toll.parts.map.map
    week = Week.of(shop.began, ZoneInfo(business_map.timezone))
    facts = gather(shop.toll.parts, shop.toll.state.outlook(), week, datetime.now(UTC))
    report = compose(facts)
    assert report.beside is not None and report.beside.mid == Decimal("1020.00")
    [case] = report.cases
    assert [p.part for p in case.parts] == ["lost_value", "response_time"]
    assert case.cost == report.cost and case.cost is not None
    processes = sum(p.cost.mid for p in report.processes if p.cost)
    assert processes + report.beside.mid == case.cost.mid
    said = str(list(sections(report, {})))
    assert "Part of the cost" in said and "People's time and service credits" in said
