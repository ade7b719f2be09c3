"""Providers and the portfolio, as HTTP says them: one incident of Stripe this morning."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.api.app import assert_problem

pytestmark = pytest.mark.engine


def test_providers_the_dearest_first(shop):
    found = shop.toll.ask("/v1/providers")
    assert found["providers"][0]["provider"] == "stripe"
    assert len(found["providers"]) == 4
    stripe = found["providers"][0]
    assert stripe["lived_incidents"] == 1 and stripe["never_admitted"] == 1
    assert 30 <= stripe["lived_minutes"] <= 60 and stripe["admitted_minutes"] == 0
    assert stripe["sla"] == 99.9 and stripe["allowed_minutes"] == pytest.approx(131.0, abs=0.1)
    assert stripe["kept"] is True and stripe["admitted_availability"] == 100.0
    assert stripe["cost"] == found["all_incidents"]
    assert stripe["share"] == {"low": 1.0, "mid": 1.0, "high": 1.0}
    # 12,000 a month for 91 days
    assert Decimal(stripe["running_cost"]) == pytest.approx(Decimal(35876), abs=5)
    assert 0 < Decimal(stripe["paid_while_down"]) < 30
    payments = next(u for u in stripe["units"] if u["measure"] == "checkout/payments")
    assert payments["part"] == "lost" and payments["units"]["mid"] > 200
    [incident] = stripe["incidents"]
    assert (incident["said_at"], incident["lag_s"], incident["lived"]) == (None, None, True)
    adyen = next(p for p in found["providers"] if p["provider"] == "adyen")
    assert adyen["cost"] is None and adyen["lived_minutes"] == 0


def test_a_time_without_incidents(shop):
    span = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
    found = shop.toll.ask("/v1/providers", **span)
    assert found["all_incidents"] is None
    assert all(p["lived_availability"] == 100.0 for p in found["providers"])


@pytest.mark.parametrize(
    "params",
    [
        {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
        {"from": "2020-01-01T00:00:00Z"},
    ],
)
def test_times_that_cannot_be(shop, params):
    assert_problem(shop.toll.http.get("/v1/providers", params=params), 422)


def test_the_portfolio_ranks_by_what_is_expected_to_be_lost(shop):
    found = shop.toll.ask("/v1/portfolio")
    assert found["quarters"] == pytest.approx(5 * 7 / 91.3, abs=0.02)
    rows = {row["node"]: row for row in found["nodes"]}
    expected = [Decimal(r["expected"]["mid"]) for r in found["nodes"] if r["expected"]]
    assert expected == sorted(expected, reverse=True)
    stripe = rows["stripe"]
    assert (stripe["incidents"], stripe["method"]) == (1, "measured")
    low, mid, high = (Decimal(stripe["expected"][end]) for end in ("low", "mid", "high"))
    assert 0 < low < mid / 2 and high > 2 * mid  # one incident tells little
    assert Decimal(stripe["bad_quarter"]) > mid
    assert Decimal(stripe["running_cost"]) == 36000 and stripe["per_running"] > 0
    assert stripe["twin"]["saved"]["mid"] != "0.00"
    assert stripe["twin"]["units"][0]["measure"] == "checkout/payments"
    assert Decimal(stripe["twin"]["net"]) == Decimal(stripe["twin"]["saved"]["mid"]) - 36000
    assert rows["adyen"]["method"] == "modelled" and rows["adyen"]["twin"] is None
    assert rows["database"]["running_cost"] is None
    assert Decimal(rows["database"]["hour"]) > Decimal(rows["stripe"]["hour"])
    assert found["unexplained"] is None and found["total"] == len(found["nodes"])


def test_the_portfolio_may_be_cut_short(shop):
    found = shop.toll.ask("/v1/portfolio", limit=2)
    assert len(found["nodes"]) == 2 < found["total"]


def test_a_portfolio_without_data_has_no_numbers(toll):
    found = toll.ask("/v1/portfolio")
    assert all(row["expected"] is None and row["method"] == "" for row in found["nodes"])
