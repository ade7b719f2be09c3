from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.cloudevents import defaults, is_cloudevent, lines_from_http, open_structured
from ingest.dead_letters import Fault
from ingest.errors import InputError
from ingest.exact import read_json

INNER = {"stream": "payments", "amount": 1.5}
JSON = {"Content-Type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json; charset=utf-8"}


def envelope(**members: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": "e1", "source": "/shop", "type": "payment", **members}


def lines(body: Any, headers: dict[str, str]) -> list[Any]:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return [json.loads(line) for line in lines_from_http(text, headers)]


def test_the_envelope_stands_in_for_a_missing_id_and_time() -> None:
    found = lines(envelope(time="2026-11-22T10:15:00Z", data=INNER), JSON)
    assert found == [{**INNER, "id": "e1", "at": "2026-11-22T10:15:00Z"}]


def test_what_the_event_says_itself_counts() -> None:
    (found,) = lines(envelope(time="2026-11-22T10:15:00Z", data={**INNER, "id": "own"}), JSON)
    assert found["id"] == "own"


def test_a_batch_is_many_events() -> None:
    assert len(lines([envelope(data=INNER), envelope(data=INNER)], BATCH)) == 2


def test_data_may_be_base64() -> None:
    (found,) = lines(envelope(data_base64=base64.b64encode(b'{"id": "x"}').decode()), JSON)
    assert found["id"] == "x"


def test_in_binary_mode_the_attributes_are_headers() -> None:
    headers = {"ce-specversion": "1.0", "Ce-Id": "e%201", "content-type": "application/json"}
    assert is_cloudevent(headers)
    assert lines(INNER, headers) == [{**INNER, "id": "e 1"}]


def test_every_digit_is_kept() -> None:
    body = json.dumps(envelope(data=INNER)).replace("1.5", "12.10000000000000000001").encode()
    assert b"12.10000000000000000001" in lines_from_http(body, JSON)[0]


def test_kafka_headers_offer_id_and_time_only_with_a_version() -> None:
    headers = (("ce_id", b"e1"), ("ce_time", b"t"), ("ce_specversion", b"1.0"))
    assert defaults(headers) == {"id": "e1", "at": "t"}
    assert defaults(headers[:2]) == {}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (INNER, {"content-type": "application/json"}),
        (INNER, JSON),
        (envelope(), JSON),
        (envelope(data=[1]), JSON),
        (envelope(data_base64="***"), JSON),
        (envelope(data_base64=7), JSON),
        ([], BATCH),
        ([envelope(data=INNER), 7], BATCH),
        (b"\xff", JSON),
        (b"[" * 100_000, JSON),
        (b"7", {"ce-specversion": "1.0"}),
    ],
)
def test_what_cannot_be_opened_is_an_input_error(body: Any, headers: dict[str, str]) -> None:
    with pytest.raises(InputError):
        lines(body, headers)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
envelopes = st.builds(
    lambda changed: envelope(**changed),
    st.dictionaries(
        st.sampled_from(["data", "data_base64", "id", "time", "specversion"]), anything, max_size=3
    ),
)


@given(st.one_of(st.binary(max_size=40), st.one_of(envelopes, anything).map(json.dumps)))
@settings(deadline=None, max_examples=150)
def test_any_body_is_lines_or_an_input_error(body: bytes | str) -> None:
    value = body if isinstance(body, bytes) else body.encode()
    opened = open_structured(value)
    assert isinstance(opened, Fault) or len(opened) >= 1
    for headers in (JSON, {"ce-specversion": "1.0", "ce-id": "%zz"}):
        try:
            found = lines_from_http(value, headers)
        except InputError:
            continue
        assert all(isinstance(read_json(line), dict) and b"\n" not in line for line in found)
