"""A process in the shape of a status page, and another Toll that follows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
import yaml

from api.run.status_pages import StatusPages
from api.setup.mapfiles import loaded
from enrich.incident import Reached
from ingest.sources.statuspage import statuspage
from store.incidents import IncidentVersion
from tests.api.app import assert_problem, opened, priced
from tests.api.notify.notes import incident

pytestmark = pytest.mark.engine
SECRET_WORDS = ("Payment provider answers", "stripe", "EUR", "10900", "10,900")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def burning(toll):
    """Checkout loses half its payments, says the business; and a tool complains of support."""
    now = datetime.now(UTC).replace(microsecond=0)
    began = now - 20 * MINUTE
    hit = incident("i1", started_at=began, root="stripe")
    alone = incident("i2", started_at=began, reached=(Reached("support", 1.0, ("telephony",)),))
    store = toll.parts.store
    store.incidents.insert([IncidentVersion(i, now, 1) for i in (hit, alone)])
    inputs = {"measured_severity": 0.5, "ever_red": 1.0}
    store.estimates.insert([priced("i1", now, effect=(began, None), inputs=inputs)], 1)
    quiet = priced("i2", now, process="support", measure="calls", kind="load", red=False)
    store.estimates.insert([replace(quiet, inputs={"ever_red": 0.0})], 1)
    return toll, began, now


def test_it_says_what_the_business_feels_and_nothing_inner(burning):
    toll, began, _ = burning
    found = toll.ask("/v1/processes/checkout/summary.json")
    assert found["status"] == {
        "indicator": "major",
        "description": "Much less than usual goes through",
    }
    statuses = {c["id"]: c["status"] for c in found["components"]}
    assert statuses["checkout/payments"] == "partial_outage"
    assert set(statuses.values()) == {"partial_outage", "operational"}
    [told] = found["incidents"]
    assert told["name"] == "Web checkout: fewer payments than usual"
    assert (told["status"], told["impact"], told["resolved_at"]) == ("investigating", "major", None)
    assert told["created_at"] == told["started_at"] == began.isoformat().replace("+00:00", "Z")
    [update] = told["incident_updates"]
    assert (update["incident_id"], told["page_id"]) == (told["id"], found["page"]["id"])
    [hit] = update["affected_components"]
    assert (hit["code"], hit["new_status"]) == ("checkout/payments", "partial_outage")
    text = toll.http.get("/v1/processes/checkout/summary.json").text
    assert not [word for word in SECRET_WORDS if word in text]


def test_what_only_tools_say_is_no_trouble(burning):
    found = burning[0].ask("/v1/processes/support/summary.json")
    assert found["status"]["indicator"] == "none" and found["incidents"] == []
    assert {c["status"] for c in found["components"]} == {"operational"}


def test_money_is_told_where_the_setting_says_so(burning):
    toll, *_ = burning
    toll.parts.settings = replace(toll.parts.settings, summary_money=True)
    [told] = toll.ask("/v1/processes/checkout/incidents.json")["incidents"]
    assert "EUR 10,900 (7,600 to 15,400)" in told["incident_updates"][0]["body"]


def test_it_stands_still_until_something_changes(burning):
    """Who polls it makes one signal of each change, not of each look."""
    toll, began, now = burning
    first = toll.http.get("/v1/processes/checkout/summary.json").text
    assert toll.http.get("/v1/processes/checkout/summary.json").text == first
    over = priced("i1", now + MINUTE, effect=(began, now), red=False, per_minute_units=None)
    toll.parts.store.estimates.insert([over], 1)
    found = toll.ask("/v1/processes/checkout/summary.json")
    assert found["status"]["indicator"] == "none" and found["incidents"] == []
    [told] = toll.ask("/v1/processes/checkout/incidents.json")["incidents"]
    assert told["status"] == "resolved" and told["incident_updates"][0]["body"].endswith(
        "Back to usual."
    )
    at = now.isoformat().replace("+00:00", "Z")
    assert told["resolved_at"] == told["updated_at"] == at


def test_maintenance_is_told_as_such(toll):
    now = datetime.now(UTC)
    planned = incident("m1", kind="maintenance", started_at=now - MINUTE)
    toll.parts.store.incidents.insert([IncidentVersion(planned, now, 1)])
    found = toll.ask("/v1/processes/checkout/summary.json")
    assert found["status"]["indicator"] == "maintenance"
    [told] = found["scheduled_maintenances"]
    assert told["name"] == "Web checkout: planned maintenance" and told["status"] == "in_progress"


def test_a_process_that_is_not_there(toll):
    said = assert_problem(toll.http.get("/v1/processes/chekout/summary.json"), 404)
    assert "did you mean 'checkout'?" in said["detail"]


def test_our_own_reader_understands_it(burning):
    text = burning[0].http.get("/v1/processes/checkout/summary.json").content
    signals = statuspage(text)
    firing = {(s.labels.get("component"), s.kind) for s in signals if s.status == "firing"}
    assert firing == {("Payments", "outage")}
    assert {s.source for s in signals} == {"statuspage:web-checkout"}


def test_one_toll_follows_another(burning, tmp_path, make_store):
    """The shop's checkout is a provider on somebody else's map."""
    toll, _, now = burning
    sales = {"needs": ["shop"], "measures": {"visits": {"kind": "flow", "stream": "visits"}}}
    theirs = {
        "company": "A Partner",
        "currency": "EUR",
        "timezone": "UTC",
        "processes": {"sales": sales},
        "providers": {"shop": {"status_page": "http://localhost/v1/processes/checkout"}},
    }
    with opened(tmp_path / "other", make_store()) as other:
        other.parts.map = loaded({"map.yaml": yaml.safe_dump(theirs)})
        pages = StatusPages(other.parts, transport=httpx2.ASGITransport(toll.http.app))
        pages.look_once()
        pages.look_once()
        assert pages.away() == ()
        other.ingest()
        kept = other.parts.store.signals.all()
        assert len({s.id for s in kept}) == len(kept)
        other.assess(now + MINUTE)
        [found] = other.ask("/v1/incidents")
        assert found["root"] == "shop" and [r["process"] for r in found["reached"]] == ["sales"]
        assert found["state"] == "open"
