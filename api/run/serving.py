"""The HTTP server: an ordinary one that lets its listeners go before it waits for them to end."""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI


class Server(uvicorn.Server):
    """Serves an app of `api.app`; pages that listen for news do not hold up its end."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        super().__init__(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,  # its lines would carry tokens of paths
                timeout_graceful_shutdown=5,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Let people in."""
        for door in sockets or ():
            # Connections inherit it: a restart need not wait until the last of them is forgotten.
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop taking requests, end what is endless, finish the rest."""
        self._app.state.toll.pulse.end()
        await super().shutdown(sockets)
