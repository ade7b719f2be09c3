"""Providers' status pages, looked at: what becomes of what they say, and of their silence."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.run.runtime import Runtime, Supervised
from api.run.status_pages import (
    DOCUMENTS,
    LONGEST_S,
    MAX_BYTES,
    PageState,
    StatusPages,
    pages_of,
    wait_s,
)
from ingest.errors import UnavailableError
from tests.api.app import Toll, opened

pytestmark = pytest.mark.engine

BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
MAP = """
company: Shop
currency: EUR
timezone: Europe/Berlin
processes:
  checkout:
    needs: [pay, mail-in]
    measures: {payments: {kind: flow, stream: payments, ok: [ok]}}
providers:
  pay: {status_page: "https://pay.example/api/v2"}
  mail-in:
    status_page: https://mail.example
    match: [{provider: Mail, component: Inbound}]
  mail-out:
    status_page: https://mail.example
    match: [{provider: Mail, component: Outbound}]
"""


def at(minutes: int) -> str:
    return (BEGAN + timedelta(minutes=minutes)).isoformat()


def incident(key: str, *components: str, **more: Any) -> dict[str, Any]:
    return {
        "id": key,
        "name": "Errors",
        "status": "investigating",
        "impact": "major",
        "created_at": at(0),
        "updated_at": at(1),
        "resolved_at": None,
        "components": [{"id": c.lower(), "name": c} for c in components],
        **more,
    }


class Web:
    """The pages of a test, by host: what is said at each of their documents."""

    def __init__(self) -> None:
        self.says: dict[str, dict[str, Any]] = {
            "pay.example": {"page": {"id": "p", "name": "Pay"}, "incidents": []},
            "mail.example": {"page": {"id": "m", "name": "Mail"}, "incidents": []},
        }
        self.instead: dict[str, object] = {}  # by host: an answer, an error, or an event to wait on
        self.only: dict[tuple[str, str], dict[str, Any]] = {}  # by host and document, before `says`
        self.lacks: set[str] = set()  # documents that no page has
        self.asked: list[httpx2.Request] = []

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        other = self.instead.get(request.url.host)
        if isinstance(other, Exception):
            raise other
        if isinstance(other, asyncio.Event):
            await other.wait()
        if isinstance(other, httpx2.Response):
            return other
        document = request.url.path.rpartition("/")[2]
        if document in self.lacks:
            return httpx2.Response(404)
        said = self.only.get((request.url.host, document), self.says[request.url.host])
        body = json.dumps(said).encode()
        etag = f'"{hash(body)}"'
        if request.headers.get("If-None-Match") == etag:
            return httpx2.Response(304)
        return httpx2.Response(200, content=body, headers={"ETag": etag})


@pytest.fixture
def web():
    return Web()


@pytest.fixture
def toll(tmp_path, store):
    (tmp_path / "pages.yaml").write_text(MAP)
    with opened(tmp_path, store, map=str(tmp_path / "pages.yaml"), status_pages_s="60") as toll:
        yield toll


@pytest.fixture
def pages(toll, web):
    return StatusPages(toll.parts, transport=httpx2.MockTransport(web))


def signals(toll: Toll) -> list[dict[str, Any]]:
    return [json.loads(line) for line in toll.lines(toll.parts.settings.signals_topic)]


def state(pages: StatusPages, host: str) -> PageState:
    return next(p for p in pages.pages() if host in p.url)


def test_each_page_of_the_map_once_at_its_api(toll):
    assert pages_of(toll.parts.map) == {
        "https://pay.example/api/v2": ("pay",),
        "https://mail.example/api/v2": ("mail-in", "mail-out"),
    }


def test_an_incident_becomes_an_incident_with_its_node(toll, web, pages):
    web.says["pay.example"]["incidents"] = [incident("i1")]
    web.says["mail.example"]["incidents"] = [incident("i2", "Inbound", "Archive")]
    pages.look_once()
    toll.ingest()
    by_id = {s.fingerprint: s for s in toll.parts.store.signals.all()}
    nodes = {name: toll.parts.map.resolver.nodes(s.labels) for name, s in by_id.items()}
    # a node without rules takes all its page says; of a page with rules what they do not claim
    # stays unmapped
    assert nodes == {"i1": ("pay",), "i2:inbound": ("mail-in",), "i2:archive": ()}
    toll.assess(datetime.now(UTC))
    assert {i["root"] for i in toll.ask("/v1/incidents")} == {"pay", "mail-in"}


def test_looking_again_or_after_a_restart_adds_nothing(toll, web, pages):
    web.says["pay.example"]["incidents"] = [incident("i1")]
    pages.look_once()
    assert len(signals(toll)) == 1, "all documents say the same"
    pages.look_once()
    assert len(signals(toll)) == 1
    assert all("If-None-Match" in r.headers for r in web.asked[2 * len(DOCUMENTS) :])
    StatusPages(toll.parts, transport=httpx2.MockTransport(web)).look_once()
    toll.ingest()
    assert len(toll.parts.store.signals.all()) == 1


def test_an_update_is_a_new_statement_of_the_same_thing(toll, web, pages):
    web.says["pay.example"]["incidents"] = [incident("i1")]
    pages.look_once()
    over = incident("i1", status="resolved", updated_at=at(30), resolved_at=at(30))
    web.says["pay.example"]["incidents"] = [over]
    pages.look_once()
    assert [(s["fingerprint"], s["status"]) for s in signals(toll)] == [
        ("i1", "firing"),
        ("i1", "resolved"),
    ]


def test_maintenance_is_maintenance_and_history_can_be_added(toll, web, pages):
    planned = incident("m1", impact="maintenance", status="in_progress", scheduled_for=at(0))
    planned |= {"scheduled_until": at(90)}
    long_ago = "2026-03-01T10:00:00Z"
    past = incident("b1", status="resolved", backfilled=True, created_at=long_ago)
    past |= {"updated_at": long_ago, "resolved_at": "2026-03-01T11:00:00Z"}
    web.says["pay.example"] |= {"scheduled_maintenances": [planned], "incidents": [past]}
    pages.look_once()
    told = {s["fingerprint"]: s for s in signals(toll)}
    assert told["m1"]["kind"] == "maintenance"
    assert told["b1"]["labels"]["backfilled"] == "true"
    toll.ingest()
    toll.assess(datetime.now(UTC))
    started = {i["started_at"][:10] for i in toll.ask("/v1/incidents")}
    assert "2026-03-01" in started, "an incident told afterwards is priced afterwards"


def maintenance(key: str, status: str, start: int, until: int, **more: Any) -> dict[str, Any]:
    planned = incident(key, status=status, impact="maintenance", updated_at=at(0))
    return planned | {"scheduled_for": at(start), "scheduled_until": at(until), **more}


def test_maintenance_that_ends_early_is_told_by_the_list_of_maintenances(toll, web, pages):
    """From the summary it only vanishes."""
    page = {"page": {"id": "p", "name": "Pay"}}
    web.says["pay.example"] |= {
        "scheduled_maintenances": [maintenance("m1", "in_progress", 10, 110)]
    }
    pages.look_once()
    web.says["pay.example"] |= {"scheduled_maintenances": []}
    done = maintenance("m1", "completed", 10, 110, updated_at=at(40), resolved_at=at(40))
    listed = ("pay.example", "scheduled-maintenances.json")
    web.only[listed] = page | {"scheduled_maintenances": [done]}
    pages.look_once()
    toll.ingest()
    toll.assess(datetime.now(UTC))
    [incident] = toll.ask("/v1/incidents")
    assert (incident["kind"], incident["root"]) == ("maintenance", "pay")
    assert [incident[edge] for edge in ("started_at", "ended_at")] == [
        at(10).replace("+00:00", "Z"),
        at(40).replace("+00:00", "Z"),
    ]


def test_maintenance_that_is_put_off_before_it_began_did_not_happen(toll, web, pages):
    web.says["pay.example"]["scheduled_maintenances"] = [maintenance("m1", "scheduled", 240, 300)]
    pages.look_once()
    later = maintenance("m1", "scheduled", 1440, 1500, updated_at=at(30))
    web.says["pay.example"]["scheduled_maintenances"] = [later]
    pages.look_once()
    toll.ingest()
    toll.assess(BEGAN + timedelta(minutes=250))
    assert toll.ask("/v1/incidents") == []
    toll.assess(BEGAN + timedelta(minutes=1450))
    [incident] = toll.ask("/v1/incidents")
    assert incident["started_at"] == at(1440).replace("+00:00", "Z")


def test_a_page_needs_no_list_beside_its_summary(toll, web, pages):
    web.lacks = set(DOCUMENTS[1:])
    web.says["pay.example"]["incidents"] = [incident("i1")]
    pages.look_once()
    assert pages.away() == ()
    assert len(signals(toll)) == 1


@pytest.mark.parametrize(
    ("instead", "said"),
    [
        (httpx2.Response(503), "summary.json answers 503"),
        (httpx2.Response(200, content=b"<html>"), "summary.json cannot be read"),
        (httpx2.Response(200, content=b"[" + b" " * MAX_BYTES + b"]"), "is over"),
        (httpx2.Response(302, headers={"Location": "https://pay.example/again"}), "redirects"),
        (httpx2.ConnectError("no route to https://a.example/?token=abc"), "no route"),
        (httpx2.ReadTimeout(""), "ReadTimeout"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_page_that_is_away_is_said_and_is_no_outage(toll, web, pages, instead, said):
    toll.state.runtime = Runtime(toll.parts, ingest=False, assess=True)
    toll.state.runtime.status_pages = pages
    pages.look_once()
    web.instead["pay.example"] = instead
    pages.look_once()
    assert said in state(pages, "pay").trouble and "abc" not in state(pages, "pay").trouble
    assert state(pages, "mail").trouble == ""
    assert signals(toll) == []
    [warned] = toll.http.get("/health/ready").json()["warnings"]
    assert "https://pay.example/api/v2 is away" in warned
    seen = {p["page"]: p for p in toll.ask("/v1/coverage")["status_pages"]}
    assert seen["https://pay.example/api/v2"]["trouble"] == state(pages, "pay").trouble
    assert seen["https://mail.example/api/v2"]["trouble"] == ""
    up = 'toll_status_page_up{page="https://pay.example/api/v2"} '
    assert f"{up}0.0" in toll.http.get("/metrics").text
    web.instead.clear()
    pages.look_once()
    assert pages.away() == ()
    assert f"{up}1.0" in toll.http.get("/metrics").text


def test_an_incident_that_cannot_be_read_hides_no_other(toll, web, pages):
    toll.state.runtime = Runtime(toll.parts, ingest=False, assess=True)
    toll.state.runtime.status_pages = pages
    odd = incident("i2", updated_at="yesterday?token=abc")
    web.says["pay.example"]["incidents"] = [incident("i1"), odd]
    for _ in range(2):  # an ETag must not hide it from the next look
        pages.look_once()
        assert [s["fingerprint"] for s in signals(toll)] == ["i1"]
        assert pages.away() == ()
        warned = toll.http.get("/health/ready").json()["warnings"]
        assert any("summary.json is read in part: updated_at of incident 2" in w for w in warned)
    seen = {p["page"]: p for p in toll.ask("/v1/coverage")["status_pages"]}
    assert "incident 2" in seen["https://pay.example/api/v2"]["trouble"]
    web.says["pay.example"]["incidents"] = [incident("i1"), incident("i2")]
    pages.look_once()
    assert {s["fingerprint"] for s in signals(toll)} == {"i1", "i2"}
    assert toll.http.get("/health/ready").json()["warnings"] == []


def test_what_the_log_does_not_take_is_said_again(toll, web, pages, monkeypatch):
    web.says["pay.example"]["incidents"] = [incident("i1")]

    def refuse(messages, /):
        raise UnavailableError("the disk is full")

    producer = toll.parts.log.producer()
    monkeypatch.setattr(pages, "_producer", producer)
    with monkeypatch.context() as patch:
        patch.setattr(producer, "send", refuse)
        pages.look_once()
    assert signals(toll) == []
    assert pages.away() == (), "it is not the page that is away"
    pages.look_once()
    assert len(signals(toll)) == 1


def test_a_slow_page_delays_no_other(toll, web, monkeypatch):
    monkeypatch.setattr("api.run.status_pages.TURN_S", 0.001)
    never, told = asyncio.Event(), Event()
    web.instead["pay.example"] = never
    web.says["mail.example"]["incidents"] = [incident("i2", "Inbound")]
    pages = StatusPages(toll.parts, transport=httpx2.MockTransport(web))
    keep = pages._keep

    def kept(found):
        keep(found)
        told.set()

    monkeypatch.setattr(pages, "_keep", kept)
    thread = Supervised("status pages", pages.run)
    thread.start()
    assert told.wait(10)
    assert thread.alive
    thread.stop()
    assert [s["fingerprint"] for s in signals(toll)] == ["i2:inbound"]


def test_only_the_active_assessor_looks(toll, web, monkeypatch):
    monkeypatch.setattr("api.run.status_pages.TURN_S", 0.001)
    asked, stop = [], Event()

    def active() -> bool:
        asked.append(1)
        if len(asked) > 20:
            stop.set()
        return False

    StatusPages(toll.parts, active, httpx2.MockTransport(web)).run(stop)
    assert asked and not web.asked


@given(st.integers(0, 100), st.integers(0, 1000), st.floats(1, 3600))
def test_it_waits_longer_after_each_failure_but_not_for_ever(failures, looks, every_s):
    page = PageState("https://a.example", looks=looks, failures=failures)
    wait = wait_s(page, every_s)
    assert 0.8 * every_s <= wait <= 1.2 * max(LONGEST_S, every_s)
    well = PageState("https://a.example", looks=looks)
    assert wait >= wait_s(well, every_s)


def test_it_waits_as_long_as_a_page_asks(toll, web, pages):
    web.instead["pay.example"] = httpx2.Response(429, headers={"Retry-After": "600"})

    async def look() -> float:
        async with pages._client() as http:
            [page] = [p for url, p in pages._pages.items() if "pay" in url]
            await pages._look(page, http)
            due: float = page.due
            return due - asyncio.get_running_loop().time()

    assert 500 < asyncio.run(look()) <= 600
