"""Counters written by Prometheus, from the request to the counted minute, over both logs."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from threading import Event

import cramjam
import pytest

from api.run.counting import Counting, Follower
from api.run.runtime import Runtime
from api.setup.streams_file import read_streams
from ingest.errors import SettingsError, UnavailableError
from ingest.kafka import KafkaLog
from ingest.remote_write import Point, Series
from ingest.streams import CounterMapping, IngestConfig
from tests.api.app import SALT, assert_problem, bearer, opened, with_tokens
from tests.ingest.test_counters import written_v1, written_v2

pytestmark = pytest.mark.engine

COUNTER = CounterMapping("payments_total", "payments", status_label="result")
CONFIG = IngestConfig(salt=SALT, counters=(COUNTER,))
PACKED = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
V2 = PACKED | {"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=20)
T0 = round(BEGAN.timestamp() * 1000)


@pytest.fixture
def toll(tmp_path, store):
    with opened(tmp_path, store, config=CONFIG) as toll:
        yield toll


def body(*samples, write=written_v1, **labels):
    labels = {"__name__": "payments_total", "result": "ok", **labels}
    timed = tuple(
        Point(T0 + seconds * 1000, float(value), *(T0 + since * 1000 for since in said))
        for seconds, value, *said in samples
    )
    return bytes(cramjam.snappy.compress_raw(write(Series(labels, timed))))


def post(toll, content, headers=PACKED):
    return toll.http.post("/api/v1/write", content=content, headers=headers)


class Reader:
    """What turns samples into events, until it is closed."""

    def __init__(self, toll):
        self.consumer = toll.parts.log.consumer(
            "toll-counters", [toll.parts.settings.counters_topic]
        )
        self.producer = toll.parts.log.producer()
        self.follower = Follower(toll.parts, self.consumer, self.producer)

    def read(self, samples):
        """Read until so many samples were seen, those read again included."""
        deadline = datetime.now(UTC) + timedelta(seconds=30)
        while samples > 0:
            assert datetime.now(UTC) < deadline
            samples -= self.follower.turn(0.05)
        return self

    def close(self):
        self.consumer.close()
        self.producer.close()


def counted(toll, status="ok"):
    """What is stored in the end: each event once."""
    toll.ingest()
    found = toll.parts.store.volumes(
        "payments", [status], BEGAN - timedelta(hours=1), BEGAN + timedelta(hours=1)
    )
    return int(found.count.sum())


@pytest.mark.parametrize(("write", "headers"), [(written_v1, PACKED), (written_v2, V2)])
def test_what_a_counter_rose_by_is_counted(toll, write, headers):
    answer = post(toll, body((0, 100), (15, 103), (30, 110), write=write), headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["X-Prometheus-Remote-Write-Samples-Written"] == "3"
    Reader(toll).read(3).close()
    assert counted(toll) == 10


def test_a_request_that_is_repeated_counts_once(toll):
    reader = Reader(toll)
    for _ in range(3):
        assert post(toll, body((0, 100), (15, 103))).status_code == 204
    reader.read(6).close()
    assert counted(toll) == 3


def test_a_restart_loses_nothing_and_counts_nothing_twice(toll):
    post(toll, body((0, 100), (15, 103)))
    Reader(toll).read(2).close()
    post(toll, body((30, 110)))  # while nobody reads
    Reader(toll).read(3).close()  # the two before again, to know where the counter stood
    post(toll, body((45, 111)))
    Reader(toll).read(4).close()
    assert counted(toll) == 11


def test_a_counter_that_says_since_when_it_counts_counts_once_however_often_it_is_read(toll):
    """The first refusal of a day is a series of its own, which begins with it."""
    first = body((0, 1, -7), (15, 1, -7), write=written_v2, result="declined")
    assert post(toll, first, V2).status_code == 204
    Reader(toll).read(2).close()
    more = body((30, 4, -7), write=written_v2, result="declined")
    assert post(toll, more, V2).status_code == 204
    Reader(toll).read(3).close()
    assert counted(toll, "declined") == 4


def test_a_crash_between_sending_and_committing_counts_once(toll, monkeypatch):
    post(toll, body((0, 100), (15, 103)))
    reader = Reader(toll)

    def away(offsets, /):
        raise UnavailableError("the log is away")

    with monkeypatch.context() as patch:
        patch.setattr(reader.consumer, "commit", away)
        with pytest.raises(UnavailableError):
            reader.read(2)
    reader.close()
    Reader(toll).read(2).close()
    assert len(toll.lines()) == 2, "sent twice"
    assert counted(toll) == 3


def test_only_what_the_settings_name_is_kept(toll):
    answer = post(toll, body((0, 1), (15, 2), __name__="node_cpu_seconds_total"))
    assert answer.status_code == 204
    assert toll.records(toll.parts.settings.counters_topic) == []


def test_nothing_is_answered_well_before_the_log_has_it(toll, monkeypatch):
    producer = toll.state.producer()

    def away(messages, /):
        raise UnavailableError("the disk is full")

    monkeypatch.setattr(producer, "send", away)
    assert_problem(post(toll, body((0, 1))), 503)


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"no snappy", PACKED, 400),
        (bytes(cramjam.snappy.compress_raw(b"\xff\xff")), PACKED, 400),
        (bytes(cramjam.snappy.compress_raw(b"\0" * (11 * 2**20))), PACKED, 400),
        (b"{}", {"Content-Type": "application/json"}, 415),
        (b"x", PACKED | {"Content-Encoding": "br"}, 415),
    ],
)
def test_what_is_none_is_refused_for_good(toll, content, headers, status):
    assert_problem(post(toll, content, headers), status)


def test_without_counters_it_says_so(tmp_path, store):
    with opened(tmp_path, store) as toll:
        said = assert_problem(post(toll, body((0, 1))), 404)["detail"]
        assert "TOLL_STREAMS" in said
        assert Runtime(toll.parts, ingest=True, assess=False).counting is None


def test_it_needs_a_token_that_may_write(tmp_path, store):
    with opened(tmp_path, store, config=CONFIG, tokens=with_tokens()) as toll:
        assert_problem(post(toll, body((0, 1))), 401)
        assert post(toll, body((0, 1)), PACKED | bearer("write")).status_code == 204


def test_the_process_that_ingests_reads_them(toll):
    threads = {t.name for t in Runtime(toll.parts, ingest=True, assess=False).threads}
    assert "counters" in threads


def test_a_start_that_fails_half_way_leaves_no_member_behind(toll, monkeypatch):
    def away() -> None:
        raise UnavailableError("away")

    monkeypatch.setattr(toll.parts.log, "producer", away)
    with pytest.raises(UnavailableError):
        Counting(toll.parts).run(Event())
    topic = toll.parts.settings.counters_topic
    toll.parts.log.ensure_topics({topic: 2})
    with closing(toll.parts.log.consumer("toll-counters", [topic])) as next_one:
        assert len(next_one.assigned()) == 2, "none is held by one that never polls"


def test_the_file_says_which_series_count(tmp_path):
    file = tmp_path / "streams.yaml"
    file.write_text(
        "counters:\n"
        "  - {metric: a_total, stream: a, match: {env: prod}, status: done, segment: {r: region}}\n"
    )
    [found] = read_streams(file, salt=b"s", retention=timedelta(days=1)).counters
    expected = CounterMapping("a_total", "a", {"env": "prod"}, "done", segment={"r": "region"})
    assert found == expected
    file.write_text("counters: [{metric: a_total, stream: a, match: {env: '('}}]")
    with pytest.raises(SettingsError, match=r"counters\.0\.match\.env"):
        read_streams(file, salt=b"s", retention=timedelta(days=1))


@pytest.mark.kafka
@pytest.mark.network
@pytest.mark.slow
def test_two_readers_over_kafka_hand_over_without_losing_or_doubling(
    kafka_broker, kafka_topic, tmp_path, store
):
    prefix = f"{kafka_topic()}."
    with opened(tmp_path, store, config=CONFIG, topic_prefix=prefix) as toll:
        embedded, toll.parts.log = toll.parts.log, KafkaLog(kafka_broker.bootstrap)
        toll.parts.log.ensure_topics(
            {toll.parts.settings.counters_topic: 1, toll.parts.settings.business_topic: 1}
        )
        post(toll, body((0, 100), (15, 103)))
        first = Reader(toll).read(2)
        first.close()
        post(toll, body((30, 110)))
        second = Reader(toll).read(3)
        post(toll, body((45, 120)))
        second.read(1).close()
        lines = {json.loads(line)["id"]: json.loads(line)["count"] for line in kafka_lines(toll)}
        assert sorted(lines.values()) == [3, 7, 10]
        toll.state.close()
        toll.parts.log.close()
        toll.parts.log = embedded


def kafka_lines(toll):
    consumer = toll.parts.log.consumer("look", [toll.parts.settings.business_topic])
    found: list[bytes] = []
    deadline = datetime.now(UTC) + timedelta(seconds=30)
    while len(found) < 3 and datetime.now(UTC) < deadline:
        for record in consumer.poll(0.2, 100).records:
            found += (record.value or b"").splitlines()
    consumer.close()
    return found


def test_a_counter_that_stands_still_is_a_business_that_stopped_not_a_silent_feed(toll):
    now = datetime.now(UTC)
    seconds = range(0, round((now - BEGAN).total_seconds()), 15)
    post(toll, body(*((s, 100 + min(s, 300)) for s in seconds)))
    Reader(toll).read(len(seconds)).close()
    assert counted(toll) == 300
    state = toll.parts.store.stream_states()["payments"]
    assert state.last_at is not None and now - state.last_at < timedelta(minutes=2)
