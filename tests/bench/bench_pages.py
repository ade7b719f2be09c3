"""How long pages take the server on a year of data: `python -m tests.bench.bench_pages`.

An embedded store with a year of minutes of ten measures and fifty incidents, three of which are
open, each with two measures and fifty estimates. Median and 95th percentile of each page, and of
what it asks for afterwards, with what of it was work of a core; the first of each stands apart.
Before, the same while the usual weeks are learned for the first time, and learned anew.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import numpy as np

from api.ask.outlook import Outlook
from api.assess.shared_baselines import SharedBaselines
from enrich.incident import Episode, Incident, Reached
from impact.baselines import REFRESH_EVERY
from store.incidents import IncidentVersion
from store.store import open_store
from tests.api.app import Toll, opened, payment, priced

PROCESSES, EACH, INCIDENTS, OPEN, ESTIMATES = 5, 2, 50, 3, 50
ROUNDS, PROMISED_MS = 40, 300
LATELY = timedelta(hours=2)

_YEAR = """
INSERT INTO minutes SELECT
    's{n}', toDateTime({until}, 'UTC') - toIntervalMinute(number + {skip}), 1,
    toDateTime64(toDateTime({until}, 'UTC') - toIntervalMinute(number + {skip}), 3, 'UTC'),
    ['ok'], ['EUR'], [map()], [20],
    [toUInt64(20 + 12 * sin(toHour(toDateTime({until}) - toIntervalMinute(number)) / 24 * 6.28)
        + rand() % 9)],
    [toDecimal128(800, 9)], [0], [0]
FROM numbers(525600)
"""


def main() -> None:
    """Fill a store and ask for every page."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        where = folder / "map.yaml"
        where.write_text(_map())
        store = open_store(None, folder / "store")
        with opened(folder, store, map=str(where)) as toll:
            now = datetime.now(UTC).replace(second=0, microsecond=0)
            _minutes(toll, now)
            _incidents(toll, now)
            _while_learning(toll)
            with _kept_fresh(toll.state.outlook()):
                for path in _paths(toll):
                    _measure(toll, path)
        store.close()


def _while_learning(toll: Toll) -> None:
    """Every page in turn, until all is learned; then as long again, while it is learned anew."""
    shared = SharedBaselines(toll.parts.map.map, toll.parts.store)
    toll.state._outlook = outlook = Outlook(toll.parts, shared)
    outlook._kept = True  # the threads below do what that one does
    now = datetime.now(UTC)
    for said, when in (("learned", now), ("learned anew", now + REFRESH_EVERY)):
        thread = Thread(target=outlook.refresh, args=(when,))
        begun, took = time.perf_counter(), dict[str, float]()
        thread.start()
        while thread.is_alive():
            for path in (p for p in _paths(toll) if "/figures/" not in p):  # those come after
                asked = time.perf_counter()
                answer = toll.http.get(path)
                if thread.is_alive():  # all of it fell into that time
                    took[path] = max(took.get(path, 0.0), 1000 * (time.perf_counter() - asked))
                    assert answer.status_code == 200, (path, answer.text)
        length, slowest = time.perf_counter() - begun, max(took, key=lambda path: took[path])
        print(f"while the usual weeks are {said} ({length:.0f} s): median of each page's slowest"
              f" {np.median(list(took.values())):.0f} ms, slowest {slowest}"
              f" {took[slowest]:.0f} ms")  # fmt: skip


