"""All of `make bench`: a Kafka broker of its own, throughput, memory, latency, the tick.

    python -m tests.bench [PART ...] [--rounds 3] [--names NAME ...] [--seconds 30]

Parts: throughput, memory, latency, tick; without any, all of them, in about ten minutes on two free
cores. Prints tables and writes build/bench.json. The broker's data stay in build/bench-kafka, so
that the topics need not be filled again.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.bench import bench_assess, latency, memory
from tests.bench.throughput import measure, workload
from tests.kafka_broker import START, KafkaBroker

BUILD = Path(__file__).parents[2] / "build"
RESULT = BUILD / "bench.json"
PARTS = ("throughput", "memory", "latency", "tick")


def main() -> None:
    options = _options()
    BUILD.mkdir(exist_ok=True)
    found: dict[str, Any] = {"load_before": os.getloadavg()}
    parts: dict[str, Callable[[], Any]] = {"latency": lambda: _latency(options.seconds)}
    if {"throughput", "memory"} & set(options.parts):
        broker = _broker()
        try:
            parts["throughput"] = lambda: _throughput(broker.bootstrap, options)
            parts["memory"] = lambda: _memory(broker.bootstrap)
            found |= _run(parts, [p for p in options.parts if p in ("throughput", "memory")])
        finally:
            broker.stop()
    parts["tick"] = _tick
    found |= _run(parts, [p for p in options.parts if p in ("latency", "tick")])
    RESULT.write_text(json.dumps(found | {"load_after": os.getloadavg()}, indent=2) + "\n")
    print(f"\nwritten to {RESULT.relative_to(BUILD.parent)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=3, help="of the throughput benchmark")
    parser.add_argument("--names", nargs="+", choices=list(measure.CANDIDATES), help="who runs")
    parser.add_argument("--seconds", type=float, default=30, help="of the latency benchmark")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    options.parts = options.parts or list(PARTS)
    options.names = options.names or list(measure.CANDIDATES)
    return options


def _run(parts: dict[str, Callable[[], Any]], chosen: list[str]) -> dict[str, Any]:
    found = {}
    for name in chosen:
        print(f"\n== {name} (load average {os.getloadavg()[0]:.1f})", flush=True)
        began = time.monotonic()
        found[name] = parts[name]()
        print(f"   {name} took {time.monotonic() - began:.0f} s", flush=True)
    return found


def _broker() -> KafkaBroker:
    if shutil.which("java") is None:
        raise SystemExit("make bench needs Java 17 for its Kafka broker, or PARTS without it")
    subprocess.run([START, "--fetch"], check=True)
    folder = BUILD / "bench-kafka"
    folder.mkdir(exist_ok=True)
    broker = KafkaBroker(folder)
    broker.start()
    return broker


def _throughput(bootstrap: str, options: argparse.Namespace) -> Any:
    print("preparing the peers and the topics (the first time, some minutes)", flush=True)
    measure.prepare(bootstrap)
    results = measure.compare(bootstrap, options.rounds, options.names)
    print(measure.table(results))
    measure.write(results, measure.RESULT)
    return [asdict(result) for result in results]


def _memory(bootstrap: str) -> Any:
    print(f"filling and reading {2 * workload.LONG_DISTINCT:,} events", flush=True)
    found = memory.run(bootstrap, BUILD)
    print(memory.table(found))
    return asdict(found)


def _latency(seconds: float) -> Any:
    found = latency.measure(seconds)
    print(latency.table(found))
    return asdict(found)


def _tick() -> Any:
    """In a process of its own, so that nothing else is in its memory."""
    subprocess.run([sys.executable, "-m", bench_assess.__name__], check=True)
    return None


if __name__ == "__main__":
    main()
