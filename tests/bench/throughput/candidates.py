"""What the benchmark gives to a candidate, and what it gets back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.throughput import workload


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
    cpu_seconds: float  # of its process, all threads, during `seconds`


Candidate = Callable[[Target], Handled]
