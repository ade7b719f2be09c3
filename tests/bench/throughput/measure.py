"""How many events a second a consumer handles, and the memory it takes: Toll beside its peers.

    python -m tests.bench.throughput.measure BROKER [--rounds 3] [--only NAME ...]

Every candidate is a function `Target -> Handled`, run in a process of its own; all candidates of a
round read the same topics of the same broker, and rounds alternate between candidates, so that
ratios compare like with like. The median round counts. To add a candidate, add it to `CANDIDATES`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import statistics
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from tests.bench.throughput import workload
from tests.bench.throughput.candidates import Candidate, Handled, Target
from tests.bench.throughput.toll import toll, without_log

HERE = Path(__file__).parent
BUILD = HERE.parents[2] / "build"
PEERS = BUILD / "peers"
RESULT = BUILD / "throughput.json"
LIMIT = "toll, no kafka"  # the same work on the same lines, from memory


@dataclass(frozen=True)
class Measured:
    """One run of one candidate; memory is the peak resident set of its process, in MiB."""

    name: str
    topic: str
    events: int
    seconds: float
    with_start: float
    cpu_seconds: float
    resident_mib: float
    round: int
    load: float  # the machine's load average when the run ended

    @property
    def rate(self) -> float:
        """Events per second."""
        return self.events / self.seconds


def measure(name: str, candidate: Candidate, target: Target, number: int = 1) -> Measured:
    """Run a candidate in a fresh process; fails when it did not handle every event."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(candidate, target, theirs))
    process.start()
    theirs.close()
    try:
        handled, resident_mib = ours.recv()
    except EOFError:
        process.join()
        raise SystemExit(f"{name} failed on {target.topic}") from None
    process.join()
    if handled.events != target.events:
        raise SystemExit(f"{name} handled {handled.events} of {target.events} events")
    return Measured(
        name,
        target.topic,
        handled.events,
        handled.seconds,
        handled.with_start,
        handled.cpu_seconds,
        resident_mib,
        number,
        os.getloadavg()[0],
    )


def _run(candidate: Candidate, target: Target, answer: Connection) -> None:
    handled = candidate(target)
    # A peer is a child of this process, and then the larger of the two.
    both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peaks = [resource.getrusage(who).ru_maxrss for who in both]
    answer.send((handled, max(peaks) / 1024))


def peer(script: str, target: Target) -> Handled:
    """Run a peer's script in the peers' environment."""
    command = [
        peers_python(),
        "-W",
        "ignore",
        str(HERE / script),
        target.broker,
        target.topic,
        str(target.events),
    ]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=600)
    return Handled(**json.loads(done.stdout.strip().splitlines()[-1]))


# Name -> how to run it. Names without an environment of their own run in this one.
CANDIDATES: dict[str, Candidate] = {
    "toll": toll,
    "quix streams": partial(peer, "peer_quix.py"),
    "bytewax": partial(peer, "peer_bytewax.py"),
    "toll, plain": partial(toll, keys="plain"),
    "toll, python": partial(toll, client="kafka-python"),
    LIMIT: without_log,
}


def prepare(broker: str) -> None:
    """Build the peers' environment, once, and fill the topics, once."""
    wanted = (HERE / "peers.txt").read_text()
    stamp = PEERS / "installed.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(PEERS / "venv", with_pip=True, clear=True)
        pip = [peers_python(), "-m", "pip", "install", "--quiet", "-r", str(HERE / "peers.txt")]
        subprocess.run(pip, check=True)
        stamp.write_text(wanted)
    subprocess.run([peers_python(), str(HERE / "workload.py"), broker], check=True)


def compare(broker: str, rounds: int, names: Sequence[str]) -> list[Measured]:
    """All candidates on both topics, `rounds` times, in turn."""
    results = []
    for number in range(rounds):
        for topic in (workload.SINGLE, workload.PACKED):
            for name in names:
                result = measure(name, CANDIDATES[name], Target(broker, topic), number + 1)
                print(f"round {number + 1}: {name:14} {topic:26} {result.rate:10,.0f} events/s")
                results.append(result)
    return results


def table(results: Sequence[Measured]) -> str:
    """Medians per candidate and topic, and the medians over rounds of the ratios to others.

    A ratio compares runs of one round, which shared whatever else the machine was doing.
    """
    against = [name for name in ("quix streams", "bytewax", LIMIT) if _any(results, name)]
    head = f"{'':14} {'per record':>10} {'events/s':>10} {'spread':>17} {'CPU us':>6} {'MiB':>6}"
    lines = [head + "".join(f" {'/ ' + name:>16}" for name in against)]
    for topic, per_record in ((workload.SINGLE, 1), (workload.PACKED, workload.PER_RECORD)):
        on_topic = [r for r in results if r.topic == topic]
        for name in dict.fromkeys(r.name for r in on_topic):
            runs = [r for r in on_topic if r.name == name]
            rates = [r.rate for r in runs]
            spread = f"{min(rates):,.0f}-{max(rates):,.0f}"
            cpu = statistics.median(1e6 * r.cpu_seconds / r.events for r in runs)
            lines.append(
                f"{name:14} {per_record:10} {statistics.median(rates):10,.0f} {spread:>17} "
                f"{cpu:6.1f} {max(r.resident_mib for r in runs):6.0f}"
                + "".join(f" {_said(ratio(on_topic, name, other)):>16}" for other in against)
            )
    return "\n".join(lines)


def ratio(results: Sequence[Measured], name: str, other: str) -> float | None:
    """The median over rounds of one's rate to another's in the same round."""
    ratios = [
        mine.rate / theirs.rate
        for mine in results
        for theirs in results
        if (mine.name, theirs.name) == (name, other)
        and (mine.round, mine.topic) == (theirs.round, theirs.topic)
    ]
    return statistics.median(ratios) if ratios else None


def _said(found: float | None) -> str:
    return "-" if found is None else f"{found:.2f}"


def _any(results: Sequence[Measured], name: str) -> bool:
    return any(r.name == name for r in results)


def write(results: Sequence[Measured], path: Path) -> None:
    """All runs, with where and when, as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    runs = [asdict(r) | {"events_per_s": round(r.rate, 1)} for r in results]
    about = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": multiprocessing.cpu_count(),
        "peers": (HERE / "peers.txt").read_text().splitlines()[1:],
    }
    path.write_text(json.dumps(about | {"runs": runs}, indent=2) + "\n")


def peers_python() -> str:
    """The interpreter of the peers' environment."""
    return str(PEERS / "venv" / "bin" / "python")


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("broker", help="host:port of Kafka")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(CANDIDATES), default=list(CANDIDATES))
    options = parser.parse_args(arguments)
    prepare(options.broker)
    results = compare(options.broker, options.rounds, options.only)
    print(table(results))
    write(results, RESULT)
    print(f"written to {RESULT.relative_to(BUILD.parent)}")


if __name__ == "__main__":
    main(sys.argv[1:])
