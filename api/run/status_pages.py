"""Looks at the status pages that providers on the map name, and takes what they say as signals.

Each page is looked at on its own: one that is slow or away delays no other. A page that is away is
said in readiness, coverage and metrics; it is no outage by itself. What a page says goes through
the log like any webhook. A repeat has the same ids, so looking twice, from several processes or
anew after a restart, changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from threading import Event, Lock
from urllib.parse import urlsplit

import httpx2

from api.intake import signal_messages
from api.run.wiring import Parts
from api.setup.mapfiles import LoadedMap
from enrich.resolve import NODE_LABEL
from ingest.errors import InputError, TollError, UnavailableError
from ingest.events import Signal
from ingest.log import Producer
from ingest.sources.body import PartlyReadError, without_secrets
from ingest.sources.statuspage import statuspage

logger = logging.getLogger(__name__)

SUMMARY = "summary.json"  # every page has it
# Without the last one a maintenance that ends early, or is put off, would only vanish.
DOCUMENTS = (SUMMARY, "incidents.json", "scheduled-maintenances.json")
TURN_S = 0.25  # between two glances at which pages are due
LOOK_S = 30.0  # one look at a page takes no longer
REQUEST_S = 10.0  # nor does any wait for an answer within it
MAX_BYTES = 10 * 1024 * 1024  # of one document, unpacked
MAX_REDIRECTS = 3
JITTER = 0.2  # of the wait, up or down, so that many who look do not look at once
LONGEST_S = 900.0  # the wait at most, however long a page is away
_API = "/api/v2"


@dataclass(slots=True)
class PageState:
    """One page: what is known of it and when it is looked at next."""

    url: str  # of its API, without a slash at the end
    nodes: tuple[str, ...] = ()  # that name it, in the order of the map
    seen_at: datetime | None = None  # when it last answered well
    trouble: str = ""  # why the last look failed; "" while it answers
    unread: str = ""  # what of its answer could not be read; the rest was
    looks: int = 0
    failures: int = 0  # in a row
    due: float = 0.0  # by the loop's clock
    etags: dict[str, str] = field(default_factory=dict)  # by document
    told: dict[str, frozenset[str]] = field(default_factory=dict)  # ids in the log, by document

    @property
    def shown(self) -> str:
        """The address as people may see it."""
        return without_secrets(self.url)


class PageAwayError(TollError):
    """A page did not answer, or not as a status page does."""

    def __init__(self, message: str, again_s: float = 0.0) -> None:
        super().__init__(message)
        self.again_s = again_s  # what the page asks to wait at least; 0 where it does not say


class StatusPages:
    """The status pages of the map in force, looked at while `active` says so."""

    def __init__(
        self,
        parts: Parts,
        active: Callable[[], bool] = lambda: True,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._parts, self._active, self._transport = parts, active, transport
        self._pages: dict[str, PageState] = {}
        self._producer: Producer | None = None
        self._lock = Lock()  # of making the producer
        self._follow(parts.map)

    def pages(self) -> tuple[PageState, ...]:
        """What is known of each page, by address."""
        return tuple(replace(page) for _, page in sorted(self._pages.items()))

    def away(self) -> tuple[str, ...]:
        """A sentence for each page that does not answer."""
        return tuple(f"{p.shown}: {p.trouble}" for p in self.pages() if p.trouble)

    def run(self, stop: Event) -> None:
        """Look at each page again and again until told to stop."""
        try:
            asyncio.run(self._run(stop))
        finally:
            if self._producer is not None:
                self._producer.close()
                self._producer = None

    def look_once(self) -> None:
        """Look at every page now, all at the same time."""

        async def everywhere() -> None:
            async with self._client() as http, asyncio.TaskGroup() as group:
                for page in self._pages.values():
                    group.create_task(self._look(page, http))

        self._follow(self._parts.map)
        asyncio.run(everywhere())

    async def _run(self, stop: Event) -> None:
        looks: dict[str, asyncio.Task[None]] = {}
        clock = asyncio.get_running_loop().time
        async with self._client() as http:
            try:
                while not stop.is_set():
                    self._follow(self._parts.map)
                    for url, look in list(looks.items()):
                        if look.done():
                            looks.pop(url).result()  # what it did not expect ends this thread's try
                    for url, page in self._pages.items():
                        if page.due <= clock() and url not in looks and self._active():
                            looks[url] = asyncio.create_task(self._look(page, http))
                    await asyncio.sleep(TURN_S)
            finally:
                for look in looks.values():
                    look.cancel()
                await asyncio.gather(*looks.values(), return_exceptions=True)

    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            transport=self._transport,
            timeout=REQUEST_S,
            follow_redirects=True,
            max_redirects=MAX_REDIRECTS,
            headers={"User-Agent": "toll (reads status pages)", "Accept": "application/json"},
        )

    def _follow(self, loaded: LoadedMap) -> None:
        """Know the pages of this map, and of each page what was known before."""
        named = pages_of(loaded)
        if named.keys() != self._pages.keys():
            self._pages = {url: self._pages.get(url) or PageState(url) for url in named}
        for url, nodes in named.items():
            self._pages[url].nodes = nodes

    async def _look(self, page: PageState, http: httpx2.AsyncClient) -> None:
        """One look at one page, and when to look again."""
        asked = 0.0
        page.looks += 1
        try:
            async with asyncio.timeout(LOOK_S):
                unread = [await self._read(page, document, http) for document in DOCUMENTS]
        except UnavailableError as error:  # of the log; readiness says that it is away
            page.failures += 1
            logger.warning("what the status page %s says waits: %s", page.shown, error)
        except (PageAwayError, httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
            asked = error.again_s if isinstance(error, PageAwayError) else 0.0
            said = without_secrets(str(error) or type(error).__name__)
            if not page.trouble:
                logger.warning("the status page %s is away: %s", page.shown, said)
            page.trouble = said
            page.failures += 1
        else:
            before, page.unread = page.unread, without_secrets("; ".join(filter(None, unread)))
            if page.unread not in ("", before):
                logger.warning("of the status page %s, %s", page.shown, page.unread)
            page.trouble, page.failures = "", 0
            page.seen_at = datetime.now(UTC)
        wait = wait_s(page, self._parts.settings.status_pages_s)
        page.due = asyncio.get_running_loop().time() + max(wait, min(asked, LONGEST_S))

    async def _read(self, page: PageState, document: str, http: httpx2.AsyncClient) -> str:
        """Read one document; what is new of it is in the log when this returns what is unread."""
        known = page.etags.get(document)
        headers = {"If-None-Match": known} if known else {}
        async with http.stream("GET", f"{page.url}/{document}", headers=headers) as answer:
            if answer.status_code == 304 and known:
                return ""
            if answer.status_code == 404 and document != SUMMARY:
                return ""  # not all that speak this shape have the lists beside the summary
            if answer.status_code != 200:
                asked = answer.headers.get("Retry-After", "")
                again = float(asked) if asked.isascii() and asked.isdecimal() else 0.0
                raise PageAwayError(f"{document} answers {answer.status_code}", again)
            body = await _limited(answer, document)
            etag = answer.headers.get("ETag", "")
        unread = ""
        try:
            signals: Sequence[Signal] = statuspage(body, received_at=datetime.now(UTC))
        except PartlyReadError as error:
            signals, unread = error.signals, f"{document} is read in part: {error}"
        except InputError as error:
            raise PageAwayError(f"{document} cannot be read: {error}") from error
        before = frozenset().union(*page.told.values())
        fresh = [self._claimed(page, s) for s in signals if s.id not in before]
        if fresh:
            await asyncio.to_thread(self._keep, fresh)
        page.told[document] = frozenset(s.id for s in signals)
        page.etags[document] = "" if unread else etag  # it is read and told of again
        return unread

    def _claimed(self, page: PageState, signal: Signal) -> Signal:
        """The signal, as the page's own node's where no rule of the map claims it.

        Only a node that has no rules takes it: rules say which components a node is.
        """
        loaded = self._parts.map
        if loaded.resolver.nodes(signal.labels):
            return signal
        nodes = loaded.map.nodes
        owner = next((n for n in page.nodes if n in nodes and not nodes[n].match), None)
        return replace(signal, labels={**signal.labels, NODE_LABEL: owner}) if owner else signal

    def _keep(self, signals: list[Signal]) -> None:
        with self._lock:
            producer = self._producer = self._producer or self._parts.log.producer()
        producer.send(signal_messages(signals, self._parts.settings.signals_topic))


async def _limited(answer: httpx2.Response, document: str) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in answer.aiter_bytes():
        size += len(part)
        if size > MAX_BYTES:
            raise PageAwayError(f"{document} is over {MAX_BYTES:,} bytes")
        parts.append(part)
    return b"".join(parts)


def pages_of(loaded: LoadedMap) -> Mapping[str, tuple[str, ...]]:
    """The addresses of the APIs of all status pages on a map, and the nodes that name each."""
    found: dict[str, tuple[str, ...]] = {}
    for name, node in loaded.map.nodes.items():
        if node.status_page:
            url = node.status_page.rstrip("/")
            with suppress(ValueError):  # the map's check has looked; a strange port is seen asking
                url += "" if urlsplit(url).path else _API
            found[url] = (*found.get(url, ()), name)
    return found


def wait_s(page: PageState, every_s: float) -> float:
    """Seconds until the next look: longer after each failure, and a little off for each page."""
    longer = min(every_s * 2.0 ** min(page.failures, 30), max(LONGEST_S, every_s))
    return longer * (1 + Random(f"{page.url} {page.looks}").uniform(-JITTER, JITTER))
