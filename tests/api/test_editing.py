"""What people correct, by HTTP: kept, taken into the numbers; what was said before stays said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.assess.assessor import Assessor
from tests.api.app import Toll, alert, assert_problem, bearer
from tests.api.shop import Shop
from tests.api.test_cli import running

pytestmark = pytest.mark.engine

MINUTE = timedelta(minutes=1)


@pytest.fixture
def shop(settled: Shop) -> Iterator[Shop]:
    yield settled
    put_back(settled)


def put_back(shop: Shop) -> None:
    """Undo all that a test corrected."""
    found = shop.toll.ask(f"/v1/incidents/{shop.incident}")
    if stands := [e["id"] for e in found["edits"] if e["stands"]]:
        patch(shop.toll, shop.incident, why="put back", undo=stands[::-1])
        tick(shop.toll)


def patch(toll: Toll, incident: str, **body: Any) -> Any:
    answer = send(toll, incident, **body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def send(toll: Toll, incident: str, headers: dict[str, str] | None = None, **body: Any) -> Any:
    given = {"by": "on-call", "why": "seen in the logs", **body}
    return toll.http.request(
        "PATCH", f"/v1/incidents/{incident}", json=given, headers=headers or {}
    )


# By Toll, which is held so that no other gets its id. A new assessor reads all of the history.
_ASSESSORS: dict[int, tuple[Toll, Assessor]] = {}


def tick(toll: Toll) -> None:
    toll.ingest()
    if id(toll) not in _ASSESSORS:
        _ASSESSORS[id(toll)] = toll, Assessor(toll.parts)
    _ASSESSORS[id(toll)][1].tick()


def lost(incident: dict[str, Any]) -> float:
    (impact,) = [i for i in incident["impacts"] if i["measure"] == "payments"]
    mid: float = impact["units"]["gross"]["mid"]
    return mid


def test_an_edited_start_changes_the_impact_and_as_of_still_shows_the_old_one(shop):
    toll, path = shop.toll, f"/v1/incidents/{shop.incident}"
    before, then = toll.ask(path), datetime.now(UTC).isoformat()
    assert before["impacts"][0]["state"] == "final"
    later = shop.began + 35 * MINUTE  # a measure may turn red half an hour before the start
    taken = patch(toll, shop.incident, start=later.isoformat(), end=shop.ended.isoformat())
    assert taken["version"] == before["version"] + 2
    waiting = toll.ask(path)
    assert (waiting["pending"], waiting["started_at"]) == (2, before["started_at"])

    tick(toll)
    after = toll.ask(path)
    assert after["pending"] == 0
    assert datetime.fromisoformat(after["started_at"]) == later
    assert [e["says"][:8] for e in after["edits"][-2:]] == ["began at", "ended at"]
    assert after["impacts"][0]["state"] == "restated"
    # as of then: on the incident, on its impact and in the list
    assert toll.ask(path, as_of=then) == before
    assert toll.ask(f"{path}/impact", as_of=then) == before["impacts"]
    assert toll.ask("/v1/incidents", as_of=then) == [before]
    assert toll.ask("/v1/incidents") == [after]
    # the same numbers stay as they are
    tick(toll)
    assert toll.ask(path) == after


def test_commands_edit_a_start_and_still_show_what_was_known_before(shop, cli, monkeypatch):
    running(monkeypatch, shop.toll)
    monkeypatch.setattr("api.cli.incident._TAKEN_S", 0.0)  # nobody ticks meanwhile
    name, then = shop.incident, datetime.now(UTC).isoformat()
    _, before, _ = cli(f"impact {name} --json")
    day = timedelta(days=1)
    moved = f"--start {(shop.began - day).isoformat()} --end {(shop.ended - day).isoformat()}"
    code, out, err = cli(f"incident edit {name} --by on-call --why 'wrong day' {moved}")
    assert (code, err) == (0, "") and "began at" in out and "wrong day" in out
    tick(shop.toll)
    _, after, _ = cli(f"impact {name} --json")
    assert lost({"impacts": json.loads(before)}) > 300 > abs(lost({"impacts": json.loads(after)}))
    code, told, _ = cli(f"impact {name} --json --as-of {then}")
    assert (code, told) == (0, before)
    assert "wrong" not in cli(f"incident timeline {name} --as-of {then}")[1]
    assert "wrong" in cli(f"incident timeline {name}")[1]


def test_the_numbers_follow_the_start(shop):
    """Half of everything was missing for 40 minutes; the window by itself finds that."""
    toll = shop.toll
    before = lost(toll.ask(f"/v1/incidents/{shop.incident}"))
    day = timedelta(days=1)
    patch(
        toll,
        shop.incident,
        start=(shop.began - day).isoformat(),
        end=(shop.ended - day).isoformat(),
    )
    tick(toll)
    after = lost(toll.ask(f"/v1/incidents/{shop.incident}"))
    assert before > 300 > 150 > abs(after)  # nothing was missing the day before


def test_a_process_that_was_not_hit_has_no_number(shop):
    toll = shop.toll
    patch(toll, shop.incident, reach_remove=["checkout"], reach_add=["support"])
    tick(toll)
    found = toll.ask(f"/v1/incidents/{shop.incident}")
    assert [r["process"] for r in found["reached"]] == ["support"]
    assert "checkout" not in {i["process"] for i in found["impacts"]}
    (kept,) = toll.parts.store.estimates.latest([shop.incident])
    assert (kept.state, kept.units) == ("restated", {})  # taken back, not forgotten


def test_what_was_none_is_in_no_list_and_can_still_be_read_and_brought_back(shop):
    toll, path = shop.toll, f"/v1/incidents/{shop.incident}"
    taken = patch(toll, shop.incident, not_an_incident=True)
    tick(toll)
    assert toll.ask("/v1/incidents") == []
    found = toll.ask(path)
    assert found["gone"] == "not_an_incident"
    assert lost(found) > 300  # what was said stays said
    assert_problem(send(toll, shop.incident, title="x"), 422)
    patch(toll, shop.incident, undo=[taken["edits"][-1]["id"]])
    tick(toll)
    assert [i["id"] for i in toll.ask("/v1/incidents")] == [shop.incident]


def test_two_who_edit_the_same_version_do_not_undo_each_other(shop):
    toll, path = shop.toll, f"/v1/incidents/{shop.incident}"
    answer = toll.http.get(path)
    version, tag = answer.json()["version"], answer.headers["etag"]
    assert tag == f'"{version}"'
    assert send(toll, shop.incident, {"If-Match": tag}, title="mine").status_code == 200
    for late in (
        send(toll, shop.incident, title="also mine", version=version),
        send(toll, shop.incident, {"If-Match": tag}, title="also mine"),
    ):
        assert "read it again" in assert_problem(late, 409)["detail"]
    again = send(toll, shop.incident, title="ours", version=version + 1)
    assert again.headers["etag"] == f'"{version + 2}"'
    tick(toll)
    assert toll.ask(path)["title"] == "ours"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "name a field"),
        ({"why": ""}, "why"),
        ({"why": " \n", "title": "x"}, "why"),
        ({"title": " \t"}, "title"),
        ({"people": 1, "hours": "1e-400"}, "hours"),
        ({"by": "", "title": "x"}, "who you are"),
        ({"start": "2199-01-01T00:00:00Z"}, "future"),
        ({"start": "2026-11-22T09:52:00"}, "timezone"),
        ({"end": "1999-01-01T00:00:00Z"}, "end after it began"),
        ({"cause": "strpe"}, "did you mean 'stripe'"),
        ({"reach_add": ["chekout"]}, "did you mean 'checkout'"),
        ({"reach_remove": ["fulfilment"]}, "does not reach 'fulfilment'"),
        ({"merge_into": "20200101-nothing"}, "no incident"),
        ({"split": ["nothing"]}, "no signal 'nothing'"),
        ({"undo": ["nothing"]}, "no edit 'nothing'"),
        ({"color": "red"}, "color"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_kept(shop, body, said):
    version = shop.toll.ask(f"/v1/incidents/{shop.incident}")["version"]
    problem = assert_problem(send(shop.toll, shop.incident, **body), 422)
    assert said in problem["detail"]
    assert shop.toll.ask(f"/v1/incidents/{shop.incident}")["version"] == version


def test_all_mistakes_are_named_at_once(shop):
    answer = send(shop.toll, shop.incident, cause="strpe", undo=["x"], merge_into=shop.incident)
    assert {e["where"] for e in assert_problem(answer, 422)["errors"]} == {
        "cause",
        "undo",
        "merge_into",
    }


def test_an_unknown_incident_is_not_found(shop):
    assert_problem(send(shop.toll, "20200101-nothing", title="x"), 404)


# more than one incident, while they burn


def outage(toll: Toll, node: dict[str, str], began: datetime, **more: Any) -> None:
    name = next(iter(node.values()))
    body = alert(began, labels=node, fingerprint=f"{name}-down", id=f"{name}-{began}", **more)
    assert toll.http.post("/v1/signals/generic", json=[body]).status_code == 202


@pytest.fixture
def two(toll: Toll) -> tuple[str, str]:
    """Two incidents that have nothing to do with each other, as far as the map knows."""
    now = datetime.now(UTC)
    outage(toll, {"provider": "stripe"}, now - 50 * MINUTE)
    outage(toll, {"service": "warehouse"}, now - 20 * MINUTE)
    tick(toll)
    second, first = toll.ask("/v1/incidents")
    return first["id"], second["id"]


def test_merged_incidents_stay_one_with_the_next_signal_and_come_apart_again(toll, two):
    first, second = two
    taken = patch(toll, second, merge_into=first)
    tick(toll)
    assert [i["id"] for i in toll.ask("/v1/incidents")] == [first]
    gone = toll.ask(f"/v1/incidents/{second}")
    assert (gone["gone"], gone["merged_into"]) == ("merged", first)
    assert first in assert_problem(send(toll, second, title="x"), 422)["detail"]

    outage(toll, {"service": "warehouse"}, datetime.now(UTC) - MINUTE)
    tick(toll)
    (whole,) = toll.ask("/v1/incidents")
    assert (whole["id"], whole["signals"]) == (first, 3)

    patch(toll, second, undo=[taken["edits"][-1]["id"]])
    tick(toll)
    assert {i["id"]: i["signals"] for i in toll.ask("/v1/incidents")} == {first: 1, second: 2}


def test_split_signals_do_not_grow_together_again(toll, two):
    first, second = two
    patch(toll, second, merge_into=first)
    tick(toll)
    (incident,) = [v.incident for v in toll.parts.store.incidents.find()]
    off = next(e.id for e in incident.episodes if e.nodes == ("warehouse",))
    patch(toll, first, split=[off])
    tick(toll)
    parts = {i["root"]: i["id"] for i in toll.ask("/v1/incidents")}
    assert parts["stripe"] == first
    outage(toll, {"service": "warehouse"}, datetime.now(UTC) - MINUTE)
    tick(toll)
    assert {i["id"]: i["signals"] for i in toll.ask("/v1/incidents")} == {
        first: 1,
        parts["warehouse"]: 2,
    }


def test_a_new_assessor_knows_of_all_edits(toll, two):
    first, second = two
    patch(toll, first, title="The payment provider was down", cause="payment")
    patch(toll, second, not_an_incident=True)
    tick(toll)
    before = toll.ask("/v1/incidents")
    assert (before[0]["title"], before[0]["root"]) == ("The payment provider was down", "payment")
    toll.assess(datetime.now(UTC))
    assert toll.ask("/v1/incidents") == before
    assert len(toll.parts.store.incidents.life(first)) == 2


def test_editing_needs_an_admin_and_the_token_says_who_it_was(guarded):
    now = datetime.now(UTC)
    signal = alert(now - 5 * MINUTE)
    path = "/v1/signals/generic"
    assert guarded.http.post(path, json=[signal], headers=bearer("write")).status_code == 202
    tick(guarded)
    (version,) = guarded.parts.store.incidents.find()
    name = version.incident.id
    for role in ("read", "write"):
        assert_problem(send(guarded, name, bearer(role), title="x"), 403)
    assert_problem(send(guarded, name, title="x"), 401)
    answer = send(guarded, name, bearer("admin"), title="x", by="desk")
    assert answer.json()["edits"][0]["who"] == "desk (the adminer)"
    answer = send(guarded, name, bearer("admin"), title="y", by="")
    assert answer.json()["edits"][1]["who"] == "the adminer"
