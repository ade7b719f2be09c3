"""What Toll answers about incidents, processes and the map."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from enrich.incident import Incident, Reached
from store.incidents import IncidentVersion
from tests.api.app import assert_problem, ndjson, payment, priced
from tests.store.rows import NOON, later

pytestmark = pytest.mark.engine

UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
DECIMAL = re.compile(r"-?\d+\.\d\d")


def known(toll, incident="20261120-aa", known_at=NOON, **more) -> Incident:
    found = Incident(
        incident, "outage", "open", "Stripe: errors", NOON, None, "stripe", "Stripe -> Payment"
    )
    changed = Incident(**{n: getattr(found, n) for n in Incident.__slots__} | more)
    toll.parts.store.incidents.insert([IncidentVersion(changed, known_at, 1)])
    return changed


def test_an_incident_without_numbers_says_why(toll):
    known(toll, "20261120-bb")
    known(toll, "20261120-cc", reached=(Reached("checkout", 1.0, ("stripe", "checkout")),))
    said = {i["id"]: i["summary"] for i in toll.ask("/v1/incidents")}
    assert said == {
        "20261120-bb": "reaches no measured process",
        "20261120-cc": "not priced yet",
    }
    assert "Not priced yet." in toll.http.get("/incidents/20261120-cc").text


# one estimate, as the design's example has it


def test_an_impact_has_the_shape_that_the_design_fixes(toll):
    incident = known(toll)
    toll.parts.store.estimates.insert([priced(incident.id, later(15))], 1)
    [impact] = toll.ask(f"/v1/incidents/{incident.id}/impact")
    expected = {
        "incident": incident.id,
        "process": "checkout",
        "measure": "payments",
        "kind": "flow",
        "state": "live",
        "as_of": "2026-11-20T12:15:00Z",
        "method": "measured",
        "units": {
            "gross": {"low": 410, "mid": 450, "high": 490},
            "recovered": {"low": 0, "mid": 0, "high": 0},
            "lost": {"low": 190, "mid": 270, "high": 380},
        },
        "lost_is": "forecast",
        "money": {
            "gross": {"low": "16400.00", "mid": "18100.00", "high": "19900.00", "currency": "EUR"},
            "lost": {"low": "7600.00", "mid": "10900.00", "high": "15400.00", "currency": "EUR"},
        },
        "data_until": "2026-11-20T12:14:00Z",
        "per_minute": {"units": 12.4, "money": "498.00"},
        "share": 1.0,
        "evidence": {"failed_keys": 371, "customers": None},
        "inputs": {"history_days": 56, "bins": 15},
        "warnings": [],
    }
    assert {name: impact[name] for name in expected} == expected


def test_an_incident_adds_what_its_measures_cost(toll):
    incident = known(toll)
    calls = priced(incident.id, later(15), process="support", measure="calls", kind="load")
    carts = priced(incident.id, later(15), measure="carts")
    toll.parts.store.estimates.insert([priced(incident.id, later(15)), calls, carts], 1)
    found = toll.ask(f"/v1/incidents/{incident.id}")
    assert found["cost"]["mid"] == "21800.00"  # the carts are the payments' money
    assert (found["cost_is"], found["per_minute"]) == ("forecast", "996.00")
    assert [i["measure"] for i in found["impacts"]] == ["payments", "carts", "calls"]
    assert found["summary"].startswith("270 payments lost (190 to 380), EUR 10,900")


def test_a_minute_adds_no_currency_without_a_rate(toll):
    incident = known(toll)
    calls = priced(incident.id, later(15), process="support", measure="calls", kind="load")
    francs = {name: replace(money, currency="CHF") for name, money in calls.money.items()}
    calls = replace(calls, money=francs)
    toll.parts.store.estimates.insert([priced(incident.id, later(15)), calls], 1)
    found = toll.ask(f"/v1/incidents/{incident.id}")
    assert (found["cost"]["mid"], found["per_minute"]) == ("10900.00", "498.00")
    assert found["cost"] == found["impacts"][0]["money"]["lost"]  # to the cent, all three


def test_what_it_has_cost_so_far_is_as_uncertain_as_its_units(toll):
    incident = known(toll)
    toll.parts.store.estimates.insert([priced(incident.id, later(15))], 1)
    so_far = toll.ask(f"/v1/incidents/{incident.id}")["cost_so_far"]
    assert so_far["mid"] == "18100.00"
    low, high = (Decimal(so_far[end]) for end in ("low", "high"))
    # 450 units -/+ 9 %, each worth 40.37
    assert 16_400 <= low < 16_700 and 19_600 < high < 20_000


def test_as_of_answers_as_was_known_then(toll):
    incident = known(toll)
    known(toll, known_at=later(60), state="settled", ended_at=later(30))
    toll.parts.store.estimates.insert([priced(incident.id, later(15))], 1)
    toll.parts.store.estimates.insert(
        [priced(incident.id, later(60), state="final", lost_is="measured")], 1
    )
    path = f"/v1/incidents/{incident.id}"
    then = toll.ask(path, as_of="2026-11-20T13:15:00+01:00")
    assert (then["state"], then["impacts"][0]["state"]) == ("open", "live")
    now = toll.ask(path)
    assert (now["state"], now["impacts"][0]["state"]) == ("settled", "final")
    assert (now["cost_is"], now["ended_at"]) == ("final", "2026-11-20T12:30:00Z")
    before = "2026-11-20T11:00:00Z"
    assert_problem(toll.http.get(path, params={"as_of": before}), 404)
    assert toll.ask("/v1/incidents", as_of=before) == []


def test_incidents_are_found_by_state_time_and_process_newest_first(toll):
    known(toll, "20261120-aa")
    known(toll, "20261120-bb", state="settled", started_at=later(60), ended_at=later(90))

    def ids(**params):
        return [i["id"][-2:] for i in toll.ask("/v1/incidents", **params)]

    assert ids() == ["bb", "aa"]
    assert ids(state="open") == ["aa"]
    assert ids(state=["open", "settled"], limit=1) == ["bb"]
    assert ids(skip=1) == ["aa"]
    assert ids(start="2026-11-20T14:00:00Z") == ["aa"]
    assert ids(end="2026-11-20T12:30:00Z") == ["aa"]
    assert ids(process="checkout") == []


@pytest.mark.parametrize(
    "params",
    [
        {"state": "burning"},
        {"as_of": "2026-11-20T12:00:00"},
        {"as_of": "yesterday"},
        {"start": "0001-01-01T00:00:00Z"},
        {"end": "9999-12-31T23:59:59-14:00"},
        {"limit": 0},
        {"limit": 1001},
        {"skip": -1},
        {"skip": 10**12},
    ],
)
def test_a_question_that_cannot_be_read(toll, params):
    found = assert_problem(toll.http.get("/v1/incidents", params=params), 422)
    assert next(iter(params)) in found["detail"]
    assert found["errors"][0].keys() == {"where", "what"}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/incidents/nope",
        "/v1/incidents/nope/impact",
        "/v1/processes/chekout",
        "/v1/processes/checkout/measures/nope/minutes",
        "/v1/map/nodes/strpe/reach",
        "/v1/cost-of-an-hour?node=strpe",
        "/v1/dead-letters/toll.business/0/0/0",
        "/v1/nothing",
        "/incidents/nope",
        "/static/nothing.css",
    ],
)
def test_what_does_not_exist(toll, path):
    found = assert_problem(toll.http.get(path), 404)
    if "strpe" in path:
        assert "stripe" in found["detail"]  # what was perhaps meant


def test_another_method(toll):
    answer = toll.http.request("DELETE", "/v1/map")
    assert_problem(answer, 405)
    assert answer.headers["allow"] == "GET"


# a shop with history


def walk(value, name=""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from walk(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner, name)
    else:
        yield name, value


@pytest.mark.parametrize(
    "path",
    [
        "/v1/incidents",
        "/v1/processes",
        "/v1/processes/checkout",
        "/v1/processes/checkout/measures/payments/minutes",
        "/v1/cost-of-an-hour",
        "/v1/map/nodes/stripe/reach",
        "/v1/coverage",
    ],
)
def test_times_are_utc_and_money_is_decimal(shop, path):
    for name, value in walk(shop.toll.ask(path)):
        if name.endswith("_at") or name in {"as_of", "data_until", "times", "at"}:
            assert value is None or UTC_TIME.fullmatch(value), (name, value)
    text = shop.toll.http.get(path).text
    for sum_ in re.findall(r'\{"low":[^{}]*"currency":"EUR"\}', text):
        ends = re.findall(r'"(?:low|mid|high)":"([^"]*)"', sum_)
        assert len(ends) == 3 and all(DECIMAL.fullmatch(e) for e in ends), sum_
        low, mid, high = map(Decimal, ends)
        assert low <= mid <= high


def test_the_incident_of_this_morning(shop):
    [incident] = shop.toll.ask("/v1/incidents")
    assert (incident["root"], incident["root_title"]) == ("stripe", "Stripe")
    assert incident["reached"][0]["path"] == ["stripe", "payment", "checkout"]
    [payments] = [i for i in incident["impacts"] if i["measure"] == "payments"]
    gross = payments["units"]["gross"]
    assert gross["low"] < gross["mid"] < gross["high"]
    assert gross["mid"] == pytest.approx(410, rel=0.15)  # a good half of 20 a minute, 40 minutes
    assert payments["evidence"]["failed_keys"] == 9
    assert Decimal(incident["cost_so_far"]["low"]) < Decimal(incident["cost_so_far"]["mid"])


def test_processes_now(shop):
    checkout, fulfilment, _ = shop.toll.ask("/v1/processes")
    payments = checkout["measures"][0]
    assert (payments["measure"], payments["alive"], payments["why"]) == ("payments", True, "")
    assert payments["expected"]["low"] < 1200 < payments["expected"]["high"]
    assert checkout["hour_now"]["currency"] == "EUR"
    assert fulfilment["measures"][0]["why"] == "no data yet"
    assert fulfilment["measures"][0]["data_until"] is None
    assert fulfilment["hour_now"] is None


def test_one_process_with_its_week(shop):
    checkout = shop.toll.ask("/v1/processes/checkout")
    week = checkout["week"]["payments"]
    assert (len(week), week[0]["hour"], week[167]["hour"]) == (168, "Mon 00:00", "Sun 23:00")
    assert all(0 <= h["units"]["low"] < h["units"]["mid"] < h["units"]["high"] for h in week)
    peak = checkout["peak"]["payments"]
    assert peak["units"]["mid"] == max(h["units"]["mid"] for h in week)
    assert peak["when"] == "Mon to Sun 00:00 to 24:00"  # a flat week: every hour is as good


def test_what_an_hour_without_a_process_costs_measure_by_measure(shop):
    hours = shop.toll.ask("/v1/processes/checkout")["hours"]
    assert hours["name"] == "checkout"
    for name in ("now", "peak", "tonight"):
        [payments] = hours[name]["measures"]
        assert (payments["measure"], payments["added"]) == ("checkout/payments", True)
        assert payments["units"]["low"] < 1200 < payments["units"]["high"]
        assert payments["money"] == hours[name]["cost"]


def test_today_beside_what_is_usual_by_now(shop):
    today = shop.toll.ask("/v1/processes/checkout")["today"]["payments"]
    since, until = (datetime.fromisoformat(today[end]) for end in ("since", "until"))
    assert since.astimezone(ZoneInfo("Europe/Berlin")).hour == 0
    minutes = (until - since) / timedelta(minutes=1)
    assert today["actual"] == pytest.approx(20 * minutes, rel=0.2, abs=500)
    assert today["expected"]["mid"] == pytest.approx(20 * minutes, rel=0.2, abs=50)
    assert today["expected"]["low"] < today["expected"]["high"]


def test_minutes_beside_what_was_expected(shop):
    path = "/v1/processes/checkout/measures/payments/minutes"
    span = {
        "from": (shop.began - timedelta(minutes=20)).isoformat(),
        "to": shop.ended.isoformat(),
        "step": 600,
    }
    bins = shop.toll.ask(path, **span)
    sizes = {len(bins[n]) for n in ("times", "actual", "expected", "expected_low", "expected_high")}
    assert sizes in ({6}, {7}) and bins["step_s"] == 600
    assert bins["actual"][1] > bins["expected_low"][1]
    assert bins["actual"][4] < bins["expected_low"][4]
    assert len(shop.toll.ask(path)["times"]) in {360, 361}


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, 422),
        ({"from": "2025-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, 422),
        ({"step": 90}, 422),
        ({"to": "1970-01-01T00:00:00Z"}, 422),
        ({"from": "2019-01-01T00:00:00Z", "to": "2019-01-02T00:00:00Z"}, 404),
        ({"from": "2099-01-01T00:00:00Z", "to": "2099-01-02T00:00:00Z"}, 404),
    ],
)
def test_times_without_an_answer(shop, params, status):
    path = "/v1/processes/checkout/measures/payments/minutes"
    assert_problem(shop.toll.http.get(path, params=params), status)


def test_a_measure_without_a_baseline(shop):
    for measure in ("checkout/measures/carts", "fulfilment/measures/orders"):
        answer = shop.toll.http.get(f"/v1/processes/{measure}/minutes")
        assert "no data" in assert_problem(answer, 404)["detail"]


def test_what_an_hour_costs(shop):
    costs = {c["name"]: c for c in shop.toll.ask("/v1/cost-of-an-hour")}
    assert costs.keys() == {"checkout", "fulfilment", "support"}
    checkout, [stripe] = costs["checkout"], shop.toll.ask("/v1/cost-of-an-hour", node="stripe")
    whole, half = (Decimal(c["now"]["cost"]["mid"]) for c in (checkout, stripe))
    assert 1200 * 38 < whole < 1200 * 44
    assert half == pytest.approx(whole / 2, rel=Decimal("0.02"))  # takes half of the payments
    assert costs["fulfilment"]["not_counted"]


def test_the_map_and_whom_a_node_reaches(shop):
    found = shop.toll.ask("/v1/map")
    assert (found["company"], found["currency"]) == ("Example Shop", "EUR")
    [checkout] = [p for p in found["processes"] if p["process"] == "checkout"]
    assert checkout["needs"] == ["storefront", "payment"]
    stripe = shop.toll.ask("/v1/map/nodes/stripe/reach")
    assert (stripe["needed_by"], stripe["further"]) == (["payment"], 1)
    assert stripe["processes"][0]["severity"] == 0.5
    assert stripe["words"] and stripe["redundancy"]


def test_what_is_missing(shop):
    gaps = shop.toll.ask("/v1/coverage")
    [stream] = gaps["streams"]
    assert stream["statuses"] == ["failed", "ok"]
    assert gaps["processes_without_volume"] == ["fulfilment", "support"]
    assert "checkout/carts" in gaps["measures_without_data"]
    assert gaps["dead_letters"] == {}


def test_what_is_counted_is_told_while_the_usual_is_learned(toll):
    now = datetime.now(UTC)
    sent = [
        payment(n, now - timedelta(minutes=minutes)) for n, minutes in enumerate((95, 40, 5, 0))
    ]
    assert toll.http.post("/v1/business", content=ndjson(sent)).json()["accepted"] == 4
    toll.ingest()
    payments, carts = toll.ask("/v1/processes/checkout")["measures"]
    assert payments["why"] == "learning" and payments["expected"] is None
    assert payments["actual"] == 2  # the last minutes may still grow, and the first is long ago
    assert carts["actual"] is None and carts["why"] == "no data yet"
