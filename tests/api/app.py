"""The whole of Toll in one test: the real app over an embedded log and store, driven by turns.

Nothing runs in the background. A test posts, calls `ingest()`, and asks.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from fastapi import FastAPI

from api.app import build_app
from api.assess.assessor import Assessor
from api.http.state import State
from api.run.wiring import Parts
from api.setup.mapfiles import LoadedMap, read_map
from api.setup.settings import Settings, read_settings
from api.setup.tokens import Caller, Role, Tokens, hash_token
from impact.model import DRAWS, MeasureImpact, MoneyRange, Range
from ingest.consumer import Ingester, topics_of
from ingest.embedded import EmbeddedLog
from ingest.log import Message, Record
from ingest.rhythm import ConsumerConfig
from ingest.streams import IngestConfig
from store.store import Store

SHOP = Path(__file__).parents[2] / "deploy" / "examples" / "shop" / "map.yaml"
SALT = b"a salt of the tests"
TOKENS: Mapping[Role, str] = {
    "read": "toll_reading",
    "write": "toll_writing-a-lot",
    "admin": "toll_administering",
}
PROBLEM = "application/problem+json"


class AtOnce(Executor):
    """An executor that works where it is asked."""

    def submit(self, fn, /, *args, **kwargs):
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  # handed to whoever asks for the result
            done.set_exception(error)
        return done


class Http:
    """Requests to an app in this process. No socket is opened; the lifetime is one event loop's."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        # An unexpected error is an answer, as behind a real server.
        transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
        self._client = httpx2.AsyncClient(transport=transport, base_url="http://localhost")
        self._loop = asyncio.Runner()

    def request(self, method: str, path: str, **more: Any) -> httpx2.Response:
        content = more.get("content")
        if content is not None and not isinstance(content, bytes | str):
            more["content"] = _chunks(content)
        return self._loop.run(self._client.request(method, path, **more))

    def get(self, path: str, **more: Any) -> httpx2.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx2.Response:
        return self.request("POST", path, **more)

    def send(self, request: httpx2.Request) -> httpx2.Response:
        return self._loop.run(self._client.send(request))

    def close(self) -> None:
        self._loop.run(self._client.aclose())
        self._loop.close()


