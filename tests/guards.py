"""What a test may touch is said by its markers; these guards make that true.

Without `network` or `kafka` no test opens a socket, with them only on loopback. Without `engine` no
test opens the embedded engine. So a suite without those markers runs anywhere, at once, and alone.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import clickhouse_connect
import pytest

_OPENING = ("connect", "connect_ex", "bind")


def _is_loopback(host: object) -> bool:
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return host == "localhost"


def _fault(address: object, *, may_listen: bool) -> str | None:
    """Why an address may not be used; a path (a Unix socket) always may."""
    if not isinstance(address, tuple):
        return None
    if not _is_loopback(address[0]):
        return f"a test reached for {address[0]}, which is not this machine"
    return None if may_listen else f"a socket for {address[:2]} without the marker `network`"


@pytest.fixture(autouse=True)
def sockets_as_marked(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Fail a test that opens a socket it is not marked for, also where the error is swallowed."""
    may_listen = any(request.node.get_closest_marker(name) for name in ("network", "kafka"))
    faults: list[str] = []

    def guarded(method: str) -> Any:
        real = getattr(socket.socket, method)

        def checked(self: socket.socket, address: object, /) -> Any:
            if fault := _fault(address, may_listen=may_listen):
                faults.append(fault)
                raise PermissionError(fault)
            return real(self, address)

        return checked

    for method in _OPENING:
        monkeypatch.setattr(socket.socket, method, guarded(method))
    yield
    if faults:
        pytest.fail("; ".join(sorted(set(faults))), pytrace=False)


@pytest.fixture(autouse=True)
def engine_as_marked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that opens the embedded engine without the marker."""
    if request.node.get_closest_marker("engine"):
        return
    if "engine" in request.fixturenames:
        pytest.fail("a test with the embedded engine needs the marker `engine`", pytrace=False)
    real = clickhouse_connect.get_client

    def checked(*args: Any, **settings: Any) -> Any:
        if settings.get("interface") == "chdb":
            raise PermissionError("the embedded engine without the marker `engine`")
        return real(*args, **settings)

    monkeypatch.setattr(clickhouse_connect, "get_client", checked)
