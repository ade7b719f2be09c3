"""Reads samples of counters from the log and puts the business events they mean into it.

Offsets are committed once the events are in the log. What a series said last is not stored: it is
read from the log again whenever this starts or is given other partitions, a day back, which is as
far as a counter is remembered. Events that are sent twice are the same and count once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from threading import Event

from api.intake import business_messages
from api.run.wiring import Parts
from ingest.counters import FORGOTTEN_MS, Counters, read_line
from ingest.log import Consumer, Producer, Record, TopicPartition

POLL_S, RECORDS = 0.5, 2_000
_FORGET_EVERY = 100_000  # samples


class Counting:
    """Follows the topic of counters, as one of a group."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def run(self, stop: Event) -> None:
        """Follow until told to stop."""
        parts, settings = self._parts, self._parts.settings
        with (
            closing(
                parts.log.consumer(settings.group("counters"), [settings.counters_topic])
            ) as consumer,
            closing(parts.log.producer()) as producer,
        ):
            follower = Follower(parts, consumer, producer)
            while not stop.is_set():
                follower.turn(POLL_S)


class Follower:
    """One member of the group, from its start to its end."""

    def __init__(self, parts: Parts, consumer: Consumer, producer: Producer) -> None:
        self._topic = parts.settings.business_topic
        self._consumer, self._producer = consumer, producer
        self._counters = Counters()
        self._assignment = -1
        self._done: dict[TopicPartition, int] = {}  # offsets below which events are in the log
        self._seen = 0

    def turn(self, timeout_s: float) -> int:
        """Read once, and send what it means; how many samples that were."""
        polled = self._consumer.poll(timeout_s, RECORDS)
        if polled.assignment != self._assignment or not self._done.keys() >= {
            TopicPartition(r.topic, r.partition) for r in polled.records
        }:
            self._assignment = polled.assignment
            self._take_up(polled.records)
            return 0
        lines: list[tuple[str, bytes]] = []
        reached: dict[TopicPartition, int] = {}
        samples = 0
        for record in polled.records:
            place = TopicPartition(record.topic, record.partition)
            reached[place] = record.offset + 1
            for line in (record.value or b"").splitlines():
                sample = read_line(line)
                if sample is not None:
                    samples += 1
                    events = self._counters.events(sample)
                    if record.offset >= self._done[place]:
                        lines += events
        if lines:
            partitions = self._producer.partitions(self._topic)
            self._producer.send(business_messages(lines, self._topic, partitions))
        fresh = {place: offset for place, offset in reached.items() if offset > self._done[place]}
        if fresh:
            self._consumer.commit(fresh)
            self._done |= fresh
        self._forget(samples)
        return samples

    def _take_up(self, next_: Sequence[Record]) -> None:
        """Begin with what this member holds now: a day before what is to be done next."""
        self._counters = Counters()
        done = dict(self._consumer.positions())
        for record in reversed(next_):
            done[TopicPartition(record.topic, record.partition)] = record.offset
        moment = min([round(time.time() * 1000), *(r.timestamp_ms for r in next_)])
        back = self._consumer.offsets_at(max(0, moment - FORGOTTEN_MS))
        self._done = {place: done[place] for place in self._consumer.assigned() if place in done}
        self._consumer.rewind(
            {place: min(offset, back.get(place, offset)) for place, offset in self._done.items()}
        )

    def _forget(self, samples: int) -> None:
        self._seen += samples
        if self._seen >= _FORGET_EVERY:
            self._seen = 0
            self._counters.forget(round(time.time() * 1000) - 2 * FORGOTTEN_MS)
