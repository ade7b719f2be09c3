"""Tells whoever listens what incidents cost: CloudEvents on the topic `toll.impact`.

The tick hands over what it issued and goes on; a thread of its own writes it to the log, so that a
log that is away holds up no assessment. What is written is every estimate that says something new:

- the first of a measure, another state (`live`, `final`, `restated`), red or not red any more, the
  end of the effect;
- the middle moved by more than a tenth of its range or 1 %, whichever is more, or the range became
  a quarter wider or narrower;
- and once in five minutes while it is live, so that a listener knows that it goes on.

How far that has come is kept in the store. Whoever becomes the active assessor goes on from there
and reads the rest from the estimates as issued; an event that is then written twice has the same id
both times, since the id is made of the estimate.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from threading import Event, Lock
from typing import Any

import orjson

from api.http.present import present_impact
from api.run.wiring import Parts
from enrich.model import HEADLINE, BusinessMap
from impact.model import MeasureImpact
from ingest.errors import UnavailableError
from ingest.log import Message, Producer

logger = logging.getLogger(__name__)

TYPES = {
    "live": "dev.toll.impact.updated.v1",
    "final": "dev.toll.impact.final.v1",
    "restated": "dev.toll.impact.restated.v1",
}
MEDIA_TYPE = b"application/cloudevents+json; charset=UTF-8"
HEARTBEAT = timedelta(minutes=5)
MOVED, MOVED_OF_MID, RESHAPED = 0.1, 0.01, 0.25
MARK = "impact_events"  # in the store: the estimates that were issued by then are told
MOST = 10_000  # estimates that wait; of more, the store knows them
TURN_S, PAUSE_S = 0.5, 5.0


class ImpactEvents:
    """Writes what the active assessor issues."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._waiting: deque[tuple[datetime, tuple[MeasureImpact, ...]]] = deque()
        self._generation = 0
        self._behind = False  # there may be estimates in the store that were never handed over
        self._lock = Lock()
        self._told: dict[tuple[str, str, str], MeasureImpact] = {}  # as last written
        self._producer: Producer | None = None
        self.written = 0

    def take(self, impacts: Sequence[MeasureImpact], generation: int, as_of: datetime) -> None:
        """What a tick has issued, and stored; returns at once."""
        with self._lock:
            self._behind |= generation != self._generation
            self._generation = generation
            if impacts:
                self._waiting.append((as_of, tuple(replace(i, draws={}) for i in impacts)))
            if sum(len(issued) for _, issued in self._waiting) > MOST:
                self._waiting.clear()
                self._behind = True

    def run(self, stop: Event) -> None:
        """Write what waits until told to stop."""
        try:
            while not stop.wait(TURN_S):
                try:
                    self.turn()
                except UnavailableError as error:
                    logger.warning("events of impact wait: %s", error)
                    stop.wait(PAUSE_S)
        finally:
            if self._producer is not None:
                self._producer.close()
                self._producer = None

    def turn(self) -> None:
        """Write what waits now; what could not be written stays."""
        with self._lock:
            behind, self._behind = self._behind, False
        if behind:
            try:
                self._catch_up()
            except BaseException:
                with self._lock:  # or a tick that comes at this moment would forget it
                    self._behind = True
                raise
        while self._waiting:
            with self._lock:
                if not self._waiting:  # it was cleared meanwhile
                    return
                first = self._waiting[0]
            as_of, impacts = first
            self._write(impacts, as_of)
            with self._lock:
                if self._waiting and self._waiting[0] is first:
                    self._waiting.popleft()

    def _catch_up(self) -> None:
        """What was issued since the mark; without a mark nothing was ever told, nor is it now."""
        mark = self._parts.store.meta(MARK)
        if mark is None:
            self._parts.store.set_meta(MARK, datetime.now(UTC).isoformat())
            return
        since = datetime.fromisoformat(mark) + timedelta(milliseconds=1)
        issued = [one.impact for one in self._parts.store.estimates.issued(since)]
        if issued:
            self._write(issued, max(impact.as_of for impact in issued))

    def _write(self, impacts: Sequence[MeasureImpact], as_of: datetime) -> None:
        told = dict[tuple[str, str, str], MeasureImpact]()
        news = []
        for impact in impacts:
            key = (impact.incident, impact.process, impact.measure)
            if matters(told.get(key) or self._told.get(key), impact):
                told[key] = impact
                news.append(impact)
        if not news:
            return
        self._producer = self._producer or self._parts.log.producer()
        settings, business_map = self._parts.settings, self._parts.map.map
        source = settings.public_url or "/toll"
        self._producer.send(
            [
                Message(
                    settings.impact_topic,
                    orjson.dumps(cloudevent(impact, business_map, source)),
                    key=impact.incident.encode(),
                    headers=(("content-type", MEDIA_TYPE),),
                )
                for impact in news
            ]
        )
        self._parts.store.set_meta(MARK, as_of.isoformat())
        self._told |= told
        self.written += len(news)


def matters(before: MeasureImpact | None, now: MeasureImpact) -> bool:
    """Whether an estimate says something that the one told before did not."""
    if before is None or (before.state, before.red) != (now.state, now.red):
        return True
    if before.as_of == now.as_of:
        return False  # the same once more
    if (before.effect[1] is None) != (
        now.effect[1] is None
    ) or before.units.keys() != now.units.keys():
        return True
    if now.state == "live" and now.as_of - before.as_of >= HEARTBEAT:
        return True
    old, new = before.units.get(HEADLINE[now.kind]), now.units.get(HEADLINE[now.kind])
    if old is None or new is None:
        return False
    width, was = new.high - new.low, old.high - old.low
    moved = abs(new.mid - old.mid) > max(MOVED * width, MOVED_OF_MID * abs(old.mid))
    return moved or abs(width - was) > RESHAPED * max(width, was)


def cloudevent(impact: MeasureImpact, business_map: BusinessMap, source: str) -> dict[str, Any]:
    """One estimate as a CloudEvent in structured form. `data` is what `/v1/incidents` gives."""
    time = _utc(impact.as_of)
    about = f"{impact.incident}/{impact.measure_id}"
    made_of = f"{about}\n{impact.state}\n{time}"
    return {
        "specversion": "1.0",
        "id": sha256(made_of.encode()).hexdigest()[:32],
        "source": source,
        "type": TYPES[impact.state],
        "subject": about,
        "time": time,
        "datacontenttype": "application/json",
        "partitionkey": impact.incident,
        "data": present_impact(impact, business_map).model_dump(mode="json"),
    }


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
