"""What goes wrong in the simulated shop, when, and what the tools say about it.

The business effect of an incident is its own window; its signals begin two minutes later and end
three minutes after it, as real alerts do. Schedules are pure functions of the seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from api.demo.moments import HOUR_MS, MINUTE_MS, SHOP_ZONE, Floats, Ints, moment_of, ms_of

Kind = Literal["payment_outage", "warehouse_delay", "call_spike"]

SIGNAL_LAG_MS = 2 * MINUTE_MS  # the first alert fires this long after the business effect
CLEAR_LAG_MS = 3 * MINUTE_MS  # and clears this long after its end
RAMP_MS = 90_000  # a failing provider gets worse over a minute and a half, it does not switch off
QUIET = timedelta(minutes=4)  # before the first incident of the live demo
CYCLE = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that goes wrong. Windows are half-open, in milliseconds since the epoch.

    `severity` is the share of payments that fail, the share of the warehouse's capacity that is
    gone, or, for a call spike, the extra calls per minute at its height.
    """

    id: str
    kind: Kind
    start_ms: int
    end_ms: int
    severity: float

    @property
    def start(self) -> datetime:
        """When the business effect begins, UTC."""
        return moment_of(self.start_ms)

    @property
    def end(self) -> datetime:
        """When the cause is gone, UTC."""
        return moment_of(self.end_ms)

    @property
    def firing_ms(self) -> int:
        """When the first signal fires."""
        return self.start_ms + SIGNAL_LAG_MS

    @property
    def cleared_ms(self) -> int:
        """When its signals clear."""
        return self.end_ms + CLEAR_LAG_MS


def failing_share(incidents: tuple[Incident, ...], at_ms: Ints) -> Floats:
    """The chance that a payment tried at each moment fails because of an incident."""
    working = np.ones(at_ms.shape)
    if not at_ms.size:
        return working
    first, last = at_ms.min(), at_ms.max()
    for incident in incidents:
        near = incident.start_ms <= last and incident.end_ms > first
        if near and incident.kind == "payment_outage":
            inside = (at_ms >= incident.start_ms) & (at_ms < incident.end_ms)
            ramp = np.clip((at_ms - incident.start_ms) / RAMP_MS, 0.0, 1.0)
            working *= 1.0 - incident.severity * ramp * inside
    return 1.0 - working


def capacity_share(incidents: tuple[Incident, ...], minute_ms: Ints) -> Floats:
    """What is left of the warehouse's capacity in each minute, 0 to 1."""
    left = np.ones(minute_ms.shape)
    for incident in incidents:
        if incident.kind == "warehouse_delay":
            inside = (minute_ms >= incident.start_ms) & (minute_ms < incident.end_ms)
            left *= 1.0 - incident.severity * inside
    return left


def live_incidents(seed: int, start: datetime, cycle: int) -> tuple[Incident, ...]:
    """The incidents of one two-hour cycle of the live demo, in order of time.

    The warehouse has its delay in every other cycle only: it needs the time between to work its
    queue off, or one delay would run into the next.
    """
    rng = np.random.default_rng([seed, 0x11FE, cycle])
    begin = ms_of(start + QUIET + CYCLE * cycle)
    outage_min, delay_min, spike_min = rng.integers([15, 40, 12], [26, 56, 19])
    fails = rng.uniform(0.6, 1.0)
    calls = rng.uniform(4.0, 7.0)
    delay_ms, spike_ms = begin + 38 * MINUTE_MS, begin + 98 * MINUTE_MS
    outage = _incident(f"live-{cycle}-payment", "payment_outage", begin, int(outage_min), fails)
    delay = _incident(f"live-{cycle}-warehouse", "warehouse_delay", delay_ms, int(delay_min), 0.8)
    spike = _incident(f"live-{cycle}-calls", "call_spike", spike_ms, int(spike_min), calls)
    return (outage, delay, spike) if cycle % 2 == 0 else (outage, spike)


# (kind, share of the history that has passed, local hour, minutes, severity)
_PAST: tuple[tuple[Kind, float, int, int, float], ...] = (
    ("payment_outage", 0.16, 19, 34, 0.85),
    ("warehouse_delay", 0.33, 17, 150, 0.80),
    ("payment_outage", 0.50, 11, 48, 0.65),
    ("call_spike", 0.66, 14, 25, 6.0),
    ("payment_outage", 0.85, 21, 22, 1.00),
)


