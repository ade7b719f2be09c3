"""A process of its own that ingests, and kills itself when it is told to.

Children are forked from a server that has imported everything, so that one starts in a second.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

from ingest.consumer import WORKERS, Ingester
from ingest.embedded import EmbeddedLog
from ingest.kafka import KafkaLog
from ingest.kafka_options import KafkaOptions
from ingest.log import Log
from ingest.rhythm import ConsumerConfig
from ingest.streams import IngestConfig
from store.store import open_store
from tests.e2e.oracle import Totals, found

GROUP = "toll-ingest"
CONFIG = IngestConfig(salt=b"salt")
# Small batches, each counted and committed at once: a kill falls between many steps.
RHYTHM = ConsumerConfig(max_records=4, recompute_every_s=0, recompute_idle_s=0, poll_s=0.05)
# A member that was killed is missed for a second, then its partitions are given away.
OPTIONS = KafkaOptions(session_timeout_s=1, max_poll_interval_s=20, metadata_max_age_s=2)


@dataclass(frozen=True)
class Place:
    """Where a child reads and writes."""

    folder: Path
    topics: Sequence[str]  # of business events, of signals
    kafka: str = ""  # bootstrap; without it, the embedded log

    def log(self) -> Log:
        if self.kafka:
            return KafkaLog(self.kafka, options=OPTIONS)
        return EmbeddedLog(self.folder / "toll.log", partitions_default=2)


@dataclass(frozen=True)
class Death:
    """When a child dies: at the nth time of a step, or so long after its first batch."""

    step: str = ""
    nth: int = 1
    after_s: float = 0

    def __call__(self, seen: Counter[str], step: str) -> None:
        if step == "decode" and seen[step] == 1 and not self.step:
            timer = threading.Timer(self.after_s, os.kill, (os.getpid(), signal.SIGKILL))
            timer.daemon = True
            timer.start()
        if step == self.step and seen[step] == self.nth:
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Outcome:
    """What a child that lived to the end found in the store."""

    totals: Totals
    signals: list[str]
    dead: list[tuple[str, bytes]]  # reason, raw


def ingest_until_killed(place: Place, death: Death) -> None:
    """Run a child that dies; fail where it ends in any other way."""
    child = _CONTEXT.Process(target=_ingest, args=(place, death, None))
    child.start()
    child.join(60)
    if child.is_alive():
        child.kill()
        child.join()
        raise TimeoutError(f"{death} was not reached")
    assert child.exitcode == -signal.SIGKILL, (death, child.exitcode)


def ingest_to_the_end(place: Place) -> Outcome:
    """Run a child until the log is read to its end."""
    here, there = _CONTEXT.Pipe(duplex=False)
    child = _CONTEXT.Process(target=_ingest, args=(place, None, there))
    child.start()
    there.close()
    try:
        outcome: Outcome = here.recv()
    finally:
        child.join(60)
        here.close()
    assert child.exitcode == 0
    return outcome


def _ingest(place: Place, death: Death | None, answer: Connection | None) -> None:
    seen: Counter[str] = Counter()

    def step(name: str) -> None:
        seen[name] += 1
        if death is not None:
            death(seen, name)

    with (
        closing(open_store(None, place.folder)) as store,
        closing(place.log()) as log,
        ThreadPoolExecutor(WORKERS) as workers,
    ):
        consumer = log.consumer(GROUP, place.topics)
        rhythm = replace(RHYTHM, signals_topic=place.topics[1])
        ingester = Ingester(consumer, store, workers, CONFIG, rhythm, step)
        while ingester.idle_since is None or death is not None:
            ingester.turn()
        stop = threading.Event()
        stop.set()
        ingester.run(stop)
        if answer is not None:
            dead = [kept.letter for kept in store.dead_letters.find(limit=10_000)]
            signals = [signal.id for signal in store.signals.all()]
            answer.send(Outcome(found(store), signals, [(x.reason, x.raw) for x in dead]))


_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["pytest", "tests.e2e.child"])
