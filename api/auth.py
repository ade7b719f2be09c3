"""Authentication: bearer tokens, or a token in the path for senders that can set no header.

`/t/TOKEN/v1/signals/alertmanager` is `/v1/signals/alertmanager` with that token. The token is cut
out of the path before anything else sees it, so that no log ever has it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.types import ASGIApp, Receive, Scope, Send

from api.tokens import LOCAL, Caller, Role, Tokens

_bearer = HTTPBearer(auto_error=False, description="A token of the file TOLL_TOKENS names.")


class PathToken:
    """ASGI middleware that takes `/t/TOKEN` off the path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, its token in `scope["toll.token"]`."""
        if scope["type"] == "http" and scope["path"].startswith("/t/"):
            token, _, rest = scope["path"].removeprefix("/t/").partition("/")
            path = f"/{rest}"
            scope = {**scope, "path": path, "raw_path": path.encode(), "toll.token": token}
        await self._app(scope, receive, send)


def require(role: Role) -> Callable[..., Caller]:
    """A dependency that lets only callers with this role pass."""

    def check(
        request: Request,
        given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> Caller:
        tokens: Tokens | None = request.app.state.toll.tokens
        if tokens is None:
            return LOCAL
        token = given.credentials if given else request.scope.get("toll.token")
        caller = tokens.caller(token) if token else None
        if caller is None:
            raise HTTPException(
                401,
                "send a known token as `Authorization: Bearer ...`",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if not caller.may(role):
            raise HTTPException(403, f"this needs a token with role '{role}'")
        return caller

    return check


Reading = Annotated[Caller, Depends(require("read"))]
Writing = Annotated[Caller, Depends(require("write"))]
Administering = Annotated[Caller, Depends(require("admin"))]
