"""Real senders: Debian's Prometheus and Alertmanager and others, processes of the test's own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from api.app import build_app
from api.cli.run import port
from api.run.serving import Server
from api.setup.settings import Listen
from tests.api.app import Toll

STARTS_S, STOPS_S = 30, 15
_PROGRAMS = ("prometheus", "prometheus-alertmanager", "curl", "openssl")


@pytest.fixture(scope="session")
def senders() -> None:
    """Have the programs, or skip; with TOLL_REQUIRE_SENDERS=1, fail."""
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if not missing:
        return
    said = f"no real senders: install {' and '.join(missing)} (Debian packages of these names)"
    if os.environ.get("TOLL_REQUIRE_SENDERS") == "1":
        pytest.fail(said)
    pytest.skip(said)


@contextmanager
def served(toll: Toll, listens: int = 0) -> Iterator[str]:
    """The Toll of a test behind a real server on loopback; gives its host:port."""
    with port(Listen("127.0.0.1", listens)) as door:
        server = Server(build_app(toll.state))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        try:
            yield f"127.0.0.1:{door.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(STOPS_S)


@contextmanager
def prometheus(folder: Path, config: str, rules: str) -> Iterator[None]:
    """A Prometheus that evaluates these rules."""
    (folder / "rules.yml").write_text(rules)
    (folder / "prometheus.yml").write_text(config)
    listens = _free_port()
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{listens}",
        # It learns of its Alertmanagers within five seconds and drops what it has to say before.
        "--rules.alert.resend-delay=5s",
    ]
    with _running(command, folder / "prometheus.log", listens):
        yield


@contextmanager
def alertmanager(folder: Path, config: str) -> Iterator[str]:
    """An Alertmanager with this configuration; gives its host:port."""
    (folder / "alertmanager.yml").write_text(config)
    listens = _free_port()
    command = [
        "prometheus-alertmanager",
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{listens}",
        "--cluster.listen-address=",
    ]
    with _running(command, folder / "alertmanager.log", listens):
        yield f"127.0.0.1:{listens}"


class Exporter:
    """Something that Prometheus scrapes: down until it is brought up."""

    def __init__(self) -> None:
        self._port = _free_port()
        self.address = f"127.0.0.1:{self._port}"

    @contextmanager
    def up(self) -> Iterator[None]:
        """Answers while this lasts, with no metrics."""
        server = HTTPServer(("127.0.0.1", self._port), _Empty)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join(STOPS_S)
            server.server_close()


class _Empty(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _running(command: Sequence[str], log: Path, listens: int) -> Iterator[None]:
    """The process until this ends; it takes connections when this begins."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        _await(process, listens, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOPS_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(process: subprocess.Popen[bytes], listens: int, log: Path) -> None:
    deadline = time.monotonic() + STARTS_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", listens), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{process.args!r} did not start: {log.read_text()[-2000:]}")
            time.sleep(0.05)


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found
