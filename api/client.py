"""How commands reach Toll: the running one over HTTP, else the same app in this very process.

Both ways go through the same routes, so that a command says the same with and without a server.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

import httpx2

from api.setup.settings import SETTINGS, Settings
from ingest.errors import (
    BusyError,
    InputError,
    NotFoundError,
    SettingsError,
    TollError,
    UnavailableError,
)

if TYPE_CHECKING:  # a second or two of imports, for who opens Toll here
    from api.http.state import State

_DEFAULT_URL = next(s.default for s in SETTINGS if s.name == "url")
_TIMEOUT = httpx2.Timeout(60.0, connect=2.0)


class Send(Protocol):
    """Sends one request and gives the answer."""

    def __call__(self, request: httpx2.Request, /) -> httpx2.Response:
        """The answer, read to its end."""


@dataclass(frozen=True, slots=True)
class Client:
    """Requests to Toll. Errors of the other side become errors of ours."""

    base: str
    send: Send
    token: str = ""
    state: State | None = None  # set when Toll runs in this process

    def get(self, path: str, **params: Any) -> Any:
        """The JSON that a path answers."""
        return self._json("GET", path, params=params)

    def post(
        self,
        path: str,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        **params: Any,
    ) -> Any:
        """The JSON that a path answers to a body."""
        return self._json("POST", path, content=body, headers=dict(headers or {}), params=params)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON that a path answers to a change."""
        return self._json("PATCH", path, json=dict(body))

    def text(self, path: str, **params: Any) -> str:
        """The text that a path answers: a picture, a page."""
        return self._answer("GET", path, params=params).text

    def content(self, path: str) -> bytes:
        """The bytes that a path answers: a report."""
        return self._answer("GET", path).content

    def _json(self, method: str, path: str, **parts: Any) -> Any:
        try:
            return self._answer(method, path, **parts).json()
        except ValueError as error:
            raise UnavailableError(f"what answers at {self.base} is no Toll (TOLL_URL)") from error

    def _answer(self, method: str, path: str, **parts: Any) -> httpx2.Response:
        headers, params = parts.pop("headers", {}), parts.pop("params", {})
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        asked = {name: value for name, value in params.items() if value is not None}
        request = httpx2.Request(
            method, f"{self.base}{path}", headers=headers, params=asked, **parts
        )
        try:
            answer = self.send(request)
        except httpx2.HTTPError as error:
            raise UnavailableError(f"{self.base} does not answer: {error}") from error
        if not answer.is_success:
            raise _error_of(answer)
        return answer


def _error_of(answer: httpx2.Response) -> TollError:
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"HTTP {answer.status_code}"
    if answer.status_code == 404:
        return NotFoundError(detail)
    if answer.status_code in {401, 403}:
        return SettingsError(f"{detail} (TOLL_TOKEN)")
    if answer.status_code == 409:
        return BusyError(detail)
    if answer.status_code >= 500:
        return UnavailableError(detail)
    return InputError(detail)


def part(text: str) -> str:
    """A name as one part of a path, whatever stands in it."""
    return quote(text, safe="")


@contextmanager
def connect(settings: Settings, *, background: bool = False) -> Iterator[Client]:
    """A client of the Toll at `TOLL_URL`, else of one opened here on the same settings.

    `background` runs ingesting and assessing too where Toll is opened here; commands that only
    read do without.
    """
    if _answers(settings.url):
        with httpx2.Client(timeout=_TIMEOUT, verify=trusting(settings.url)) as http:
            yield Client(settings.url, http.send, settings.token)
        return
    if settings.url != _DEFAULT_URL:
        raise UnavailableError(f"no Toll answers at {settings.url}: start it, or correct TOLL_URL")
    if settings.map is None:
        raise UnavailableError(
            f"no Toll answers at {settings.url}: start one (`toll demo`, `toll run --map M`), "
            "set TOLL_URL, or name a map to open the data folder here"
        )
    with _opened(settings, background) as client:
        yield client


@contextmanager
def _opened(settings: Settings, background: bool) -> Iterator[Client]:
    """A client of a Toll within this process: only now is the application imported."""
    from api.http.state import State
    from api.run.runtime import Runtime
    from api.run.wiring import open_parts

    with open_parts(settings) as parts:
        state = State(parts)
        with ExitStack() as stack:
            stack.callback(state.close)
            if background:
                runtime = Runtime(parts, ingest=True, assess=True, look_outside=False)
                state.runtime = stack.enter_context(runtime)
            yield _local(state)


def _answers(url: str) -> bool:
    try:
        timeout = httpx2.Timeout(5, connect=0.5)
        return httpx2.get(f"{url}/health/live", timeout=timeout, verify=trusting(url)).is_success
    except httpx2.HTTPError:
        return False


def trusting(url: str) -> ssl.SSLContext | bool:
    """Whom to trust: reading the list of authorities takes a while, and plain HTTP needs none.

    A context without any trusts nobody, so that nothing is weaker for it.
    """
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if url.startswith("http://") else True


def _local(state: State) -> Client:
    from api.app import build_app

    # As behind a server: an unexpected error is an answer, its trace stands in the log.
    transport = httpx2.ASGITransport(build_app(state), raise_app_exceptions=False)

    async def exchange(request: httpx2.Request) -> httpx2.Response:
        async with httpx2.AsyncClient(transport=transport) as http:
            return await http.send(request)

    return Client("http://localhost", lambda request: asyncio.run(exchange(request)), state=state)
