from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest import columns
from ingest.dead_letters import REASONS
from ingest.decode import Decoded, decode
from ingest.events import EVENT_SCHEMA, position
from ingest.exact import Event, Rules, read_line
from ingest.lines import Lines, plain, split
from ingest.log import Headers, Record
from ingest.mapping import shape_of
from ingest.personal import hash_value
from ingest.streams import IngestConfig, StreamConfig, TopicMapping
from ingest.times import to_ms

RECEIVED = datetime(2026, 11, 22, 12, tzinfo=UTC)
RULES = Rules(to_ms(RECEIVED))
PLAIN_KEYS = IngestConfig(
    streams={name: StreamConfig(name, keys="plain") for name in ("payments", "orders")}, salt=b"s"
)
EVENT = {"id": "p1", "stream": "payments", "at": "2026-11-22T10:15:00Z"}


def lines_of(values: Sequence[bytes]) -> Lines:
    return split(values, np.array([len(value) for value in values], np.int64))


def line(**fields: Any) -> bytes:
    return json.dumps({**EVENT, **fields}).encode()


def record(value: bytes | None, offset: int = 0, headers: Headers = ()) -> Record:
    return Record("toll.business", 3, offset, 0, None, value, headers)


def read(*values: bytes | None, config: IngestConfig = PLAIN_KEYS) -> Decoded:
    records = [record(value, offset) for offset, value in enumerate(values)]
    return decode(records, config, RECEIVED)


def row(value: bytes, config: IngestConfig = PLAIN_KEYS) -> dict[str, Any]:
    decoded = read(value, config=config)
    assert decoded.dead == ()
    (found,) = decoded.events.to_pylist()
    return dict(found)


def reason(value: bytes | None) -> str:
    decoded = read(value)
    assert decoded.events.num_rows == 0
    (letter,) = decoded.dead
    assert letter.detail
    return letter.reason


def test_an_event_with_every_field_becomes_a_row() -> None:
    found = row(
        line(
            status="declined",
            key="order-7",
            customer="c-1",
            amount="12.10",
            currency="EUR",
            count=3,
            value=4.5,
            segment={"region": "eu", "channel": "web"},
            unknown=[1, {"x": None}],
        )
    )
    assert found == {
        "stream": "payments",
        "id": "p1",
        "at": datetime(2026, 11, 22, 10, 15, tzinfo=UTC),
        "status": "declined",
        "key": "order-7",
        "customer": "c-1",
        "amount": Decimal("12.100000000"),
        "currency": "EUR",
        "count": 3,
        "value": 4.5,
        "segment": [("channel", "web"), ("region", "eu")],
        "received_at": RECEIVED,
        "topic": "toll.business",
        "partition": 3,
        "position": 0,
    }


def test_what_is_left_out_has_its_default() -> None:
    found = row(line(key=None, amount=None))
    assert (found["status"], found["count"], found["segment"]) == ("ok", 1, [])
    assert (found["key"], found["customer"], found["currency"]) == ("", "", "")
    assert found["amount"] is None and found["value"] is None


def test_the_table_has_the_schema_of_the_contract_even_when_empty() -> None:
    assert read().events.schema.equals(EVENT_SCHEMA)
    assert read(line()).events.schema.equals(EVENT_SCHEMA)
    assert read(b"x").events.schema.equals(EVENT_SCHEMA)


