"""A Toll with a story: the simulated shop's weeks, incidents that settled, and some that burn.

Dates are relative to the present, for pages say "now". Everything takes the way of real senders.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import orjson

from api.assess.assessor import Assessor
from api.demo import Incident, Shop
from api.demo.incidents import Kind
from api.http.pulse import Pulse
from api.setup.tokens import Tokens
from store.store import Store
from tests.api.app import Toll, opened, send
from tests.senders import served

SEED = 11
LOOK_S = 0.2  # seconds: pages are told at once
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Shown:
    """A Toll behind a real server, and what there is to look at in it.

    `toll.http` is for the time before a browser runs: its loop and Playwright's do not share a
    thread. Afterwards ask over the wire: `get`, `post`.
    """

    toll: Toll
    url: str  # http://127.0.0.1:PORT/
    burning: str  # ids of incidents
    settled: str
    unexplained: str  # tools green, business red
    letter: str  # the path of the page of a dead letter
    now: datetime
    shop: Shop
    desk: Desk

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(self.url + path.lstrip("/"), timeout=60)

    def post(self, path: str, body: Any) -> httpx2.Response:
        return httpx2.post(self.url + path.lstrip("/"), json=body, timeout=60)

    def go_on(self, now: datetime | None = None) -> None:
        """Let the shop live until now (as its simulator would) and assess what there is."""
        now = now or datetime.now(UTC)
        lines = self.shop.live(self.now, now)
        if lines:
            body = b"\n".join(line.body for line in lines)
            answer = httpx2.post(self.url + "v1/business", content=body, timeout=60)
            assert answer.status_code == 202, answer.text
        self.toll.ingest()
        self.desk.assess(now)


class Desk:
    """One assessor all along, which need not learn everything anew, at whatever moment."""

    def __init__(self, toll: Toll) -> None:
        self._when = datetime.now(UTC)
        self._assessor = Assessor(toll.parts, now=lambda: self._when)

    def assess(self, when: datetime, ticks: int = 1) -> None:
        """Assess as of a moment, a second on with each tick."""
        for n in range(ticks):
            self._when = when + timedelta(seconds=n)
            self._assessor.tick()


@contextmanager
def shown(
    folder: Path,
    store: Store,
    *,
    weeks: int = 4,
    payments_per_minute: float = 5.0,
    tokens: Tokens | None = None,
) -> Iterator[Shown]:
    """The whole story told, and served on loopback."""
    now = datetime.now(UTC).replace(microsecond=0)
    with opened(folder, store, tokens=tokens) as toll:
        toll.state.simulated = True
        toll.state.pulse = Pulse(toll.parts.store.news, look_s=LOOK_S)
        desk = Desk(toll)
        shop = Shop(
            SEED,
            now.replace(second=0),
            weeks=weeks,
            payments_per_minute=payments_per_minute,
            incidents=tuple(_incidents(now)),
        )
        _tell(toll, desk, shop, now)
        by_root = {i["root"]: i["id"] for i in toll.ask("/v1/incidents", limit=50)[::-1]}
        settled = toll.ask("/v1/incidents", state="settled", limit=50)
        letter = toll.ask("/v1/dead-letters")[0]
        place = (str(letter[part]) for part in ("topic", "partition", "offset", "line"))
        with served(toll) as address:
            yield Shown(
                toll,
                f"http://{address}/",
                burning=by_root["stripe"],
                settled=next(i["id"] for i in settled if i["root"] == "stripe"),
                unexplained=next(i["id"] for i in settled if i["kind"] == "business"),
                letter="/".join(("dead-letters", *place)),
                now=now,
                shop=shop,
                desk=desk,
            )


def _incidents(now: datetime) -> Iterator[Incident]:
    """What goes wrong in the last two weeks; the first is what no tool saw."""
    for name, kind, ago, minutes, severity in _STORY:
        # Only the business tells of the unseen one, so it strikes in busy hours, whatever is now.
        at = _noon_before(now - ago) if name == "unseen" else now - ago
        start = int(at.timestamp() // 60) * 60_000
        yield Incident(name, kind, start, start + minutes * 60_000, severity)


def _noon_before(moment: datetime) -> datetime:
    noon = moment.replace(hour=11, minute=0)
    return noon if noon <= moment else noon - DAY


_STORY: tuple[tuple[str, Kind, timedelta, int, float], ...] = (
    ("unseen", "payment_outage", DAY + HOUR, 55, 0.95),
    ("old", "payment_outage", 12 * DAY + 2 * HOUR, 40, 0.8),
    ("warehouse", "warehouse_delay", 10 * DAY + 4 * HOUR, 120, 0.8),
    ("calls", "call_spike", 8 * DAY + HOUR, 30, 6.0),
    ("payment", "payment_outage", 2 * DAY + 5 * HOUR, 45, 0.7),
    ("dispatch", "warehouse_delay", timedelta(minutes=95), 150, 0.8),
    ("burning", "payment_outage", timedelta(minutes=27), 60, 0.85),
)


def _tell(toll: Toll, desk: Desk, shop: Shop, now: datetime) -> None:
    """Business and signals, as they came: while what no tool saw burned, once it was over, now."""
    unseen = next(i for i in shop.incidents if i.id == "unseen")
    told = shop.first
    # One tick sees a shortfall, the next makes an incident of it; later ones play a past incident
    # through for the ledger.
    before = next(i for i in shop.incidents if i.id == "burning").start - timedelta(minutes=10)
    steps = ((unseen.start + timedelta(minutes=45), 2), (unseen.end + HOUR, 3), (before, 2))
    for until, ticks in (*steps, (now, 5)):
        _send(toll, shop, told, until)
        told = until
        if until == now:
            _oddities(toll, now)
        desk.assess(until, ticks)


def _send(toll: Toll, shop: Shop, frm: datetime, until: datetime) -> None:
    body = b"\n".join(line.body for line in shop.live(frm, until))
    for chunk in _chunks(body):
        answer = toll.http.post("/v1/business", content=chunk, params={"history": True})
        assert answer.status_code == 202 and not answer.json()["dead_letters"], answer.text
    said = [s for s in shop.signals(frm, until) if not str(s["fingerprint"]).startswith("unseen")]
    if said:
        answer = toll.http.post("/v1/signals/generic", content=orjson.dumps(said))
        assert answer.status_code == 202, answer.text
    toll.ingest()


def _chunks(body: bytes, size: int = 8_000_000) -> Iterator[bytes]:
    while body:
        end = body.rfind(b"\n", 0, size) + 1 if len(body) > size else len(body)
        yield body[:end]
        body = body[end:]


def _oddities(toll: Toll, now: datetime) -> None:
    """A change before what burns, signals that no node claims, a line that nobody can read."""
    change = _signal("release", now - timedelta(minutes=31), "change", "info")
    unknown = _signal("loyalty-slow", now - 2 * HOUR, "alert", "major")
    said = [
        change | {"labels": {"job": "payments-app"}, "summary": "Release of the payments app"},
        unknown
        | {"labels": {"service": "loyalty", "team": "crm"}, "summary": "Loyalty points are slow"},
        unknown
        | {"id": "loyalty-fine", "status": "resolved", "ended_at": (now - HOUR).isoformat()}
        | {"labels": {"service": "loyalty", "team": "crm"}, "summary": "Loyalty points are slow"},
    ]
    assert toll.http.post("/v1/signals/generic", json=said).status_code == 202
    topic = toll.parts.settings.business_topic
    send(toll, topic, b'{"id": "p1", "stream": "payments", "at": "yesterday", "amount": "12.00"}')
    send(toll, topic, b"payments;p2;2026-11-01;12.00")
    toll.ingest()


def _signal(name: str, at: datetime, kind: str, severity: str) -> dict[str, Any]:
    return {
        "id": f"{name}-firing",
        "fingerprint": name,
        "source": "monitoring",
        "kind": kind,
        "status": "firing",
        "severity": severity,
        "started_at": at.isoformat(),
        "url": "",
    }
