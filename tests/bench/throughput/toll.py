"""Toll's side: what its own ingester does with the topic, into the embedded store.

Done means: every event validated, stored once, its minute counted, its offset committed. After the
clock has stopped, the minutes in the store are held against `workload.totals`: a wrong total fails
the benchmark. The events are of a past year, so that they are the same in every run; the retention
is set so long that this makes no difference.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, cast

import api.cli  # noqa: F401  # first: the environment that the `toll` program has
from ingest.batch import merge_minutes, touched_minutes
from ingest.collector import look_seldom
from ingest.confluent import ConfluentLog
from ingest.consumer import WORKERS, Ingester
from ingest.decode import decode
from ingest.kafka import KafkaLog
from ingest.log import Consumer, Polled, Record
from ingest.rhythm import ConsumerConfig
from ingest.sink import Minutes
from ingest.streams import IngestConfig, StreamConfig
from store.store import Store, open_store
from tests.bench.throughput import workload
from tests.bench.throughput.candidates import Handled, Target

RETENTION = timedelta(days=3_650)
SALT = b"the salt of the benchmark"

Client = Literal["confluent", "kafka-python"]
Keys = Literal["hashed", "plain"]


def toll(target: Target, client: Client = "confluent", keys: Keys = "hashed") -> Handled:
    """Read the topic as `toll run` reads it; fails where the totals are not exact."""
    config = settings(keys)
    log = ConfluentLog(target.broker) if client == "confluent" else KafkaLog(target.broker)
    with opened_store(config) as store, ThreadPoolExecutor(WORKERS) as workers:
        watch = _Watch(log.consumer(f"bench-toll-{uuid.uuid4()}", [target.topic]))
        ingester = Ingester(
            cast(Consumer, watch), store, workers, config, ConsumerConfig(), watch.step
        )
        look_seldom()
        started = time.perf_counter()
        while ingester.stats.events < target.events or ingester.idle_since is None:
            ingester.turn()
            refuse_trouble(ingester)
        handled = Handled(
            ingester.stats.events,
            watch.ended - watch.began,
            watch.ended - started,
            watch.cpu_ended - watch.cpu_began,
        )
        watch.close()
        log.close()
        check(store, target.distinct)
    return handled


def without_log(target: Target, keys: Keys = "hashed") -> Handled:
    """The limit: the same lines from memory, decoded, validated and inserted, and no more timed."""
    config = settings(keys)
    look_seldom()
    batches = list(_batches(held(target)))
    touched: dict[str, Minutes] = {}
    events = 0
    with opened_store(config) as store:
        began, cpu_began = time.perf_counter(), time.process_time()
        for batch in batches:
            found = decode(batch, config, datetime.now(UTC))
            store.insert_events(found.events)
            touched = merge_minutes(touched, touched_minutes(found.events))
            events += found.events.num_rows
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu_began
        store.recompute(touched)
        check(store, target.distinct)
    return Handled(events, seconds, seconds, cpu)


def held(target: Target) -> list[Record]:
    """All records of the workload, as reading the topic would give them, partitions in turn."""
    size = 1 if target.topic == workload.SINGLE else workload.PER_RECORD
    parts: list[list[bytes]] = [[] for _ in range(workload.PARTITIONS)]
    for partition, body in workload.events(target.distinct):
        parts[partition].append(body)
    records = [
        Record(target.topic, partition, start // size, workload.DAY_MS, None, b"\n".join(lines))
        for partition, bodies in enumerate(parts)
        for start in range(0, len(bodies), size)
        if (lines := bodies[start : start + size])
    ]
    return sorted(records, key=lambda record: record.offset)


def _batches(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Batches as large as the ingester makes them."""
    rhythm = ConsumerConfig()
    batch: list[Record] = []
    size = 0
    for record in records:
        batch.append(record)
        size += len(record.value or b"")
        if len(batch) >= rhythm.max_records or size >= rhythm.max_bytes:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def settings(keys: Keys) -> IngestConfig:
    """Defaults, but for the retention and, where asked, plain keys."""
    stream = StreamConfig(workload.STREAM, keys=keys)
    return IngestConfig({workload.STREAM: stream}, salt=SALT, retention=RETENTION)


@contextlib.contextmanager
def opened_store(config: IngestConfig) -> Iterator[Store]:
    """A new embedded store on disk."""
    with tempfile.TemporaryDirectory(prefix="toll-bench-", dir=os.environ.get("TMPDIR")) as folder:
        store = open_store(None, Path(folder), retention=RETENTION, streams=config.streams)
        try:
            yield store
        finally:
            store.close()


def refuse_trouble(ingester: Ingester) -> None:
    """Stop a measurement that is none."""
    if ingester.stats.failures or ingester.stats.dead_letters:
        raise SystemExit(f"Toll had trouble: {ingester.stats}")


def check(store: Store, distinct: int = workload.DISTINCT) -> None:
    """Hold the counted minutes against what the workload says they are, to the cent."""
    start = datetime.fromtimestamp(workload.DAY_MS / 1000, UTC)
    end = start + timedelta(milliseconds=workload.STEP_MS * distinct + 60_000)
    for status, expected in workload.totals(distinct).items():
        found = store.volumes(workload.STREAM, [status], start, end)
        minutes = found.times.astype("datetime64[m]").astype("int64").tolist()
        counted = dict(zip(minutes, found.count.astype("int64").tolist(), strict=True))
        if counted != dict(expected.minutes):
            raise SystemExit(f"Toll's minutes of {status!r} are not what was sent")
        money = store.money(workload.STREAM, [status], start, end)
        if money != {"EUR": expected.money}:
            raise SystemExit(f"Toll's money of {status!r} is {money}, not {expected.money}")


class _Watch:
    """A consumer that notes when the first record came, and when the last one was done."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self.began = self.ended = self.cpu_began = self.cpu_ended = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)

    def poll(self, timeout_s: float, max_records: int, /) -> Polled:
        polled = self._consumer.poll(timeout_s, max_records)
        if polled.records and not self.began:
            self.began, self.cpu_began = time.perf_counter(), time.process_time()
        return polled

    def step(self, name: str) -> None:
        if name == "progress":  # the step after a commit
            self.ended, self.cpu_ended = time.perf_counter(), time.process_time()
