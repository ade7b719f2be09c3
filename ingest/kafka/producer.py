"""Writing to Kafka through kafka-python."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kafka import KafkaProducer, errors  # type: ignore[import-untyped]

from ingest.kafka.library import CLOSE_S, connect
from ingest.kafka_options import MAX_BATCH_BYTES, ms
from ingest.log import Message, choose_partition, refuse_oversized

if TYPE_CHECKING:
    from ingest.kafka.log import KafkaLog


class KafkaLogProducer:
    """Writes records with `acks=all`. Safe to share between threads."""

    def __init__(self, log: KafkaLog) -> None:
        self._log = log
        self._connecting = threading.Lock()
        self._client: Any = None
        self._known: set[str] = set()  # topics that exist
        self._spread = itertools.count()

    def send(self, messages: Sequence[Message], /) -> None:
        """Return once every message is acknowledged by all replicas in sync."""
        refuse_oversized(messages)
        deadline = time.monotonic() + self._log.options.send_timeout_s
        with self._log.errors():
            try:
                futures = [self._hand_over(message) for message in messages]
                for future in futures:
                    future.get(max(0.0, deadline - time.monotonic()))
            except errors.UnknownTopicOrPartitionError:
                self._known.clear()  # deleted behind our back: the next send creates it again
                raise

    def partitions(self, topic: str, /) -> int:
        """How many partitions the topic has; creates the topic where it is missing."""
        if topic not in self._known:
            self._log.ensure_topics({topic: self._log.options.partitions_default})
            self._known.add(topic)
        with self._log.errors():
            return len(self._connected().partitions_for(topic))

    def close(self) -> None:
        """Give the connections back."""
        with self._connecting:
            client, self._client = self._client, None
        if client is not None:
            # As long as what nobody waits for any more may take to run out of time: the library
            # would leave its thread behind when told to hurry.
            client.close(timeout=self._log.options.send_timeout_s + CLOSE_S)

    def _hand_over(self, message: Message) -> Any:
        partition = choose_partition(message, self.partitions(message.topic), self._spread)
        return self._connected().send(
            message.topic,
            value=message.value,
            key=message.key,
            headers=list(message.headers),
            partition=partition,
        )

    def _connected(self) -> Any:
        if self._client is not None:
            return self._client
        timeout_s = self._log.options.send_timeout_s
        # Who waits for somebody else's attempt waits no longer than for one of its own.
        if not self._connecting.acquire(timeout=timeout_s):
            raise errors.KafkaTimeoutError("no connection yet")
        try:
            if self._client is None:
                access = self._log.access()
                access["request_timeout_ms"] = min(access["request_timeout_ms"], ms(timeout_s))
                self._client = connect(
                    KafkaProducer,
                    acks="all",
                    # Not idempotent: when a batch of an idempotent producer of this library runs
                    # out of time, the producer never sends again (as of 3.0.12). Repeats are
                    # harmless here, and one request at a time keeps the order.
                    enable_idempotence=False,
                    max_in_flight_requests_per_connection=1,
                    delivery_timeout_ms=ms(timeout_s),
                    max_block_ms=ms(timeout_s),
                    max_request_size=MAX_BATCH_BYTES,
                    allow_auto_create_topics=False,
                    **access,
                )
            return self._client
        finally:
            self._connecting.release()
