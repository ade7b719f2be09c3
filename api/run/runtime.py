"""The threads of a Toll process. No other file starts any (but for pools that are handed in)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

from api.ask.outlook import Outlook
from api.assess.assessor import Assessor
from api.assess.impact_events import ImpactEvents
from api.assess.shared_baselines import SharedBaselines
from api.notify.dispatcher import AT_ONCE, Dispatcher
from api.report.issue import issue_report
from api.run.counting import Counting
from api.run.mapwatch import MapWatch
from api.run.marker import RunMarker
from api.run.status_pages import StatusPages
from api.run.subscriptionswatch import SubscriptionsWatch
from api.run.wiring import Parts
from ingest.collector import look_seldom
from ingest.consumer import WORKERS, Ingester, topics_of
from ingest.errors import TollError
from ingest.rhythm import ConsumerConfig, Stats

logger = logging.getLogger(__name__)

REREAD = timedelta(hours=1)  # far more than a system keeps before it writes it to disk
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0  # before a failed thread tries again


class Supervised:
    """Runs a task on a thread of its own, and again after a pause when it fails."""

    def __init__(self, name: str, task: Callable[[Event], None]) -> None:
        self.name = name
        self.error = ""  # of the last failure; "" while it runs well
        self._task = task
        self._stop = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float = 20) -> None:
        """Ask the task to end and wait for it."""
        self._stop.set()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            logger.warning("%s did not end within %.0f s", self.name, timeout_s)

    @property
    def alive(self) -> bool:
        """Whether the thread runs and its last try has not failed."""
        return self._thread.is_alive() and not self.error

    def _run(self) -> None:
        wait = 0.0
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._task(self._stop)
                return
            except TollError as error:
                self.error = str(error)
                wait = pause_s(time.monotonic() - began, wait)
                logger.warning("%s stopped, trying again in %.1f s: %s", self.name, wait, error)
            except Exception as error:  # the top of a thread: nobody else is told
                self.error = f"{type(error).__name__}: {error}"
                wait = pause_s(time.monotonic() - began, wait)
                logger.exception("%s failed, trying again in %.1f s", self.name, wait)
            self._stop.wait(wait)
            if not self._stop.is_set():
                self.error = ""


def pause_s(ran_s: float, before_s: float) -> float:
    """How long a thread that failed rests: twice as long as before, or little after a long run."""
    if ran_s > LONGEST_PAUSE_S:
        return FIRST_PAUSE_S
    return max(FIRST_PAUSE_S, min(LONGEST_PAUSE_S, 2 * before_s))


class IngestTask:
    """Makes an ingester and runs it; a new one after each failure.

    Where an ingester of this data folder did not stop cleanly, the last hour is read again: a power
    cut may have taken rows whose offsets were kept.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._ingester: Ingester | None = None
        self._marker: RunMarker | None = None
        self._owes_reread = False

    @property
    def stats(self) -> Stats:
        """What the running ingester has done."""
        return self._ingester.stats if self._ingester else Stats()

    def idle_since(self) -> float | None:
        """Since when (monotonic seconds) all that is in the log is counted; None while not."""
        return self._ingester.idle_since if self._ingester else None

    def __call__(self, stop: Event) -> None:
        """Ingest until told to stop."""
        look_seldom()
        settings, parts = self._parts.settings, self._parts
        topics = topics_of(parts.config, settings.business_topic, settings.signals_topic)
        if self._marker is None:
            self._marker = RunMarker(settings.data)
            self._owes_reread = self._marker.unclean
        reread = self._since_reached(topics) + REREAD if self._owes_reread else None
        with ThreadPoolExecutor(WORKERS, "toll-ingest") as workers:
            self._ingester = Ingester(
                parts.log.consumer(settings.group("ingest"), topics),
                parts.store,
                workers,
                parts.config,
                ConsumerConfig(signals_topic=settings.signals_topic, reread=reread),
            )
            try:
                self._ingester.run(stop)
            finally:
                self._owes_reread = self._ingester.owes_reread
        if self._owes_reread:
            self._marker.leave()  # the log did not answer: the next one reads again
        else:
            self._marker.remove()

    def _since_reached(self, topics: Collection[str]) -> timedelta:
        """How long ago the log was what has been counted of it; it may have been off for days."""
        reached = [at.read_until for at in self._parts.store.progress() if at.topic in topics]
        return datetime.now(UTC) - min(reached, default=datetime.fromtimestamp(0, UTC))


class NotesTask:
    """Sends notes, each on a thread of a pool that lives as long as the task."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def __call__(self, stop: Event) -> None:
        """Send until told to stop, then wait for what is on its way."""
        with ThreadPoolExecutor(AT_ONCE, "toll-notes") as pool:
            self._dispatcher.run(stop, pool)


class Runtime:
    """The background of one process: what it ingests, assesses, and keeps fresh for its pages."""

    def __init__(
        self,
        parts: Parts,
        *,
        ingest: bool,
        assess: bool,
        serve: bool = False,
        look_outside: bool = True,  # at the status pages of providers; and tell people
        simulated: bool = False,  # the data are the demo's: few want notes of that
    ) -> None:
        self.ingest = IngestTask(parts) if ingest else None
        self.counting = Counting(parts) if ingest and parts.config.counters else None
        shared = SharedBaselines(parts.map.map, parts.store)
        self.events = ImpactEvents(parts) if assess else None
        self.assessor = (
            Assessor(parts, shared=shared, events=self.events, simulated=simulated)
            if assess
            else None
        )
        self.status_pages = StatusPages(parts, self._is_active) if assess and look_outside else None
        self.outlook = Outlook(parts, shared) if serve else None
        self.map_watch = MapWatch(parts, shared)
        self.notes: Dispatcher | None = None
        self.subscriptions_watch: SubscriptionsWatch | None = None
        file, telling = parts.settings.subscriptions, assess and look_outside
        if telling and file is not None:
            self.subscriptions_watch = SubscriptionsWatch(parts, file)
        if telling and (file is not None or parts.subscriptions.subscribers):
            usual = self.outlook or Outlook(parts, shared)
            self.notes = Dispatcher(
                parts, self._generation, lambda week, now: issue_report(parts, week, now, usual)
            )
        tasks: dict[str, Callable[[Event], None] | None] = {
            "ingest": self.ingest,
            "assess": self.assessor.run if self.assessor else None,
            "counters": self.counting.run if self.counting else None,
            "status pages": self.status_pages.run if self.status_pages else None,
            "outlook": self.outlook.run if self.outlook else None,
            "impact events": self.events.run if self.events else None,
            "notes": NotesTask(self.notes) if self.notes else None,
            "map": self.map_watch.run,
            "subscriptions": self.subscriptions_watch.run if self.subscriptions_watch else None,
        }
        self.threads = [Supervised(name, task) for name, task in tasks.items() if task]

    def __enter__(self) -> Runtime:
        """Start the threads."""
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop them, last started first."""
        for thread in reversed(self.threads):
            thread.stop()

    def _is_active(self) -> bool:
        return self.assessor is not None and self.assessor.status.active

    def _generation(self) -> int | None:
        return self.assessor.status.generation if self.assessor else None

    def troubles(self) -> list[str]:
        """Why this process is not well, in sentences; empty when it is."""
        found = [f"{t.name}: {t.error or 'not running'}" for t in self.threads if not t.alive]
        if self.ingest and self.ingest.stats.failing_since:
            since = self.ingest.stats.failing_since.isoformat(timespec="seconds")
            found.append(f"ingest waits since {since}: {self.ingest.stats.last_error}")
        return found
