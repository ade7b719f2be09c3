"""Drives the simulated shop: loads its history, then lets it live, as any producer would.

Everything goes through the log, by the same path as what real senders send.
"""

from __future__ import annotations

import json
import logging
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import as_file, files
from pathlib import Path
from threading import Event
from typing import Any, Protocol

import orjson

from api.client import Client
from api.demo import Shop
from api.demo.truth import IncidentTruth
from api.demo.world import STREAMS
from api.intake import business_messages, signal_messages
from api.run.wiring import Parts
from api.setup.settings import Settings
from ingest.decode import check_lines
from ingest.errors import SettingsError
from ingest.events import SIMULATED_LABEL, SIMULATOR
from ingest.log import Producer
from ingest.sources import SOURCES

logger = logging.getLogger(__name__)

WEEKS = 8
STALE = timedelta(days=3)  # an old demo begins anew: nobody was there to see the days between
TELL_EVERY_S = 30.0
_SLEPT = timedelta(minutes=10)  # longer than that between two looks: nobody sent meanwhile
_BODY_BYTES = 4 * 1024 * 1024  # of the 10 MiB that Toll takes by default

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Kept:
    """What makes the same shop again: its seed, when its live demo began, how far it has got."""

    seed: int
    start: datetime
    told_until: datetime | None  # None: the history is not loaded yet


def demo_map() -> Path:
    """The example map of the simulated shop."""
    packaged = files("api.demo") / "map.yaml"
    if packaged.is_file():
        with as_file(packaged) as path:
            return path
    found = Path(__file__).parents[2] / "deploy" / "examples" / "shop" / "map.yaml"
    if not found.exists():
        raise SettingsError("this installation has no example map; use `toll run --map my.yaml`")
    return found


def take_up(folder: Path, now: datetime, *, fresh: bool) -> Kept:
    """The shop of an earlier start, or a new one in an empty folder."""
    kept = None if fresh else _read(folder)
    if kept is not None and kept.told_until is not None and now - kept.told_until < STALE:
        return kept
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return Kept(secrets.randbelow(2**31), now.replace(second=0, microsecond=0), None)


def go_on(folder: Path, now: datetime) -> Kept:
    """The shop that sends to a Toll elsewhere: always the same one, for what it sent is kept there.

    It is remembered before anything is sent, so that a history cut off is sent again as it was.
    """
    kept = _read(folder)
    if kept is None:
        kept = Kept(secrets.randbelow(2**31), now.replace(second=0, microsecond=0), None)
        folder.mkdir(parents=True, exist_ok=True)
        keep(folder, kept)
    return kept


def _read(folder: Path) -> Kept | None:
    file = folder / "demo.json"
    if not file.exists():
        return None
    saved = json.loads(file.read_text("utf-8"))
    until = saved["told_until"]
    return Kept(
        saved["seed"],
        datetime.fromisoformat(saved["start"]),
        datetime.fromisoformat(until) if until else None,
    )


def keep(folder: Path, kept: Kept) -> None:
    """Remember how far the shop has got; the file is whole at any moment."""
    text = json.dumps(
        {
            "seed": kept.seed,
            "start": kept.start.isoformat(),
            "told_until": kept.told_until.isoformat() if kept.told_until else None,
        }
    )
    fresh = folder / "demo.json.new"
    fresh.write_text(text, "utf-8")
    fresh.replace(folder / "demo.json")


class Sender(Protocol):
    """Where the shop sends what happens."""

    def business(self, ndjson: bytes, *, history: bool) -> int:
        """Send business events; how many."""

    def signals(self, found: list[dict[str, Any]], /) -> None:
        """Send signals in normal form."""

    def close(self) -> None:
        """Give back what it holds."""


class LogSender:
    """Into the log of this process, checked as what comes over HTTP is."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._producer: Producer = parts.log.producer()

    def business(self, ndjson: bytes, *, history: bool) -> int:
        """Send business events; how many."""
        checked = check_lines(ndjson, self._parts.config, datetime.now(UTC), None)
        if checked.rejected:
            raise ValueError(f"the simulator wrote a bad event: {checked.rejected[0].detail}")
        topic = self._parts.settings.business_topic
        partitions = self._producer.partitions(topic)
        messages = business_messages(checked.accepted, topic, partitions, history=history)
        self._producer.send(messages)
        return len(checked.accepted)

    def signals(self, found: list[dict[str, Any]], /) -> None:
        """Send signals in normal form."""
        signals = SOURCES["generic"](orjson.dumps(found), received_at=datetime.now(UTC))
        self._producer.send(signal_messages(signals, self._parts.settings.signals_topic))

    def close(self) -> None:
        """Give back the producer."""
        self._producer.close()


class HttpSender:
    """To a Toll that runs elsewhere, as any producer would."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def business(self, ndjson: bytes, *, history: bool) -> int:
        """Send business events in bodies of a size that every Toll takes; how many."""
        said = {"history": "true"} if history else {}
        kind = {"Content-Type": "application/x-ndjson"}
        sent = 0
        while ndjson:
            end = ndjson.rfind(b"\n", 0, _BODY_BYTES) if len(ndjson) > _BODY_BYTES else len(ndjson)
            answer = self._client.post("/v1/business", ndjson[:end], kind, **said)
            sent += answer["accepted"]
            ndjson = ndjson[end + 1 :]
        return sent

    def signals(self, found: list[dict[str, Any]], /) -> None:
        """Send signals in normal form."""
        kind = {"Content-Type": "application/json"}
        self._client.post("/v1/signals/generic", orjson.dumps(found), kind)

    def close(self) -> None:
        """Nothing is held."""


