"""What Toll asks of a log: topics of ordered partitions, consumer groups, committed offsets.

Two logs stand behind these Protocols: Apache Kafka (`ingest.kafka`, and `ingest.confluent` where
speed matters) and one local SQLite file (`ingest.embedded`). One contract suite runs on all.

An offset is always *the next one to read*: after handling record 7, commit 8.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol
from zlib import crc32

from ingest.errors import InputError


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


Headers = tuple[tuple[str, bytes], ...]

# The largest message any log takes: key, value and headers. A record of 10 MiB fits.
MAX_MESSAGE_BYTES = 11 * 1024 * 1024


class Record(NamedTuple):
    """One record as it was read. A named tuple, because a busy topic makes 150,000 a second."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int  # as the log keeps it, milliseconds since the epoch, UTC
    key: bytes | None
    value: bytes | None  # None is a tombstone
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One record to be written. Without a partition, the key decides it, and no key spreads."""

    topic: str
    value: bytes
    key: bytes | None = None
    headers: Headers = ()
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll brought: records in order per partition, and the assignment they belong to.

    `assignment` counts the rebalances this consumer has seen; a change between two polls means
    that partitions came or went, and that work in flight may be done by somebody else too. After
    a change every partition is read from its committed offset again, kept or new, so work in
    flight may be dropped without loss; `records` never mixes two assignments.
    """

    records: Sequence[Record] = field(default_factory=tuple)
    assignment: int = 0


class Producer(Protocol):
    """Writes records. Safe to share between threads."""

    def send(self, messages: Sequence[Message], /) -> None:
        """Return once every message is durable (`fsync`, `acks=all`), in order per partition.

        Raises `UnavailableError` when that cannot be promised; some messages may then be in the
        log all the same, so a repeat must be harmless. Raises `InputError`, and writes nothing,
        where a message is larger than `MAX_MESSAGE_BYTES`. Creates a topic that is missing.
        """

    def partitions(self, topic: str, /) -> int:
        """How many partitions the topic has; creates the topic where it is missing."""

    def close(self) -> None:
        """Give back files and connections."""


class Consumer(Protocol):
    """Reads the topics of its group. All calls come from one thread."""

    def poll(self, timeout_s: float, max_records: int, /) -> Polled:
        """Wait up to `timeout_s` for records of the assigned, unpaused partitions.

        Must be called more often than the group's poll limit, paused or not; a broker that is
        away is not an error here but an empty poll (`healthy` tells). Only partitions of the
        current assignment are ever returned.
        """

    def commit(self, offsets: Mapping[TopicPartition, int], /) -> None:
        """Keep offsets of the group durably, for those partitions that are still assigned.

        Raises `UnavailableError` when the log does not answer. Losing a partition is no error:
        whoever has it now reads again what was not committed, and repeats are harmless.
        """

    def pause(self) -> None:
        """Stop fetching, keep membership: `poll` returns no records until `resume`."""

    def resume(self) -> None:
        """Fetch again."""

    def rewind(self, offsets: Mapping[TopicPartition, int], /) -> None:
        """Read assigned partitions again from these offsets (work of a batch was given up)."""

    def assigned(self) -> frozenset[TopicPartition]:
        """The partitions this consumer holds now."""

    def lag(self) -> Mapping[TopicPartition, int]:
        """Records behind the end of each assigned partition, as far as known."""

    def positions(self) -> Mapping[TopicPartition, int]:
        """The offset of each assigned partition that is polled next, as far as known."""

    def offsets_at(self, moment_ms: int, /) -> Mapping[TopicPartition, int]:
        """Per assigned partition the first offset that was appended at or after a moment (epoch).

        Where nothing is that young it is the end; a partition of which neither is known is left
        out.
        """

    def healthy(self) -> bool:
        """Whether the log answered lately."""

    def close(self) -> None:
        """Leave the group at once, without committing anything more."""


class Log(Protocol):
    """A log: makes producers and consumers, and creates topics."""

    def producer(self) -> Producer:
        """A producer of this log."""

    def consumer(self, group: str, topics: Iterable[str], /) -> Consumer:
        """A member of `group`, reading `topics` on from its offsets, at first from the start."""

    def ensure_topics(self, topics: Mapping[str, int], /) -> None:
        """Create those topics (name -> partitions) that do not exist; leave others as they are."""

    def close(self) -> None:
        """Give back what the log itself holds."""


def partition_for(key: bytes, partitions: int) -> int:
    """The partition of a key: stable for ever, the same from every process.

    Toll's own writers choose the partition themselves (many events share one record), so this
    need not agree with the partitioner of any Kafka client.
    """
    return crc32(key) % partitions


def refuse_oversized(messages: Iterable[Message]) -> None:
    """Raise `InputError` for the first message that is too large, before any has been written.

    Every log refuses at the same size, so that a sender sees the same on Kafka and without it.
    """
    for message in messages:
        headers = sum(len(name) + len(value) for name, value in message.headers)
        size = len(message.value) + len(message.key or b"") + headers
        if size > MAX_MESSAGE_BYTES:
            raise InputError(
                f"a message of {size:,} bytes for {message.topic} is larger than the log takes "
                f"({MAX_MESSAGE_BYTES:,}): send fewer events at a time"
            )


def choose_partition(message: Message, partitions: int, spread: Iterator[int]) -> int:
    """Where a message goes: as it says, by its key, or round the partitions with `spread`."""
    if message.partition is not None:
        if not 0 <= message.partition < partitions:
            raise InputError(f"{message.topic} has no partition {message.partition}")
        return message.partition
    if message.key is not None:
        return partition_for(message.key, partitions)
    return next(spread) % partitions
