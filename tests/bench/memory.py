"""Resident memory of Toll at full speed, over three million events of one Kafka topic.

    python -m tests.bench.memory BROKER

The same run as in the throughput benchmark, five times as long, sampled ten times a second. Flat
means: no more in the last third than in the middle one, but for what the store's merges take.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.bench.throughput import workload
from tests.bench.throughput.candidates import Handled, Target
from tests.bench.throughput.measure import HERE, measure, peers_python
from tests.bench.throughput.toll import toll

SAMPLE_S = 0.1


@dataclass(frozen=True)
class Resident:
    """MiB over the run, as medians of its thirds, and the peak; and how fast it went."""

    thirds: tuple[float, float, float]
    peak: float
    events: int
    per_second: float


class Sampled:
    """A candidate that prints what its process holds while it runs: `Target -> Handled`."""

    def __init__(self, output: Path) -> None:
        self._output = output

    def __call__(self, target: Target) -> Handled:
        """Run Toll, and write a sample a line."""
        done = threading.Event()
        with self._output.open("w") as output:

            def sample() -> None:
                while not done.wait(SAMPLE_S):
                    print(resident_mib(), file=output, flush=True)

            thread = threading.Thread(target=sample)
            thread.start()
            try:
                return toll(target)
            finally:
                done.set()
                thread.join()


def resident_mib() -> float:
    """What this process holds now."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise OSError("/proc/self/status says nothing of VmRSS")


def prepare(broker: str) -> None:
    """Fill the long topic, once."""
    subprocess.run([peers_python(), str(HERE / "workload.py"), broker, "--long"], check=True)


def run(broker: str, build: Path) -> Resident:
    """Measure once; `build` keeps the samples."""
    prepare(broker)
    samples = build / "memory.txt"
    target = Target(broker, workload.LONG, 2 * workload.LONG_DISTINCT, workload.LONG_DISTINCT)
    measured = measure("toll", Sampled(samples), target)
    found = np.array([float(line) for line in samples.read_text().split()])
    middle = [float(np.median(part)) for part in np.array_split(found, 3)]
    return Resident(
        (middle[0], middle[1], middle[2]), float(found.max()), measured.events, measured.rate
    )


def table(found: Resident) -> str:
    """One line."""
    thirds = ", ".join(f"{mib:,.0f}" for mib in found.thirds)
    return (
        f"resident over {found.events:,} events at {found.per_second:,.0f} events/s: "
        f"{thirds} MiB (medians of its thirds), peak {found.peak:,.0f} MiB"
    )


def main(arguments: Sequence[str]) -> None:
    build = HERE.parents[2] / "build"
    build.mkdir(exist_ok=True)
    print(table(run(arguments[0], build)))


if __name__ == "__main__":
    main(sys.argv[1:])
