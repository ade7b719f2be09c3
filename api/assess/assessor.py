"""The assessor: who is the active one, and what it does at every tick.

The member of the group that holds the one partition of the `assess` topic is active. It takes a
generation from the store, larger than every one before, and all it writes carries it: should an
older assessor still write, readers pass that over.
"""

from __future__ import annotations

import logging
import os
import socket
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event

from api.assess.impact_events import ImpactEvents
from api.assess.pricing import Pricer
from api.assess.register import Register
from api.assess.replay import Replayer
from api.assess.shared_baselines import SharedBaselines
from api.assess.status import BACKLOG, AssessStatus
from api.notify.teller import Teller
from api.run.wiring import Parts
from api.setup.mapfiles import eras_of, kept
from enrich.edited import Edited
from enrich.eras import Era, Graphs
from enrich.incident import Incident
from enrich.life import settle
from impact.model import MeasureImpact
from ingest.log import Consumer
from store.incidents import IncidentVersion
from store.maps import MapVersion

logger = logging.getLogger(__name__)

BACKLOG_S = 5.0  # of a tick may go into pricing the past; the rest waits for the next


def utc_now() -> datetime:
    """The moment."""
    return datetime.now(UTC)


class Assessor:
    """Puts signals together into incidents and prices them, while it is the active one."""

    def __init__(
        self,
        parts: Parts,
        now: Callable[[], datetime] = utc_now,
        shared: SharedBaselines | None = None,
        *,
        events: ImpactEvents | None = None,
        simulated: bool = False,
    ) -> None:
        self.status = AssessStatus()
        self._parts, self._now = parts, now
        self._events, self._simulated = events, simulated
        self._shared = shared or SharedBaselines(parts.map.map, parts.store)
        self._desk: Desk | None = None
        self._waits: str | None = None  # what the store was told of the backlog; None: not yet

    def run(self, stop: Event) -> None:
        """Take part in the group, and tick while holding its partition."""
        settings = self._parts.settings
        consumer = self._parts.log.consumer(settings.group("assess"), [settings.assess_topic])
        due = time.monotonic()
        try:
            while not stop.is_set():
                wait = max(0.0, min(0.5, due - time.monotonic()))
                consumer.poll(wait, 1)
                if not consumer.assigned():
                    if self._desk is not None:
                        logger.info("%s; this one stands by", _why_not(consumer))
                    self._step_down()
                elif time.monotonic() >= due:
                    begun = time.monotonic()
                    self.tick()
                    again = 0.0 if self.status.backlog else settings.tick_s
                    due = begun + again
        finally:
            self._step_down()
            consumer.close()

    def tick(self) -> None:
        """One assessment of everything, as of now."""
        begun = time.monotonic()
        if self._desk is not None and self._desk.map.map.version != self._parts.map.map.version:
            logger.info("the map has changed: incidents are put together anew")
            self._desk = None
        if self._desk is None:
            teller = partial(Teller, simulated=self._simulated)
            self._desk = Desk(self._parts, self._shared, self._now(), teller, self._events)
        now = self._now()
        self._desk.tick(now, self.status)
        self._tell_backlog()
        self.status.active, self.status.generation = True, self._desk.generation
        self.status.ticks += 1
        self.status.last_tick_s = time.monotonic() - begun
        self.status.last_tick = now

    def _tell_backlog(self) -> None:
        """Say in the store whether incidents wait for a price: other processes issue reports."""
        waits = str(int(self.status.backlog > 0))
        if waits != (self._parts.store.meta(BACKLOG) if self._waits is None else self._waits):
            self._parts.store.set_meta(BACKLOG, waits)
        self._waits = waits

    def settled_after(self, moment: datetime) -> bool:
        """Whether a tick that began after `moment` has left nothing waiting."""
        last = self.status.last_tick
        return last is not None and last > moment and self.status.backlog == 0

    def _step_down(self) -> None:
        self._waits = None
        self._desk, self.status.active, self.status.generation = None, False, None


