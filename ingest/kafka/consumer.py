"""Reading from Kafka through kafka-python, a member of a group."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from kafka import (  # type: ignore[import-untyped]
    ConsumerRebalanceListener,
    KafkaConsumer,
    OffsetAndMetadata,
    errors,
)
from kafka import TopicPartition as KafkaPartition
from kafka.net.compat import KafkaNetClient  # type: ignore[import-untyped]

from ingest.errors import UnavailableError
from ingest.kafka.library import CLOSE_S, connect
from ingest.kafka_options import FETCH_BYTES, ms
from ingest.log import Polled, Record, TopicPartition

if TYPE_CHECKING:
    from ingest.kafka.log import KafkaLog

# The library checks records in pure Python, at 5 MB/s, unless `crc32c` is installed. Without it
# we trust the broker, which has checked each batch as it came in.
_FAST_CRC = importlib.util.find_spec("crc32c") is not None

# Not ours any more: somebody else has the partition, and reads again what was not committed.
_LOST = (
    errors.CommitFailedError,
    errors.IllegalGenerationError,
    errors.RebalanceInProgressError,
    errors.UnknownMemberIdError,
    errors.FencedInstanceIdError,
)

# A batch that cannot be read. The library would go on with it in circles, so the client is done.
_UNREADABLE = (errors.CorruptRecordError, errors.UnsupportedCodecError)


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
            found = client.poll(timeout_ms=ms(timeout_s), max_records=max_records)
        except _UNREADABLE as error:
            bootstrap = self._log.bootstrap
            raise UnavailableError(
                f"a batch of Kafka at {bootstrap} is unreadable: {error}"
            ) from error
        except errors.KafkaError as error:
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
                self.client.commit(mine, timeout_ms=ms(self._log.options.request_timeout_s))
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
        except errors.KafkaError:
            return {}  # not known, with the broker away
        return lag

    def positions(self) -> Mapping[TopicPartition, int]:
        """The offset of each assigned partition that is polled next, as far as known."""
        try:
            found = {
                at: self.client.position(KafkaPartition(*at), timeout_ms=1000)
                for at in self.assigned()
            }
        except errors.KafkaError:
            return {}
        return {at: offset for at, offset in found.items() if offset is not None}

    def offsets_at(self, moment_ms: int, /) -> Mapping[TopicPartition, int]:
        """Per assigned partition the first offset appended at or after a moment, else the end."""
        wanted = {KafkaPartition(*at): moment_ms for at in self.assigned()}
        if not wanted:
            return {}
        timeout_ms = ms(self._log.options.request_timeout_s)
        try:
            found = self.client.offsets_for_times(wanted, timeout_ms=timeout_ms)
            older = [partition for partition in wanted if found.get(partition) is None]
            ends = self.client.end_offsets(older, timeout_ms=timeout_ms) if older else {}
        except errors.KafkaError:
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
                client.close(autocommit=False, timeout_ms=ms(CLOSE_S))

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
            access["bootstrap_timeout_ms"] = ms(max(1.0, timeout_s))
            self.client = connect(
                KafkaConsumer,
                group_id=self._group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                isolation_level="read_committed",
                allow_auto_create_topics=False,
                max_poll_interval_ms=ms(options.max_poll_interval_s),
                session_timeout_ms=ms(options.session_timeout_s),
                heartbeat_interval_ms=ms(options.heartbeat_s),
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
