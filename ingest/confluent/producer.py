"""Writing to Kafka through librdkafka."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ingest.confluent.library import confluent_kafka
from ingest.errors import UnavailableError
from ingest.kafka_options import MAX_BATCH_BYTES, ms
from ingest.log import Message, choose_partition, refuse_oversized

if TYPE_CHECKING:
    from ingest.confluent.log import ConfluentLog

SERVE_S = 0.1  # how long one turn of waiting for acknowledgements is


class _Receipt:
    """Counts the acknowledgements of one `send`."""

    def __init__(self, expected: int) -> None:
        self.missing = expected
        self.error: confluent_kafka.KafkaError | None = None

    def __call__(self, error: confluent_kafka.KafkaError | None, _: object) -> None:
        self.error = self.error or error
        self.missing -= 1  # one thread serves at a time


class ConfluentProducer:
    """Writes records, `acks=all` and idempotent. Safe to share between threads."""

    def __init__(self, log: ConfluentLog) -> None:
        self._log = log
        self._client = confluent_kafka.Producer(
            {
                **log.access(),
                "acks": "all",
                "enable.idempotence": True,
                "message.timeout.ms": ms(log.options.send_timeout_s),
                "message.max.bytes": MAX_BATCH_BYTES,
                "linger.ms": 0,
            }
        )
        self._serving = threading.Lock()  # its holder runs everybody's callbacks
        self._counts: dict[str, tuple[int, float]] = {}  # topic -> partitions, asked when
        self._spread = itertools.count()

    def send(self, messages: Sequence[Message], /) -> None:
        """Return once every message is acknowledged by all replicas in sync."""
        refuse_oversized(messages)
        placed = [
            (choose_partition(message, self.partitions(message.topic), self._spread), message)
            for message in messages
        ]
        receipt = _Receipt(len(placed))
        deadline = time.monotonic() + self._log.options.send_timeout_s
        for partition, message in placed:
            self._hand_over(partition, message, receipt, deadline)
        while receipt.missing:
            # librdkafka itself gives up on a message at its timeout: a little patience beyond.
            if time.monotonic() > deadline + self._log.options.request_timeout_s:
                raise UnavailableError(f"Kafka at {self._log.bootstrap} does not answer")
            self._serve(lambda: receipt.missing > 0)
        if receipt.error is not None:
            self._counts.clear()  # perhaps a topic was deleted behind our back
            raise self._log.mapped(receipt.error)

    def partitions(self, topic: str, /) -> int:
        """How many partitions the topic has; creates the topic where it is missing."""
        count, asked = self._counts.get(topic, (0, 0.0))
        if count and time.monotonic() - asked < self._log.options.metadata_max_age_s:
            return count
        self._log.ensure_topics({topic: self._log.options.partitions_default})
        count = self._count(topic)
        self._counts[topic] = count, time.monotonic()
        return count

    def _count(self, topic: str) -> int:
        """Ask for the partitions; a broker that has just made the topic may not know them yet."""
        timeout_s = self._log.options.request_timeout_s
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                found = self._client.list_topics(topic, timeout=timeout_s)
            except confluent_kafka.KafkaException as error:
                raise self._log.mapped(error.args[0]) from error
            count = len(found.topics[topic].partitions)
            if count:
                return count
            if time.monotonic() > deadline:
                raise UnavailableError(f"the topic {topic} is not ready yet: send again")
            time.sleep(SERVE_S)

    def close(self) -> None:
        """Give the connections back; what nobody waits for any more is given up."""
        self._client.purge()
        self._client.flush(SERVE_S)

    def _hand_over(
        self, partition: int, message: Message, receipt: _Receipt, deadline: float
    ) -> None:
        while True:
            try:
                self._client.produce(
                    message.topic,
                    message.value,
                    message.key,
                    partition,
                    on_delivery=receipt,
                    headers=list(message.headers),
                )
                return
            except BufferError as error:  # the queue is full: let it drain
                if time.monotonic() > deadline:
                    raise UnavailableError(f"Kafka at {self._log.bootstrap} is slow") from error
                self._serve(lambda: True)
            except confluent_kafka.KafkaException as error:
                raise self._log.mapped(error.args[0]) from error

    def _serve(self, wanted: Callable[[], bool]) -> None:
        """Run callbacks for a moment, unless another thread's turn has settled it."""
        with self._serving:
            if wanted():
                self._client.poll(SERVE_S)
