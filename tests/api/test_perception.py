"""When tools and business disagreed, as HTTP and the command line say it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.api.app import assert_problem, payment

pytestmark = pytest.mark.engine


def test_tools_and_business_were_red_together(shop):
    span = {"from": (shop.now - timedelta(hours=6)).isoformat(), "to": shop.now.isoformat()}
    found = shop.toll.ask("/v1/perception", **span)
    checkout, fulfilment, _support = found["processes"]
    minutes = checkout["minutes"]
    assert sum(minutes.values()) == 360
    assert minutes["both_red"] == 40
    red = [s for s in checkout["stretches"] if s["part"] == "both_red"]
    lasted = [datetime.fromisoformat(s["end"]) - datetime.fromisoformat(s["start"]) for s in red]
    assert sum(lasted, timedelta()) == timedelta(minutes=40)
    assert minutes["both_green"] > 280 and minutes["only_tools_red"] == 0
    money = checkout["money"]["both_red"]
    assert Decimal(money["low"]) < Decimal(money["mid"]) < Decimal(money["high"])
    assert money["currency"] == "EUR"
    # stripe takes half of the payments, so the checkout is at a half for 40 minutes of 360
    assert checkout["technical_availability"] == pytest.approx(1 - 0.5 * 40 / 360)
    share = checkout["business_availability"]
    assert share["low"] < share["mid"] < share["high"]
    assert fulfilment["minutes"]["cannot_tell"] == 360
    assert fulfilment["business_availability"] is None
    [stripe] = found["nodes"]
    assert (stripe["node"], stripe["minutes"]["both_red"]) == ("stripe", 40)
    assert stripe["own_availability"] == pytest.approx(1 - 40 / 360, abs=1e-5)


def test_one_process_and_what_it_needs(shop):
    found = shop.toll.ask("/v1/perception", process="checkout")
    assert [p["process"] for p in found["processes"]] == ["checkout"]
    assert [n["node"] for n in found["nodes"]] == ["stripe"]
    assert sum(found["processes"][0]["minutes"].values()) == 7 * 1440
    assert shop.toll.ask("/v1/perception", process="support")["nodes"] == []


def test_a_process_delivered_all_where_no_incident_took_anything(toll):
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    then = now - timedelta(hours=3)
    toll.post([payment(n, then, amount="100.00") for n in range(9)])
    toll.post([payment(n, then, amount="1.00", status="failed") for n in range(9, 20)])
    toll.ingest()
    span = {"from": (now - timedelta(hours=4)).isoformat(), "to": now.isoformat()}
    [checkout] = toll.ask("/v1/perception", process="checkout", **span)["processes"]
    assert checkout["business_availability"] == {"low": 1.0, "mid": 1.0, "high": 1.0}
    assert checkout["minutes"]["cannot_tell"] == 240  # a few hours of data are no baseline


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, 422),
        ({"from": "2099-01-01T00:00:00Z"}, 422),
        ({"from": "2020-01-01T00:00:00Z", "to": "2022-01-01T00:00:00Z"}, 422),
        ({"from": "yesterday"}, 422),
        ({"process": "chekout"}, 404),
    ],
)
def test_questions_without_an_answer(toll, params, status):
    assert_problem(toll.http.get("/v1/perception", params=params), status)
