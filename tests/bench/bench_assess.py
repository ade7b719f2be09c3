"""How long baselines take to build and a tick to price: `python -m tests.bench.bench_assess`.

500 measures with 13 weeks of minutes each; 50 open incidents that reach ten measures each; and the
lead times of a million open journeys, against each kind of promise.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from enrich.amounts import promise, working_hours
from enrich.model import BusinessMap, Measure, Value
from impact.assess import Tick
from impact.baselines import Baselines
from impact.cusum import red_intervals
from impact.lead_time import Window, delays
from impact.ports import Cohort, LateHistory
from impact.progress import BINS, PER_PROMISE
from impact.promise import clock_of
from impact.watermark import watermark
from tests.impact.arrays import NOWHERE, ArrayReader, at, business_map, daily, incident, stamp

DAYS, MEASURES, INCIDENTS, EACH = 91, 500, 50, 10
JOURNEYS, OFFICE = 1_000_000, "Mon-Fri 09:00-17:00"


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
    _build_and_update(reader, where, now)
    begun = time.process_time()
    tick = Tick(where, reader, baselines, incidents, now=now)
    print(f"build {MEASURES} baselines in a first tick: {time.process_time() - begun:.2f} s")
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
    _lead_times()


def _build_and_update(reader: ArrayReader, where: BusinessMap, now: datetime) -> None:
    """Baselines by themselves: all of them built, then with the minutes of the next half hour."""
    baselines = Baselines(where, reader)
    for label, minutes in (("built", 0), ("updated", 1), ("updated", 5), ("updated", 30)):
        reader.now = moment = now + timedelta(minutes=minutes)
        begun = time.process_time()
        marks = {name: watermark(s, moment) for name, s in reader.stream_states().items()}
        baselines.refresh(moment, marks, {})
        baselines.update(moment)
        took = time.process_time() - begun
        print(f"{MEASURES} baselines of 13 weeks {label} at +{minutes} min: {took:.2f} s")
    reader.now = now


def _lead_times() -> None:
    """A million open journeys, placed over five days."""
    start, end = at(days=70, hours=10), at(days=70, hours=12)
    spread = np.random.default_rng(1).integers(-5 * 86400, 7200, JOURNEYS)
    started = np.sort(stamp(start) + spread.astype("timedelta64[s]"))
    nothing = np.full(JOURNEYS, NOWHERE)
    units = Cohort(started, nothing, nothing, np.full(JOURNEYS, np.nan))
    hours = stamp(end).astype("datetime64[h]") - np.arange(13 * 168, 0, -1)
    each = np.full(len(hours), 500.0)
    ages = np.zeros((len(hours), BINS))
    ages[:, PER_PROMISE // 4 : PER_PROMISE] = 0.99 * 500.0 / (0.75 * PER_PROMISE)
    ages[:, -1] = 0.01 * 500.0
    past = LateHistory(hours.astype("datetime64[s]"), each, 0.01 * each, 0.05 * each, ages)
    where = replace(
        business_map(timezone="Europe/Berlin", holidays="DE"), working_hours=working_hours(OFFICE)
    )
    for text in ("24h", "2 days", "16 working hours"):
        length, counted = promise(text)
        orders = Measure("f", "o", "lead_time", "o", promise=length, promise_in=counted)
        begun = time.process_time()
        clock = clock_of(orders, where, start - timedelta(weeks=13), end)
        window = Window(start, end, at(days=71), length, clock)
        zone, rng = "Europe/Berlin", np.random.default_rng(0)
        found = delays(units, past, window, timezone=zone, rng=rng)
        took = time.process_time() - begun
        print(f"{JOURNEYS:,} open journeys, promise {text}: {took:.2f} s ({found.cohort:,} judged)")


if __name__ == "__main__":
    main()
