"""Business events over HTTP: what is taken, what is refused, and that taken means kept."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingest.errors import UnavailableError
from tests.api.app import Toll, assert_problem, bearer, ndjson, opened, payment

pytestmark = pytest.mark.engine

NDJSON = {"Content-Type": "application/x-ndjson"}


def events_of(toll: Toll) -> list[dict[str, Any]]:
    return [json.loads(line) for line in toll.lines()]


def test_lines_are_in_the_log_and_then_counted(toll):
    events = [payment(n) for n in range(5)]
    answer = toll.http.post("/v1/business", content=ndjson(events), headers=NDJSON)
    assert answer.status_code == 202
    assert answer.json() == {"accepted": 5, "dead_letters": 0, "rejected": []}
    assert sorted(e["id"] for e in events_of(toll)) == [f"pay-{n}" for n in range(5)]
    toll.ingest()
    [stream] = toll.ask("/v1/coverage")["streams"]
    assert (stream["stream"], stream["events"], stream["statuses"]) == ("payments", 5, ["ok"])


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(payment(1)),
        json.dumps(payment(1), indent=2),
        json.dumps([payment(1)]),
        f"\ufeff{json.dumps(payment(1))}\r\n\r\n",
    ],
    ids=["object", "object over lines", "array", "with a byte order mark"],
)
def test_json_in_other_forms(toll, body):
    answer = toll.http.post("/v1/business", content=body.encode())
    assert answer.json() == {"accepted": 1, "dead_letters": 0, "rejected": []}
    assert [e["id"] for e in events_of(toll)] == ["pay-1"]


def envelope(number: int) -> dict[str, Any]:
    event = payment(number)
    return {
        "specversion": "1.0",
        "id": event.pop("id"),
        "time": event.pop("at"),
        "source": "/shop",
        "type": "payment.settled",
        "data": event,
    }


def test_cloudevents_structured_batched_and_binary(toll):
    one, two, three = (envelope(n) for n in (1, 2, 3))
    binary = {
        "ce-specversion": "1.0",
        "ce-id": three["id"],
        "ce-time": three["time"],
        "ce-source": "/shop",
        "ce-type": "payment.settled",
        "Content-Type": "application/json",
    }
    for content, headers in (
        (json.dumps(one), {"Content-Type": "application/cloudevents+json; charset=utf-8"}),
        (json.dumps([two]), {"Content-Type": "application/cloudevents-batch+json"}),
        (json.dumps(three["data"]), binary),
    ):
        answer = toll.http.post("/v1/business", content=content, headers=headers)
        assert answer.status_code == 202, answer.text
    found = {e["id"]: e["at"] for e in events_of(toll)}
    assert found == {e["id"]: e["time"] for e in (one, two, three)}


@pytest.mark.parametrize("body", ["{", "[1]", '{"specversion": "1.0"}', "[]"])
def test_an_envelope_that_cannot_be_opened_is_refused(toll, body):
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    assert_problem(toll.http.post("/v1/business", content=body, headers=headers), 422)
    assert toll.records() == []


def test_a_stream_for_events_that_name_none(toll):
    named, unnamed = payment(1), payment(2)
    del unnamed["stream"]
    toll.post([named, unnamed], stream="orders")
    assert {e["id"]: e["stream"] for e in events_of(toll)} == {
        "pay-1": "payments",
        "pay-2": "orders",
    }
    refused = toll.http.post("/v1/business", content=ndjson([unnamed]), params={"stream": "No"})
    assert_problem(refused, 422)


def test_good_lines_are_taken_and_bad_ones_become_dead_letters(toll):
    now = datetime.now(UTC)
    lines = [
        ndjson([payment(1)]),
        b'{"id": "no-zone", "stream": "payments", "at": "2026-11-22T10:14:03"}',
        b"not json",
        b"",
        ndjson([payment(2, now + timedelta(hours=3))]),
        ndjson([payment(3)]),
    ]
    answer = toll.http.post("/v1/business", content=b"\n".join(lines), headers=NDJSON)
    assert answer.status_code == 202
    taken = answer.json()
    assert (taken["accepted"], taken["dead_letters"]) == (2, 3)
    assert [(r["line"], r["reason"]) for r in taken["rejected"]] == [
        (2, "no_zone"),
        (3, "not_json"),
        (5, "future"),
    ]
    toll.ingest()
    letters = toll.ask("/v1/dead-letters")
    assert {letter["reason"] for letter in letters} == {"no_zone", "not_json", "future"}
    assert toll.ask("/v1/coverage")["streams"][0]["events"] == 2


def test_a_body_without_any_event_is_refused_and_not_kept(toll):
    answer = toll.http.post("/v1/business", content=b'{"id": 7}\n{}\n', headers=NDJSON)
    found = assert_problem(answer, 422)
    assert [e["line"] for e in found["errors"]] == [1, 2]
    assert found["errors"][0].keys() == {"line", "reason", "detail"}
    assert_problem(toll.http.post("/v1/business", content=b""), 422)
    assert_problem(toll.http.post("/v1/business", content=b"[1, 2"), 422)
    assert toll.records() == []
    kept = toll.http.post("/v1/business", content=b"{}", params={"keep_bad": True})
    assert kept.json()["dead_letters"] == 1
    assert len(toll.records()) == 1


def test_only_the_first_hundred_rejected_lines_are_listed(toll):
    answer = toll.http.post("/v1/business", content=b"{}\n" * 150 + ndjson([payment(1)]))
    taken = answer.json()
    assert (taken["accepted"], taken["dead_letters"], len(taken["rejected"])) == (1, 150, 100)


def test_history_is_marked_as_such(toll):
    toll.post([payment(1)], history=True)
    toll.post([payment(2)])
    marked = {bool(r.headers) for r in toll.records()}
    assert marked == {True, False}


# what the body may be


def test_a_body_over_the_limit(tmp_path, store):
    with opened(tmp_path, store, body_limit_mib="0.01") as toll:
        body = b" " * 10_486
        assert_problem(toll.http.post("/v1/business", content=body), 413)

        def chunks():  # without a declared length
            for _ in range(3):
                yield body[:4000]

        assert_problem(toll.http.post("/v1/business", content=chunks()), 413)
        assert_problem(toll.http.post("/v1/signals/generic", content=body), 413)
        assert toll.http.post("/v1/business", content=ndjson([payment(1)])).status_code == 202


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_compressed_bodies(toll, encoding):
    body = ndjson([payment(n) for n in range(2000)])
    packed = gzip.compress(body) if encoding == "gzip" else zlib.compress(body)
    answer = toll.http.post("/v1/business", content=packed, headers={"Content-Encoding": encoding})
    assert answer.json()["accepted"] == 2000


def test_a_gzip_body_of_several_members_is_read_to_its_end(toll):
    members = [gzip.compress(ndjson([payment(n)]) + b"\n") for n in range(3)]
    body = b"".join(members) + b"\0" * 8
    headers = {"Content-Encoding": "gzip"}
    assert toll.http.post("/v1/business", content=body, headers=headers).json()["accepted"] == 3

    def bytewise():
        for place in range(len(body)):
            yield body[place : place + 1]

    answer = toll.http.post("/v1/business", content=bytewise(), headers=headers)
    assert answer.json()["accepted"] == 3


@pytest.mark.parametrize("members", [1, 40])
def test_a_gzip_bomb_takes_no_memory(tmp_path, store, members):
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        for _ in range(40 if members == 1 else 1):
            file.write(bytes(2**20))
    bomb = packed.getvalue() * members  # 40 MiB either way
    with opened(tmp_path, store, body_limit_mib="1") as toll:
        tracemalloc.start()
        try:
            answer = toll.http.post(
                "/v1/business", content=bomb, headers={"Content-Encoding": "gzip"}
            )
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert_problem(answer, 413)
    assert peak < 8 * 2**20


@pytest.mark.parametrize(
    "body",
    [b"no gzip at all", gzip.compress(b"{}" * 500)[:-9], gzip.compress(b"{}") + b"rest", b""],
    ids=["plain", "cut off", "followed by something else", "empty"],
)
def test_broken_compression(toll, body):
    answer = toll.http.post("/v1/business", content=body, headers={"Content-Encoding": "gzip"})
    assert_problem(answer, 400)


def test_an_unknown_encoding(toll):
    answer = toll.http.post("/v1/business", content=b"x", headers={"Content-Encoding": "br"})
    assert "br" in assert_problem(answer, 415)["detail"]


# that it is kept


class DeafProducer:
    """A log that does not answer."""

    def send(self, messages, /):
        raise UnavailableError("the log does not answer: try again")

    def partitions(self, topic, /):
        return 2

    def close(self):
        pass


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/business", ndjson([payment(1)])), ("/v1/signals/generic", b'{"summary": "down"}')],
)
def test_what_the_log_did_not_take_is_not_accepted(toll, path, body):
    toll.state._producer = DeafProducer()
    answer = toll.http.post(path, content=body)
    assert_problem(answer, 503)
    assert int(answer.headers["retry-after"]) > 0


def test_the_same_again_counts_once(toll):
    events = [payment(1), payment(2)]
    for _ in range(3):
        toll.post(events)
        toll.ingest()
    assert toll.ask("/v1/coverage")["streams"][0]["events"] == 2


def test_writing_needs_the_role(guarded):
    body = ndjson([payment(1)])
    answers = {
        role: guarded.http.post("/v1/business", content=body, headers=bearer(role)).status_code
        for role in ("read", "write", "admin")
    }
    assert answers == {"read": 403, "write": 202, "admin": 202}
    assert_problem(guarded.http.post("/v1/business", content=body), 401)
