"""Apache Kafka as the log, through kafka-python. The only importer of that library.

Kafka's errors become ours here. A broker that is away is no error for a consumer: `poll` comes
back empty and `healthy` says no, until it answers again. Connections are made when first needed,
so that Toll starts, and says what is wrong, with the brokers down.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from kafka import (  # type: ignore[import-untyped]
    ConsumerRebalanceListener,
    KafkaAdminClient,
    KafkaConsumer,
    KafkaProducer,
    OffsetAndMetadata,
)
from kafka import TopicPartition as KafkaPartition
from kafka import errors as kafka_errors
from kafka.net.compat import KafkaNetClient  # type: ignore[import-untyped]

from ingest.errors import InputError, SettingsError, TollError, UnavailableError
from ingest.kafka_connect import connect, connected
from ingest.kafka_options import MAX_BATCH_BYTES, TOPIC_CONFIG, KafkaOptions
from ingest.log import (
    Message,
    Polled,
    Record,
    TopicPartition,
    choose_partition,
    refuse_oversized,
)

CLOSE_S = 2.0  # how long leaving may take; the group notices an absent member anyway
FETCH_BYTES = 4 * 1024 * 1024  # per partition; a larger record still comes, alone
# The library checks records in pure Python, at 5 MB/s, unless `crc32c` is installed. Without it
# we trust the broker, which has checked each batch as it came in.
_FAST_CRC = importlib.util.find_spec("crc32c") is not None

# Not ours any more: somebody else has the partition, and reads again what was not committed.
_LOST = (
    kafka_errors.CommitFailedError,
    kafka_errors.IllegalGenerationError,
    kafka_errors.RebalanceInProgressError,
    kafka_errors.UnknownMemberIdError,
    kafka_errors.FencedInstanceIdError,
)
_REFUSED = (
    kafka_errors.AuthorizationError,
    kafka_errors.SaslAuthenticationFailedError,
    kafka_errors.UnsupportedSaslMechanismError,
    kafka_errors.KafkaConfigurationError,
)


class KafkaLog:
    """A log on Kafka. Makes producers and consumers, and creates topics."""

    def __init__(self, bootstrap: str, *, options: KafkaOptions | None = None) -> None:
        self.bootstrap, self.options = bootstrap, options or KafkaOptions()

    def producer(self) -> KafkaLogProducer:
        """A producer of this log."""
        return KafkaLogProducer(self)

    def consumer(self, group: str, topics: Iterable[str], /) -> KafkaLogConsumer:
        """A member of `group`; it joins with its first polls."""
        return KafkaLogConsumer(self, group, topics)

    def ensure_topics(self, topics: Mapping[str, int], /) -> None:
        """Create those topics that do not exist, with `TOPIC_CONFIG`."""
        with self.errors(), connected(KafkaAdminClient, **self.access()) as admin:
            missing = topics.keys() - set(admin.list_topics())
            if not missing:
                return
            wanted = {
                name: {
                    "num_partitions": topics[name],
                    "replication_factor": self.options.replication_factor,
                    "configs": TOPIC_CONFIG,
                }
                for name in missing
            }
            # One that somebody else has just created is as good.
            with contextlib.suppress(kafka_errors.TopicAlreadyExistsError):
                admin.create_topics(wanted)
            admin.wait_for_topics(list(missing))

    def close(self) -> None:
        """Nothing to give back: connections belong to producers and consumers."""

    def access(self) -> dict[str, Any]:
        """What every client is told: where the brokers are, who we are, how long to wait."""
        options = self.options
        return {
            "bootstrap_servers": self.bootstrap.split(","),
            "bootstrap_timeout_ms": _ms(options.request_timeout_s),
            "request_timeout_ms": _ms(options.request_timeout_s),
            "reconnect_backoff_max_ms": 1000,
            "metadata_max_age_ms": _ms(options.metadata_max_age_s),
            "security_protocol": options.security_protocol,
            "sasl_mechanism": options.sasl_mechanism,
            "sasl_plain_username": options.sasl_username,
            "sasl_plain_password": options.sasl_password,
            "ssl_cafile": options.ssl_cafile,
        }

    def mapped(self, error: kafka_errors.KafkaError) -> TollError:
        """An error of the library as one of ours."""
        if isinstance(error, _REFUSED):
            return SettingsError(
                f"Kafka at {self.bootstrap} refuses us ({error}): check the access"
            )
        if isinstance(error, kafka_errors.MessageSizeTooLargeError):
            return InputError(
                f"the topic takes no record of this size ({error}): raise its max.message.bytes"
            )
        return UnavailableError(f"Kafka at {self.bootstrap} does not answer ({error})")

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Turn errors of the library into ours, for the length of a block."""
        try:
            yield
        except kafka_errors.KafkaError as error:
            raise self.mapped(error) from error


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
            except kafka_errors.UnknownTopicOrPartitionError:
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
            raise kafka_errors.KafkaTimeoutError("no connection yet")
        try:
            if self._client is None:
                access = self._log.access()
                access["request_timeout_ms"] = min(access["request_timeout_ms"], _ms(timeout_s))
                self._client = connect(
                    KafkaProducer,
                    acks="all",
                    # Not idempotent: when a batch of an idempotent producer of this library runs
                    # out of time, the producer never sends again (as of 3.0.12). Repeats are
                    # harmless here, and one request at a time keeps the order.
                    enable_idempotence=False,
                    max_in_flight_requests_per_connection=1,
                    delivery_timeout_ms=_ms(timeout_s),
                    max_block_ms=_ms(timeout_s),
                    max_request_size=MAX_BATCH_BYTES,
                    allow_auto_create_topics=False,
                    **access,
                )
            return self._client
        finally:
            self._connecting.release()


