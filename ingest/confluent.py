"""Apache Kafka as the log, through confluent-kafka: where speed matters. Its only importer.

The same as `ingest.kafka` in every respect but the library, which is an optional extra. librdkafka
connects in the background by itself, so nothing here waits for a broker but `send`, `commit` and
`ensure_topics`, each for a bounded time.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from ingest.errors import InputError, SettingsError, TollError, UnavailableError
from ingest.kafka_options import MAX_BATCH_BYTES, TOPIC_CONFIG, KafkaOptions
from ingest.log import (
    Message,
    Polled,
    TopicPartition,
    choose_partition,
    refuse_oversized,
)
from ingest.records import Records

if TYPE_CHECKING:
    import confluent_kafka
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewTopic
else:
    try:
        import confluent_kafka
        from confluent_kafka.admin import AdminClient
        from confluent_kafka.cimpl import NewTopic
    except ImportError:
        confluent_kafka = None

SERVE_S = 0.1  # how long one turn of waiting for acknowledgements is
NEWS_S = 1.0  # how often librdkafka says which brokers are up

_LOST = (
    "ILLEGAL_GENERATION",
    "UNKNOWN_MEMBER_ID",
    "REBALANCE_IN_PROGRESS",
    "FENCED_INSTANCE_ID",
    "_ASSIGNMENT_LOST",
    "_FENCED",
)
_REFUSED = (
    "_AUTHENTICATION",
    "SASL_AUTHENTICATION_FAILED",
    "TOPIC_AUTHORIZATION_FAILED",
    "GROUP_AUTHORIZATION_FAILED",
    "CLUSTER_AUTHORIZATION_FAILED",
)


class ConfluentLog:
    """A log on Kafka. Makes producers and consumers, and creates topics."""

    def __init__(self, bootstrap: str, *, options: KafkaOptions | None = None) -> None:
        if confluent_kafka is None:
            raise SettingsError("confluent-kafka is not installed: pip install toll[fast]")
        self.bootstrap, self.options = bootstrap, options or KafkaOptions()

    def producer(self) -> ConfluentProducer:
        """A producer of this log."""
        return ConfluentProducer(self)

    def consumer(self, group: str, topics: Iterable[str], /) -> ConfluentConsumer:
        """A member of `group`; it joins with its first polls."""
        return ConfluentConsumer(self, group, topics)

    def ensure_topics(self, topics: Mapping[str, int], /) -> None:
        """Create those topics that do not exist, with `TOPIC_CONFIG`."""
        admin = AdminClient(self.access())
        timeout_s = self.options.request_timeout_s
        try:
            missing = topics.keys() - admin.list_topics(timeout=timeout_s).topics.keys()
            if not missing:
                return
            made = admin.create_topics(
                [
                    NewTopic(
                        name,
                        num_partitions=topics[name],
                        replication_factor=self.options.replication_factor,
                        config=TOPIC_CONFIG,
                    )
                    for name in sorted(missing)
                ],
                operation_timeout=timeout_s,
                request_timeout=timeout_s,
            )
            failures = [future.exception() for future in made.values()]
        except confluent_kafka.KafkaException as error:
            raise self.mapped(error.args[0]) from error
        for failure in failures:
            # A topic that somebody else has just created is as good as one of our own.
            if failure is not None and failure.args[0].name() != "TOPIC_ALREADY_EXISTS":
                raise self.mapped(failure.args[0]) from failure

    def close(self) -> None:
        """Nothing to give back: connections belong to producers and consumers."""

    def access(self) -> dict[str, Any]:
        """What every client is told: where the brokers are, who we are, how long to wait."""
        options = self.options
        access = {
            "bootstrap.servers": self.bootstrap,
            "socket.timeout.ms": _ms(options.request_timeout_s),
            "reconnect.backoff.max.ms": 1000,
            "topic.metadata.refresh.interval.ms": _ms(options.metadata_max_age_s),
            "allow.auto.create.topics": False,
            "log_level": 2,  # trouble is told by errors and by `healthy`, not on stderr
            "security.protocol": options.security_protocol,
            "sasl.mechanism": options.sasl_mechanism,
            "sasl.username": options.sasl_username,
            "sasl.password": options.sasl_password,
            "ssl.ca.location": options.ssl_cafile,
        }
        return {name: value for name, value in access.items() if value is not None}

    def mapped(self, error: confluent_kafka.KafkaError) -> TollError:
        """An error of the library as one of ours."""
        if error.name() in _REFUSED:
            return SettingsError(
                f"Kafka at {self.bootstrap} refuses us ({error}): check the access"
            )
        if error.name() == "MSG_SIZE_TOO_LARGE":
            return InputError(
                f"the topic takes no record of this size ({error}): raise its max.message.bytes"
            )
        return UnavailableError(f"Kafka at {self.bootstrap} does not answer ({error})")


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
                "message.timeout.ms": _ms(log.options.send_timeout_s),
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
        try:
            found = self._client.list_topics(topic, timeout=self._log.options.request_timeout_s)
        except confluent_kafka.KafkaException as error:
            raise self._log.mapped(error.args[0]) from error
        count = len(found.topics[topic].partitions)
        if not count:
            raise UnavailableError(f"the topic {topic} is not ready yet")
        self._counts[topic] = count, time.monotonic()
        return count

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


class ConfluentConsumer:
    """A member of a group. All calls come from one thread, callbacks included."""

    def __init__(self, log: ConfluentLog, group: str, topics: Iterable[str]) -> None:
        self._log, self._count, self._paused, self._up = log, 0, False, False
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._closed = False
        options = log.options
        self._client = confluent_kafka.Consumer(
            {
                **log.access(),
                "group.id": group,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                "max.poll.interval.ms": _ms(options.max_poll_interval_s),
                "session.timeout.ms": _ms(options.session_timeout_s),
                "heartbeat.interval.ms": _ms(options.heartbeat_s),
                "queued.max.messages.kbytes": 32 * 1024,
                "fetch.queue.backoff.ms": 20,  # a full queue is soon taken; by default, 1 s
                "fetch.message.max.bytes": 4 * 1024 * 1024,
                "statistics.interval.ms": _ms(NEWS_S),
                "stats_cb": self._news,
            }
        )
        self._client.subscribe(
            sorted(topics), on_assign=self._gain, on_revoke=self._lose, on_lost=self._lose
        )

    def poll(self, timeout_s: float, max_records: int, /) -> Polled:
        """Wait up to `timeout_s` for records of the assigned, unpaused partitions."""
        if self._closed:
            return Polled((), self._count)
        # `consume` waits for all that it is asked for: so for one, then for what is there. Of one
        # message we know that it came after every rebalance that the call has brought.
        found = self._sound(self._client.consume(1, timeout_s))
        before = self._count
        if found and max_records > 1:
            found += self._sound(self._client.consume(max_records - 1, 0))
        if self._count != before:
            self._start_again()
            return Polled((), self._count)
        return Polled(_records(found), self._count)

    def _sound(self, found: list[confluent_kafka.Message]) -> list[confluent_kafka.Message]:
        """The messages that are records. Raises where the broker will not let us read.

        Other troubles pass by themselves.
        """
        errors = list(map(confluent_kafka.Message.error, found))
        failed = [error for error in errors if error is not None]
        for error in failed:
            if error.name() in _REFUSED:
                raise self._log.mapped(error)
        if not failed:
            return found
        return [message for message, error in zip(found, errors, strict=True) if error is None]

    def _start_again(self) -> None:
        """Read every partition from its committed offset: before and after are mixed up."""
        if self._assigned:
            self._take([confluent_kafka.TopicPartition(*at) for at in sorted(self._assigned)])

    def commit(self, offsets: Mapping[TopicPartition, int], /) -> None:
        """Keep offsets of the group durably, for those partitions that are still assigned."""
        mine = [
            confluent_kafka.TopicPartition(*at, offset)
            for at, offset in offsets.items()
            if at in self._assigned
        ]
        if not mine:
            return
        try:
            kept = self._client.commit(offsets=mine, asynchronous=False)
            errors = [partition.error for partition in kept if partition.error is not None]
        except confluent_kafka.KafkaException as error:
            errors = [error.args[0]]
        for failed in errors:
            if failed.name() not in _LOST:
                raise self._log.mapped(failed)

    def pause(self) -> None:
        """Stop fetching, keep membership: `poll` returns no records until `resume`."""
        self._paused = True
        self._client.pause([confluent_kafka.TopicPartition(*at) for at in self._assigned])

    def resume(self) -> None:
        """Fetch again."""
        self._paused = False
        self._client.resume([confluent_kafka.TopicPartition(*at) for at in self._assigned])

    def rewind(self, offsets: Mapping[TopicPartition, int], /) -> None:
        """Read assigned partitions again from these offsets."""
        for at, offset in offsets.items():
            if at in self._assigned:
                self._client.seek(confluent_kafka.TopicPartition(*at, offset))

    def assigned(self) -> frozenset[TopicPartition]:
        """The partitions this consumer holds now."""
        return self._assigned

    def lag(self) -> Mapping[TopicPartition, int]:
        """Records behind the end of each assigned partition, as far as known."""
        try:
            return {
                at: max(0, end - position)
                for at, position in self.positions().items()
                if (end := self._end(at)) >= 0
            }
        except confluent_kafka.KafkaException:
            return {}  # not known, with the broker away

    def positions(self) -> Mapping[TopicPartition, int]:
        """The offset of each assigned partition that is polled next, as far as known."""
        mine = [confluent_kafka.TopicPartition(*at) for at in sorted(self._assigned)]
        try:
            found = self._client.position(mine)
            if any(one.offset < 0 for one in found):  # nothing read yet
                known = self._client.committed(mine, timeout=1.0)
                found = [a if a.offset >= 0 else b for a, b in zip(found, known, strict=True)]
        except confluent_kafka.KafkaException:
            return {}
        return {TopicPartition(one.topic, one.partition): max(0, one.offset) for one in found}

    def offsets_at(self, moment_ms: int, /) -> Mapping[TopicPartition, int]:
        """Per assigned partition the first offset appended at or after a moment, else the end."""
        wanted = [confluent_kafka.TopicPartition(*at, moment_ms) for at in self._assigned]
        timeout_s = self._log.options.request_timeout_s
        try:
            asked = self._client.offsets_for_times(wanted, timeout=timeout_s) if wanted else []
            return {
                TopicPartition(one.topic, one.partition): one.offset
                if one.offset >= 0
                else self._client.get_watermark_offsets(one, timeout=timeout_s)[1]
                for one in asked
                if one.error is None
            }
        except confluent_kafka.KafkaException:
            return {}  # not known, with the broker away

    def healthy(self) -> bool:
        """Whether a broker was up by the last news; one that leaves requests unanswered is not."""
        return self._up and not self._closed

    def close(self) -> None:
        """Leave the group at once, without committing anything more."""
        if not self._closed:
            self._closed = True
            self._client.close()
            self._assigned = frozenset()

    def _end(self, at: TopicPartition) -> int:
        # Fetching tells the end by the way, and asking would queue up behind the fetch; nobody
        # fetches while paused.
        ends = self._client.get_watermark_offsets(
            confluent_kafka.TopicPartition(*at), timeout=1.0, cached=not self._paused
        )
        return int(ends[1])

    # Callbacks, from within `consume` and `close`

    def _gain(self, client: Any, partitions: list[confluent_kafka.TopicPartition]) -> None:
        self._count += 1
        self._assigned = frozenset(TopicPartition(one.topic, one.partition) for one in partitions)
        self._take(partitions)

    def _take(self, partitions: list[confluent_kafka.TopicPartition]) -> None:
        self._client.assign(partitions)
        if self._paused:
            self._client.pause(partitions)

    def _lose(self, client: Any, partitions: list[confluent_kafka.TopicPartition]) -> None:
        self._count += 1
        self._assigned = frozenset()

    def _news(self, news: str) -> None:
        brokers = orjson.loads(news)["brokers"].values()
        self._up = any(one["state"] == "UP" for one in brokers if one["nodeid"] >= 0)


def _records(found: list[Any]) -> Records:
    """Messages without an error as ours, column by column: thrice as fast as one by one."""
    kind: Any = confluent_kafka.Message
    size = len(found)
    headers = list(map(kind.headers, found))
    some = enumerate(headers) if headers.count(None) < size else ()
    return Records.from_columns(
        list(map(kind.topic, found)),
        np.fromiter(map(kind.partition, found), np.int64, size),
        np.fromiter(map(kind.offset, found), np.int64, size),
        np.fromiter([ms for _, ms in map(kind.timestamp, found)], np.int64, size),
        list(map(kind.key, found)),
        list(map(kind.value, found)),
        {at: tuple((name, value or b"") for name, value in its) for at, its in some if its},
    )


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
