"""The pages beside the first one: empty, full, and behind tokens."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from api.page import perception
from api.page.render import minus
from enrich.incident import Episode
from store.incidents import IncidentVersion
from tests.api.app import bearer, ndjson, payment, send
from tests.api.test_reading import known
from tests.store.rows import NOON

pytestmark = pytest.mark.engine

PAGES = (
    "/processes",
    "/processes/checkout",
    "/processes/fulfilment",
    "/map",
    "/map/stripe",
    "/map/checkout",
    "/perception",
    "/providers",
    "/portfolio",
    "/what-if",
    "/coverage",
    "/trust",
    "/dead-letters",
)


def text(toll, path: str, **more) -> str:
    """What a reader sees, without marks and breaks."""
    answer = toll.http.get(path, **more)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


@pytest.mark.parametrize("path", PAGES)
def test_a_page_reads_well_before_there_is_anything(toll, path):
    page = toll.http.get(path).text
    assert page.count("<h1") == 1 and "Example Shop" in page
    assert not re.search(r"\bNone\b(?! so far| of these)", page)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_asks_for_a_token_like_its_route(guarded, path):
    assert guarded.http.get(path).status_code == 401
    assert guarded.http.get(path, headers=bearer("read")).status_code == 200


def test_empty_pages_say_what_to_do(toll):
    assert "No event of the stream payments has come yet" in text(toll, "/processes/checkout")
    assert "Nothing can be compared yet" in text(toll, "/trust")
    assert "Everything that came could be read" in text(toll, "/dead-letters")
    assert "No business event has come yet" in text(toll, "/coverage")
    assert "No incident speaks against the map so far" in text(toll, "/map")


def test_a_process_beside_its_usual_week(shop):
    page = text(shop.toll, "/processes/checkout")
    detail = shop.toll.ask("/v1/processes/checkout")
    assert f"Peak hours: {detail['peak']['payments']['when']}" in page
    assert "At the peak of the week" in page and "head-of-sales@example.com" in page
    assert "Stripe: Payment provider answers with errors" in page
    assert "carts has come yet" in page  # the other measure has no data
    charts = ["week"]
    if "payments/today.svg" in shop.toll.http.get("/processes/checkout").text:
        charts.append("today")  # a day that has just begun has no picture
    for chart in charts:
        for more in ("", "?narrow=true&paper=dark"):
            answer = shop.toll.http.get(f"/processes/checkout/payments/{chart}.svg{more}")
            assert answer.status_code == 200 and answer.text.startswith("<svg")
        spec = shop.toll.ask(f"/processes/checkout/payments/{chart}.json")
        assert spec.keys() == {"light", "dark"} and "vega-lite" in spec["light"]["$schema"]


def test_what_is_not_on_the_map_is_not_found(toll):
    for path in (
        "/processes/nothing",
        "/processes/checkout/nothing/week.svg",
        "/processes/checkout/payments/week.svg",  # no data yet
        "/map/nothing",
        "/trust/checkout/payments.svg",
    ):
        assert toll.http.get(path).status_code == 404, path


def test_the_map_leads_from_what_fires_to_whom_it_reaches(toll):
    known(toll, started_at=datetime.now(UTC) - timedelta(minutes=5))
    page = toll.http.get("/map").text
    assert 'href="map/stripe"' in page and "<style" not in page  # the policy would refuse it
    assert "Single points of failure" in page
    one = text(toll, "/map/stripe")
    assert "Stripe (provider) → Payment (service) → Web checkout" in one
    assert "one of two providers is left, two must work" in one
    process = text(toll, "/map/checkout")
    assert "It hangs on" in process and "Order database" in process


def test_a_thing_on_the_map_on_top_of_what_fires_already(toll):
    at = datetime.now(UTC) - timedelta(minutes=5)
    fires = Episode("e", "m", "f", "alert", "critical", {}, "down", at, None, nodes=("stripe",))
    known(toll, started_at=at, episodes=(fires,))
    page = text(toll, "/map/adyen")
    assert "On top of what is in trouble now Stripe fires already: Web checkout loses 100%" in page
    assert "On top of what is in trouble now" not in text(toll, "/map/stripe")


def test_tools_and_business_side_by_side(shop):
    page = text(shop.toll, "/perception?days=1")
    assert "Both red" in page and "40 min" in page
    assert "Stripe" in page and "False alarms" in page
    end = int(datetime.now(UTC).timestamp())
    answer = shop.toll.http.get(f"/perception/strips.svg?days=1&to={end}")
    assert "both red" in answer.text and "Web checkout" in answer.text
    assert shop.toll.http.get("/perception?days=401").status_code == 422


def test_stretches_that_are_not_shown_are_a_link_away(shop, monkeypatch):
    monkeypatch.setattr(perception, "_SHOWN", 0)
    page = shop.toll.http.get("/perception?days=1").text
    [link] = re.findall(r'The newest 0; all are in the <a href="([^"]+checkout[^"]+)"', page)
    found = shop.toll.http.get("/" + unescape(link).lstrip("./")).json()
    assert found["processes"][0]["stretches"]
    assert datetime.fromisoformat(found["end"]) - datetime.fromisoformat(
        found["start"]
    ) == pytest.approx(timedelta(days=1), abs=timedelta(minutes=2))


@pytest.mark.parametrize("to", [99999999999999999, -99999999999999999, -5, "yesterday"])
def test_strips_until_a_time_that_is_none_are_a_mistake(toll, to):
    answer = toll.http.get(f"/perception/strips.svg?to={to}")
    assert answer.status_code == 422 and answer.json()["errors"][0]["where"] == "query.to"


@pytest.mark.parametrize(
    "path", ["/v1/perception?", "/v1/providers?", "/perception/strips.svg?days=400&"]
)
def test_the_beginning_of_time_is_no_error(toll, path):
    assert toll.http.get(f"{path}to=1970-01-03T00:00:00Z").status_code in (200, 404)


def test_a_thing_names_its_incidents_however_many_others_are_newer(toll):
    mine = known(toll, "20261101-aa", title="The one of old", started_at=NOON - timedelta(days=9))
    others = [
        replace(mine, id=f"20261120-{n:02x}", root="adyen", started_at=NOON) for n in range(201)
    ]
    toll.parts.store.incidents.insert([IncidentVersion(one, NOON, 1) for one in others])
    assert "The one of old" in text(toll, "/map/stripe")


def test_signals_that_mean_nothing_come_with_lines_to_copy(toll):
    signal = {
        "id": "x", "fingerprint": "x", "source": "m", "kind": "alert", "status": "firing",
        "severity": "major", "labels": {"service": "paymet"}, "summary": "<b>slow</b>",
        "started_at": datetime.now(UTC).isoformat(),
    }  # fmt: skip
    assert toll.http.post("/v1/signals/generic", json=[signal]).status_code == 202
    toll.ingest()
    page = text(toll, "/coverage")
    assert "service paymet" in page and "services: payment: match:" in page
    assert "Perhaps Payment is meant" in page


def test_the_ledger_of_a_past_incident(shop):
    page = text(shop.toll, "/trust")
    for line in shop.toll.ask("/v1/trust")["ledger"]:
        assert line["says"] in page


def letter(toll) -> str:
    """Something that cannot be read; the path of its page."""
    send(toll, toll.parts.settings.business_topic, b'{"id": "p1", "at": "<i>yesterday</i>"}')
    toll.ingest()
    [one] = toll.parts.store.dead_letters.find()
    found = one.letter
    return f"/dead-letters/{found.topic}/{found.partition}/{found.offset}/{found.line}"


def test_the_bytes_of_a_dead_letter_are_for_admins(guarded):
    path = letter(guarded)
    reader = guarded.http.get("/dead-letters", headers=bearer("read")).text
    assert "yesterday" not in reader and "needs an admin" in reader and path[1:] not in reader
    assert guarded.http.get(path, headers=bearer("read")).status_code == 403
    assert guarded.http.post(path, headers=bearer("write")).status_code == 403
    assert path[1:] in guarded.http.get("/dead-letters", headers=bearer("admin")).text
    page = guarded.http.get(path, headers=bearer("admin")).text
    assert "&lt;i&gt;yesterday&lt;/i&gt;" in page and "<i>yesterday" not in page


def test_a_dead_letter_is_mended_and_sent_again(toll):
    path = letter(toll)
    wrong = toll.http.post(path, data={"mended": '{"id": "p1",\r\n "at": "today"}'})
    assert wrong.status_code == 422
    assert 'id="wrong"' in wrong.text and "&#34;today&#34;" in wrong.text  # nothing typed is lost
    mended = ndjson([payment(1)]).decode()
    sent = toll.http.post(path, data={"mended": mended})
    assert (sent.status_code, sent.headers["location"]) == (
        303,
        "../../../../dead-letters?sent=true",
    )
    toll.ingest()
    assert "It is in the log again" in text(toll, "/dead-letters?sent=true")
    assert "bad time" not in text(toll, "/dead-letters?sent=true").split("Reason", 1)[0]
    assert toll.ask("/v1/coverage")["streams"][0]["stream"] == "payments"
    assert "sent again" in text(toll, "/dead-letters?replayed=true")


def test_an_unmended_letter_is_sent_as_it_was_and_refused_again(toll):
    assert toll.http.post(letter(toll), data={"mended": ""}).status_code == 422


def test_a_reason_that_does_not_exist_is_a_mistake(toll):
    assert toll.http.get("/dead-letters?reason=whatever").status_code == 422
    assert "None of these" in text(toll, "/dead-letters?reason=not_json")


def test_a_minus_is_a_minus_and_a_hyphen_a_hyphen():
    assert minus("-1.1 to 3.2, (-7.28 to 21.04)") == "−1.1 to 3.2, (−7.28 to 21.04)"
    assert minus("2026-11-22, incident-4, A-1, e-mail") == "2026-11-22, incident-4, A-1, e-mail"


def test_what_lasts_as_long_as_it_lasts_has_no_hour_and_says_so(shop):
    page = shop.toll.http.get("/processes/fulfilment").text
    assert "Orders: a lead time depends on how long an outage lasts" in page.replace(" shipped", "")
    assert "No number for an hour" in page and "lead_time" not in page