class _Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]
    """Counts assignments, and forgets where partitions stood that are gone. Runs inside `poll`."""

    def __init__(self, consumer: KafkaLogConsumer) -> None:
        self._consumer = consumer

    def on_partitions_revoked(self, revoked: Iterable[KafkaPartition]) -> None:
        self._consumer.count += 1

    def on_partitions_lost(self, lost: Iterable[KafkaPartition]) -> None:
        self._consumer.count += 1
        self._consumer.restart.clear()

    def on_partitions_assigned(self, assigned: Iterable[KafkaPartition]) -> None:
        self._consumer.count += 1
        if self._consumer.paused:
            self._consumer.client.pause(*assigned)


class KafkaLogConsumer:
    """A member of a group. All calls come from one thread."""

    def __init__(self, log: KafkaLog, group: str, topics: Iterable[str]) -> None:
        self._log, self._group, self._topics = log, group, sorted(topics)
        self.client: Any = None
        self._net: KafkaNetClient | None = None
        self._closed = False
        self.paused = False
        self.count = 0
        # Where each assigned partition starts again after a rebalance: its committed offset, or
        # the first that we were given of it.
        self.restart: dict[KafkaPartition, int] = {}

    def poll(self, timeout_s: float, max_records: int, /) -> Polled:
        """Wait up to `timeout_s` for records of the assigned, unpaused partitions.

        The first call of all, and the first after trouble, may take a connection attempt longer.
        """
        if self._closed:
            return Polled((), self.count)
        before = self.count
        try:
            client = self._connected(timeout_s)
            self._finish_joining()
            found = client.poll(timeout_ms=_ms(timeout_s), max_records=max_records)
        except kafka_errors.KafkaError as error:
            mapped = self._log.mapped(error)
            if not mapped.retriable:
                raise mapped from error
            return Polled((), self.count)  # `healthy` tells
        for partition, records in found.items():
            self.restart.setdefault(partition, records[0].offset)
        if self.count != before:
            self._start_again()
            return Polled((), self.count)
        return Polled([_record(one) for records in found.values() for one in records], self.count)

    def commit(self, offsets: Mapping[TopicPartition, int], /) -> None:
        """Keep offsets of the group durably, for those partitions that are still assigned."""
        assigned = self.assigned()
        mine = {
            KafkaPartition(*at): OffsetAndMetadata(offset, "", -1)
            for at, offset in offsets.items()
            if at in assigned
        }
        if not mine:
            return
        with self._log.errors():
            try:
                self.client.commit(mine, timeout_ms=_ms(self._log.options.request_timeout_s))
            except _LOST:
                return  # no error: the next poll brings the new assignment
        self.restart.update({partition: kept.offset for partition, kept in mine.items()})

    def pause(self) -> None:
        """Stop fetching, keep membership: `poll` returns no records until `resume`."""
        self.paused = True
        if self.client is not None:
            self.client.pause(*self.client.assignment())

    def resume(self) -> None:
        """Fetch again."""
        self.paused = False
        if self.client is not None:
            self.client.resume(*self.client.assignment())

    def rewind(self, offsets: Mapping[TopicPartition, int], /) -> None:
        """Read assigned partitions again from these offsets."""
        assigned = self.assigned()
        for at, offset in offsets.items():
            if at in assigned:
                self.client.seek(KafkaPartition(*at), offset)

    def assigned(self) -> frozenset[TopicPartition]:
        """The partitions this consumer holds now."""
        if self.client is None:
            return frozenset()
        return frozenset(TopicPartition(*partition) for partition in self.client.assignment())

    def lag(self) -> Mapping[TopicPartition, int]:
        """Records behind the end of each assigned partition, as far as known."""
        lag = {}
        positions = self.positions()
        try:
            # Fetching tells the ends by the way; nobody fetches while paused.
            asked = [KafkaPartition(*at) for at in sorted(positions)] if self.paused else []
            ends = self.client.end_offsets(asked, timeout_ms=1000) if asked else {}
            for at, position in positions.items():
                partition = KafkaPartition(*at)
                end = ends.get(partition, self.client.highwater(partition))
                if end is not None:
                    lag[at] = max(0, end - position)
        except kafka_errors.KafkaError:
            return {}  # not known, with the broker away
        return lag

    def positions(self) -> Mapping[TopicPartition, int]:
        """The offset of each assigned partition that is polled next, as far as known."""
        try:
            found = {
                at: self.client.position(KafkaPartition(*at), timeout_ms=1000)
                for at in self.assigned()
            }
        except kafka_errors.KafkaError:
            return {}
        return {at: offset for at, offset in found.items() if offset is not None}

    def offsets_at(self, moment_ms: int, /) -> Mapping[TopicPartition, int]:
        """Per assigned partition the first offset appended at or after a moment, else the end."""
        wanted = {KafkaPartition(*at): moment_ms for at in self.assigned()}
        if not wanted:
            return {}
        timeout_ms = _ms(self._log.options.request_timeout_s)
        try:
            found = self.client.offsets_for_times(wanted, timeout_ms=timeout_ms)
            older = [partition for partition in wanted if found.get(partition) is None]
            ends = self.client.end_offsets(older, timeout_ms=timeout_ms) if older else {}
        except kafka_errors.KafkaError:
            return {}  # not known, with the broker away
        young = {at: one.offset for at, one in found.items() if one is not None}
        return {TopicPartition(*at): offset for at, offset in {**young, **ends}.items()}

    def healthy(self) -> bool:
        """Whether a broker is connected; one that leaves requests unanswered is cut off."""
        if self._net is None or self._closed:
            return False
        return any(self._net.connected(broker.node_id) for broker in self._net.cluster.brokers())

    def close(self) -> None:
        """Leave the group at once, without committing anything more."""
        self._closed = True
        client, self.client = self.client, None
        if client is not None:
            with self._log.errors():
                client.close(autocommit=False, timeout_ms=_ms(CLOSE_S))

    def _finish_joining(self) -> None:
        """Ask once more to join, where the library has forgotten that it was about to.

        When the answer to a join arrives just after a poll has run out of time, kafka-python
        (3.0.12) takes the join for done, but never applies the assignment nor sends a heartbeat.
        """
        coordinator = self.client._coordinator
        if coordinator.rebalance_in_progress() and not coordinator.need_rejoin():
            coordinator.request_rejoin()

    def _start_again(self) -> None:
        """Go back to the committed offsets: the library keeps positions of kept partitions."""
        assigned = self.client.assignment()
        self.restart = {at: offset for at, offset in self.restart.items() if at in assigned}
        for partition, offset in self.restart.items():
            self.client.seek(partition, offset)

    def _connected(self, timeout_s: float) -> Any:
        if self.client is None:
            options, access = self._log.options, self._log.access()
            access["bootstrap_timeout_ms"] = _ms(max(1.0, timeout_s))
            self.client = connect(
                KafkaConsumer,
                group_id=self._group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                allow_auto_create_topics=False,
                max_poll_interval_ms=_ms(options.max_poll_interval_s),
                session_timeout_ms=_ms(options.session_timeout_s),
                heartbeat_interval_ms=_ms(options.heartbeat_s),
                max_partition_fetch_bytes=FETCH_BYTES,
                check_crcs=_FAST_CRC,
                **access,
            )
            self._net = self.client._client
            self.client.subscribe(self._topics, listener=_Rebalances(self))
        return self.client


def _record(found: Any) -> Record:
    headers = tuple((name, value or b"") for name, value in found.headers)
    return Record(
        found.topic,
        found.partition,
        found.offset,
        found.timestamp,
        found.key,
        found.value,
        headers,
    )


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