def test_lines_keep_their_places_around_blank_and_bad_ones() -> None:
    value = b"\r\n" + line(id="a") + b"\r\n\n  \nnonsense\n" + line(id="b") + b"\n"
    decoded = read(line(id="first"), value)
    assert decoded.events["id"].to_pylist() == ["first", "a", "b"]
    assert decoded.events["position"].to_pylist() == [0, position(1, 1), position(1, 5)]
    (letter,) = decoded.dead
    assert (letter.offset, letter.line, letter.reason, letter.raw) == (
        1,
        4,
        "not_json",
        b"nonsense",
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"id": None}, "missing_field"),
        ({"id": ""}, "bad_id"),
        ({"id": "x" * 201}, "bad_id"),
        ({"id": "\ud800"}, "bad_id"),
        ({"id": ["p1"]}, "wrong_type"),
        ({"id": True}, "wrong_type"),
        ({"id": 1.5}, "wrong_type"),
        ({"stream": None}, "missing_field"),
        ({"stream": "Payments"}, "bad_stream"),
        ({"stream": "x" * 65}, "bad_stream"),
        ({"at": None}, "missing_field"),
        ({"at": "2026-11-22T10:15:00"}, "no_zone"),
        ({"at": "2026-11-22 10:15"}, "no_zone"),
        ({"at": "2026-11-22T13:00:00.001Z"}, "future"),
        ({"at": "yesterday"}, "bad_time"),
        ({"at": "2026-02-29T10:15:00Z"}, "bad_time"),
        ({"at": "2026-11-22T10:15:60Z"}, "bad_time"),
        ({"at": "2026-11-22T10:15:00+24:00"}, "bad_time"),
        ({"at": "2026-11-22T10:15:00.1234567890Z"}, "bad_time"),
        ({"at": "1969-12-31T23:59:59Z"}, "bad_time"),
        ({"at": "2100-01-01T00:00:00Z"}, "bad_time"),
        ({"at": 1795342500}, "bad_time"),  # seconds
        ({"at": 1795342500000.5}, "bad_time"),
        ({"at": 1795342500000000}, "bad_time"),  # microseconds
        ({"at": {}}, "wrong_type"),
        ({"status": ""}, "bad_status"),
        ({"status": "x" * 33}, "bad_status"),
        ({"status": False}, "wrong_type"),
        ({"key": "x" * 201}, "bad_key"),
        ({"customer": "x" * 201}, "bad_key"),
        ({"customer": {"name": "x"}}, "wrong_type"),
        ({"amount": "12.10"}, "no_currency"),
        ({"amount": "12.10", "currency": "EURO"}, "bad_currency"),
        ({"amount": "12.10", "currency": 978}, "bad_currency"),
        ({"amount": "-0.01", "currency": "EUR"}, "bad_amount"),
        ({"amount": "12,10", "currency": "EUR"}, "bad_amount"),
        ({"amount": "NaN", "currency": "EUR"}, "bad_amount"),
        ({"amount": "1234567890123456789", "currency": "EUR"}, "bad_amount"),
        ({"amount": "0.1234567891", "currency": "EUR"}, "bad_amount"),
        ({"amount": [], "currency": "EUR"}, "wrong_type"),
        ({"count": 0}, "bad_count"),
        ({"count": 1.5}, "bad_count"),
        ({"count": -1}, "bad_count"),
        ({"count": "many"}, "bad_count"),
        ({"count": 10**12 + 1}, "bad_count"),
        ({"count": str(10**15)}, "bad_count"),
        ({"value": "high"}, "bad_value"),
        ({"value": "inf"}, "bad_value"),
        ({"segment": ["eu"]}, "wrong_type"),
        ({"segment": '{"region": "eu"}'}, "wrong_type"),
        ({"segment": {str(n): "x" for n in range(9)}}, "bad_segment"),
        ({"segment": {"region": "x" * 201}}, "bad_segment"),
        ({"segment": {"region": {}}}, "wrong_type"),
    ],
)
def test_a_field_that_is_wrong_has_its_reason(fields: dict[str, Any], expected: str) -> None:
    assert reason(line(**fields)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b" \r\n\n", "empty"),
        (b"\xff\xfe", "not_utf8"),
        (b'{"id": "a"', "not_json"),
        (b'{"id": NaN}', "not_json"),
        (b"[1]", "not_json"),
        (b"7", "not_json"),
        (line() + line(), "not_json"),
        (b'{"id":' + b"[" * 200_000, "too_deep"),
        (b'{"id":' + b'{"a":' * 70 + b"1" + b"}" * 71, "too_deep"),
    ],
)
def test_a_value_that_is_no_event_has_its_reason(value: bytes | None, expected: str) -> None:
    assert reason(value) == expected


def test_brackets_in_strings_nest_nothing() -> None:
    assert row(line(note='[{\\"' * 500))["id"] == "p1"


def test_a_record_over_the_limit_is_kept_in_part() -> None:
    decoded = read(
        line() + b" " * 200_000, config=IngestConfig(salt=b"s", max_record_bytes=100_000)
    )
    (letter,) = decoded.dead
    assert letter.reason == "too_large"
    assert len(letter.raw) == 64 * 1024


