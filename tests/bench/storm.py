"""A storm of alerts against a running Toll: `python -m tests.bench.storm URL [MINUTES]`.

Posts 5,000 alerts a minute as Prometheus does, 64 at a time, about everything that the node
`host-a` of the example shop carries, and looks at pages meanwhile. All of it is one incident.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

A_MINUTE, BATCH = 5000, 64
PAGES = ("/", "/v1/incidents", "/v1/processes", "/health/ready")
CARRIED = ({"service": "storefront"}, {"job": "shop-app"}, {"service": "payment"})
SEVERITIES = ("critical", "major", "minor")


def alerts(numbers: range, rng: random.Random) -> list[dict[str, Any]]:
    """Alerts that begin now, each a thing of its own."""
    now = datetime.now(UTC)
    lives = {"startsAt": now.isoformat(), "endsAt": (now + timedelta(minutes=4)).isoformat()}
    return [
        {
            "labels": {
                "alertname": f"Alert{number}",
                "severity": rng.choice(SEVERITIES),
                **rng.choice(CARRIED),
            },
            "annotations": {"summary": "one of very many"},
            **lives,
        }
        for number in numbers
    ]


def post(http: httpx2.Client, said: list[dict[str, Any]]) -> float:
    """Seconds that it took."""
    begun = time.perf_counter()
    http.post("/api/v2/alerts", json=said).raise_for_status()
    return time.perf_counter() - begun


def storm(url: str, minutes: float) -> int:
    """Post, and print how long each post took; gives how many alerts there were."""
    rng, sent, took = random.Random(1), 0, list[float]()
    begun = time.perf_counter()
    with httpx2.Client(base_url=url, timeout=60) as http:
        cause = alerts(range(1), rng)[0] | {"labels": {"alertname": "Down", "node": "host-a"}}
        post(http, [cause])
        while (elapsed := time.perf_counter() - begun) < minutes * 60:
            due = int(elapsed * A_MINUTE / 60)
            while sent < due:
                numbers = range(sent, min(sent + BATCH, due))
                took.append(post(http, alerts(numbers, rng)))
                sent = numbers.stop
            time.sleep(0.05)
    print(f"{sent:,} alerts in {time.perf_counter() - begun:.0f} s; {_quantiles('a post', took)}")
    return sent


def look(url: str, over: threading.Event, took: dict[str, list[float]]) -> None:
    """Ask for each page about once a second."""
    with httpx2.Client(base_url=url, timeout=60) as http:
        while not over.wait(1):
            for page in PAGES:
                begun = time.perf_counter()
                http.get(page).raise_for_status()
                took[page].append(time.perf_counter() - begun)


def main() -> None:
    """Print how long posts and pages took, and what incidents there are."""
    url, minutes = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 3.0
    over, took = threading.Event(), defaultdict[str, list[float]](list)
    looking = threading.Thread(target=look, args=(url, over, took))
    looking.start()
    try:
        storm(url, minutes)
        time.sleep(15)  # one more tick
    finally:
        over.set()
        looking.join()
    for page, times in took.items():
        print(_quantiles(page, times))
    for incident in httpx2.get(f"{url}/v1/incidents", params={"state": "open"}, timeout=60).json():
        print(f"{incident['id']}  {incident['title']}: {incident['signals']:,} signals")


def _quantiles(name: str, times: list[float]) -> str:
    ordered = sorted(times)
    shares = [
        1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)] for share in (0.5, 0.95)
    ]
    return f"{name}: half within {shares[0]:.0f} ms, 95 % within {shares[1]:.0f} ms"


if __name__ == "__main__":
    main()
