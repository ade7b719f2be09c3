"""The work: 600,000 business events in a Kafka topic, half of them repeats; run alone, makes it.

    python workload.py BROKER

Two topics of four partitions hold the same events in the same order per partition: one event per
record, and fifty events per record, separated by newlines. A topic that is complete is kept. Every
event comes twice, the second time within 20,000 events, so that whoever counts each once must look.
Needs confluent-kafka alone: it runs in the peers' environment.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from typing import Any
from zlib import crc32

EVENTS = 600_000
DISTINCT = EVENTS // 2
PARTITIONS = 4
PER_RECORD = 50
LATEST_REPEAT = 20_000
SINGLE, PACKED = "bench-throughput-single", "bench-throughput-packed"


def event(number: int) -> tuple[str, bytes]:
    """(id, JSON of about 150 bytes) of one distinct event."""
    rng = random.Random(number)
    ms = number * 40
    minute, second = divmod(ms // 1000, 60)
    status = "ok" if rng.random() < 0.93 else "failed"
    name = f"pay-{number:08d}"
    body = (
        f'{{"id":"{name}","stream":"payments",'
        f'"at":"2024-10-04T{minute // 60:02d}:{minute % 60:02d}:{second:02d}.{ms % 1000:03d}Z",'
        f'"status":"{status}","key":"cart-{number // 2:08d}",'
        f'"amount":"{rng.randint(199, 99_999) / 100:.2f}","currency":"EUR"}}'
    )
    return name, body.encode()


def events() -> Iterator[tuple[int, bytes]]:
    """(partition, JSON) of every event, each distinct one twice, always in the same order."""
    rng = random.Random(1)
    order = [(2.0 * n, n) for n in range(DISTINCT)]
    order += [(2.0 * n + rng.uniform(1, LATEST_REPEAT), n) for n in range(DISTINCT)]
    for _, number in sorted(order):
        name, body = event(number)
        yield crc32(name.encode()) % PARTITIONS, body


def produce(broker: str) -> None:
    """Make both topics, where they are not complete."""
    from confluent_kafka import Producer  # noqa: PLC0415  (only the peers' environment has it)

    records = {SINGLE: EVENTS, PACKED: sum(-(-n // PER_RECORD) for n in _per_partition())}
    missing = [topic for topic, wanted in records.items() if not _ready(broker, topic, wanted)]
    if not missing:
        return
    producer = Producer(
        {"bootstrap.servers": broker, "linger.ms": 50, "queue.buffering.max.messages": 1_000_000}
    )
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
    produce(sys.argv[1])
