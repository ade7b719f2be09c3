"""Prometheus Alertmanager: its webhook (version 4), and alerts posted as to its own API.

Source: prometheus/alertmanager, `<webhook_config>` and `api/v2/openapi.yaml` (`postableAlert`).
An alert that still fires is sent again and again, word for word; each hour in which that happens is
a statement of its own, so that an alert which is still spoken of does not go stale.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ingest.errors import InputError
from ingest.events import Signal, SignalStatus
from ingest.sources import body as native
from ingest.times import to_ms

_HOUR_MS = 3_600_000
_FNV_OFFSET, _FNV_PRIME, _UINT64 = 0xCBF29CE484222325, 0x100000001B3, 0xFFFFFFFFFFFFFFFF


def alertmanager(body: bytes, /, *, received_at: datetime | None = None) -> list[Signal]:
    """The alerts of a webhook body, or of an array as `POST /api/v2/alerts` takes it.

    `received_at` decides whether a posted alert whose end is given is over, and stands in for a
    missing start.
    """
    found = native.parse(body)
    if isinstance(found, list):
        alerts, group = native.objects(found, "alerts"), {}
    elif "alerts" in found:
        alerts, group = native.objects(found["alerts"], "alerts"), found
    else:
        raise InputError("expected Alertmanager's webhook, an object with alerts, or an array")
    return [
        _signal(alert, group, native.named(alerts, number, "alert"), received_at)
        for number, alert in enumerate(alerts)
    ]


def _signal(
    alert: dict[str, Any], group: dict[str, Any], name: str, received_at: datetime | None
) -> Signal:
    labels = {key: value for key, value in native.labels(alert.get("labels")).items() if value}
    labels = labels or native.labels(group.get("commonLabels"))
    if not labels:
        raise InputError(f"{name} has no labels: nothing says what it is about")
    annotations = native.member(alert, "annotations")
    ends_at = native.moment(alert.get("endsAt"), f"endsAt of {name}")
    started_at = native.first_time(
        native.moment(alert.get("startsAt"), f"startsAt of {name}"), received_at, ends_at
    )
    if started_at is None:
        raise InputError(f"{name} has no startsAt")
    started_at = native.to_the_ms(started_at)
    status = _status(alert, group, ends_at, received_at)
    if status == "resolved":
        ends_at = native.first_time(ends_at, received_at, started_at)
    fingerprint = native.text(alert, "fingerprint") or label_fingerprint(labels)
    url = native.text(alert, "generatorURL") or native.text(group, "externalURL")
    return Signal(
        id=_id(fingerprint, started_at, status, received_at),
        source="alertmanager",
        kind="alert",
        status=status,
        severity=native.severity_of(labels.get("severity") or labels.get("priority", ""), "major"),
        labels=labels,
        summary=native.text(annotations, "summary", "title", "message", "description")
        or labels.get("alertname", "alert"),
        fingerprint=fingerprint,
        started_at=started_at,
        ended_at=None if ends_at is None else max(native.to_the_ms(ends_at), started_at),
        url=native.without_secrets(url),
        availability=native.share(annotations.get("availability")),
        received_at=received_at,
        raw=native.raw_of(alert),
    )


def _status(
    alert: dict[str, Any],
    group: dict[str, Any],
    ends_at: datetime | None,
    received_at: datetime | None,
) -> SignalStatus:
    said = (native.text(alert, "status") or native.text(group, "status")).lower()
    if said:
        return "resolved" if said == "resolved" else "firing"
    over = ends_at is not None and received_at is not None and ends_at <= received_at
    return "resolved" if over else "firing"


def _id(
    fingerprint: str, started_at: datetime, status: SignalStatus, received_at: datetime | None
) -> str:
    statement = f"{fingerprint}:{to_ms(started_at)}:{status}"
    if status == "resolved" or received_at is None:
        return statement
    return f"{statement}:{to_ms(received_at) // _HOUR_MS}"


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