def test_a_record_of_too_many_lines_is_too_large() -> None:
    assert reason(b"\n" * (1 << 20)) == "too_large"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-11-22T11:15:00.123999999+01:00", "2026-11-22T10:15:00.123+00:00"),
        ("2026-11-22t10:15:00z", "2026-11-22T10:15:00+00:00"),
        ("2026-11-22 10:15:00.5Z", "2026-11-22T10:15:00.500+00:00"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999+00:00"),
        ("2017-01-01T00:59:60.5+01:00", "2016-12-31T23:59:59.999+00:00"),
        (1795342500123, "2026-11-22T10:15:00.123+00:00"),
        ("1795342500123", "2026-11-22T10:15:00.123+00:00"),
    ],
)
def test_times_are_read_as_rfc_3339_or_epoch_milliseconds(written: Any, expected: str) -> None:
    assert row(line(at=written))["at"] == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (b"123456789012345678.123456789", "123456789012345678.123456789"),
        (b'"123456789012345678.12"', "123456789012345678.12"),
        (b"12.1000000000000000000000", "12.1"),
        (b'"007.50"', "7.5"),
        (b"1.25e2", "125"),
        (b"-0", "0"),
    ],
)
def test_amounts_keep_every_digit(written: bytes, expected: str) -> None:
    money = line(currency="EUR")[:-1] + b', "amount": ' + written + b"}"
    assert row(money)["amount"] == Decimal(expected)


def test_integers_stand_for_texts_and_texts_for_numbers() -> None:
    found = row(line(id=7001, key=12345678901234567890123, status=200, count="3", value="4.5"))
    assert (found["id"], found["key"], found["status"]) == (
        "7001",
        "12345678901234567890123",
        "200",
    )
    assert (found["count"], found["value"]) == (3, 4.5)


@pytest.mark.parametrize("count", [10**12 - 1, 10**12, str(10**12), 10**12 + 1, 10**15 - 1])
def test_counts_have_a_limit_so_that_their_sum_has_room(count: int | str) -> None:
    value = line(count=count)
    if int(count) <= 10**12:
        assert row(value)["count"] == int(count)
        return
    assert columns.read(lines_of([value]), np.array([True]), RULES).is_empty()
    assert read_line(value, RULES) == (
        "bad_count",
        f"count {count} is not an integer from 1 to 1,000,000,000,000",
    )


def test_currencies_may_be_written_small() -> None:
    assert row(line(amount=1, currency="eur"))["currency"] == "EUR"


def test_keys_are_hashed_by_default_and_join_across_streams() -> None:
    config = IngestConfig(streams={"orders": StreamConfig("orders", keys="plain")}, salt=b"pepper")
    decoded = read(
        line(key="k1", customer="c1"),
        line(stream="calls", key="k1"),
        line(stream="orders", key="k1"),
        config=config,
    )
    hashed = hash_value("k1", b"pepper")
    assert hashed != "k1"
    assert decoded.events["key"].to_pylist() == [hashed, hashed, "k1"]
    assert decoded.events["customer"].to_pylist() == [hash_value("c1", b"pepper"), "", ""]


def test_hashing_needs_a_salt() -> None:
    assert row(line(), config=IngestConfig())["key"] == ""
    with pytest.raises(ValueError, match="salt"):
        read(line(key="k1"), config=IngestConfig())


def mapped(value: bytes, **settings_: Any) -> Decoded:
    config = IngestConfig(mappings={"toll.business": TopicMapping("toll.business", **settings_)})
    return read(value, config=config)


@pytest.mark.parametrize("nested", [False, True])
def test_a_topic_of_another_shape_is_mapped(nested: bool) -> None:
    other = {"txId": 7, "state": "SETTLED", "ts": 1795342500123, "total": "9.99", "currency": "USD"}
    at = "$.body[0]" if nested else "$"
    value = json.dumps({"body": [other]} if nested else other).encode()
    decoded = mapped(
        value,
        stream="payments",
        fields={
            "id": [f"{at}.txId", f"{at}.state"],
            "at": f"{at}.ts",
            "status": f"{at}.state",
            "amount": f"{at}.total",
            "currency": f'{at}["currency"]',
        },
        status={"SETTLED": "ok"},
    )
    assert decoded.dead == ()
    (found,) = decoded.events.to_pylist()
    assert (found["stream"], found["id"], found["status"]) == ("payments", "7/SETTLED", "ok")
    assert (found["amount"], found["currency"]) == (Decimal("9.99"), "USD")


def test_a_mapping_that_points_nowhere_says_where_it_looked() -> None:
    (letter,) = mapped(line(), stream=None, fields={"id": "$.order.number"}).dead
    assert (letter.reason, letter.detail) == (
        "missing_field",
        "there is no id (looked for order.number)",
    )


def test_one_bad_line_costs_its_neighbours_nothing() -> None:
    values = [line(id=str(n)) for n in range(1000)]
    values[500] = line(id="x")[:-1] + b', "big": 1e999}'  # fine, but no binary float
    values[501] = b"{" + b"\x00" + b"}"
    values[502] = line(at="2026-02-30T00:00:00Z")
    decoded = read(*values)
    assert decoded.events.num_rows == 998
    assert [(letter.offset, letter.reason) for letter in decoded.dead] == [
        (501, "not_json"),
        (502, "bad_time"),
    ]
    assert decoded.events["position"].to_numpy().tolist() == sorted(
        position(n, 0) for n in range(1000) if n not in (501, 502)
    )


