"""How long the perception gap of 13 weeks takes: `python -m tests.bench.bench_perception`.

An embedded store with 13 weeks of minutes of four streams, and 300 incidents of three to five
signals with two estimates each, on the example shop's map.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from api.ask.outlook import MeasureView, Outlook, View
from api.ask.perceiving import perceived
from api.run.wiring import Parts
from api.setup.mapfiles import read_map
from enrich.incident import Episode, Incident, Reached
from impact.model import Range
from store.incidents import IncidentVersion
from store.store import Store, open_store
from tests.api.app import SHOP, priced
from tests.store.rows import event, table, touched

WEEKS, INCIDENTS = 13, 300
STREAMS = ("payments", "carts", "orders", "calls")
NODES = ("stripe", "payments-app", "storefront", "payment")


def main() -> None:
    """Fill a store and ask; every answer is worked out anew."""
    with tempfile.TemporaryDirectory() as folder, _store(Path(folder)) as store:
        now = datetime.now(UTC).replace(second=0, microsecond=0)
        _minutes(store, now)
        loaded = read_map(SHOP)
        nodes = [n for n in NODES if n in loaded.map.nodes]
        _incidents(store, now, nodes)
        parts = cast(Parts, SimpleNamespace(map=loaded, store=store))
        outlook = _outlook(loaded.map.measures(), now)
        for weeks in (1, 13, 52):
            took = []
            for _ in range(5):
                begun = time.perf_counter()
                found = perceived(parts, outlook, now - timedelta(weeks=weeks), now)
                took.append(time.perf_counter() - begun)
            red = found.processes[0].minutes
            print(
                f"perception of {weeks} weeks: {1000 * np.median(took):.0f} ms"
                f" (both red {red['both_red']}, tools alone {red['only_tools_red']} minutes)"
            )


@contextmanager
def _store(folder: Path) -> Iterator[Store]:
    store = open_store(None, folder)
    try:
        yield store
    finally:
        store.close()


def _minutes(store: Store, now: datetime) -> None:
    for week in range(WEEKS):
        for stream in STREAMS:
            first = now - timedelta(weeks=week + 1)
            times = [first + timedelta(minutes=m) for m in range(7 * 1440)]
            more: dict[str, Any] = {"stream": stream, "count": 20, "amount": "800.00"}
            rows = [event(f"{stream}{at}", at, **more) for at in times]
            store.insert_events(table(rows))
            store.recompute(touched(rows))


def _incidents(store: Store, now: datetime, nodes: list[str]) -> None:
    rng = np.random.default_rng(1)
    versions, impacts = [], []
    for n in range(INCIDENTS):
        start = now - timedelta(minutes=float(rng.uniform(600, WEEKS * 10080 - 60)))
        episodes = tuple(
            Episode(
                f"{n}-{i}", "bench", f"f{i}", "alert", "critical", {}, "",
                start + timedelta(minutes=2 * i), start + timedelta(minutes=20 + 3 * i),
                nodes=(nodes[int(rng.integers(len(nodes)))],),
            )
            for i in range(int(rng.integers(3, 6)))
        )  # fmt: skip
        end = max(e.ended_at for e in episodes if e.ended_at)
        reached = (Reached("checkout", 1.0, (episodes[0].nodes[0], "checkout")),)
        name = f"bench-{n}"
        incident = Incident(
            name, "outage", "settled", name, start, end, episodes[0].nodes[0], "", episodes, reached
        )
        versions.append(IncidentVersion(incident, end, 1))
        red = {"ever_red": float(n % 3 > 0)}
        final = priced(name, end, state="final", effect=(start, end), inputs=red, red=False)
        impacts += [final, replace(final, measure="carts")]
    store.incidents.insert(versions)
    store.estimates.insert(impacts, 1)


def _outlook(measures: Any, now: datetime) -> Outlook:
    """The view that a running Toll keeps at hand."""
    week = (Range(900.0, 1200.0, 1500.0),) * 168
    since = now - timedelta(weeks=60)
    views = {m.id: MeasureView(m, since, now, True, "", None, None, week) for m in measures}
    return cast(Outlook, SimpleNamespace(view=lambda: View(now, "", views, {}, ())))


if __name__ == "__main__":
    main()
