"""What could not be read: listed, shown to admins, mended and sent again."""

from __future__ import annotations

import base64
import json

import pytest

from tests.api.app import assert_problem, bearer, ndjson, payment, send

pytestmark = pytest.mark.engine

BAD = b'{"id": "pay-7", "stream": "payments", "at": "2026-11-22T10:14:03"}'


def place(letter) -> str:
    return "/v1/dead-letters/{topic}/{partition}/{offset}/{line}".format(**letter)


@pytest.fixture
def letter(toll):
    """The dead letter of a line without a zone, between two good ones."""
    body = b"\n".join([ndjson([payment(1)]), BAD, ndjson([payment(2)])])
    assert toll.http.post("/v1/business", content=body).status_code == 202
    toll.ingest()
    [found] = toll.ask("/v1/dead-letters")
    return found


def test_a_letter_is_listed_without_its_bytes(toll, letter):
    assert letter["reason"] == "no_zone"
    assert letter.keys() == {
        "topic", "partition", "offset", "line", "reason", "detail", "received_at", "replayed_at",
    }  # fmt: skip
    assert toll.ask("/v1/dead-letters", reason="bad_id") == []
    assert toll.ask("/v1/coverage")["dead_letters"] == {"no_zone": 1}
    assert_problem(toll.http.get("/v1/dead-letters", params={"reason": "ugly"}), 422)


def test_its_bytes_are_for_admins(guarded):
    guarded.http.post(
        "/v1/business", content=BAD + b"\n" + ndjson([payment(1)]), headers=bearer("write")
    )
    guarded.ingest()
    [letter] = guarded.http.get("/v1/dead-letters", headers=bearer("read")).json()
    assert_problem(guarded.http.get(place(letter), headers=bearer("read")), 403)
    shown = guarded.http.get(place(letter), headers=bearer("admin")).json()
    assert shown["raw"].encode() == BAD == base64.b64decode(shown["raw_base64"])
    assert_problem(guarded.http.post(place(letter) + "/replay", headers=bearer("write")), 403)


def test_bytes_that_are_no_text(toll):
    send(toll, "toll.business", b"\xff\xfe")
    toll.ingest()
    [letter] = toll.ask("/v1/dead-letters")
    shown = toll.ask(place(letter))
    assert (shown["raw"], base64.b64decode(shown["raw_base64"])) == (None, b"\xff\xfe")


def test_a_mended_line_is_counted_and_the_letter_is_done(toll, letter):
    mended = json.dumps(payment(7))
    answer = toll.http.post(place(letter) + "/replay", content=mended)
    assert (answer.status_code, answer.json()) == (202, {"replayed": 1})
    toll.ingest()
    assert toll.ask("/v1/coverage")["streams"][0]["events"] == 3
    assert toll.ask("/v1/dead-letters") == []
    [done] = toll.ask("/v1/dead-letters", replayed=True)
    assert done["replayed_at"] is not None


@pytest.mark.parametrize("body", [b"", b"still not json", BAD, b"[]", b"\n"])
def test_what_still_cannot_be_read_is_not_sent(toll, letter, body):
    before = len(toll.records())
    assert_problem(toll.http.post(place(letter) + "/replay", content=body), 422)
    assert len(toll.records()) == before
    assert len(toll.ask("/v1/dead-letters")) == 1


def test_a_broken_signal_is_mended_too(toll):
    send(toll, "toll.signals", b"no signal")
    toll.ingest()
    [letter] = toll.ask("/v1/dead-letters")
    assert letter["reason"] == "not_json"
    assert_problem(toll.http.post(place(letter) + "/replay"), 422)


@pytest.mark.parametrize(
    "path", ["a/-1/0/0", "a/0/-1/0", "a/0/0/-1", "a/4294967296/0/0", "a/x/0/0", f"a/0/{2**63}/0"]
)
def test_a_place_that_cannot_be(toll, path):
    assert_problem(toll.http.get(f"/v1/dead-letters/{path}"), 422)
    assert_problem(toll.http.post(f"/v1/dead-letters/{path}/replay"), 422)
