"""Prometheus Alertmanager: its webhook (version 4), and alerts posted as to its own API.

Source: prometheus/alertmanager, `<webhook_config>` and `api/v2/openapi.yaml` (`postableAlert`).
An alert that still fires is sent again and again, word for word; each hour in which that happens is
a statement of its own, so that an alert which is still spoken of does not go stale.

A posted alert says until when it lives without another word (Prometheus: about four minutes, posted
anew every minute). That end is rounded up, and each such end is one statement: to five minutes in
the first hour of an alert, to a quarter of an hour until it is six hours old, then to the hour. So
a repeat is a new word only that often, and none lets an alert die too early.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ingest.errors import InputError
from ingest.events import Signal, SignalStatus
from ingest.exact import LAST_MS
from ingest.sources import body as native
from ingest.times import from_ms, to_ms

_HOUR_MS = 3_600_000
_STEPS_MS = ((_HOUR_MS, 300_000), (6 * _HOUR_MS, 900_000))  # younger than this: rounded to that
_RESOLVE_TIMEOUT = timedelta(minutes=5)  # Alertmanager's own default for an alert without an end
_FNV_OFFSET, _FNV_PRIME, _UINT64 = 0xCBF29CE484222325, 0x100000001B3, 0xFFFFFFFFFFFFFFFF


def alertmanager(body: bytes, /, *, received_at: datetime | None = None) -> list[Signal]:
    """The alerts of a webhook body, or of an array as `POST /api/v2/alerts` takes it.

    `received_at` decides whether a posted alert whose end is given is over, and stands in for a
    missing start.
    """
    return alerts_of(body, "alertmanager", received_at)


def posted_alerts(body: bytes, /, *, received_at: datetime | None = None) -> list[Signal]:
    """The alerts of an array, as `POST /api/v2/alerts` takes it and nothing else."""
    if not body.lstrip().startswith(b"["):
        raise InputError("expected an array of alerts, as Prometheus posts it")
    return alerts_of(body, "alertmanager", received_at)


def alerts_of(body: bytes, source: str, received_at: datetime | None) -> list[Signal]:
    """The alerts of a body in Alertmanager's shape, which others speak too, said by `source`."""
    found = native.parse(body)
    group = found if isinstance(found, dict) else None
    if group is not None and "alerts" not in group:
        raise InputError("expected Alertmanager's webhook, an object with alerts, or an array")
    gathered = native.Gathered()
    gathered.each(
        found if group is None else group["alerts"],
        "alert",
        lambda alert, name: [_signal(_Alert(alert, group, name, source, received_at))],
    )
    return gathered.all()


@dataclass(frozen=True, slots=True)
class _Alert:
    """One alert as it was sent."""

    said: dict[str, Any]
    group: dict[str, Any] | None  # what a webhook says of all its alerts; None for posted ones
    name: str  # how messages call it
    source: str
    received_at: datetime | None

    def common(self, name: str) -> dict[str, Any]:
        return native.member(self.group or {}, name)

    def text(self, own: tuple[str, ...], of_group: str) -> str:
        return native.text(self.said, *own) or native.text(self.group or {}, of_group)


def _signal(alert: _Alert) -> Signal:
    labels = {key: value for key, value in native.labels(alert.said.get("labels")).items() if value}
    labels = labels or native.labels(alert.common("commonLabels"))
    if not labels:
        raise InputError(f"{alert.name} has no labels: nothing says what it is about")
    annotations = native.member(alert.said, "annotations")
    started_at, ended_at, status = _life(alert)
    fingerprint = native.text(alert.said, "fingerprint") or label_fingerprint(labels)
    url = alert.text(("panelURL", "dashboardURL", "generatorURL"), "externalURL")
    return Signal(
        id=_id(fingerprint, started_at, ended_at, status, alert.received_at),
        source=alert.source,
        kind="alert",
        status=status,
        severity=native.severity_of(labels.get("severity") or labels.get("priority", ""), "major"),
        labels=labels,
        summary=native.text(annotations, "summary", "title", "message", "description")
        or labels.get("alertname", "alert"),
        fingerprint=fingerprint,
        started_at=started_at,
        ended_at=ended_at,
        url=native.without_secrets(url),
        availability=native.share(annotations.get("availability")),
        received_at=alert.received_at,
        raw=native.raw_of(alert.said),
    )


def _life(alert: _Alert) -> tuple[datetime, datetime | None, SignalStatus]:
    """Start, end and status; of a posted alert that fires, the end until which it lives.

    A time that cannot be read is missing: Alertmanager sends nothing again that was refused.
    """
    now = alert.received_at
    ends_at = native.any_moment(alert.said.get("endsAt"))
    started_at = native.first_time(native.any_moment(alert.said.get("startsAt")), now, ends_at)
    if started_at is None:
        raise InputError(f"{alert.name} has no startsAt")
    started_at = native.to_the_ms(started_at)
    said = alert.text(("status",), "status").lower()
    if said:
        over = said == "resolved"
    else:
        over = ends_at is not None and now is not None and ends_at <= now
    if over:
        ends_at = native.first_time(ends_at, now, started_at)
    elif alert.group is None:
        ends_at = _lives_until(started_at, ends_at, now)
    ended_at = None if ends_at is None else max(native.to_the_ms(ends_at), started_at)
    return started_at, ended_at, "resolved" if over else "firing"


def _lives_until(
    started_at: datetime, ends_at: datetime | None, now: datetime | None
) -> datetime | None:
    if ends_at is None and now is not None:
        ends_at = now + _RESOLVE_TIMEOUT
    if ends_at is None:
        return None
    end = to_ms(ends_at)
    age = end - to_ms(started_at)
    step = next((step for younger, step in _STEPS_MS if age < younger), _HOUR_MS)
    return from_ms(min(-(-end // step) * step, LAST_MS - 1))


def _id(
    fingerprint: str,
    started_at: datetime,
    ended_at: datetime | None,
    status: SignalStatus,
    received_at: datetime | None,
) -> str:
    statement = f"{fingerprint}:{to_ms(started_at)}:{status}"
    if status == "resolved":
        return statement
    if ended_at is not None:
        return f"{statement}:until:{to_ms(ended_at)}"
    return statement if received_at is None else f"{statement}:{to_ms(received_at) // _HOUR_MS}"


def label_fingerprint(labels: dict[str, str]) -> str:
    """Alertmanager's own fingerprint of a label set, so that both ways in name an alert alike.

    FNV-1a of 64 bits over sorted names and values, each ended by a byte 0xFF
    (prometheus/common, `model/signature.go`).
    """
    state = _FNV_OFFSET
    for name, value in sorted(labels.items()):
        for byte in b"%s\xff%s\xff" % (name.encode(), value.encode()):
            state = (state ^ byte) * _FNV_PRIME & _UINT64
    return f"{state:016x}"
