"""The work: business events in Kafka topics, half of them repeats; run alone, makes it.

    python workload.py BROKER [--long]

Two topics of four partitions hold the same 600,000 events in one order per partition: one event
per record, and fifty events per record, separated by newlines. A third (`--long`), to watch memory,
holds five times as many events, one per record. A topic that is complete is kept. Every event comes
twice, the second time within 20,000 events, so that whoever counts each once must look.
Needs confluent-kafka alone: it runs in the peers' environment.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zlib import crc32

EVENTS = 600_000
DISTINCT = EVENTS // 2
PARTITIONS = 4
PER_RECORD = 50
LATEST_REPEAT = 20_000
SINGLE, PACKED = "bench-throughput-single", "bench-throughput-packed"
QUEUE = 1_000_000  # records that may wait in the producer
LONG, LONG_DISTINCT = "bench-throughput-long", 5 * DISTINCT

STREAM = "payments"
DAY, DAY_MS = "2024-10-04", 1_728_000_000_000  # the day of the events, all of them; its midnight
STEP_MS = 40  # from one distinct event to the next


@dataclass
class Total:
    """What all distinct events of one status add up to."""

    minutes: Counter[int] = field(default_factory=Counter)  # minutes since the epoch -> events
    money: Decimal = Decimal(0)


def event(number: int) -> tuple[str, bytes]:
    """(id, JSON of about 150 bytes) of one distinct event."""
    status, cents = _drawn(number)
    ms = number * STEP_MS
    minute, second = divmod(ms // 1000, 60)
    name = f"pay-{number:08d}"
    body = (
        f'{{"id":"{name}","stream":"{STREAM}",'
        f'"at":"{DAY}T{minute // 60:02d}:{minute % 60:02d}:{second:02d}.{ms % 1000:03d}Z",'
        f'"status":"{status}","key":"cart-{number // 2:08d}",'
        f'"amount":"{cents / 100:.2f}","currency":"EUR"}}'
    )
    return name, body.encode()


def totals(distinct: int = DISTINCT) -> dict[str, Total]:
    """What must be counted, by status: every distinct event once. From the draws, not the JSON."""
    found = {"ok": Total(), "failed": Total()}
    for number in range(distinct):
        status, cents = _drawn(number)
        found[status].minutes[(DAY_MS + number * STEP_MS) // 60_000] += 1
        found[status].money += Decimal(cents).scaleb(-2)
    return found


def _drawn(number: int) -> tuple[str, int]:
    """Status, and amount in cents."""
    rng = random.Random(number)
    return "ok" if rng.random() < 0.93 else "failed", rng.randint(199, 99_999)


def events(distinct: int = DISTINCT) -> Iterator[tuple[int, bytes]]:
    """(partition, JSON) of every event, each distinct one twice, always in the same order."""
    rng = random.Random(1)
    order = [(2.0 * n, n) for n in range(distinct)]
    order += [(2.0 * n + rng.uniform(1, LATEST_REPEAT), n) for n in range(distinct)]
    for _, number in sorted(order):
        name, body = event(number)
        yield crc32(name.encode()) % PARTITIONS, body


def produce_long(broker: str) -> None:
    """Make the long topic, where it is not complete."""
    from confluent_kafka import Producer  # noqa: PLC0415

    if _ready(broker, LONG, 2 * LONG_DISTINCT):
        return
    producer = Producer(_producing(broker))
    for partition, body in events(LONG_DISTINCT):
        producer.produce(LONG, body, partition=partition)
        producer.poll(0)
        while len(producer) > QUEUE // 2:  # wait for the broker
            producer.poll(0.1)
    if producer.flush(120):
        raise SystemExit("workload.py: the broker did not take all records")


def _producing(broker: str) -> dict[str, Any]:
    return {
        "bootstrap.servers": broker,
        "linger.ms": 50,
        "queue.buffering.max.messages": QUEUE,
    }


def produce(broker: str) -> None:
    """Make the two topics, where they are not complete."""
    from confluent_kafka import Producer  # noqa: PLC0415  (only the peers' environment has it)

    records = {SINGLE: EVENTS, PACKED: sum(-(-n // PER_RECORD) for n in _per_partition())}
    missing = [topic for topic, wanted in records.items() if not _ready(broker, topic, wanted)]
    if not missing:
        return
    producer = Producer(_producing(broker))
    packs: list[list[bytes]] = [[] for _ in range(PARTITIONS)]

    def send(topic: str, partition: int, value: bytes) -> None:
        if topic in missing:
            producer.produce(topic, value, partition=partition)
            producer.poll(0)

    for partition, body in events():
        send(SINGLE, partition, body)
        packs[partition].append(body)
        if len(packs[partition]) == PER_RECORD:
            send(PACKED, partition, b"\n".join(packs[partition]))
            packs[partition].clear()
    for partition, rest in enumerate(packs):
        if rest:
            send(PACKED, partition, b"\n".join(rest))
    if producer.flush(120):
        raise SystemExit("workload.py: the broker did not take all records")


def _per_partition() -> list[int]:
    sizes = [0] * PARTITIONS
    for number in range(DISTINCT):
        sizes[crc32(f"pay-{number:08d}".encode()) % PARTITIONS] += 2
    return sizes


def _ready(broker: str, topic: str, wanted: int) -> bool:
    """Whether the topic holds what it should; otherwise it is made anew, empty."""
    from confluent_kafka import Consumer, TopicPartition  # noqa: PLC0415
    from confluent_kafka import admin as kafka_admin  # noqa: PLC0415

    admin = kafka_admin.AdminClient({"bootstrap.servers": broker})
    if topic in admin.list_topics(timeout=10).topics:
        consumer = Consumer({"bootstrap.servers": broker, "group.id": "bench-throughput-look"})
        parts = [TopicPartition(topic, p) for p in range(PARTITIONS)]
        found = sum(consumer.get_watermark_offsets(p, timeout=10)[1] for p in parts)
        consumer.close()
        if found == wanted:
            return True
        admin.delete_topics([topic])[topic].result(30)
    settings = {"retention.ms": "-1", "max.message.bytes": "10485760"}
    new = kafka_admin.NewTopic(topic, PARTITIONS, 1, config=settings)  # type: ignore[attr-defined]
    _create(admin, new)
    return False


def _create(admin: Any, topic: Any) -> None:
    """Deleting is slow to be known everywhere; creating again is tried for half a minute."""
    from confluent_kafka import KafkaException  # noqa: PLC0415

    for attempt in range(30):
        try:
            admin.create_topics([topic])[topic.topic].result(30)
            return
        except KafkaException:
            if attempt == 29:
                raise
            time.sleep(1)


if __name__ == "__main__":
    (produce_long if "--long" in sys.argv else produce)(sys.argv[1])
