"""What if, as HTTP answers it: the shop's one incident took half of the payments for 40 minutes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from api.ask.replaying import Supposition
from api.ask.whatif_words import in_words, moment_of
from enrich.incident import Episode
from enrich.mapchange import MapChange
from ingest.errors import InputError
from tests.api.app import SHOP, assert_problem
from tests.api.test_reading import known

pytestmark = pytest.mark.engine
EITHER = {"payment": "[payments-app, {any: [stripe, adyen]}]"}


def ask(shop, **asked):
    answer = shop.toll.http.post("/v1/what-if", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def mid(sum_) -> Decimal:
    return Decimal(sum_["mid"])


def test_with_either_provider_enough_all_would_have_been_kept(shop):
    found = ask(shop, needs=EITHER)
    assert found["supposed"] == "Payment had needed [payments-app, {any: [stripe, adyen]}]"
    assert mid(found["saved"]) == mid(found["cost"]) > 0 and mid(found["left"]) == 0
    assert Decimal(found["saved"]["low"]) < mid(found["saved"])
    assert found["method"] == "modelled" and found["cannot_say"] == []
    [incident] = found["incidents"]
    assert incident["incident"] == shop.incident
    payments = incident["measures"][0]
    assert (payments["measure"], payments["part"], payments["added"]) == ("payments", "lost", True)
    assert payments["saved_units"]["mid"] == payments["units"]["mid"]
    [checkout] = [p for p in found["processes"] if p["process"] == "checkout"]
    assert checkout["saved"] == found["saved"]


def test_needs_may_be_written_as_json(shop):
    as_list = ask(shop, needs={"payment": ["payments-app", {"any": ["stripe", "adyen"]}]})
    assert as_list["saved"] == ask(shop, needs=EITHER)["saved"]


def test_a_twin_saves_only_where_its_node_failed(shop):
    assert mid(ask(shop, duplicate=["stripe"])["saved"]) > 0
    other = ask(shop, duplicate=["adyen"])
    assert mid(other["saved"]) == 0 and other["incidents"] == []
    assert other["saved"] == {"low": "0.00", "mid": "0.00", "high": "0.00", "currency": "EUR"}


def test_ten_minutes_less_of_forty_save_a_quarter(shop):
    found = ask(shop, incident=shop.incident, shorten="10m")
    cost = mid(found["cost"])
    # the effect window is found by a test and may be some minutes longer or shorter than the signal
    assert cost * 10 / 55 < mid(found["saved"]) < cost * 10 / 30
    assert found["supposed"] == "it had lasted 10 min less"


def test_what_had_not_been_or_not_failed_is_saved_as_it_was_measured(shop):
    for asked in ({"not_been": [shop.incident]}, {"not_failed": ["stripe"]}):
        found = ask(shop, **asked)
        assert found["saved"] == found["cost"] and mid(found["left"]) == 0


def test_a_whole_other_map(shop):
    text = SHOP.read_text().replace(
        "{ at_least: 2, of: [stripe, adyen] }", "{any: [stripe, adyen]}"
    )
    assert ask(shop, map=text)["saved"] == ask(shop, needs=EITHER)["saved"]
    without = text.replace("[payments-app, {any: [stripe, adyen]}]", "[payments-app]")
    lines, skip = [], False
    for line in without.splitlines():
        if line.startswith("  stripe:"):
            skip = True
        elif skip and not line.startswith("    "):
            skip = False
        lines += [] if skip else [line]
    found = ask(shop, map="\n".join(lines))
    assert found["cannot_say"] == ["the other map has no 'stripe': taken as if it had not failed"]


def test_another_map_that_would_have_hit_more_says_so(shop):
    found = ask(shop, needs={"warehouse": "[warehouse-app, stripe]"})
    assert any("would have hit Order fulfilment, too" in said for said in found["cannot_say"])
    assert mid(found["saved"]) == 0


def test_of_one_incident_nothing_is_said_of_a_neighbour_that_is_called_alike(toll):
    at = datetime.now(UTC) - timedelta(hours=2)
    down = Episode("e", "m", "f", "alert", "critical", {}, "down", at, None, nodes=("stripe",))
    for name, title in (("20261120-aa", "Stripe"), ("20261120-bb", "Stripe, once more")):
        known(toll, name, title=title, started_at=at, episodes=(down,))
    asked = {"incident": "20261120-aa", "needs": {"warehouse": "[warehouse-app, stripe]"}}
    found = toll.http.post("/v1/what-if", json=asked).json()
    assert found["cannot_say"] == [
        "Stripe: would have hit Order fulfilment, too; nothing was measured there to go by"
    ]


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({}, 422, "nothing is supposed"),
        ({"needs": {"paymnt": "[]"}}, 404, "did you mean 'payment'"),
        ({"needs": {"payment": "[strip]"}}, 422, "did you mean 'stripe'"),
        ({"duplicate": ["strip"]}, 404, "did you mean 'stripe'"),
        ({"not_failed": ["strip"]}, 404, "did you mean 'stripe'"),
        ({"not_been": ["none"]}, 404, "no incident 'none' in that time"),
        ({"incident": "none", "shorten": "1h"}, 404, "no incident 'none'"),
        ({"shorten": "soon"}, 422, "shorten"),
        ({"map": "company: x"}, 422, "currency is missing"),
        ({"map": "company: x", "duplicate": ["stripe"]}, 422, "not both"),
        ({"nonsense": 1}, 422, "nonsense"),
        ({"shorten": "1h", "from": "2026-01-02T00:00Z", "to": "2026-01-01T00:00Z"}, 422, "from"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_told(shop, asked, status, said):
    answer = shop.toll.http.post("/v1/what-if", json=asked)
    body = assert_problem(answer, status)
    assert said in answer.text and body


def test_an_outage_to_come(shop):
    found = shop.toll.ask("/v1/what-if/outage", node="stripe", **{"for": "2h", "at": "Fri 18:00"})
    start, end = (datetime.fromisoformat(found[name]) for name in ("start", "end"))
    assert end - start == timedelta(hours=2) and start > datetime.now(UTC)
    assert start.astimezone(ZoneInfo("Europe/Berlin")).strftime("%a %H:%M") == "Fri 18:00"
    assert [p["process"] for p in found["processes"]] == ["checkout"]
    # 20 payments of 40 EUR a minute, half of them for two hours
    assert float(found["cost"]["mid"]) == pytest.approx(48_000, rel=0.1)
    assert float(found["cost"]["low"]) < 30_000 < 60_000 < float(found["cost"]["high"])
    hour = shop.toll.ask("/v1/what-if/outage", node="stripe", at="Fri 18:00")
    assert mid(hour["cost"]) * 2 == pytest.approx(mid(found["cost"]), rel=Decimal("0.05"))


def test_an_outage_of_a_process_takes_all_of_it(shop):
    whole = shop.toll.ask("/v1/what-if/outage", node="checkout", at="Fri 18:00")
    half = shop.toll.ask("/v1/what-if/outage", node="stripe", at="Fri 18:00")
    assert float(whole["cost"]["mid"]) == pytest.approx(2 * float(half["cost"]["mid"]), rel=0.01)


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"node": "strip"}, 404),
        ({"node": "stripe", "for": "long"}, 422),
        ({"node": "stripe", "for": "99d"}, 422),
        ({"node": "stripe", "at": "Someday 18:00"}, 422),
        ({"node": "stripe", "at": "2026-11-22T10:00"}, 422),
    ],
)
def test_an_outage_that_cannot_be_asked_for(shop, params, status):
    assert_problem(shop.toll.http.get("/v1/what-if/outage", params=params), status)


def test_moments_of_the_week_are_the_next_ones():
    now = datetime(2026, 3, 6, 17, 30, tzinfo=UTC)  # a Friday, 18:30 in Berlin
    zone = "Europe/Berlin"
    assert moment_of("Fri 19:00", now, zone) == datetime(2026, 3, 6, 18, tzinfo=UTC)
    assert moment_of("friday 18:00", now, zone) == datetime(2026, 3, 13, 17, tzinfo=UTC)
    assert moment_of("2026-03-06T18:00:00+01:00", now, zone) == datetime(2026, 3, 6, 17, tzinfo=UTC)
    with pytest.raises(InputError, match="no moment"):
        moment_of("Fri 25:00", now, zone)


def test_what_is_supposed_in_words(shop):
    asked = Supposition(
        MapChange(twins=("database",)), shorter=timedelta(minutes=20),
        not_failed=frozenset({"stripe", "adyen"}),
    )  # fmt: skip
    assert in_words(asked, shop.toll.parts.map.map) == (
        "Order database had had a twin and Adyen and Stripe had not failed and "
        "it had lasted 20 min less"
    )
