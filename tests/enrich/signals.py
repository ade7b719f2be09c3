"""Signals, episodes and a small map for tests: times are minutes after one noon."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from enrich.correlate import correlate
from enrich.episodes import DEFAULT_EXPIRIES, episodes
from enrich.graph import Graph
from enrich.incident import Episode, Incident
from enrich.model import BusinessMap, Hard, Layer, Need, Node, Process, needed
from enrich.resolve import Resolver
from ingest.events import Severity, Signal, SignalKind, SignalStatus

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def at(minute: float) -> datetime:
    return NOON + timedelta(minutes=minute)


def signal(
    node: str = "",
    minute: float = 0,
    end: float | None = None,
    *,
    alert: str = "Down",
    status: SignalStatus | None = None,
    severity: Severity = "critical",
    kind: SignalKind = "alert",
    source: str = "alertmanager",
    labels: Mapping[str, str] | None = None,
    heard: float | None = None,
    availability: float | None = None,
    summary: str = "",
) -> Signal:
    """`alert` fires on `node` from `minute`; with `end` it is the resolved that says so."""
    told = status or ("firing" if end is None else "resolved")
    named = {"alertname": alert, "node": node} if node else {"alertname": alert}
    return Signal(
        id=f"{alert}@{node}/{minute}/{told}",
        source=source,
        kind=kind,
        status=told,
        severity=severity,
        labels={**named, **(labels or {})},
        summary=summary or f"{alert} on {node}",
        fingerprint=f"{alert}@{node}",
        started_at=at(minute),
        ended_at=None if end is None else at(end),
        availability=availability,
        received_at=None if heard is None else at(heard),
    )


def shop(
    needs: Mapping[str, Sequence[str | Need]], processes: Iterable[str] = ("checkout",)
) -> BusinessMap:
    """A map from who needs what; whatever else is named is a node that needs nothing."""

    def as_needs(name: str) -> tuple[Need, ...]:
        return tuple(Hard(n) if isinstance(n, str) else n for n in needs.get(name, ()))

    named = dict.fromkeys(processes)
    others = dict.fromkeys(needs)
    for name in needs:
        for need in as_needs(name):
            others |= dict.fromkeys(needed(need))
    layer: Layer = "service"
    return BusinessMap(
        company="Example Shop",
        currency="EUR",
        timezone="UTC",
        version="map-1",
        processes={p: Process(p, p, needs=as_needs(p)) for p in named},
        nodes={n: Node(n, layer, n, needs=as_needs(n)) for n in others if n not in named},
    )


def put_together(
    signals: Iterable[Signal], business_map: BusinessMap, now: float = 10_000
) -> list[Episode]:
    return episodes(signals, Resolver(business_map), DEFAULT_EXPIRIES, at(now))


def incidents(
    signals: Iterable[Signal], business_map: BusinessMap, now: float = 10_000
) -> list[Incident]:
    together = put_together(signals, business_map, now)
    return correlate(together, Graph(business_map), at(now))
