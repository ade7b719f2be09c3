"""How fast the simulator makes events and worlds: `python -m tests.bench.throughput.generation`.

Times are of the processor, since nothing here waits; a busy machine takes longer by the clock.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import process_time

from api.demo import Shop, seeded_runs

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
RUNS = 200


def main() -> None:
    began = process_time()
    shop = Shop(7, START)
    sizes = [(chunk.count(b"\n"), len(chunk)) for chunk in shop.history()]
    took = process_time() - began
    events, size = (sum(column) for column in zip(*sizes, strict=True))
    print(f"history of 8 weeks {events:10,} events {took:6.1f} s {events / took:10,.0f} events/s")
    print(f"                   {size / events:10.0f} bytes an event")
    slowest = 0.0
    for minute in range(0, 26 * 60, 5):
        began = process_time()
        low = START + timedelta(minutes=minute)
        shop.live(low, low + timedelta(minutes=5))
        slowest = max(slowest, process_time() - began)
    print(f"five live minutes  {slowest * 1000:10.0f} ms at worst (the first of a new day)")
    began = process_time()
    truths = shop.truth.at(START + timedelta(hours=26))
    took = process_time() - began
    print(f"truth              {took / len(truths) * 1000:10.0f} ms an incident, the first time")
    began = process_time()
    placebos = sum(run.placebo for run in seeded_runs(RUNS, 1))
    took = process_time() - began
    print(f"calibration        {RUNS:10} worlds ({placebos} placebos) {took:6.1f} s")


if __name__ == "__main__":
    main()
