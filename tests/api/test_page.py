"""The on-call page: readable without scripts, whatever stands in the data, behind whatever path."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin

import pytest

from store.incidents import IncidentVersion
from tests.api.app import TOKENS, opened, priced
from tests.api.test_reading import known
from tests.store.rows import NOON, later

pytestmark = pytest.mark.engine


def links(page: str) -> set[str]:
    return set(re.findall(r'(?:href|src)="([^"#]+)"', page))


def test_nothing_burns(toll):
    page = toll.http.get("/").text
    assert "Nothing is burning" in page and "No incident yet." in page
    assert "Example Shop" in page and "simulated data" not in page
    assert page.count("no data yet") == 4


def test_what_burns_stands_first_with_its_cost(toll):
    now = datetime.now(UTC)
    incident = known(toll, started_at=now - timedelta(minutes=12))
    toll.parts.store.estimates.insert([priced(incident.id, now)], 1)
    page = " ".join(toll.http.get("/").text.split())
    assert "<title>1 burning, EUR 498 a minute · Example Shop · Toll</title>" in page
    assert "<strong>EUR 18,100</strong> so far" in page
    assert "EUR 498 a minute" in page and "12 min, " in page
    assert ">EUR 10,900 <small>" in page and "Stripe → Payment" in page
    assert "270 payments lost (190 to 380)" in page
    one = toll.http.get(f"/incidents/{incident.id}").text
    assert "371 keys failed and never succeeded" in " ".join(one.split())


def test_what_was_counted_has_no_fractions(toll):
    now = datetime.now(UTC)
    incident = known(toll, started_at=now - timedelta(minutes=12))
    hit = {"failed_keys": 3, "customers": 2}
    toll.parts.store.estimates.insert([priced(incident.id, now, evidence=hit)], 1)
    for path in ("/", f"/incidents/{incident.id}"):
        page = toll.http.get(path).text
        assert "<dd data-flash>2 <small>3 tries failed for good so far" in page


def test_a_storm_is_counted_whole_and_told_of_as_far_as_somebody_reads(toll):
    one = known(toll, started_at=datetime.now(UTC) - timedelta(minutes=12))
    storm = [replace(one, id=f"20261120-b{n:03}") for n in range(104)]
    toll.parts.store.incidents.insert([IncidentVersion(i, NOON, 1) for i in storm])
    now = datetime.now(UTC)
    toll.parts.store.estimates.insert([priced(i.id, now) for i in storm], 1)
    page = toll.http.get("/").text
    assert "<title>105 burning, EUR 51,792 a minute" in " ".join(page.split())  # 104 of EUR 498
    assert page.count("<article") == 100 and "And 5 more, none of which costs more" in page


def test_what_recovers_does_not_burn(toll):
    known(toll, state="recovering", started_at=datetime.now(UTC) - timedelta(minutes=12))
    page = toll.http.get("/").text
    assert "<title>1 recovering · Example Shop · Toll</title>" in page
    assert "Nothing burns, something recovers" in page


def test_names_from_outside_are_text(toll):
    nasty = '<script>alert("x")</script>'
    incident = known(toll, title=nasty, explanation=nasty)
    toll.parts.store.estimates.insert([priced(incident.id, later(15), warnings=(nasty,))], 1)
    for path in ("/", f"/incidents/{incident.id}"):
        page = toll.http.get(path).text
        assert "<script>" not in page and "&lt;script&gt;" in page


def test_every_link_leads_somewhere_also_behind_a_token(guarded):
    incident = known(guarded)
    start = f"http://localhost/t/{TOKENS['admin']}/"
    todo, seen = [start, f"{start}incidents/{incident.id}"], set()
    while todo:
        address = todo.pop()
        if address in seen:
            continue
        seen.add(address)
        assert address.startswith(start), address
        answer = guarded.http.get(address)
        assert answer.status_code == 200, address
        if answer.headers["content-type"].startswith("text/html"):
            assert TOKENS["admin"] not in answer.text
            todo += [
                urljoin(address, link)
                for link in links(answer.text)
                if not link.startswith("mailto:")
            ]
    assert {a.removeprefix(start) for a in seen} >= {
        "", "docs", "metrics", "static/toll.css", f"v1/incidents/{incident.id}/impact",
    }  # fmt: skip


def test_pages_are_not_kept_and_not_framed(toll):
    headers = toll.http.get("/").headers
    assert headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_the_demo_says_that_it_is_one(tmp_path, store):
    with opened(tmp_path, store) as toll:
        toll.state.simulated = True
        assert "simulated data" in toll.http.get("/").text