def past_incidents(seed: int, first: datetime, start: datetime) -> tuple[Incident, ...]:
    """Five incidents of the history, from which recovery can be learned; days and minutes vary."""
    from_ms, to_ms = ms_of(first), ms_of(start)
    rng = np.random.default_rng([seed, 0x9A57])
    found = []
    for number, (kind, share, hour, minutes, severity) in enumerate(_PAST):
        jitter_days, jitter_min = int(rng.integers(-1, 2)), int(rng.integers(0, 60))
        day = moment_of(from_ms + int(share * (to_ms - from_ms))) + timedelta(days=jitter_days)
        begin = ms_of(_local(day, hour)) + jitter_min * MINUTE_MS
        incident = _incident(f"past-{number}-{kind}", kind, begin, minutes, severity)
        # A short history has no room for all of them, nor may one still be healing at the start.
        if from_ms < incident.start_ms and incident.end_ms + 48 * HOUR_MS < to_ms:
            found.append(incident)
    return tuple(found)


def _local(day: datetime, hour: int) -> datetime:
    local = day.astimezone(ZoneInfo(SHOP_ZONE)).replace(hour=hour, minute=0, second=0)
    return local.replace(microsecond=0).astimezone(UTC)


def _incident(name: str, kind: Kind, start_ms: int, minutes: int, severity: float) -> Incident:
    return Incident(name, kind, start_ms, start_ms + minutes * MINUTE_MS, float(severity))


@dataclass(frozen=True, slots=True)
class _Alert:
    """One signal an incident causes; offsets are to the incident's first firing."""

    name: str
    kind: str
    severity: str
    labels: Mapping[str, str]
    summary: str
    offset_ms: int = 0
    once: bool = False  # a change is told once and never resolves


_ALERTS: Mapping[Kind, tuple[_Alert, ...]] = {
    "payment_outage": (
        _Alert(
            "provider",
            "outage",
            "critical",
            {"provider": "stripe"},
            "Payment provider answers with errors",
        ),
        _Alert(
            "error-rate",
            "alert",
            "major",
            {"alertname": "PaymentErrorRateHigh", "service": "payment"},
            "Share of failed payments is high",
            offset_ms=45_000,
        ),
    ),
    "warehouse_delay": (
        _Alert(
            "release",
            "change",
            "info",
            {"job": "warehouse-app"},
            "Release of the warehouse application",
            offset_ms=-9 * MINUTE_MS,
            once=True,
        ),
        _Alert(
            "queue",
            "alert",
            "major",
            {"alertname": "DispatchQueueGrows", "service": "warehouse"},
            "Dispatch queue grows faster than it is worked off",
        ),
    ),
    "call_spike": (
        _Alert(
            "telephony",
            "alert",
            "minor",
            {"alertname": "CallQueueLong", "service": "telephony"},
            "Callers wait longer than a minute",
        ),
    ),
}


def signals_of(incident: Incident) -> Iterator[tuple[int, dict[str, object]]]:
    """(moment it is told, signal in the generic form) for every signal of an incident."""
    for alert in _ALERTS[incident.kind]:
        firing = incident.firing_ms + alert.offset_ms
        fingerprint = f"{incident.id}-{alert.name}"
        signal: dict[str, object] = {
            "id": f"{fingerprint}-firing",
            "source": "simulator",
            "kind": alert.kind,
            "status": "firing",
            "severity": alert.severity,
            "labels": dict(alert.labels),
            "summary": f"{alert.summary} (simulated)",
            "url": "",
            "started_at": _rfc3339(firing),
            "ended_at": None,
            "fingerprint": fingerprint,
        }
        yield firing, signal
        if not alert.once:
            ended = _rfc3339(incident.cleared_ms)
            resolved = {"id": f"{fingerprint}-resolved", "status": "resolved", "ended_at": ended}
            yield incident.cleared_ms, signal | resolved


def _rfc3339(ms: int) -> str:
    return moment_of(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")