async def _chunks(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@dataclass
class Toll:
    """A Toll of one test."""

    parts: Parts
    state: State
    http: Http

    def ingest(self) -> None:
        """Store and count all that is in the log."""
        settings = self.parts.settings
        topics = topics_of(self.parts.config, settings.business_topic, settings.signals_topic)
        ingester = Ingester(
            self.parts.log.consumer(settings.group("ingest"), topics),
            self.parts.store,
            AtOnce(),
            self.parts.config,
            ConsumerConfig(signals_topic=settings.signals_topic, poll_s=0.0, recompute_idle_s=0.0),
        )
        stop = _UntilIdle(ingester)
        ingester.run(stop)  # type: ignore[arg-type]  # all it asks of an event

    def assess(self, now: datetime) -> Assessor:
        """One assessment as of a moment."""
        assessor = Assessor(self.parts, now=lambda: now)
        assessor.tick()
        return assessor

    def records(self, topic: str | None = None) -> list[Record]:
        """What the log holds of a topic, by default that of business events."""
        consumer = self.parts.log.consumer(
            f"look-{time.monotonic_ns()}", [topic or self.parts.settings.business_topic]
        )
        found: list[Record] = []
        while got := consumer.poll(0.0, 10_000).records:
            found.extend(got)
        consumer.close()
        return found

    def lines(self, topic: str | None = None) -> list[bytes]:
        """The lines of all its records."""
        return [line for r in self.records(topic) for line in (r.value or b"").split(b"\n")]

    def post(self, events: Sequence[Mapping[str, Any]], **params: Any) -> dict[str, Any]:
        """Post events as NDJSON and expect that all of them are taken."""
        answer = self.http.post("/v1/business", content=ndjson(events), params=params)
        assert answer.status_code == 202, answer.text
        assert answer.json()["dead_letters"] == 0, answer.text
        taken: dict[str, Any] = answer.json()
        return taken

    def ask(self, path: str, **params: Any) -> Any:
        """The JSON of a path that answers 200."""
        answer = self.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()


class _UntilIdle:
    """A stop signal that is given once the ingester has nothing left to do."""

    def __init__(self, ingester: Ingester) -> None:
        self._ingester, self._turns = ingester, 0

    def is_set(self) -> bool:
        self._turns += 1
        assert self._turns < 10_000, "the ingester does not come to rest"
        return self._ingester.idle_since is not None

    def wait(self, timeout: float) -> bool:
        return self.is_set()


def settings_for(folder: Path, **more: str) -> Settings:
    """Settings of a test: the shop's map, everything else in its folder."""
    given = {"map": str(SHOP), "data": str(folder / "data"), **more}
    return read_settings(environ={}, file=folder / "toll.toml", overrides=given)


@cache
def _map(path: Path | None) -> LoadedMap:
    return read_map(path)


@contextmanager
def opened(
    folder: Path,
    store: Store,
    *,
    tokens: Tokens | None = None,
    config: IngestConfig | None = None,
    **settings: str,
) -> Iterator[Toll]:
    """A Toll over a store, with a log of its own in the folder."""
    found = settings_for(folder, **settings)
    log = EmbeddedLog(folder / "log.sqlite", partitions_default=2)
    log.ensure_topics({found.business_topic: 2, found.signals_topic: 2, found.assess_topic: 1})
    parts = Parts(found, config or IngestConfig(salt=SALT), _map(found.map), log, store)
    store.track_journeys({"orders"})
    state = State(parts, tokens=tokens)
    http = Http(build_app(state))
    try:
        yield Toll(parts, state, http)
    finally:
        http.close()
        state.close()
        log.close()


def with_tokens() -> Tokens:
    """One known caller for each role."""
    return Tokens({hash_token(t): Caller(f"the {r}er", r) for r, t in TOKENS.items()})


def bearer(role: Role) -> dict[str, str]:
    """The header that proves a role."""
    return {"Authorization": f"Bearer {TOKENS[role]}"}


def ndjson(events: Sequence[Mapping[str, Any]]) -> bytes:
    return b"\n".join(json.dumps(event).encode() for event in events)


def payment(number: int, at: datetime | None = None, **more: Any) -> dict[str, Any]:
    """One payment, of ten minutes ago unless told otherwise."""
    moment = at or datetime.now(UTC) - timedelta(minutes=10)
    return {
        "id": f"pay-{number}",
        "stream": "payments",
        "at": moment.isoformat().replace("+00:00", "Z"),
        "status": "ok",
        "key": f"cart-{number}",
        "amount": "39.90",
        "currency": "EUR",
        **more,
    }


def alert(started_at: datetime, ended_at: datetime | None = None, **more: Any) -> dict[str, Any]:
    """A signal of the payment provider in normal form."""
    return {
        "id": f"alert-{started_at.timestamp():.0f}-{'b' if ended_at else 'a'}",
        "fingerprint": "stripe-errors",
        "source": "monitoring",
        "kind": "alert",
        "status": "resolved" if ended_at else "firing",
        "severity": "critical",
        "labels": {"provider": "stripe"},
        "summary": "Payment provider answers with errors",
        "started_at": started_at.isoformat(),
        **({"ended_at": ended_at.isoformat()} if ended_at else {}),
        **more,
    }


def assert_problem(answer: Any, status: int) -> dict[str, Any]:
    """The answer is a problem of this status, in the one shape; returns it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    body: dict[str, Any] = answer.json()
    assert body.keys() - {"errors"} == {"type", "title", "status", "detail"}
    assert body["status"] == status
    assert body["detail"] and "\n" not in body["detail"] and "Traceback" not in body["detail"]
    return body


def priced(incident: str, as_of: datetime, **more: Any) -> MeasureImpact:
    """An impact on the payments as DESIGN's example has it, with draws."""
    spread = np.linspace(-1.0, 1.0, DRAWS)
    lost = 270 + 105 * spread
    impact = MeasureImpact(
        incident=incident,
        process="checkout",
        measure="payments",
        kind="flow",
        state="live",
        as_of=as_of,
        method="measured",
        units={
            "gross": Range(410, 450, 490),
            "recovered": Range(0, 0, 0),
            "lost": Range(190, 270, 380),
        },
        money={
            "gross": MoneyRange(
                Decimal("16400.00"), Decimal("18100.00"), Decimal("19900.00"), "EUR"
            ),
            "lost": MoneyRange(Decimal("7600.00"), Decimal("10900.00"), Decimal("15400.00"), "EUR"),
        },
        lost_is="forecast",
        per_minute_units=12.4,
        per_minute_money=Decimal("498.00"),
        data_until=as_of - timedelta(minutes=1),
        effect=(as_of - timedelta(minutes=15), None),
        settling_until=None,
        red=True,
        share=1.0,
        evidence={"failed_keys": 371, "customers": None},
        inputs={"history_days": 56.0, "bins": 15.0},
        draws={
            "gross": tuple((450 + 45 * spread).tolist()),
            "recovered": tuple(np.zeros(DRAWS).tolist()),
            "lost": tuple(lost.tolist()),
            "money:lost": tuple((lost * 40.37).tolist()),
        },
    )
    return replace(impact, **more)


def euros(low: str, mid: str, high: str) -> MoneyRange:
    return MoneyRange(Decimal(low), Decimal(mid), Decimal(high), "EUR")


def send(toll: Toll, topic: str, value: bytes) -> None:
    """Put a record into the log as some other producer would."""
    toll.parts.log.producer().send([Message(topic, value)])
