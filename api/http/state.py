"""What the HTTP side holds: handed in when the app is built, never global."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import cast

from fastapi import Request

from api.ask.outlook import Outlook
from api.http.newest import Newest
from api.http.pulse import Pulse
from api.intake import signal_messages
from api.run.runtime import Runtime
from api.run.standing import Standings
from api.run.status_pages import PageState
from api.run.wiring import Parts
from api.setup.tokens import Tokens
from ingest.events import Signal
from ingest.log import Producer

DRAWN = 128  # charts of a few ten kB each


@dataclass(slots=True)
class State:
    """The parts, and what of them runs in this process."""

    parts: Parts
    runtime: Runtime | None = None
    tokens: Tokens | None = None
    simulated: bool = False  # the data is the demo's: every page says so
    since: datetime = field(default_factory=lambda: datetime.now(UTC))  # when this was put together
    pulse: Pulse = field(init=False)  # tells pages that there is something new
    drawn: Newest = field(default_factory=lambda: Newest(DRAWN))  # charts, by what they show
    _producer: Producer | None = None
    _outlook: Outlook | None = None
    _standings: Standings | None = None
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.pulse = Pulse(self._news)

    def _news(self) -> str:
        """Changes whenever a page would say something else than before."""
        learning = self.outlook().learning
        so_far = f"-{learning.done}" if learning else ""
        return self.parts.store.news() + so_far

    @property
    def body_limit(self) -> int:
        """Largest body in bytes."""
        return int(self.parts.settings.body_limit_mib * 2**20)

    def producer(self) -> Producer:
        """The producer that all requests share, made at the first use."""
        with self._lock:
            if self._producer is None:
                self._producer = self.parts.log.producer()
            return self._producer

    def outlook(self) -> Outlook:
        """What is usual: kept fresh by the runtime, or made here at the first use."""
        if self.runtime is not None and self.runtime.outlook is not None:
            return self.runtime.outlook
        with self._lock:
            if self._outlook is None:
                self._outlook = Outlook(self.parts)
            return self._outlook

    def standings(self) -> Standings | None:
        """What the store says, for metrics; only where a runtime keeps an outlook fresh."""
        outlook = self.runtime.outlook if self.runtime else None
        if outlook is None:
            return None
        with self._lock:
            if self._standings is None:
                self._standings = Standings(self.parts, outlook)
            return self._standings

    def map_refused(self) -> tuple[str, ...]:
        """The mistakes of a changed map that is not in force because of them."""
        return self.runtime.map_watch.refused if self.runtime else ()

    def subscriptions_refused(self) -> tuple[str, ...]:
        """The mistakes of a changed file of subscriptions that is not in force because of them."""
        watch = self.runtime.subscriptions_watch if self.runtime else None
        return watch.refused if watch else ()

    def status_pages(self) -> tuple[PageState, ...]:
        """What is known of the providers' status pages, where this process looks at them."""
        pages = self.runtime.status_pages if self.runtime else None
        return pages.pages() if pages else ()

    def close(self) -> None:
        """Give back the producer."""
        with self._lock:
            if self._producer is not None:
                self._producer.close()


def state_of(request: Request) -> State:
    """The state of the app that serves this request."""
    return cast(State, request.app.state.toll)


def keep(state: State, signals: Sequence[Signal]) -> int:
    """Put signals into the log, durably when this returns; how many."""
    if signals:
        state.producer().send(signal_messages(signals, state.parts.settings.signals_topic))
    return len(signals)
