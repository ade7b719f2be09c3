"""Tells everybody who listens that there is something new, by one look at the store for all.

While somebody listens, one task looks; nobody listening, nobody looks. What is told is only *that*
something is new: listeners then ask for what they show. All of it happens on the server's loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

from fastapi.concurrency import run_in_threadpool

from ingest.errors import TollError

logger = logging.getLogger(__name__)

LOOK_S = 2.0  # between two looks: numbers come every ten seconds
SELDOM_S = 8.0  # what is shown grows old by itself: told at least every ten seconds
HEARTBEAT_S = 5.0  # so that proxies keep a silent connection, and a lost one is noticed
MOST = 200  # listeners: each holds a connection


class Pulse:
    """Who listens, and what was last seen."""

    def __init__(
        self,
        look: Callable[[], str],
        *,
        look_s: float = LOOK_S,
        seldom_s: float = SELDOM_S,
        heartbeat_s: float = HEARTBEAT_S,
        most: int = MOST,
    ) -> None:
        self._look = look
        self._look_s, self._seldom_s, self._heartbeat_s = look_s, seldom_s, heartbeat_s
        self._most = most
        self._seen = ""
        self._ended = False
        self._listeners: set[asyncio.Event] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def refusal(self) -> str:
        """Why nobody more may listen; empty where one may."""
        if self._ended:
            return "Toll is stopping"
        if len(self._listeners) >= self._most:
            return f"{self._most} pages listen already: ask for this one now and then"
        return ""

    async def listen(self, told: str = "") -> AsyncIterator[str | None]:
        """What was seen, each time there is something new; None as a heartbeat.

        told: what this listener was told last, before it lost the connection.
        """
        news = asyncio.Event()
        self._listeners.add(news)
        if self._task is None:
            self._task = asyncio.create_task(self._watch())
        try:
            if told and self._seen not in ("", told):
                news.set()
            while not self._ended:
                try:
                    await asyncio.wait_for(news.wait(), self._heartbeat_s)
                except TimeoutError:
                    yield None
                    continue
                news.clear()
                if not self._ended:
                    yield self._seen
        finally:
            self._listeners.discard(news)
            if not self._listeners:
                self._rest()

    def end(self) -> None:
        """Let all who listen go, for the server stops."""
        self._ended = True
        self._rest()
        self._tell()

    def _rest(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _tell(self) -> None:
        for news in self._listeners:
            news.set()

    async def _watch(self) -> None:
        clock = asyncio.get_running_loop().time
        last = clock()
        while True:
            seen = await run_in_threadpool(self._look_once)
            fresh, self._seen = seen != self._seen, seen
            if fresh or clock() - last >= self._seldom_s:
                last = clock()
                self._tell()
            await asyncio.sleep(self._look_s)

    def _look_once(self) -> str:
        try:
            return self._look()
        except TollError:  # whoever then asks for the page is told why
            return self._seen
        except Exception:  # the top of a task: nobody else is told
            logger.exception("cannot see whether there is something new")
            return self._seen
