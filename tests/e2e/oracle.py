"""Events as tests send them, and what a plain dictionary makes of them."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import TypeAlias

from ingest.log import Message
from store.store import Store

BUSINESS, SIGNALS = "toll.business", "toll.signals"
STREAMS, STATUSES, CURRENCIES = ("payments", "orders"), ("ok", "failed"), ("EUR", "USD")
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
ALWAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))

TOTAL = "total"

Counts: TypeAlias = dict[tuple[str, str, str], int]  # stream, status, minute
Sums: TypeAlias = dict[tuple[str, str, str, str], str]  # the same and the currency; to the cent
Totals: TypeAlias = tuple[Counts, Sums]


@dataclass(frozen=True)
class Sent:
    """One event as it is sent."""

    id: str
    stream: str = "payments"
    at: datetime = NOON
    status: str = "ok"
    cents: int = 0
    currency: str = ""
    count: int = 1

    def message(self, topic: str = BUSINESS) -> Message:
        return Message(topic, self.line(), self.id.encode())

    def line(self) -> bytes:
        fields = {
            "id": self.id,
            "stream": self.stream,
            "at": self.at.isoformat(),
            "status": self.status,
            "count": self.count,
        }
        if self.currency:
            fields |= {"amount": str(Decimal(self.cents) / 100), "currency": self.currency}
        return json.dumps(fields).encode()


class Shop:
    """Makes events, repeats and corrections of earlier ones, by a seed."""

    def __init__(self, seed: int) -> None:
        self.sent: list[Sent] = []
        self._random = random.Random(seed)
        self._start = NOON

    def send(self, number: int) -> list[Sent]:
        """So many more: one in three says again, or corrects, what was said before.

        Most in a minute of their own: one that was not counted is not mended by the next.
        """
        self._start += timedelta(hours=1)
        new = [self._one(len(self.sent) + n) for n in range(number)]
        self.sent += new
        return new

    def _one(self, number: int) -> Sent:
        rng = self._random
        kind = rng.random() if self.sent else 1.0
        if kind < 0.17:
            return rng.choice(self.sent)
        fresh = Sent(
            f"e{number}",
            rng.choice(STREAMS),
            self._start + timedelta(seconds=rng.randrange(3600)),
            rng.choice(STATUSES),
            rng.randrange(1, 10**6),
            rng.choice((*CURRENCIES, "")),
            rng.choice((1, 1, 1, 7)),
        )
        if kind < 0.34:
            old = rng.choice(self.sent)
            return replace(fresh, id=old.id, stream=old.stream, at=old.at)
        return fresh


def expected(sent: Iterable[Sent]) -> Totals:
    """What Toll has to say: of each identity, the last one sent counts, once."""
    last = {(event.stream, event.id, event.at): event for event in sent}
    counts: dict[tuple[str, str, str], int] = defaultdict(int)
    cents: dict[tuple[str, str, str, str], int] = defaultdict(int)
    for event in last.values():
        place = (event.stream, event.status, event.at.strftime("%d %H:%M"))
        counts[place] += event.count
        if event.currency and event.cents:
            cents[*place, event.currency] += event.cents
            cents[event.stream, event.status, TOTAL, event.currency] += event.cents
    return dict(counts), {place: f"{Decimal(sum) / 100:.2f}" for place, sum in cents.items()}


def found(store: Store, streams: Sequence[str] = STREAMS) -> Totals:
    """What the store says."""
    counts: Counts = {}
    sums: Sums = {}
    for stream, status in product(streams, STATUSES):
        volumes = store.volumes(stream, [status], *ALWAYS)
        minutes = [f"{time:%d %H:%M}" for time in volumes.times.tolist()]
        counts |= {
            (stream, status, minute): int(count)
            for minute, count in zip(minutes, volumes.count.tolist(), strict=True)
        }
        for currency, amounts in volumes.amounts.items():
            sums |= {
                (stream, status, minute, currency): f"{amount:.2f}"
                for minute, amount in zip(minutes, amounts.tolist(), strict=True)
                if amount
            }
        money = store.money(stream, [status], *ALWAYS)  # exact, all minutes together
        sums |= {(stream, status, TOTAL, currency): f"{sum:.2f}" for currency, sum in money.items()}
    return counts, sums
