"""How long from sending an event to seeing it counted: `python -m tests.bench.latency`.

One process of `toll run`, everything embedded. Senders post batches of business events on a fixed
schedule, in all `RATE` events a second. A prober posts single events of a stream of its own, one
after the other in one partition, and a watcher asks the API how many of them are counted: probe n
is visible once n are. Its delay runs from before it is sent until the answer that counts it is
here, so posting and asking are in it.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench.free_port import free_port

RATE = 10_000  # events a second
SENDERS, EVERY_S = 4, 0.2  # each sender posts a batch this often
PROBE_S, ASK_S = 0.1, 0.05
WARM_S, READY_S, DRAIN_S = 3.0, 60.0, 30.0
BATCH = int(RATE * EVERY_S / SENDERS)

MAP = """\
company: Bench
currency: EUR
timezone: UTC
processes:
  checkout:
    measures:
      payments: {kind: flow, stream: payments, ok: [ok], failed: [failed], value: amount}
      probes: {kind: flow, stream: probes, ok: [ok]}
"""


@dataclass(frozen=True)
class Delays:
    """Seconds from sending a probe to seeing it counted, and what else was going on."""

    probes: int
    p50: float
    p99: float
    worst: float
    post_p50: float  # how long posting a batch took
    post_p99: float
    events: int
    per_second: float
    resident_mib: float  # of the process, at the end
    load: float


class Client:
    """One connection to the API."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def post(self, lines: list[bytes]) -> None:
        headers = {"Content-Type": "application/x-ndjson"}
        answer = self._send("POST", "/v1/business", b"\n".join(lines), headers)
        if answer["accepted"] != len(lines):
            raise SystemExit(f"not all of a batch was accepted: {answer}")

    def counted(self) -> dict[str, int]:
        """Events counted, by stream."""
        answer = self._send("GET", "/v1/coverage", None, {})
        return {stream["stream"]: stream["events"] for stream in answer["streams"]}

    def _send(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> dict[str, Any]:
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status not in (200, 202):
            raise SystemExit(f"{method} {path} answers {answer.status}: {text[:300]!r}")
        found: dict[str, Any] = json.loads(text)
        return found


class Load:
    """Everything that is sent, and when each probe was sent and seen."""

    def __init__(self, port: int, seconds: float) -> None:
        self._port, self._end = port, time.monotonic() + seconds
        self.sent: list[float] = []  # probe -> monotonic seconds
        self.seen: list[float] = []
        self.posts: list[float] = []  # seconds each batch took
        self.events = 0
        self.late_s = 0.0  # the furthest a sender fell behind
        self.errors: list[Exception | SystemExit] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def run(self) -> None:
        """Send until the end, and watch until all is seen."""
        began = time.monotonic()
        senders = [
            threading.Thread(target=self._guarded, args=(self._send, n, began))
            for n in range(SENDERS)
        ]
        senders.append(threading.Thread(target=self._guarded, args=(self._probe,)))
        watcher = threading.Thread(target=self._guarded, args=(self._watch,))
        for thread in (*senders, watcher):
            thread.start()
        for thread in senders:
            thread.join()
        self._stop.set()
        watcher.join()
        if self.errors:
            raise self.errors[0]

    def _guarded(self, task, *arguments) -> None:
        try:
            task(*arguments)
        except (OSError, http.client.HTTPException, SystemExit) as error:  # raised by `run`
            self.errors.append(error)
            self._stop.set()

    def _send(self, sender: int, began: float) -> None:
        client, due, number = Client(self._port), began + sender * EVERY_S / SENDERS, 0
        while due < self._end and not self.errors:
            time.sleep(max(0.0, due - time.monotonic()))
            lines = [payment(sender, number + n) for n in range(BATCH)]
            number += BATCH
            start = time.monotonic()
            client.post(lines)
            with self._lock:
                self.late_s = max(self.late_s, start - due)
                self.posts.append(time.monotonic() - start)
                self.events += BATCH
            due += EVERY_S

    def _probe(self) -> None:
        client = Client(self._port)
        while time.monotonic() < self._end and not self.errors:
            line = event("probes", f"probe-{len(self.sent)}", "one-partition")
            self.sent.append(time.monotonic())
            client.post([line])
            time.sleep(PROBE_S)

    def _watch(self) -> None:
        client, deadline = Client(self._port), self._end + DRAIN_S
        while len(self.seen) < len(self.sent) or not self._stop.is_set():
            counted = client.counted().get("probes", 0)
            now = time.monotonic()
            self.seen += [now] * (counted - len(self.seen))
            if now > deadline:
                raise SystemExit(f"{len(self.sent) - len(self.seen)} probes were never counted")
            time.sleep(ASK_S)


def payment(sender: int, number: int) -> bytes:
    return event("payments", f"pay-{sender}-{number:09d}", f"cart-{sender}-{number // 2:09d}")


def event(stream: str, name: str, key: str) -> bytes:
    """One event of now, of about 150 bytes."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    return (
        f'{{"id":"{name}","stream":"{stream}","at":"{at}","status":"ok",'
        f'"key":"{key}","amount":"39.90","currency":"EUR"}}'
    ).encode()


@contextlib.contextmanager
def running() -> Iterator[tuple[int, int]]:
    """A `toll run` of its own on empty data: its port and process id."""
    with tempfile.TemporaryDirectory(prefix="toll-bench-") as name:
        folder, port = Path(name), free_port()
        (folder / "map.yaml").write_text(MAP)
        toll = [str(Path(sys.executable).with_name("toll")), "run"]
        where = ["--map", str(folder / "map.yaml"), "--data", str(folder / "data")]
        listen = ["--listen", f"127.0.0.1:{port}"]
        bare = {k: v for k, v in os.environ.items() if not k.startswith("TOLL_")}
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(
                toll + where + listen, env=bare, stdout=output, stderr=output, cwd=folder
            )
            try:
                _wait_until_ready(port, process, folder / "output")
                yield port, process.pid
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + READY_S
    while True:
        try:
            Client(port).counted()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"toll run did not start: {output.read_text()[-1000:]}") from None
            time.sleep(0.1)


def measure(seconds: float) -> Delays:
    """Run the load for so many seconds."""
    with running() as (port, pid):
        load = Load(port, seconds)
        start = time.monotonic()
        load.run()
        took = max(seconds, time.monotonic() - start - DRAIN_S)
        status = Path(f"/proc/{pid}/status").read_text()
        resident = int(status.split("VmRSS:")[1].split()[0]) / 1024
        counted = Client(port).counted()
    if counted["payments"] != load.events:
        raise SystemExit(f"{counted['payments']} payments are counted, {load.events} were sent")
    warm = load.sent[0] + WARM_S
    delays = [b - a for a, b in zip(load.sent, load.seen, strict=True) if a >= warm]
    return Delays(
        len(delays),
        _quantile(delays, 50),
        _quantile(delays, 99),
        max(delays),
        _quantile(load.posts, 50),
        _quantile(load.posts, 99),
        load.events,
        load.events / took,
        resident,
        os.getloadavg()[0],
    )


def _quantile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def table(found: Delays) -> str:
    return (
        f"sent -> counted at the API, {found.per_second:,.0f} events/s, {found.probes} probes: "
        f"p50 {found.p50:.2f} s, p99 {found.p99:.2f} s, worst {found.worst:.2f} s\n"
        f"posting {BATCH} events: p50 {found.post_p50:.3f} s, p99 {found.post_p99:.3f} s; "
        f"resident {found.resident_mib:.0f} MiB; load average {found.load:.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30)
    found = measure(parser.parse_args().seconds)
    print(table(found))
    print(json.dumps(asdict(found)))


if __name__ == "__main__":
    main()
