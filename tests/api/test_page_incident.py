"""The page of an incident: what it says, what was known when, and the form that corrects it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode, urljoin
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.problems import ListedError
from api.page.edit_form import EditForm, moment, read_form
from tests.api.app import TOKENS, priced
from tests.api.test_reading import known
from tests.store.rows import later

BERLIN = ZoneInfo("Europe/Berlin")
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "http://localhost"}


def flat(page: str) -> str:
    return " ".join(page.split())


def send(toll, incident: str, prefix: str = "", **fields: str | list[str]):
    body = urlencode(fields, doseq=True)
    return toll.http.post(f"{prefix}/incidents/{incident}", content=body.encode(), headers=FORM)


@pytest.mark.engine
def test_it_says_what_the_number_rests_on(toll):
    incident = known(toll)
    toll.parts.store.estimates.insert([priced(incident.id, later(15), share=0.5)], 1)
    page = flat(toll.http.get(f"/incidents/{incident.id}").text)
    assert "371 keys failed and never succeeded" in page
    assert "Expected from 56 days of its own history" in page
    assert "50 % of a shortfall that incidents share" in page
    assert "postmortem.md" in page and "How the numbers grew" in page


@pytest.mark.engine
def test_what_was_known_at_a_moment_can_be_chosen(toll):
    incident = known(toll)
    store = toll.parts.store.estimates
    store.insert([priced(incident.id, later(15)), priced(incident.id, later(45), state="final")], 1)
    now = flat(toll.http.get(f"/incidents/{incident.id}").text)
    assert now.count('<option value="20') >= 2 and "It began at" in now
    before = later(20).isoformat().replace("+00:00", "Z")
    page = flat(toll.http.get(f"/incidents/{incident.id}", params={"as_of": before}).text)
    assert "This is what was known at" in page and "by forecast" in page
    assert "It began at" not in page  # what is over cannot be corrected
    assert page.count(" selected>") == 1


@pytest.mark.engine
def test_a_correction_is_kept_and_the_way_back_stays_behind_the_token(guarded):
    incident = known(guarded)
    prefix = f"/t/{TOKENS['admin']}"
    answer = send(guarded, incident.id, prefix, title="A drill", why="on-call saw it", version="0")
    assert answer.status_code == 303
    here = f"http://localhost{prefix}/incidents/{incident.id}"
    back = urljoin(here, answer.headers["location"])
    assert back == f"{here}?done=yes#corrections"
    page = flat(guarded.http.get(back.partition("#")[0]).text)
    assert "Kept. The numbers follow within seconds." in page
    assert "is called &#39;A drill&#39;" in page and "on-call saw it" in page
    assert 'name="version" value="1"' in page
    [edit] = guarded.parts.store.edits.find(incident.id)
    assert edit.who == "the adminer"


@pytest.mark.engine
def test_a_refused_correction_keeps_what_was_written_and_says_why_beside_the_field(toll):
    incident = known(toll)
    answer = send(
        toll,
        incident.id,
        title='A "drill" <b>',
        start="tomorrow",
        cause="strype",
        why=" ",
        by="on-call",
    )
    page = flat(answer.text)
    assert answer.status_code == 422
    assert 'value="A &#34;drill&#34; &lt;b&gt;"' in page
    assert 'id="wrong-start">write a time as 2026-11-22 10:15<' in page
    assert 'name="start" type="datetime-local" value="tomorrow" aria-invalid="true"' in page
    assert 'id="wrong-why">say why' in page
    assert toll.parts.store.edits.find(incident.id) == []
    answer = send(toll, incident.id, cause="strype", why="a look", by="")
    page = flat(answer.text)
    assert "did you mean" in page and 'id="wrong-by">say who you are' in page
    assert '<details id="edit" open>' in page


@pytest.mark.engine
def test_two_people_do_not_undo_each_other(toll):
    incident = known(toll)
    first = {"title": "One", "why": "x", "by": "on-call", "version": "0"}
    assert send(toll, incident.id, **first).status_code == 303
    answer = send(toll, incident.id, **first | {"title": "Two"})
    assert answer.status_code == 409
    assert "somebody else has corrected it meanwhile" in answer.text
    assert 'name="version" value="1"' in answer.text and 'value="Two"' in answer.text


@pytest.mark.engine
def test_who_may_read_only_gets_no_form(guarded):
    incident = known(guarded)
    prefix = f"/t/{TOKENS['read']}"
    page = guarded.http.get(f"{prefix}/incidents/{incident.id}").text
    assert "use an admin&#39;s token" in page or "use an admin's token" in page
    assert '<form method="post"' not in page
    assert send(guarded, incident.id, prefix, title="x", why="y").status_code == 403


@pytest.mark.engine
def test_another_site_cannot_send_the_form(toll):
    incident = known(toll)
    body = b"title=x&why=y&by=z"
    for more in ({"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"},
                 {"Origin": "null"}):  # fmt: skip
        answer = toll.http.post(f"/incidents/{incident.id}", content=body, headers={**FORM, **more})
        assert answer.status_code == 403, more


@pytest.mark.engine
def test_the_list_is_chosen_by_state_process_and_days(toll):
    incident = known(toll)
    day = incident.started_at.astimezone(BERLIN).date()
    found = f"incidents/{incident.id}"
    assert found in toll.http.get("/incidents").text
    for query, there in (
        ({"state": incident.state}, True),
        ({"state": "settled" if incident.state != "settled" else "open"}, False),
        ({"process": "checkout"}, False),  # it reaches nobody
        ({"first": day.isoformat(), "last": day.isoformat()}, True),
        ({"last": (day - timedelta(days=1)).isoformat()}, False),
        ({"skip": "50"}, False),
        ({"state": "", "process": "", "first": "", "last": ""}, True),
    ):
        page = toll.http.get("/incidents", params=query)
        assert page.status_code == 200 and (found in page.text) is there, query
    for query, said in (
        ({"first": "yesterday"}, "write a day as"),
        ({"first": "0001-01-01"}, "write a day as"),
        ({"state": "burning"}, "no state"),
        ({"process": "cheese"}, "no process"),
        ({"first": "2026-02-02", "last": "2026-02-01"}, "before the first day"),
    ):
        page = toll.http.get("/incidents", params=query).text
        assert said in page and 'aria-invalid="true"' in page, query


def test_times_are_those_of_the_company_unless_they_say_otherwise():
    assert moment("2026-07-01T10:15", BERLIN) == datetime(2026, 7, 1, 8, 15, tzinfo=UTC)
    assert moment("2026-07-01T10:15:00Z", BERLIN) == datetime(2026, 7, 1, 10, 15, tzinfo=UTC)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_form_or_a_mistake(body):
    try:
        form = read_form(body)
        form.asked(BERLIN)
    except ListedError as error:
        assert all({"where", "what"} <= e.keys() for e in error.errors)
        assert EditForm().refused(error.errors).mistakes


@given(st.dictionaries(st.sampled_from(["why", "by", "title", "cause"]), st.text(min_size=1)))
def test_what_a_form_holds_is_what_is_asked(filled):
    body = urlencode({**filled, "why": "because"}).encode()
    try:
        asked = read_form(body).asked(BERLIN)
    except ListedError as error:
        assert max(map(len, filled.values())) > 200, error.errors
        return
    for name in ("title", "cause"):
        written = filled.get(name, "").replace("\r\n", "\n").strip()
        assert (getattr(asked, name) or "") == written


@pytest.mark.engine
def test_it_speaks_as_people_do(shop):
    """No ids, no names of fields, no hours of another zone, no hyphens before numbers."""
    page = shop.toll.http.get(f"/incidents/{shop.incident}").text
    assert "Customers hit" in page or "Tried and failed" in page
    assert "days of its own history" in page
    assert "Ever red" not in page and "Predicted severity" not in page
    assert "the only thing that fires; since" in page and " UTC<" not in page
    assert "<code>toll incident edit --people</code>" in page