def structured(**envelope: Any) -> bytes:
    return json.dumps({"specversion": "1.0", "id": "e1", "source": "/shop", **envelope}).encode()


def test_cloudevents_are_opened_in_all_three_modes() -> None:
    inner = {"stream": "payments", "amount": 1.10, "currency": "EUR"}
    json_type = (("content-type", b"application/cloudevents+json; charset=utf-8"),)
    batch_type = (("Content-Type", b"application/cloudevents-batch+json"),)
    binary = (("ce_specversion", b"1.0"), ("ce_id", b"e1"), ("ce_time", b"2026-11-22T10:15:00Z"))
    envelope = structured(time="2026-11-22T10:15:00Z", data=inner)
    records = [
        record(envelope, 0, json_type),
        record(b"[" + envelope + b"," + envelope + b"]", 1, batch_type),
        record(json.dumps(inner).encode(), 2, (*binary, ("content-type", b"application/json"))),
        record(structured(), 3, json_type),
    ]
    decoded = decode(records, PLAIN_KEYS, RECEIVED)
    assert decoded.events["id"].to_pylist() == ["e1"] * 4
    assert decoded.events["position"].to_pylist() == [
        0,
        position(1, 0),
        position(1, 1),
        position(2, 0),
    ]
    assert decoded.events["amount"].to_pylist() == [Decimal("1.1")] * 4
    assert [(letter.offset, letter.reason) for letter in decoded.dead] == [(3, "missing_field")]


def test_of_a_batch_of_envelopes_only_what_is_bad_is_kept_of_each() -> None:
    batch_type = (("content-type", b"application/cloudevents-batch+json"),)
    size = 20_000  # as often the whole batch would be gigabytes
    batch = b"[" + b",".join([b'{"amount": 1.10, "pad": "%s"}' % (b"x" * 100)] * size) + b"]"
    letters = decode([record(batch, 0, batch_type)], PLAIN_KEYS, RECEIVED).dead
    assert [letter.line for letter in letters] == list(range(size))
    assert {letter.raw for letter in letters} == {b'{"amount":1.10,"pad":"%s"}' % (b"x" * 100)}


def test_a_batch_of_more_envelopes_than_a_place_can_say_is_too_large() -> None:
    batch_type = (("content-type", b"application/cloudevents-batch+json"),)
    batch = b"[" + b"1," * 2**20 + b"1]"
    (letter,) = decode([record(batch, 0, batch_type)], PLAIN_KEYS, RECEIVED).dead
    assert letter.reason == "too_large"


# --- both readers say the same ---------------------------------------------------------------

numbers = st.one_of(
    st.integers(),
    st.integers(0, 99),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(0, 10**20, places=4, allow_nan=False).map(str),
    st.sampled_from([0, -0.0, 1e300, 5e-324, 1e16, 123456789012345678, 0.1, 1795342500000]),
)
texts = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["true", "null", "1.5", "-0", "[1]", "{}", '{"a":"b"}', "x" * 201, "\x00", "😀"]
    ),
    st.sampled_from(["eur", "EUR", "12.10", "1e5", "9" * 20, "007", "2026-02-30T10:15:00Z", "ok"]),
)
times = st.one_of(
    st.datetimes(datetime(1969, 12, 30), datetime(2101, 1, 2)).map(lambda t: t.isoformat() + "Z"),  # noqa: DTZ001
    st.from_regex(
        r"20[0-9]{2}-(0[1-9]|1[0-3])-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]"
        r"(\.[0-9]{1,10})?([Zz]|[+-][0-2][0-9]:?[0-6][0-9])?",
        fullmatch=True,
    ),
)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=4,
)
segments = st.dictionaries(texts, st.one_of(texts, numbers), max_size=3)
objects = st.fixed_dictionaries(
    {"id": st.one_of(texts, numbers), "stream": st.sampled_from(["payments", "orders", "9"])},
    optional={
        "at": st.one_of(times, times, numbers),
        "status": texts,
        "key": anything,
        "customer": st.one_of(texts, numbers),
        "amount": st.one_of(numbers, numbers, texts),
        "currency": st.sampled_from(["EUR", "usd", "XXX", ""]),
        "count": numbers,
        "value": st.one_of(numbers, texts),
        "segment": st.one_of(segments, anything),
        "other": anything,
    },
)


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """JSON text of something near an event, spelled in one of the ways producers spell it."""
    found = {"at": "2026-11-22T10:15:00Z", **draw(objects)}
    text = json.dumps(
        found,
        ensure_ascii=draw(st.booleans()),
        separators=draw(st.sampled_from([(",", ":"), (", ", ": ")])),
    )
    if draw(st.integers(0, 3)) == 0:
        places = draw(st.lists(st.integers(0, len(text) - 1), max_size=3))
        for place in places:
            character = draw(st.sampled_from('"\\{}[]:,0179.-+eEntu \t'))
            text = text[:place] + character + text[place + draw(st.integers(0, 1)) :]
    return text.encode(errors="surrogatepass").replace(b"\n", b" ")


