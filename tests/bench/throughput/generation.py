"""How fast the simulator makes events and worlds: `python -m tests.bench.throughput.generation`."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from api.demo import Shop, seeded_runs

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
RUNS = 200


def main() -> None:
    began = time.perf_counter()
    shop = Shop(7, START)
    sizes = [(chunk.count(b"\n"), len(chunk)) for chunk in shop.history()]
    took = time.perf_counter() - began
    events, size = (sum(column) for column in zip(*sizes, strict=True))
    print(f"history of 8 weeks   {events:10,} events {events / took:10,.0f} events/s {took:6.1f} s")
    print(f"                     {size / events:10.0f} bytes an event")
    slowest = 0.0
    for minute in range(0, 26 * 60, 5):
        began = time.perf_counter()
        low = START + timedelta(minutes=minute)
        shop.live(low, low + timedelta(minutes=5))
        slowest = max(slowest, time.perf_counter() - began)
    print(f"five live minutes    {slowest * 1000:10.0f} ms at worst (the first of a new day)")
    began = time.perf_counter()
    truths = shop.truth.at(START + timedelta(hours=26))
    took = time.perf_counter() - began
    print(f"truth                {took / len(truths) * 1000:10.0f} ms an incident, the first time")
    began = time.perf_counter()
    placebos = sum(run.placebo for run in seeded_runs(RUNS, 1))
    took = time.perf_counter() - began
    print(f"calibration          {RUNS:10} worlds ({placebos} placebos) {took:6.1f} s")


if __name__ == "__main__":
    main()