@contextmanager
def _kept_fresh(outlook: Outlook) -> Iterator[None]:
    """A thread keeps the view fresh, as in a running Toll."""
    stop = Event()
    thread = Thread(target=outlook.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _map() -> str:
    lines = ["company: Bench", "currency: EUR", "timezone: Europe/Berlin", "processes:"]
    for p in range(PROCESSES):
        lines += [f"  p{p}:", f"    title: Process {p}", "    needs: [payment]", "    measures:"]
        for m in range(EACH):
            stream = f"s{p * EACH + m}"
            lines.append(f"      m{m}: {{kind: flow, stream: {stream}, ok: [ok], value: amount}}")
    lines += ["services:", "  payment: {needs: [stripe]}", "providers:", "  stripe: {}"]
    return "\n".join(lines) + "\n"


def _minutes(toll: Toll, now: datetime) -> None:
    """A year of minutes as they would have been counted; the last of them come as events do."""
    skip = int(LATELY.total_seconds() // 60) + 1
    for n in range(PROCESSES * EACH):
        until = int(now.timestamp())
        toll.parts.store.database.execute(_YEAR.format(n=n, until=until, skip=skip))
        ago = (now - timedelta(minutes=m) for m in range(skip, 0, -1))
        toll.post([payment(m, at, stream=f"s{n}", count=20) for m, at in enumerate(ago)])
    toll.ingest()


def _incidents(toll: Toll, now: datetime) -> None:
    rng = np.random.default_rng(1)
    versions, impacts = [], []
    for n in range(INCIDENTS):
        still = n < OPEN
        ago = 30.0 + 5 * n if still else float(rng.uniform(2000, 360 * 1440))
        start = now - timedelta(minutes=ago)
        end = None if still else start + timedelta(minutes=45)
        episodes = tuple(
            Episode(f"{n}-{i}", "bench", f"f{i}", "alert", "critical", {}, "errors", start, end,
                    nodes=("stripe",))
            for i in range(3)
        )  # fmt: skip
        process = f"p{n % PROCESSES}"
        incident = Incident(
            f"bench-{n}", "outage", "open" if still else "settled", f"Stripe: errors {n}", start,
            end, "stripe", "Stripe -> Payment", episodes,
            (Reached(process, 1.0, ("stripe", process)),),
        )  # fmt: skip
        versions.append(IncidentVersion(incident, start + timedelta(minutes=1), 1))
        for k in range(ESTIMATES):
            as_of = start + timedelta(seconds=20 * k + 120)
            last = not still and k == ESTIMATES - 1
            impacts += [
                priced(f"bench-{n}", as_of, process=process, measure=f"m{m}",
                       effect=(start, end if last else None), state="final" if last else "live")
                for m in range(EACH)
            ]  # fmt: skip
    toll.parts.store.incidents.insert(versions)
    toll.parts.store.estimates.insert(impacts, 1)


def _paths(toll: Toll) -> Iterator[str]:
    shown = f"/incidents/bench-{OPEN + 1}"
    yield from ("/", "/incidents", "/incidents/bench-0", shown)
    yield f"{shown}/figures/p{(OPEN + 1) % PROCESSES}/m0.svg"
    yield f"{shown}/figures/p{(OPEN + 1) % PROCESSES}/m0.json"
    yield from ("/processes", "/processes/p0", "/map", "/perception", "/coverage", "/trust")
    yield from ("/providers", "/portfolio", "/what-if?node=stripe", "/dead-letters", "/reports")


def _measure(toll: Toll, path: str) -> None:
    took, worked = [], []
    for _ in range(ROUNDS + 1):
        begun, before = time.perf_counter(), time.process_time()
        answer = toll.http.get(path)
        took.append(1000 * (time.perf_counter() - begun))
        worked.append(1000 * (time.process_time() - before))
        if answer.status_code != 200:
            print(f"{path}: HTTP {answer.status_code} {answer.text[:200]}")
            return
    median, most = np.quantile(took[1:], [0.5, 0.95])
    slow = "" if most <= PROMISED_MS else "  more than promised"
    size = len(answer.content) // 1024
    print(f"{path:32} median {median:4.0f} ms, 95 % {most:4.0f} ms, first {took[0]:5.0f} ms;"
          f" {np.median(worked[1:]):4.0f} ms of a core; {size} KiB{slow}")  # fmt: skip


if __name__ == "__main__":
    main()
