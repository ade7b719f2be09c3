"""Processes that assess, each a member of one group; the parent kills, freezes and thaws them."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from api.assess.assessor import Assessor
from api.run.wiring import Parts
from api.setup.mapfiles import read_map
from api.setup.settings import Settings
from ingest.kafka import KafkaLog
from ingest.streams import IngestConfig
from store.records import Note
from store.store import open_store
from tests.api.app import settings_for
from tests.e2e import child

WAIT_S = 60.0
# A busy machine may keep a member from its heartbeat for a second or two: that is no death.
OPTIONS = replace(child.OPTIONS, session_timeout_s=8)


@dataclass(frozen=True)
class Site:
    """Where the members work: one broker, one store, a file that notes are delivered to."""

    folder: Path
    kafka: str
    clickhouse: str
    prefix: str

    @property
    def delivered(self) -> Path:
        return self.folder / "delivered"

    def settings(self) -> Settings:
        return settings_for(
            self.folder,
            kafka=self.kafka,
            clickhouse=self.clickhouse,
            topic_prefix=self.prefix,
            tick_s="0.2",
        )


class Member:
    """One process, and what it says of its ticks."""

    def __init__(self, site: Site) -> None:
        self._hears, there = _CONTEXT.Pipe(duplex=False)
        self.process: BaseProcess = _CONTEXT.Process(target=_assess, args=(site, there))
        self.process.start()
        there.close()

    def ticks(self, count: int = 1) -> None:
        """Wait until it has made so many more ticks: it is the active one."""
        for _ in range(count):
            if not self._hears.poll(WAIT_S):
                raise TimeoutError("this member does not assess")
            self._hears.recv()

    def idle(self) -> bool:
        """Whether it has not ticked since it was last asked."""
        heard = False
        while self._hears.poll(0):
            self._hears.recv()
            heard = True
        return not heard

    def send(self, number: signal.Signals) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def end(self) -> None:
        if self.process.is_alive():
            self.process.kill()
        self.process.join(WAIT_S)
        self._hears.close()


@contextmanager
def members(site: Site, count: int) -> Iterator[list[Member]]:
    """So many members, started at once."""
    started = [Member(site) for _ in range(count)]
    try:
        yield started
    finally:
        for member in started:
            member.end()


class _Telling(Assessor):
    """Queues and delivers a note for every incident that burns, as a notifier would."""

    def __init__(self, parts: Parts, site: Site, there: Connection) -> None:
        super().__init__(parts)
        self._outbox, self._site, self._there = parts.store.outbox, site, there

    def tick(self) -> None:
        super().tick()
        now = datetime.now(UTC)
        self._outbox.queue(
            [Note(i.id, "opened", "on-call", "{}", now, 0) for i in self.status.burning]
        )
        for note in self._outbox.find():
            with self._site.delivered.open("a") as file:
                file.write(f"{note.incident}\n")
            self._outbox.sent(note, now)
        self._there.send(self.status.ticks)


def _assess(site: Site, there: Connection) -> None:
    logging.disable(logging.CRITICAL)  # a broker that loses members talks a lot
    settings = site.settings()
    with (
        closing(open_store(site.clickhouse, site.folder)) as store,
        closing(KafkaLog(site.kafka, options=OPTIONS)) as log,
    ):
        parts = Parts(settings, IngestConfig(salt=b"salt"), read_map(settings.map), log, store)
        _Telling(parts, site, there).run(threading.Event())


_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["pytest", "tests.e2e.child", "tests.e2e.assessing"])
