"""What is stored but not yet counted and committed, and how far reading will then have come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from ingest.batch import merge_minutes
from ingest.log import Consumer, Record, TopicPartition
from ingest.records import Records
from ingest.sink import Arrival, Minutes, Progress
from ingest.storing import Stored


class Reach(NamedTuple):
    """How far a partition will have been counted."""

    until: datetime  # all that the log had by then
    next_offset: int


Reached = Mapping[TopicPartition, Reach]


@dataclass(slots=True)
class Written:
    """Stored batches, and what is still owed for them."""

    records: int = 0
    offsets: dict[TopicPartition, int] = field(default_factory=dict)
    minutes: dict[str, Minutes] = field(default_factory=dict)
    arrivals: list[Arrival] = field(default_factory=list)
    reach: dict[TopicPartition, Reach] = field(default_factory=dict)
    since: float | None = None  # monotonic seconds of the oldest of it

    def add(self, records: Records, reach: Reached, stored: Stored) -> None:
        """One more batch."""
        self.records += len(records)
        self.offsets.update({at: last.offset + 1 for at, last in records.last().items()})
        self.minutes = merge_minutes(self.minutes, stored.minutes)
        self.arrivals.extend(stored.arrivals)
        self.reach.update(reach)

    def progress(self, lag: Mapping[TopicPartition, int]) -> Sequence[Progress]:
        """What to keep about each partition, once all of this is counted."""
        return [
            Progress(at.topic, at.partition, reach.next_offset, reach.until, lag.get(at, 0))
            for at, reach in self.reach.items()
        ]


def reach_of(
    last: Mapping[TopicPartition, Record], consumer: Consumer
) -> dict[TopicPartition, Reach]:
    """Per partition, up to when all that the log got is in batches up to the one that ends so.

    Where the log holds no more, that is now; else it is when the last of them was appended.
    A log that does not answer may hold anything.
    """
    now = datetime.now(UTC)
    reach = {at: Reach(_appended(record, now), record.offset + 1) for at, record in last.items()}
    if not consumer.healthy():
        return reach
    lag, positions = consumer.lag(), consumer.positions()
    return reach | {at: Reach(now, positions[at]) for at in positions if lag.get(at) == 0}


def _appended(record: Record, now: datetime) -> datetime:
    """When the log got the record; a producer's clock may have said what cannot be."""
    ms = min(max(record.timestamp_ms, 0), int(now.timestamp() * 1000))
    return datetime.fromtimestamp(ms / 1000, UTC)
