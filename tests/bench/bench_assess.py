"""How long baselines take to build and a tick to price: `python -m tests.bench.bench_assess`.

500 measures with 13 weeks of minutes each; 50 open incidents that reach ten measures each.
"""

from __future__ import annotations

import time
from datetime import timedelta

import numpy as np

from enrich.model import Measure, Value
from impact.assess import Tick
from impact.baselines import Baselines
from impact.effect import red_intervals
from tests.impact.arrays import ArrayReader, at, business_map, daily, incident

DAYS, MEASURES, INCIDENTS, EACH = 91, 500, 50, 10


def main() -> None:
    rng = np.random.default_rng(0)
    usual = daily(DAYS, 10.0)
    kinds = [rng.poisson(usual).astype(float) for _ in range(8)]
    streams = {(f"s{n}", "ok"): (at(), kinds[n % 8]) for n in range(MEASURES)}
    amounts = {f"s{n}": {"EUR": 40.0} for n in range(MEASURES)}
    measures = [
        Measure(f"p{n // EACH}", f"m{n}", "flow", f"s{n}", value=Value("amount"))
        for n in range(MEASURES)
    ]
    now = at(days=DAYS - 1, hours=12)
    reader = ArrayReader(streams, amounts, now=now)
    where = business_map(*measures)
    baselines = Baselines(where, reader)
    incidents = [
        incident(f"i{n}", now - timedelta(minutes=20 + n), None, {f"p{n}": 1.0})
        for n in range(INCIDENTS)
    ]
    begun = time.process_time()
    tick = Tick(where, reader, baselines, incidents, now=now)
    print(f"build {MEASURES} baselines: {time.process_time() - begun:.2f} s")
    for minutes in (0, 1, 5, 6):
        moment = now + timedelta(minutes=minutes)
        reader.now = moment
        begun = time.process_time()
        tick = Tick(where, reader, baselines, incidents, now=moment)
        opened = time.process_time() - begun
        found = sum(len(tick.assess(i).impacts) for i in incidents)
        total = time.process_time() - begun
        print(
            f"tick at +{minutes} min: {opened:.2f} s to read, {total:.2f} s in all, {found} impacts"
        )
    mark = tick.marks["s0"]
    watched = [baselines.watched(m, now - timedelta(days=1), now, mark) for m in measures]
    begun = time.process_time()
    red = sum(bool(red_intervals(w)) for w in watched if w is not None)
    print(f"red test of {MEASURES} days: {time.process_time() - begun:.2f} s ({red} red)")


if __name__ == "__main__":
    main()
