"""Generic JSON: Toll's own normal form of a signal, one object or an array of them.

Only the start is needed, and where the moment of receipt is known not even that. What is left out:
source `generic`, kind `alert`, status `firing`, severity `major` (`info` for a change), fingerprint
the `id`, or else a hash of source, kind and labels. An `id` without a fingerprint names the thing,
and a `resolved` with it is a statement of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from ingest.errors import InputError
from ingest.events import Severity, Signal, SignalKind, SignalStatus
from ingest.sources import body as native
from ingest.times import to_ms

_KINDS: Mapping[str, SignalKind] = {
    "alert": "alert",
    "outage": "outage",
    "maintenance": "maintenance",
    "change": "change",
}
_STATUSES: Mapping[str, SignalStatus] = {"firing": "firing", "resolved": "resolved"}
_SEVERITIES: Mapping[str, Severity] = {
    "critical": "critical",
    "major": "major",
    "minor": "minor",
    "info": "info",
}

_Word = TypeVar("_Word", bound=str)


def generic(body: bytes, /, *, received_at: datetime | None = None) -> list[Signal]:
    """The signals of a body in normal form; `received_at` stands in for missing times."""
    found = native.parse(body)
    gathered = native.Gathered()
    gathered.each(
        found if isinstance(found, list) else [found],
        "signal",
        lambda one, name: [normal_form(one, name, native.raw_of(one), received_at)],
    )
    return gathered.all()


def normal_form(found: dict[str, Any], name: str, raw: str, received_at: datetime | None) -> Signal:
    """One signal in normal form; `name` is what messages call it."""
    kind = _word(found, "kind", _KINDS, "alert", name)
    status = _word(found, "status", _STATUSES, "firing", name)
    usual: Severity = "info" if kind == "change" else "major"
    severity = _word(found, "severity", _SEVERITIES, usual, name)
    labels = native.labels(found.get("labels"))
    source = native.text(found, "source") or "generic"
    ended_at = native.moment(found.get("ended_at"), f"ended_at of {name}")
    started_at = native.first_time(
        native.moment(found.get("started_at"), f"started_at of {name}"), ended_at, received_at
    )
    if started_at is None:
        raise InputError(f"{name} has no started_at")
    started_at = native.to_the_ms(started_at)
    if status == "resolved":
        ended_at = native.first_time(ended_at, received_at, started_at)
    if ended_at is not None and ended_at < started_at:
        raise InputError(f"{name} ends before it starts")
    given = native.text(found, "id")
    fingerprint = native.text(found, "fingerprint") or given or label_hash(source, kind, labels)
    return Signal(
        id=_id(found, given, fingerprint, started_at, status),
        source=source,
        kind=kind,
        status=status,
        severity=severity,
        labels=labels,
        summary=native.text(found, "summary") or labels.get("alertname", "") or fingerprint,
        fingerprint=fingerprint,
        started_at=started_at,
        ended_at=None if ended_at is None else native.to_the_ms(ended_at),
        url=native.without_secrets(native.text(found, "url")),
        availability=native.share(found.get("availability")),
        received_at=received_at,
        raw=raw,
    )


def _word(
    found: Mapping[str, Any],
    field: str,
    words: Mapping[str, _Word],
    otherwise: _Word,
    name: str,
) -> _Word:
    if found.get(field) is None:
        return otherwise
    word = words.get(native.text(found, field).lower())
    if word is None:
        raise InputError(f"{field} of {name} must be one of {', '.join(words)}")
    return word


def _id(
    found: Mapping[str, Any],
    given: str,
    fingerprint: str,
    started_at: datetime,
    status: SignalStatus,
) -> str:
    if not given:
        return f"{fingerprint}:{to_ms(started_at)}:{status}"
    return given if found.get("fingerprint") or status == "firing" else f"{given}:resolved"


def label_hash(source: str, kind: str, labels: Mapping[str, str]) -> str:
    """The identity of a thing that nobody names: by who speaks of it, and how it is labelled."""
    parts = [source, kind, *(part for pair in sorted(labels.items()) for part in pair)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