class Simulation:
    """One simulated shop that sends what happens, and remembers in a folder how far it has got."""

    def __init__(self, sender: Sender, kept: Kept, folder: Path, say: Say) -> None:
        self._sender, self._kept, self._folder, self._say = sender, kept, folder, say
        self._shop = Shop(kept.seed, kept.start, weeks=WEEKS)
        self._declared = ""  # the hour in which it last said that its data are simulated

    @property
    def loaded(self) -> bool:
        """Whether the history is in the log."""
        return self._kept.told_until is not None

    def _declare(self, until: datetime) -> None:
        """Say which streams are simulated; once an hour, of which Toll keeps the first word."""
        hour = until.strftime("%Y%m%dT%H")
        if hour == self._declared:
            return
        self._sender.signals([declaration(self._shop.first, until, hour)])
        self._declared = hour

    def load(self, advance: Callable[[float], None]) -> int:
        """Send eight weeks of history; returns the number of events."""
        sent = 0
        self._declare(self._kept.start)
        for day, chunk in enumerate(self._shop.history(), 1):
            sent += self._send(chunk, history=True)
            advance(min(1.0, day / (7 * WEEKS)))
        self._send_signals(self._shop.first, self._kept.start)
        self._told(self._kept.start)
        return sent

    def run(self, stop: Event) -> None:
        """Live: everything that happens, as it happens, and now and then the truth about it."""
        spoken = 0.0
        while not stop.is_set():
            told, now = self._kept.told_until, datetime.now(UTC)
            self._declare(now)
            if told is not None and now > told:
                # What it slept through comes in days, and says nothing of how late events are.
                until = min(now, told + timedelta(days=1))
                lines = self._shop.live(told, until)
                self._send(b"\n".join(x.body for x in lines), history=now - told > _SLEPT)
                self._send_signals(told, until)
                self._told(until)
                if until < now:
                    continue
            if time.monotonic() - spoken >= TELL_EVERY_S:
                spoken = time.monotonic()
                self._tell(now)
            stop.wait(1.0)

    def close(self) -> None:
        """Give back what the sender holds."""
        self._sender.close()

    def _told(self, until: datetime) -> None:
        self._kept = Kept(self._kept.seed, self._kept.start, until)
        keep(self._folder, self._kept)

    def _send(self, ndjson: bytes, *, history: bool = False) -> int:
        return self._sender.business(ndjson, history=history) if ndjson.strip() else 0

    def _send_signals(self, frm: datetime, to: datetime) -> None:
        found = self._shop.signals(frm, to)
        if found:
            self._sender.signals(found)

    def _tell(self, now: datetime) -> None:
        live = [i for i in self._shop.incidents if self._kept.start <= i.start <= now]
        for incident in live[-3:]:
            self._say(_sentence(self._shop.truth.of(incident, now)))


def declaration(first: datetime, until: datetime, name: str) -> dict[str, Any]:
    """The signal by which a shop says that what it sends is made up. name: of this statement."""
    return {
        "id": f"simulated-{first:%Y%m%dT%H%M}-{name}",
        "source": SIMULATOR,
        "kind": "change",
        "status": "resolved",
        "severity": "info",
        "labels": {SIMULATED_LABEL: " ".join(STREAMS)},
        "summary": "A simulated shop sends these streams (simulated)",
        "url": "",
        "started_at": first.isoformat(),
        "ended_at": until.isoformat(),
        "fingerprint": "simulated-streams",
    }


def _sentence(truth: IncidentTruth) -> str:
    """The simulator's truth about one incident, to hold Toll's numbers against."""
    kind = truth.incident.kind.replace("_", " ")
    began = truth.incident.start.strftime("%H:%M UTC")
    if truth.incident.kind == "payment_outage":
        money = truth.gross_money.get("EUR", 0)
        said = (
            f"{truth.gross} payments missing so far (EUR {money:,.2f}), "
            f"{truth.recovered} came back, {truth.lost_for_good} lost for good in the end"
        )
    elif truth.incident.kind == "warehouse_delay":
        said = f"{truth.cohort_late_orders} orders late so far by {truth.cohort_delay_hours:.0f} h"
    else:
        said = f"{truth.excess_calls} calls more than without it"
    return f"simulated truth, {kind} since {began}: {said}"


def demo_settings(settings: Settings) -> dict[str, str]:
    """What the demo sets where the user has not: its map, and a folder of its own."""
    given: dict[str, str] = {"data": str(settings.data / "demo")}
    if settings.map is None:
        given["map"] = str(demo_map())
    return given
