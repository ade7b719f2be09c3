"""One real Kafka broker for the session: `kafka_broker`, and unique topic names: `kafka_topic`."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

START = Path(__file__).parents[1] / "deploy" / "kafka" / "start.sh"
READY_S, STOP_S, FETCH_S = 60, 30, 100


class KafkaBroker:
    """A broker process of our own, on a free port, with data that outlives a restart."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        port, controller_port = _free_ports(2)
        self.bootstrap = f"127.0.0.1:{port}"
        self._environment = {
            **os.environ,
            "KAFKA_PORT": str(port),
            "KAFKA_CONTROLLER_PORT": str(controller_port),
            "KAFKA_DATA": str(folder / "data"),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start on the same data; return when it takes connections."""
        with (self._folder / "broker.log").open("ab") as output:
            self._process = subprocess.Popen(
                [START], env=self._environment, stdout=output, stderr=output
            )
        host, port = self.bootstrap.split(":")
        deadline = time.monotonic() + READY_S
        while True:
            try:
                socket.create_connection((host, int(port)), timeout=1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    said = (self._folder / "broker.log").read_text()[-2000:]
                    self.stop()
                    pytest.fail(f"the Kafka broker did not start: {said}")
                time.sleep(0.05)

    def stop(self) -> None:
        """Stop the process and wait for its end."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def kill(self) -> None:
        """End the process without warning, as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def freeze(self) -> None:
        """Leave connections open and requests unanswered, from when this returns."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)  # all its threads have stopped

    def thaw(self) -> None:
        """Answer again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """The session's broker. Whoever stops, freezes or kills it brings it back."""
    _require()
    broker = KafkaBroker(tmp_path_factory.mktemp("kafka"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def kafka_topic(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Names of topics that no other test uses; creating them is up to the test."""
    numbers = itertools.count()
    stem = "".join(c if c.isalnum() else "-" for c in request.node.name)[:80]
    return lambda: f"{stem}-{next(numbers)}-{time.time_ns():x}"


def _require() -> None:
    """Have Java and the jars, or skip; with TOLL_REQUIRE_KAFKA=1, fail."""
    missing = None
    if shutil.which("java") is None:
        missing = "install Java 17 (package openjdk-17-jre-headless)"
    elif not (START.parent / "libs").is_dir():
        if shutil.which("mvn") is None:
            missing = "install Maven (package maven), which fetches the broker"
        else:
            fetched = subprocess.run([START, "--fetch"], capture_output=True, timeout=FETCH_S)
            if fetched.returncode:
                missing = f"run deploy/kafka/start.sh --fetch ({fetched.stderr[-300:]!r})"
    if missing is None:
        return
    if os.environ.get("TOLL_REQUIRE_KAFKA") == "1":
        pytest.fail(f"no Kafka broker: {missing}")
    pytest.skip(f"no Kafka broker: {missing}")


def _free_ports(count: int) -> list[int]:
    """Ports that are free now, below those that outgoing connections take."""
    found: list[int] = []
    for port in range(20000 + os.getpid() % 10000, 32000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise OSError("no free port")