def as_event(found: dict[str, Any]) -> Event:
    names = [name for name in found if name != "row"]
    return Event(**{name: found[name] for name in names})


@given(st.lists(written(), min_size=1, max_size=8))
@example([line(id=1, amount=12.1000000000000001, currency="EUR")])
@example([b'{"id":5.0,"stream":"a","at":1795342500000.0,"segment":{"value":5.00000000000000001}}'])
@example([b'{"id":"a","id":"b","stream":"a","at":1795342500000,"amount":1e-400,"currency":"EUR"}'])
@example([line(value=0.30000000000000004), line(value=4.366666666666666)])
@settings(deadline=None, max_examples=120)
def test_the_fast_reader_never_says_otherwise_than_the_exact_one(values: list[bytes]) -> None:
    lines = lines_of(values)
    frame = columns.read(lines, plain(lines, floats="value"), RULES)
    for found in frame.to_dicts():
        assert as_event(found) == read_line(lines.line(found["row"]), RULES)


MAPPED = Rules(
    to_ms(RECEIVED),
    shape_of(
        TopicMapping(
            "t",
            "orders",
            {"id": ["$.id", "$.key"], "amount": "$.value", "value": "$.count", "segment": []},
            {"ok": "settled"},
        )
    ),
)


@given(st.lists(written(), min_size=1, max_size=6))
@example([line(key=1, value=0.1000000000000000055, currency="EUR")])
@settings(deadline=None, max_examples=60)
def test_mapped_or_not_the_fast_reader_says_the_same(values: list[bytes]) -> None:
    lines = lines_of(values)
    for found in columns.read(lines, plain(lines, floats=None), MAPPED).to_dicts():
        assert as_event(found) == read_line(lines.line(found["row"]), MAPPED)


def test_the_fast_reader_reads_what_is_common() -> None:
    values = [
        line(),
        line(id=17, key="äöü", amount=12.10, currency="EUR", segment={"city": "Köln"}),
        line(at=1795342500123, value=4.366666666666666, count=2, customer="12345678901234567890"),
    ]
    lines = lines_of(values)
    assert columns.read(lines, plain(lines, floats="value"), RULES)["row"].to_list() == [0, 1, 2]


@given(
    st.lists(
        st.one_of(
            st.none(), st.binary(max_size=40), written(), written().map(lambda w: w + b"\r\n")
        ),
        max_size=6,
    )
)
@settings(deadline=None, max_examples=80)
def test_every_line_is_one_event_or_one_dead_letter(values: list[bytes | None]) -> None:
    decoded = read(*values)
    expected = 0
    for value in values:
        filled = [part for part in (value or b"").split(b"\n") if part.strip(b" \t\r")]
        expected += max(len(filled), 1)
    assert decoded.events.num_rows + len(decoded.dead) == expected
    assert all(letter.reason in REASONS for letter in decoded.dead)
    places = decoded.events["position"].to_numpy()
    assert np.all(np.diff(places.astype(np.int64)) > 0)


@given(st.lists(written(), min_size=1, max_size=5))
@settings(deadline=None, max_examples=40)
def test_a_batch_reads_like_its_records_one_by_one(values: list[bytes]) -> None:
    together = read(*values).events.drop_columns(["position"])
    apart = [read(value).events.drop_columns(["position"]) for value in values]
    assert together.to_pylist() == [found for table in apart for found in table.to_pylist()]


def test_columns_schema_is_what_polars_returns() -> None:
    lines = lines_of([line()])
    assert columns.read(lines, plain(lines, floats="value"), RULES).schema == columns.SCHEMA
    assert columns.read(lines, np.zeros(1, np.bool_), RULES).schema == columns.SCHEMA
    assert pl.Schema(columns.SCHEMA).names()[0] == "row"
