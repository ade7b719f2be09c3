"""From accepted lines and signals to messages of the log. Pure.

Many events share one record, which keeps the log cheap; all events of one key or id stay in one
partition, which keeps corrections in order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from ingest.batch import HISTORY_HEADER
from ingest.events import Signal
from ingest.log import Message, partition_for
from ingest.sources.wire import encode_signal

RECORD_BYTES = 256 * 1024


def business_messages(
    lines: Iterable[tuple[str, bytes]], topic: str, partitions: int, *, history: bool = False
) -> list[Message]:
    """Messages for (key or id, event line) pairs: lines of one partition joined, in order.

    `history` says that the events are loaded late on purpose, so that no delay is learned of them.
    """
    headers = (HISTORY_HEADER,) if history else ()
    buckets: dict[int, list[bytes]] = defaultdict(list)
    for key, line in lines:
        buckets[partition_for(key.encode(), partitions)].append(line)
    return [
        Message(topic, value, headers=headers, partition=partition)
        for partition, bucket in sorted(buckets.items())
        for value in _joined(bucket)
    ]


def _joined(lines: Sequence[bytes]) -> Iterator[bytes]:
    part: list[bytes] = []
    size = 0
    for line in lines:
        if part and size + len(line) > RECORD_BYTES:
            yield b"\n".join(part)
            part, size = [], 0
        part.append(line)
        size += len(line) + 1
    if part:
        yield b"\n".join(part)


def signal_messages(signals: Iterable[Signal], topic: str) -> list[Message]:
    """Messages for signals; those of one fingerprint stay in order."""
    return [Message(topic, encode_signal(s), key=s.fingerprint.encode()) for s in signals]
