"""What cannot be made to happen with a real broker: a rebalance at the worst moment."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import confluent_kafka
import pytest

from ingest.confluent import ConfluentConsumer, ConfluentLog, ConfluentProducer
from ingest.errors import SettingsError, UnavailableError
from ingest.kafka_options import KafkaOptions

Steps = list[Callable[[], list[Any]]]


class Found(NamedTuple):
    """A message, as far as it is looked at."""

    number: int
    failure: Any = None

    def error(self) -> Any:
        return self.failure

    def topic(self) -> str:
        return "t"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.number

    def timestamp(self) -> tuple[int, int]:
        return 1, 0

    def key(self) -> None:
        return None

    def value(self) -> None:
        return None

    def headers(self) -> None:
        return None


class Library:
    """Stands in for librdkafka's consumer: each `consume` takes the next step of a script."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.script: Steps = []
        self.assignments: list[list[int]] = []  # the offsets that were asked for
        self.paused = 0

    def subscribe(self, topics: list[str], **callbacks: Any) -> None:
        self.gain, self.lose = callbacks["on_assign"], callbacks["on_revoke"]

    def rebalance(self) -> None:
        self.lose(self, [])
        self.gain(self, [confluent_kafka.TopicPartition("t", 0)])

    def assign(self, partitions: list[confluent_kafka.TopicPartition]) -> None:
        self.assignments.append([one.offset for one in partitions])

    def pause(self, partitions: list[confluent_kafka.TopicPartition]) -> None:
        self.paused += 1

    def consume(self, count: int, timeout: float) -> list[Any]:
        return self.script.pop(0)() if self.script else []


@pytest.fixture
def consumer(monkeypatch) -> ConfluentConsumer:
    monkeypatch.setattr(confluent_kafka, "Consumer", Library)
    monkeypatch.setattr(confluent_kafka, "Message", Found)
    return ConfluentLog("nowhere:9092").consumer("group", ["t"])


@pytest.fixture
def library(consumer) -> Library:
    client: Library = consumer._client
    return client


def rebalancing(library: Library, *before: Found, after: list[Found]) -> Steps:
    def second() -> list[Any]:
        library.rebalance()
        return after

    return [lambda: list(before), second]


def test_records_from_before_a_rebalance_are_dropped_and_read_again(consumer, library):
    library.rebalance()
    before = consumer.poll(0, 1).assignment
    library.script = rebalancing(library, Found(7), after=[Found(8), Found(5)])
    polled = consumer.poll(1, 10)
    assert (polled.records, polled.assignment > before) == ((), True)
    assert library.assignments[-1] == [confluent_kafka.OFFSET_INVALID]  # that is, the committed
    assert len(library.assignments) == 3
    library.script = [lambda: [Found(5)], lambda: [Found(6)]]
    again = consumer.poll(1, 10)
    assert ([r.offset for r in again.records], again.assignment) == ([5, 6], polled.assignment)


def test_a_record_that_comes_with_its_assignment_is_kept(consumer, library):
    def first() -> list[Any]:
        library.rebalance()
        return [Found(5)]

    library.script = [first, lambda: [Found(6)]]
    assert [record.offset for record in consumer.poll(1, 10).records] == [5, 6]
    assert len(library.assignments) == 1


def test_starting_again_keeps_the_pause(consumer, library):
    library.rebalance()
    consumer.pause()
    paused = library.paused
    library.script = rebalancing(library, Found(7), after=[])
    assert consumer.poll(1, 10).records == ()
    assert library.paused == paused + 2  # as it was given, and as it was taken once more


def test_a_trouble_that_passes_hides_no_record(consumer, library):
    library.rebalance()
    trouble = Found(0, confluent_kafka.KafkaError(confluent_kafka.KafkaError._TRANSPORT))
    library.script = [lambda: [Found(5)], lambda: [trouble, Found(6)]]
    assert [record.offset for record in consumer.poll(1, 10).records] == [5, 6]


def test_a_refusal_is_raised(consumer, library):
    refusal = confluent_kafka.KafkaError(confluent_kafka.KafkaError.TOPIC_AUTHORIZATION_FAILED)
    library.script = [lambda: [Found(0, refusal)]]
    with pytest.raises(SettingsError, match="check the access"):
        consumer.poll(1, 10)


def test_a_batch_that_cannot_be_read_is_said_once(consumer, library, caplog):
    library.rebalance()
    trouble = Found(7, confluent_kafka.KafkaError(confluent_kafka.KafkaError._BAD_COMPRESSION))
    library.script = [lambda: [trouble], lambda: [trouble], lambda: [Found(9)]]
    assert [record.offset for _ in range(3) for record in consumer.poll(1, 10).records] == [9]
    (said,) = caplog.messages
    assert said.startswith("partition 0 of t waits at offset 7, which cannot be read")


def test_a_topic_that_is_not_there_is_said(consumer, library, caplog):
    library.rebalance()
    said = "Subscribed topic not available: t"
    unknown = confluent_kafka.KafkaError(confluent_kafka.KafkaError.UNKNOWN_TOPIC_OR_PART, said)
    library.script = [lambda: [Found(0, unknown)]]
    assert len(consumer.poll(1, 10).records) == 0
    assert caplog.messages == [f"{said}; it is read as soon as it is there"]


class Brokers:
    """Stands in for librdkafka's producer: how many partitions a topic has, asked again and again.

    The last answer stays.
    """

    def __init__(self, *counts: int) -> None:
        self.counts = list(counts)

    def list_topics(self, topic: str, **_: Any) -> Any:
        count = self.counts.pop(0) if len(self.counts) > 1 else self.counts[0]
        return SimpleNamespace(topics={topic: SimpleNamespace(partitions=range(count))})


def sending(brokers: Brokers, monkeypatch) -> ConfluentProducer:
    monkeypatch.setattr(confluent_kafka, "Producer", lambda _: brokers)
    monkeypatch.setattr(ConfluentLog, "ensure_topics", lambda *_: None)
    options = KafkaOptions(request_timeout_s=0.3)
    return ConfluentProducer(ConfluentLog("localhost:1", options=options))


def test_a_topic_that_was_made_a_moment_ago_is_waited_for(monkeypatch):
    producer = sending(Brokers(0, 0, 4), monkeypatch)
    assert producer.partitions("t") == 4


def test_a_topic_that_stays_without_partitions_is_an_error(monkeypatch):
    with pytest.raises(UnavailableError, match="the topic t is not ready yet: send again"):
        sending(Brokers(0), monkeypatch).partitions("t")
