"""Reading from Kafka through librdkafka, a member of a group."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from ingest.confluent.library import REFUSED, confluent_kafka
from ingest.kafka_options import FETCH_BYTES, ms
from ingest.log import Polled, TopicPartition
from ingest.records import Records

if TYPE_CHECKING:
    from ingest.confluent.log import ConfluentLog

logger = logging.getLogger(__name__)

NEWS_S = 1.0  # how often librdkafka says which brokers are up

# What a fetch may unpack to. By default it is a tenth, and a batch beyond it is never passed: well
# packed it is small for a topic. What is too large for us is a dead letter, later on.
UNPACKED_BYTES = 1_000_000_000

_UNREADABLE = ("_BAD_COMPRESSION", "_BAD_MSG")
_LOST = (
    "ILLEGAL_GENERATION",
    "UNKNOWN_MEMBER_ID",
    "REBALANCE_IN_PROGRESS",
    "FENCED_INSTANCE_ID",
    "_ASSIGNMENT_LOST",
    "_FENCED",
)


class ConfluentConsumer:
    """A member of a group. All calls come from one thread, callbacks included."""

    def __init__(self, log: ConfluentLog, group: str, topics: Iterable[str]) -> None:
        self._log, self._count, self._paused, self._up = log, 0, False, False
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._closed = False
        self._told: set[object] = set()  # places that cannot be read
        options = log.options
        self._client = confluent_kafka.Consumer(
            {
                **log.access(),
                "group.id": group,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                "max.poll.interval.ms": ms(options.max_poll_interval_s),
                "session.timeout.ms": ms(options.session_timeout_s),
                "heartbeat.interval.ms": ms(options.heartbeat_s),
                "queued.max.messages.kbytes": 32 * 1024,
                "fetch.queue.backoff.ms": 20,  # a full queue is soon taken; by default, 1 s
                "fetch.message.max.bytes": FETCH_BYTES,
                "receive.message.max.bytes": UNPACKED_BYTES,
                "statistics.interval.ms": ms(NEWS_S),
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

        Other troubles pass by themselves, but for a few that are said.
        """
        errors = list(map(confluent_kafka.Message.error, found))
        failed = [error for error in errors if error is not None]
        for error in failed:
            if error.name() in REFUSED:
                raise self._log.mapped(error)
        if not failed:
            return found
        for message in found:
            self._tell(message)
        return [message for message, error in zip(found, errors, strict=True) if error is None]

    def _tell(self, message: confluent_kafka.Message) -> None:
        """Say what waiting alone does not mend: no such topic, or a batch that cannot be read."""
        error, place = message.error(), (message.topic(), message.partition(), message.offset())
        if error is None:  # a record beside it
            return
        if error.name() == "UNKNOWN_TOPIC_OR_PART":  # which the library tells once
            logger.warning("%s; it is read as soon as it is there", error.str())
        elif error.name() in _UNREADABLE and place not in self._told:
            self._told.add(place)
            said = "partition %d of %s waits at offset %d, which cannot be read: %s"
            logger.error(said, place[1], place[0], place[2], error.str())

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
        np.fromiter(map(itemgetter(1), map(kind.timestamp, found)), np.int64, size),
        list(map(kind.key, found)),
        list(map(kind.value, found)),
        {at: tuple((name, value or b"") for name, value in its) for at, its in some if its},
    )
