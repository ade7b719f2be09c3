"""Bad input, from the log to the store: a dead letter each, with its place and bytes, and no more.

Good events stand before and behind every bad one; all of them are counted.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from ingest.kafka import KafkaLog
from ingest.log import Log, Message
from store.store import Store
from tests.contract.logs import EmbeddedPlace, KafkaPlace, Place
from tests.e2e.ingesting import is_idle, running, wait
from tests.e2e.oracle import Sent, expected, found

pytestmark = [
    pytest.mark.engine,
    pytest.mark.network,
    # kafka-python leaves sockets of refused connections to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

GOOD = {"id": "g", "stream": "payments", "at": "2026-11-20T12:00:00Z"}
SOON = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
KEPT = 64 * 1024  # bytes of a rejected line


def bad(**changed: object) -> bytes:
    """A good event, but for this; a field set to None is left out."""
    fields = {name: value for name, value in (GOOD | changed).items() if value is not None}
    return json.dumps(fields).encode()


def number(name: str, digits: bytes) -> bytes:
    """With a number that `json` would not write."""
    return bad(**{name: "@", "currency": "EUR"}).replace(b'"@"', digits)


START = b'"started_at": "2026-11-20T12:00:00Z"}'

BAD: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"id=7;amount=3", "not_json"),
    "half a line": (bad()[:-9], "not_json"),
    "an array": (b"[%s]" % bad(), "not_json"),
    "a text": (b'"payment"', "not_json"),
    "wrong type: id": (bad(id={"a": 1}), "wrong_type"),
    "wrong type: at": (bad(at=[2026]), "wrong_type"),
    "wrong type: status": (bad(status=True), "wrong_type"),
    "wrong type: amount": (bad(amount={}, currency="EUR"), "wrong_type"),
    "missing id": (bad(id=None), "missing_field"),
    "missing stream": (bad(stream=None), "missing_field"),
    "missing at": (bad(at=None), "missing_field"),
    "empty id": (bad(id=""), "bad_id"),
    "long id": (bad(id="x" * 201), "bad_id"),
    "long key": (bad(key="x" * 201), "bad_key"),
    "odd stream": (bad(stream="Payments!"), "bad_stream"),
    "no zone": (bad(at="2026-11-20T12:00:00"), "no_zone"),
    "no such day": (bad(at="2026-02-30T12:00:00Z"), "bad_time"),
    "seconds": (bad(at=1_763_640_000), "bad_time"),
    "the future": (bad(at=SOON), "future"),
    "NaN": (number("amount", b"NaN"), "not_json"),
    "NaN as text": (bad(amount="NaN", currency="EUR"), "bad_amount"),
    "negative": (bad(amount=-1, currency="EUR"), "bad_amount"),
    "30 digits": (number("amount", b"1" * 30), "bad_amount"),
    "an endless number": (number("amount", b"1e999999999"), "bad_amount"),
    "ten decimals": (bad(amount="0.1234567891", currency="EUR"), "bad_amount"),
    "no currency": (bad(amount=1), "no_currency"),
    "unknown currency": (bad(amount=1, currency="XQQ"), "bad_currency"),
    "count of none": (bad(count=0), "bad_count"),
    "an endless value": (number("value", b"1e999"), "bad_value"),
    "nine segments": (bad(segment={str(n): "x" for n in range(9)}), "bad_segment"),
    "half a character": (bad(id="@").replace(b"@", rb"\ud800"), "bad_id"),
    "not UTF-8": (bad(id="@").replace(b"@", b"\xff\xfe"), "not_utf8"),
    "nested objects": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too_deep"),
    "nested arrays": (b"[" * 1_000_000, "too_deep"),
    "empty": (b"", "empty"),
    "blank": (b" \n\t\n", "empty"),
    "11 MB": (bad(note="x" * 11_000_000), "too_large"),
}

SIGNALS_BAD: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"firing!", "not_json"),
    "an array": (b"[]", "not_json"),
    "empty": (b"", "empty"),
    "nested": (b'{"a":' * 100_000, "too_deep"),
    "not UTF-8": (b'{"id": "\xff"}', "not_utf8"),
    "odd kind": (b'{"id": "1", "kind": "party", ' + START, "bad_signal"),
    "odd time": (b'{"id": "1", "started_at": "soon"}', "bad_signal"),
    "half a character": (rb'{"id": "\ud800", ' + START, "bad_signal"),
    "half a character in a label": (rb'{"labels": {"a": "\udfff"}, ' + START, "bad_signal"),
}


@pytest.fixture(
    params=["embedded", pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.slow])]
)
def place(request, tmp_path) -> Iterator[Place]:
    if request.param == "embedded":
        yield EmbeddedPlace(tmp_path)
        return
    yield KafkaPlace(request.getfixturevalue("kafka_broker"), KafkaLog)
    gc.collect()  # while the warning above is ignored


@pytest.fixture
def log(place) -> Iterator[Log]:
    with closing(place.open()) as log:
        yield log


@pytest.fixture
def topics(log, kafka_topic) -> tuple[str, str]:
    names = (kafka_topic(), kafka_topic())
    log.ensure_topics(dict.fromkeys(names, 1))
    return names


def letters(store: Store) -> list[tuple[str, int, int, int, str, bytes]]:
    kept = [one.letter for one in store.dead_letters.find(limit=1000)]
    return sorted((x.topic, x.partition, x.offset, x.line, x.reason, x.raw) for x in kept)


def test_everything_at_once(log, topics, store):
    business, signals = topics
    good = [Sent(f"good {n}", cents=100, currency="EUR") for n in range(len(BAD) + 1)]
    messages = [good[0].message(business)]
    for event, (value, _) in zip(good[1:], BAD.values(), strict=True):
        messages += [Message(business, value), event.message(business)]
    messages += [Message(signals, value) for value, _ in SIGNALS_BAD.values()]
    with closing(log.producer()) as producer:
        for message in messages:
            producer.send([message])
    with running(log, store, topics=topics):
        wait(lambda: found(store) == expected(good))
        wait(lambda: len(letters(store)) == len(BAD) + len(SIGNALS_BAD))
    assert letters(store) == sorted(
        [
            (business, 0, 2 * n + 1, 0, reason, value[:KEPT])
            for n, (value, reason) in enumerate(BAD.values())
        ]
        + [
            (signals, 0, n, 0, reason, value[:KEPT])
            for n, (value, reason) in enumerate(SIGNALS_BAD.values())
        ]
    )


def test_bad_lines_of_one_record_leave_its_good_lines_alone(log, topics, store):
    lines = [line for line, _ in BAD.values() if len(line) < 1000 and line.strip()]
    good = [Sent(f"good {n}") for n in range(len(lines))]
    value = b"\n".join(
        part for event, line in zip(good, lines, strict=True) for part in (event.line(), line)
    )
    with closing(log.producer()) as producer:
        producer.send([Message(topics[0], value)])
    with running(log, store, topics=topics):
        wait(lambda: found(store) == expected(good))
    assert [(line, raw) for _, _, _, line, _, raw in letters(store)] == [
        (2 * n + 1, line) for n, line in enumerate(lines)
    ]


def test_a_tombstone_is_a_dead_letter(log, place, topics, store, request):
    if isinstance(place, EmbeddedPlace):
        request.applymarker(
            pytest.mark.xfail(reason="nobody but Toll writes to the embedded log", strict=True)
        )
    place.tombstone(topics[0], b"gone")
    with running(log, store, topics=topics):
        wait(lambda: letters(store) == [(topics[0], 0, 0, 0, "empty", b"")])


def test_duplicates_in_a_batch_and_across_restarts_count_once(log, topics, store):
    event, refused = Sent("a", cents=250, currency="EUR"), bad(id="")
    for times in (3, 2, 1):
        with closing(log.producer()) as producer:
            producer.send([event.message(topics[0])] * times + [Message(topics[0], refused)])
        with running(log, store, topics=topics) as member:
            wait(partial(is_idle, member.ingester))
    counts, sums = found(store)
    assert counts == {("payments", "ok", "02 12:00"): 1}
    assert set(sums.values()) == {"2.50"}
    assert [(offset, raw) for _, _, offset, _, _, raw in letters(store)] == [
        (3, refused), (6, refused), (8, refused),
    ]  # fmt: skip


@pytest.mark.parametrize("year", ["1969", "9999"])
def test_a_signal_of_an_odd_year_stops_nothing(log, topics, store, year):
    odd = {"id": "odd", "source": "test", "started_at": f"{year}-01-01T00:00:00Z"}
    with closing(log.producer()) as producer:
        producer.send([Message(topics[1], json.dumps(odd).encode())])
        producer.send([Message(topics[0], Sent("a").line())])
    with running(log, store, topics=topics):
        wait(lambda: found(store) == expected([Sent("a")]))
        wait(lambda: len(letters(store)) + len(store.signals.all()) == 1)
    for signal in store.signals.all():
        assert signal.started_at.year == int(year)
