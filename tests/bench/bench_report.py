"""How long a weekly report takes over a year of data and 200 incidents.

    python -m tests.bench.bench_report

Two streams with a row every five minutes, incidents on random days, ten of them in the report's
week; all forms of a report that is not issued yet. The second line leaves out what a Toll that
runs has already learned.
"""

from __future__ import annotations

import tempfile
import time
from datetime import timedelta
from pathlib import Path

import numpy as np

from api.ask.outlook import Outlook
from api.report.issue import issue_report
from api.report.week import Week
from store.store import open_store
from tests.api.app import Toll, opened
from tests.api.report.facts import MONDAY, OVER, lost, outage, told

WEEK = Week(2026, 46)
INCIDENTS, IN_THE_WEEK, DAYS = 200, 10, 365
DAY, STEP = 1440, 5  # minutes


def main() -> None:
    """Fill a store, and take the time."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(None, Path(folder) / "data", retention=timedelta(days=2000))
        with opened(Path(folder), store, retention_days="2000") as toll:
            _fill(toll)
            for name, outlook in (("from nothing", None), ("in a Toll that runs", _warm(toll))):
                wall, cpu = time.perf_counter(), time.process_time()
                issue_report(toll.parts, WEEK.back(0 if outlook else 1), OVER, outlook)
                took = time.perf_counter() - wall, time.process_time() - cpu
                print(f"{name}: {took[0]:.2f} s, of which computing {took[1]:.2f} s")
        store.close()


def _warm(toll: Toll) -> Outlook:
    outlook = Outlook(toll.parts)
    outlook.refresh(OVER)
    outlook.view()
    return outlook


def _fill(toll: Toll) -> None:
    rng = np.random.default_rng(46)
    first = MONDAY + timedelta(days=7 - DAYS)
    for day in range(DAYS):
        counts = rng.poisson(100, DAY // STEP)
        events = [
            {
                "id": f"{stream}-{day}-{n}",
                "stream": stream,
                "at": (first + timedelta(days=day, minutes=n * STEP)).isoformat(),
                "count": max(1, int(count)),
                **({"amount": f"{40 * count}.00", "currency": "EUR"} if stream != "calls" else {}),
            }
            for stream in ("payments", "calls")
            for n, count in enumerate(counts)
        ]
        toll.post(events, history=True)
    toll.ingest()
    days = [*rng.integers(-DAYS + 14, 0, INCIDENTS - IN_THE_WEEK), *(n % 7 for n in range(10))]
    cases = []
    for number, day in enumerate(days):
        one = outage(f"i-{number:03}", int(day), minutes=int(rng.integers(5, 90)))
        calls = lost(one, 30, 10, each="6.50", process="support", measure="calls")
        cases.append((one, [lost(one, 100 + number, 50), calls]))
    told(toll, cases)


if __name__ == "__main__":
    main()
