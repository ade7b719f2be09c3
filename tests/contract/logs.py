"""The logs that the contract runs on, each with the accidents that can happen to it."""

from __future__ import annotations

import contextlib
import resource
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import confluent_kafka
import kafka  # type: ignore[import-untyped]

from ingest.embedded import EmbeddedLog
from ingest.kafka_options import KafkaOptions
from ingest.log import Consumer, Log, Message, Record, TopicPartition, partition_for
from tests.kafka_broker import KafkaBroker

OPTIONS = KafkaOptions(
    partitions_default=4,
    send_timeout_s=3,
    request_timeout_s=2,
    session_timeout_s=3,
    max_poll_interval_s=20,
    metadata_max_age_s=2,
)


class Place(Protocol):
    """Where a log under test lives."""

    patience_s: float  # how soon it notices that it is away
    consumers_outlive_it: bool  # the embedded log ends with its process, and they with it

    def open(self) -> Log:
        """The log, as a process that starts sees it."""

    def impatient(self) -> tuple[Log, float]:
        """The log with a short poll limit, and that limit in seconds."""

    def restart(self, log: Log) -> Log:
        """Everything stops and starts again, on the same data."""

    def outage(self) -> contextlib.AbstractContextManager[None]:
        """The log takes nothing for as long as the block lasts."""

    def tombstone(self, topic: str, key: bytes) -> None:
        """Somebody else's producer writes a record without a value."""

    def transaction(self, topic: str, value: bytes, key: bytes, *, commit: bool = True) -> None:
        """Somebody else's producer writes a record, and the mark that it counts, or does not."""

    def packed(self, topic: str, codec: str, *values: bytes) -> None:
        """Somebody else's producer writes records, packed."""


class EmbeddedPlace:
    """A file in a folder of its own."""

    patience_s, consumers_outlive_it = 1.0, False

    def __init__(self, folder: Path) -> None:
        self._path = folder / "log" / "toll.log"

    def open(self) -> Log:
        return EmbeddedLog(self._path)

    def impatient(self) -> tuple[Log, float]:
        return self.open(), 0.1  # it has no limit: any will do

    def restart(self, log: Log) -> Log:
        log.close()
        return self.open()

    @contextlib.contextmanager
    def outage(self) -> Iterator[None]:
        """The disk is full: the system lets this process write no file beyond its first page."""
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    def tombstone(self, topic: str, key: bytes) -> None:
        raise NotImplementedError("nobody but Toll writes to the embedded log")

    def transaction(self, topic: str, value: bytes, key: bytes, *, commit: bool = True) -> None:
        raise NotImplementedError("nobody but Toll writes to the embedded log")

    def packed(self, topic: str, codec: str, *values: bytes) -> None:
        raise NotImplementedError("nobody but Toll writes to the embedded log")


class KafkaPlace:
    """A broker, and one of the two clients."""

    patience_s, consumers_outlive_it = 30.0, True

    def __init__(self, broker: KafkaBroker, client: Callable[..., Log]) -> None:
        self._broker, self._client = broker, client

    def open(self) -> Log:
        return self._client(self._broker.bootstrap, options=OPTIONS)

    def impatient(self) -> tuple[Log, float]:
        options = replace(OPTIONS, session_timeout_s=2, max_poll_interval_s=2)
        return self._client(self._broker.bootstrap, options=options), 2

    def restart(self, log: Log) -> Log:
        self._broker.stop()
        self._broker.start()
        return log

    @contextlib.contextmanager
    def outage(self) -> Iterator[None]:
        self._broker.freeze()
        try:
            yield
        finally:
            self._broker.thaw()

    def tombstone(self, topic: str, key: bytes) -> None:
        producer = kafka.KafkaProducer(bootstrap_servers=self._broker.bootstrap)
        producer.send(topic, value=None, key=key).get(30)
        producer.close()

    def transaction(self, topic: str, value: bytes, key: bytes, *, commit: bool = True) -> None:
        access = {"bootstrap.servers": self._broker.bootstrap, "transactional.id": topic}
        producer = confluent_kafka.Producer(access)
        producer.init_transactions(30)
        producer.begin_transaction()
        producer.produce(topic, value, key, partition_for(key, 4))
        producer.flush(30)  # so that the broker has it, even where it is taken back
        (producer.commit_transaction if commit else producer.abort_transaction)(30)

    def packed(self, topic: str, codec: str, *values: bytes) -> None:
        access = {"bootstrap.servers": self._broker.bootstrap, "compression.type": codec}
        large = {"message.max.bytes": 200_000_000, "linger.ms": 1000}
        producer = confluent_kafka.Producer({**access, **large})
        for value in values:
            producer.produce(topic, value, partition=0)
        producer.flush(30)


def write(log: Log, topic: str, *values: bytes, key: bytes | None = None) -> None:
    """Send values, each as a message."""
    producer = log.producer()
    producer.send([Message(topic, value, key) for value in values])
    producer.close()


def read(consumer: Consumer, count: int) -> list[Record]:
    """Poll until there are that many records, and fail when they do not come."""
    return run(consumer, until=lambda seen: len(seen) >= count)[0]


def run(
    *consumers: Consumer, until: Callable[[list[Record]], bool], patience_s: float = 30
) -> list[list[Record]]:
    """Poll each consumer on a thread of its own until all that was seen will do."""
    seen: list[list[Record]] = [[] for _ in consumers]
    done = threading.Event()
    deadline = time.monotonic() + patience_s

    def member(number: int) -> None:
        consumer = consumers[number]
        while not done.is_set():
            polled = consumer.poll(0.2, 100)
            assert {at(record) for record in polled.records} <= consumer.assigned()
            seen[number].extend(polled.records)
            if until([record for records in list(seen) for record in list(records)]):
                done.set()
            if time.monotonic() > deadline:
                done.set()
                raise TimeoutError([len(records) for records in seen])

    with ThreadPoolExecutor(len(consumers)) as threads:
        for finished in [threads.submit(member, number) for number in range(len(consumers))]:
            finished.result()
    return seen


def at(record: Record) -> TopicPartition:
    """The partition of a record."""
    return TopicPartition(record.topic, record.partition)


def after(records: list[Record]) -> Mapping[TopicPartition, int]:
    """The offsets to commit once these records are done with."""
    return {at(record): record.offset + 1 for record in records}


def values(records: list[Record]) -> list[bytes | None]:
    """The values of records, in the order of reading."""
    return [record.value for record in records]
