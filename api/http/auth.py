"""Authentication: bearer tokens, or a token in the path for senders that can set no header.

`/t/TOKEN/v1/signals/alertmanager` is `/v1/signals/alertmanager` with that token. The token is cut
out of the path before anything else sees it, so that no log ever has it.

Without a file of tokens everybody on this machine may do everything, and that includes every page
in a browser on it. So only requests are served then that name this machine and come from no other
site: a name that an attacker points at 127.0.0.1 (DNS rebinding) and a form on somebody's page
(cross-site request forgery) both end here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.problems import problem
from api.setup.settings import is_loopback
from api.setup.tokens import LOCAL, Caller, Role, Tokens

_bearer = HTTPBearer(auto_error=False, description="A token of the file TOLL_TOKENS names.")
_PATH = "/t/"
_READ_ONLY = frozenset({"GET", "HEAD", "OPTIONS"})
# Pages show numbers of the business and may stand behind a token in their path, so no other site is
# told where somebody came from; this one is, since a form without it would come from "null".
_HEADERS = ((b"referrer-policy", b"same-origin"), (b"x-content-type-options", b"nosniff"))


class PathToken:
    """ASGI middleware that takes `/t/TOKEN` off the path, for all that see the request after it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, its token in `scope["toll.token"]`."""
        if scope["type"] == "http" and scope["path"].startswith(_PATH):
            token, slash, rest = scope["path"].removeprefix(_PATH).partition("/")
            path = f"/{rest}" if slash else "/t"  # which serves nothing
            # In place: the handler of unexpected errors stands further out and logs this path.
            scope["path"], scope["raw_path"] = path, quote(path).encode()
            scope["toll.token"] = token
            if token and not slash and scope["method"] in _READ_ONLY:  # somebody forgot it
                await RedirectResponse(f"{quote(token)}/")(scope, receive, send)
                return
        await self._app(scope, receive, send)


class SafeHeaders:
    """ASGI middleware: no address in another site's referrer, no guessing of content types."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to every answer."""

        async def with_headers(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", ())
                message = {**message, "headers": [*given, *_HEADERS]}  # type: ignore[misc]
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)  # type: ignore[arg-type]


class ThisMachineOnly:
    """ASGI middleware for a Toll without tokens; see the module."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """421 for another machine's name, 403 for a request that another site makes."""
        refusal = _refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await problem(*refusal)(scope, receive, send)


def guard(app: FastAPI, tokens: Tokens | None) -> None:
    """Put what every request passes around an app: whoever asks, whatever is asked for."""
    app.add_middleware(PathToken)
    if tokens is None:
        app.add_middleware(ThisMachineOnly)
    app.add_middleware(SafeHeaders)  # the outermost: refusals have them, too


def _refusal(scope: Scope) -> tuple[int, str] | None:
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if not is_loopback(_name(host)):
        return 421, (
            "without tokens Toll answers to this machine's names alone (localhost, 127.0.0.1): "
            "use one of them, or name a file of tokens in TOLL_TOKENS"
        )
    origin = headers.get("origin")
    strange = origin is not None and urlsplit(origin).netloc.lower() != host.lower()
    if scope["method"] not in _READ_ONLY and (
        strange or headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}
    ):
        return 403, "another site's page may not write here"
    return None


def _name(host: str) -> str:
    """The host of a `Host` header, without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def token_of(request: Request, given: HTTPAuthorizationCredentials | None) -> str | None:
    """The token in the header, else in the path."""
    return given.credentials if given else request.scope.get("toll.token")


def admit(tokens: Tokens | None, token: str | None, role: Role) -> Caller:
    """Whose token this is, if it may do this; 401 or 403 where not."""
    if tokens is None:
        return LOCAL
    caller = tokens.caller(token) if token else None
    if caller is None:
        raise HTTPException(
            401,
            "send a known token: `Authorization: Bearer TOKEN`, or `/t/TOKEN/...` as the path",
            headers={"WWW-Authenticate": "Bearer"},
        )
    if not caller.may(role):
        raise HTTPException(403, f"this needs a token with role '{role}'")
    return caller


def require(role: Role) -> Callable[..., Caller]:
    """A dependency that lets only callers with this role pass."""

    def check(request: Request, given: Bearer) -> Caller:
        return admit(request.app.state.toll.tokens, token_of(request, given), role)

    return check


Reading = Annotated[Caller, Depends(require("read"))]
Writing = Annotated[Caller, Depends(require("write"))]
Administering = Annotated[Caller, Depends(require("admin"))]
