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
import platform
import resource
import statistics
import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from tests.bench.throughput import workload

HERE = Path(__file__).parent
BUILD = HERE.parents[2] / "build"
PEERS = BUILD / "peers"
RESULT = BUILD / "throughput.json"


@dataclass(frozen=True)
class Target:
    """What is to be read: a topic that holds `events` events, `distinct` of them different."""

    broker: str
    topic: str
    events: int = workload.EVENTS
    distinct: int = workload.DISTINCT


@dataclass(frozen=True)
class Handled:
    """What a candidate says it did: seconds from its first event in hand to its last one done."""

    events: int
    seconds: float
    with_start: float  # seconds with connecting and joining the group


@dataclass(frozen=True)
class Measured:
    """One run of one candidate; memory is the peak resident set of its process, in MiB."""

    name: str
    topic: str
    events: int
    seconds: float
    with_start: float
    resident_mib: float
    round: int

    @property
    def rate(self) -> float:
        """Events per second."""
        return self.events / self.seconds


Candidate = Callable[[Target], Handled]


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
        resident_mib,
        number,
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
        _peers_python(),
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
    "quix streams": partial(peer, "peer_quix.py"),
    "bytewax": partial(peer, "peer_bytewax.py"),
}


def prepare(broker: str) -> None:
    """Build the peers' environment, once, and fill the topics, once."""
    wanted = (HERE / "peers.txt").read_text()
    stamp = PEERS / "installed.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(PEERS / "venv", with_pip=True, clear=True)
        pip = [_peers_python(), "-m", "pip", "install", "--quiet", "-r", str(HERE / "peers.txt")]
        subprocess.run(pip, check=True)
        stamp.write_text(wanted)
    subprocess.run([_peers_python(), str(HERE / "workload.py"), broker], check=True)


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
    """Medians per candidate and topic, and the median over rounds of the ratio to the fastest peer.

    A ratio compares runs of one round, which shared whatever else the machine was doing.
    """
    head = f"{'':14} {'events per record':>18} {'events/s':>10} {'spread':>17} {'ratio':>6}"
    lines = [f"{head} {'with start':>10} {'MiB':>6}"]
    for topic, per_record in ((workload.SINGLE, 1), (workload.PACKED, workload.PER_RECORD)):
        on_topic = [r for r in results if r.topic == topic]
        for name in dict.fromkeys(r.name for r in on_topic):
            runs = [r for r in on_topic if r.name == name]
            rates = [r.rate for r in runs]
            spread = f"{min(rates):,.0f}-{max(rates):,.0f}"
            started = statistics.median(r.events / r.with_start for r in runs)
            lines.append(
                f"{name:14} {per_record:18} {statistics.median(rates):10,.0f} {spread:>17} "
                f"{_ratio(runs, on_topic):>6} {started:10,.0f} "
                f"{max(r.resident_mib for r in runs):6.0f}"
            )
    return "\n".join(lines)


def _ratio(runs: Sequence[Measured], on_topic: Sequence[Measured]) -> str:
    ratios = []
    for run in runs:
        peers = [r.rate for r in on_topic if r.round == run.round and _is_peer(r.name)]
        if peers:
            ratios.append(run.rate / max(peers))
    return f"{statistics.median(ratios):.2f}" if ratios else "-"


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


def _is_peer(name: str) -> bool:
    candidate = CANDIDATES[name]
    return isinstance(candidate, partial) and candidate.func is peer


def _peers_python() -> str:
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
