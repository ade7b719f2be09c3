from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.decode import Checked, check_lines, decode
from ingest.errors import InputError
from ingest.log import Record
from ingest.streams import IngestConfig

RECEIVED = datetime(2026, 11, 22, 12, tzinfo=UTC)
EVENT = {"id": "p1", "stream": "payments", "at": "2026-11-22T10:15:00Z"}


def line(**fields: Any) -> bytes:
    return json.dumps({**EVENT, **fields}).encode()


def check(body: bytes, stream: str | None = None) -> Checked:
    return check_lines(body, IngestConfig(), RECEIVED, stream)


def test_lines_are_accepted_with_their_partition_key() -> None:
    checked = check(line(key="order-7") + b"\r\n\n" + line(id=8) + b"\n")
    assert [one.key for one in checked.accepted] == ["order-7", "8"]
    assert checked.accepted[0].value == line(key="order-7")
    assert checked.rejected == ()


def test_a_bad_line_is_rejected_and_the_others_accepted() -> None:
    checked = check(b"\n".join([line(), b"{", line(amount=1), b"", line(id="p2")]))
    assert [one.key for one in checked.accepted] == ["p1", "p2"]
    assert [(one.line, one.reason) for one in checked.rejected] == [
        (1, "not_json"),
        (2, "no_currency"),
    ]


def test_one_object_may_take_several_lines() -> None:
    (accepted,) = check(json.dumps(EVENT, indent=2).encode()).accepted
    assert b"\n" not in accepted.value
    assert json.loads(accepted.value) == EVENT


def test_an_array_is_checked_by_its_elements() -> None:
    body = json.dumps([EVENT, 7, {**EVENT, "amount": 1.10, "currency": "EUR"}], indent=1).encode()
    checked = check(body.replace(b"1.1", b"1.10"))
    assert len(checked.accepted) == 2
    assert b"1.10" in checked.accepted[1].value
    assert [(one.line, one.reason) for one in checked.rejected] == [(1, "not_json")]


@pytest.mark.parametrize(
    "body",
    [b"[", b"[{}", b"[{}}", b"[{},]", b"[{}] x", b"[\xff]", b"[" * 100_000],
)
def test_a_broken_array_is_an_input_error(body: bytes) -> None:
    with pytest.raises(InputError):
        check(body)


def stream_of(body: bytes) -> str:
    (accepted,) = check(body, stream="orders").accepted
    events = decode([Record("t", 0, 0, 0, None, accepted.value)], IngestConfig(), RECEIVED).events
    return str(events["stream"][0])


@pytest.mark.parametrize(
    "body",
    [
        b'{"id": "p1", "at": 1795342500000}',
        b'{"id": "p1", "at": 1795342500000 , "stream": null }',
        b'{"id": "p1", "at": 1795342500000, "stream": "orders"}',
        b'{"id": "p1", "at": 1795342500000, "segment": {"stream": "x"}}',
        b'{"id": "p1", "at": 1795342500000, "str\\u0065am": "orders"}',
    ],
)
def test_the_request_may_name_the_stream(body: bytes) -> None:
    assert stream_of(body) == "orders"


def test_a_stream_that_an_event_names_is_its_stream() -> None:
    (accepted,) = check(line(), stream="orders").accepted
    assert accepted.value == line()


@pytest.mark.parametrize("body", [b"", b" \n", b"[]", b" [ ] "])
def test_where_nothing_is_nothing_is_found(body: bytes) -> None:
    assert check(body) == Checked((), ())


@pytest.mark.parametrize("body", [b"1\n" * 400_001, b"[" + b"1," * 400_000 + b"1]"])
def test_a_body_of_tiny_lines_is_refused_before_each_is_read(body: bytes) -> None:
    with pytest.raises(InputError, match="more than 400,000 lines: send it in parts"):
        check(body)


def test_blank_lines_are_no_lines() -> None:
    assert len(check(b"\n" * 400_001 + line()).accepted) == 1


@given(st.lists(st.one_of(st.binary(max_size=30), st.just(line()), st.just(b"{}")), max_size=6))
@settings(deadline=None, max_examples=100)
def test_every_line_is_accepted_or_rejected(lines: list[bytes]) -> None:
    body = b"\n".join(lines)
    try:
        checked = check(body, stream="payments")
    except InputError:
        return
    if not body.lstrip().startswith((b"[", b"\xef\xbb\xbf")):
        filled = [n for n, part in enumerate(body.split(b"\n")) if part.strip(b" \t\r")]
        assert len(checked.accepted) + len(checked.rejected) == len(filled)
        assert {one.line for one in checked.rejected} <= set(filled)


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists, max_leaves=6))
@settings(deadline=None, max_examples=100)
def test_any_array_is_split_into_its_elements(found: Any) -> None:
    body = json.dumps([found, EVENT], ensure_ascii=False, indent=1).encode()
    checked = check(body)
    assert len(checked.accepted) == 1
    assert [one.line for one in checked.rejected] == [0]