class Desk:
    """What the active assessor works with, from taking its generation until it steps down."""

    def __init__(
        self,
        parts: Parts,
        shared: SharedBaselines,
        now: datetime,
        teller: Callable[[Parts, int], Teller] = Teller,
        events: ImpactEvents | None = None,
    ) -> None:
        self._parts, self._store, self._events = parts, parts.store, events
        holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4()}"
        self.generation = self._store.incidents.take_generation(holder)
        self.map = parts.map
        eras = self._keep_map(now)
        graphs = Graphs(eras)
        self._pricer = Pricer(self._store, self.map, shared, graphs)
        self._replayer = Replayer(self._store, self.map, graphs)
        self._to_replay: list[Incident] | None = None  # None: what is to be replayed has changed
        self._register = Register(self._store, eras)
        self._pricer.restore()
        before = self._register.stored
        self._pricer.take_up(self._look(now).incidents, before)
        self._teller = teller(parts, self.generation)
        logger.info("this assessor is active, generation %d", self.generation)

    def tick(self, now: datetime, status: AssessStatus) -> None:
        """Incidents from signals, prices for them, both into the store."""
        looked = self._look(now)
        self._keep(looked, now)
        found, self._pricer.gone = looked.incidents, looked.gone
        self._pricer.short_since = self._register.short_since
        live, past = self._pricer.split(found.values(), now)
        self._issue(self._pricer.live(live, now), now)
        deadline = time.monotonic() + BACKLOG_S
        while past and time.monotonic() < deadline:
            self._issue(self._pricer.past(past, now), now)
            _, past = self._pricer.split(past, now)
            self._to_replay = None
        self._teller.tell(found, self._pricer.issued, now)
        if not past:
            self._replay(list(found.values()), now)
        status.burning = [i for i in live if i.state != "settled"]
        status.impacts = [m for i in status.burning for m in self._pricer.issued(i.id)]
        status.silences = list(self._pricer.silences)
        status.backlog = len(past)

    def _replay(self, incidents: Sequence[Incident], now: datetime) -> None:
        """Play one past incident through for the trust ledger; the next tick does the next one."""
        if self._to_replay is None:
            self._to_replay = self._replayer.due(incidents, now)
        if self._to_replay:
            incident = self._to_replay.pop(0)
            self._replayer.replay(incident, incidents, self._pricer.effects(), now)

    def _look(self, now: datetime) -> Edited:
        """All incidents, the settling of their measures taken into account."""
        found = self._register.look(now, self._pricer.shortfalls)
        settled = {}
        for name, incident in found.incidents.items():
            ends = [m.settling_until for m in self._pricer.issued(name) if m.settling_until]
            settled[name] = settle(incident, now, max(ends, default=None))
        return Edited(settled, found.gone)

    def _keep(self, found: Edited, now: datetime) -> None:
        """Store what is new or has changed, and what is no incident any more."""
        changed, gone = self._register.changed(found)
        known_at = now.replace(microsecond=now.microsecond // 1000 * 1000)
        self._store.incidents.insert(
            [IncidentVersion(i, known_at, self.generation) for i in changed]
            + [IncidentVersion(i, known_at, self.generation, gone=True) for i in gone]
        )

    def _issue(self, impacts: list[MeasureImpact], now: datetime) -> None:
        self._store.estimates.insert(impacts, self.generation)
        if self._events is not None:
            self._events.take(impacts, self.generation, now)

    def _keep_map(self, now: datetime) -> list[Era]:
        """Keep the version in force, and give all there were."""
        self._store.maps.describe(self.map.map)  # first: the newest version always has its rows
        latest = self._store.maps.latest()
        if latest is None or latest.version != self.map.map.version:
            first = latest is None
            since = now - timedelta(days=36500) if first else now
            content = kept(self.map.texts)
            self._store.maps.insert(MapVersion(self.map.map.version, since, now, content))
        return eras_of(self._store.maps.all(), self.map)


def _why_not(consumer: Consumer) -> str:
    """Why a member of the group holds its partition no more."""
    if consumer.healthy():
        return "another assessor is active now"
    return "the log does not answer, which says who assesses"
