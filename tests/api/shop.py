"""Five weeks of a small shop, as a producer of per-minute totals would send them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from tests.api.app import Toll, alert, ndjson

WEEKS = 5
USUAL = 20  # payments a minute


@dataclass(frozen=True)
class Shop:
    """A Toll that knows one incident of the payment provider, half of everything for 40 minutes."""

    toll: Toll
    incident: str
    began: datetime
    ended: datetime
    now: datetime


def five_weeks(toll: Toll, ago: timedelta = timedelta(0), **signal: Any) -> Shop:
    """The incident was this morning, or so long ago: after days its price is final.

    signal: what its signals say other than an alert does.
    """
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    began, ended = now - ago - timedelta(minutes=100), now - ago - timedelta(minutes=60)
    first = now - timedelta(weeks=WEEKS)
    counts = np.random.default_rng(7).poisson(USUAL, WEEKS * 7 * 1440)
    times = [first + timedelta(minutes=m) for m in range(len(counts))]
    events = [
        {
            "id": f"m{n}",
            "stream": "payments",
            "at": at.isoformat(),
            "count": int(count) // (2 if began <= at < ended else 1),
            "amount": f"{40 * int(count)}.00",
            "currency": "EUR",
        }
        for n, (at, count) in enumerate(zip(times, counts, strict=True))
    ]
    answer = toll.http.post("/v1/business", content=ndjson(events), params={"history": True})
    assert answer.status_code == 202, answer.text
    failed = {"id": "f1", "stream": "payments", "at": began.isoformat(), "status": "failed"}
    toll.post([{**failed, "id": f"f{n}", "key": f"cart-{n}"} for n in range(9)], history=True)
    signals = [alert(began, **signal), alert(began, ended, **signal)]
    assert toll.http.post("/v1/signals/generic", json=signals).status_code == 202
    toll.ingest()
    toll.assess(now)
    [incident] = toll.ask("/v1/incidents")
    return Shop(toll, incident["id"], began, ended, now)
