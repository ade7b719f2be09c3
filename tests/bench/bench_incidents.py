"""Replays 100,000 signals into incidents: `python -m tests.bench.bench_incidents`.

Ninety days on a map of 420 nodes: outages whose symptoms cascade upwards, flapping alerts,
background noise, repeats, and one storm of 5,000 signals a minute on 60 nodes.
"""

from __future__ import annotations

import random
import resource
import time
from itertools import pairwise

from enrich.correlate import correlate
from enrich.episodes import DEFAULT_EXPIRIES, episodes
from enrich.graph import Graph
from enrich.model import BusinessMap
from enrich.resolve import Resolver
from ingest.events import Severity, Signal
from tests.enrich.signals import at, shop, signal

DAYS, SIGNALS, STORM = 90, 100_000, 20_000
SEVERITIES: tuple[Severity, ...] = ("critical", "major", "minor")


def layered_map() -> BusinessMap:
    """20 processes over 100 services, 200 applications and 100 pieces of infrastructure."""
    rng = random.Random(1)
    layers = [("p{}", 20), ("s{}", 100), ("a{}", 200), ("i{}", 100), ("", 0)]
    needs: dict[str, list[str]] = {}
    for (name, size), (below, below_size) in pairwise(layers):
        for i in range(size):
            some = rng.sample(range(below_size), 3) if below_size else []
            needs[name.format(i)] = [below.format(j) for j in some]
    return shop(needs, processes=[f"p{i}" for i in range(20)])


def signals(business_map: BusinessMap) -> list[Signal]:
    """`SIGNALS` signals in a random order of arrival."""
    rng = random.Random(2)
    graph = Graph(business_map)
    nodes = list(business_map.nodes)
    said: list[Signal] = []

    def fire(node: str, start: float, length: float, alert: str = "Down") -> None:
        severity = rng.choice(SEVERITIES)
        end = start + length
        said.append(signal(node, start, alert=alert, severity=severity))
        said.append(signal(node, start, end, alert=alert, severity=severity))

    hosts = rng.sample(nodes, 60)
    while len(said) < STORM:
        fire(rng.choice(hosts), rng.uniform(0, 4), rng.uniform(1, 20), f"Alert{rng.randrange(500)}")
    while len(said) < SIGNALS:
        cause, start = rng.choice(nodes), rng.uniform(60, DAYS * 1440)
        length = rng.expovariate(1 / 25) + 1
        for again in range(rng.choice((1, 1, 1, 12))):
            fire(cause, start + again * 10, min(length, 8))
        for node in graph.order(graph.above(cause) - set(business_map.processes)):
            if rng.random() < 0.3:
                fire(node, start + rng.uniform(0, 8), length)
    rng.shuffle(said)
    return said[:SIGNALS]


def main() -> None:
    """Print seconds and peak memory."""
    business_map = layered_map()
    said = signals(business_map)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    now = at((DAYS + 1) * 1440)
    started = time.perf_counter()
    together = episodes(said, Resolver(business_map), DEFAULT_EXPIRIES, now)
    between = time.perf_counter()
    found = correlate(together, Graph(business_map), now)
    ended = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{len(said)} signals, {len(together)} episodes, {len(found)} incidents")
    print(f"episodes {between - started:.2f} s, correlate {ended - between:.2f} s")
    print(f"peak memory {peak / 1024:.0f} MiB ({before / 1024:.0f} MiB before)")


if __name__ == "__main__":
    main()
