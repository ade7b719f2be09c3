"""PagerDuty's Events API v2, so that whatever sends there can send here: alerts and changes.

Source: PagerDuty/developer-docs, "Send an Alert Event" and "Send a Change Event". An alert is known
by its `dedup_key` within the integration that sent it. Integrations are told apart by a name that
the caller gives, since the `routing_key` itself is a secret: it is in no signal and no message.

- `trigger` fires; triggered again it is the same alert, as long as that is not resolved.
- `acknowledge` says that it goes on, and nothing more (`ACTION_LABEL`).
- `resolve` ends it; it names no start.

A time that cannot be read is the moment of receipt. What else is wrong is told all at once, as
PagerDuty tells it: `EventError.errors`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ingest.errors import InputError
from ingest.events import ACTION_LABEL, Signal
from ingest.sources import body as native
from ingest.times import to_ms

MAX_BYTES = 512 * 1024  # of an event, as PagerDuty has it
MAX_DEDUP_KEY, MAX_SUMMARY = 255, 1024
_ACTIONS = ("trigger", "acknowledge", "resolve")
_SEVERITIES = ("critical", "error", "warning", "info")
_OWN = ("source", "component", "group", "class")
_MINUTE_MS = 60_000


class EventError(InputError):
    """An event that PagerDuty would not take; `errors` has a sentence for each mistake."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it was sent, checked."""

    found: dict[str, Any]

    @property
    def routing_key(self) -> str:
        """The secret that it came with."""
        return native.text(self.found, "routing_key")

    @property
    def dedup_key(self) -> str:
        """The identity of its alert; "" for a trigger that leaves it to the receiver."""
        return native.text(self.found, "dedup_key")

    @property
    def payload(self) -> dict[str, Any]:
        """What it tells; empty for most that are not triggers."""
        return native.member(self.found, "payload")


def read_event(body: bytes) -> Event:
    """An alert event, or `EventError`."""
    found = _object(body)
    action = native.text(found, "event_action")
    wrong = _missing(found, "routing_key", "event_action")
    if action and action not in _ACTIONS:
        wrong.append(f"'event_action' is invalid (must be one of {_listed(_ACTIONS)})")
    if action == "trigger":
        wrong += _wrong_payload(found)
    elif action in _ACTIONS:
        wrong += _missing(found, "dedup_key")
    if len(native.text(found, "dedup_key")) > MAX_DEDUP_KEY:
        wrong.append(f"'dedup_key' is too long (at most {MAX_DEDUP_KEY} characters)")
    if wrong:
        raise EventError(wrong)
    return Event(found)


def read_change(body: bytes) -> Event:
    """A change event, or `EventError`."""
    found = _object(body)
    wrong = _missing(found, "routing_key")
    wrong += _missing(native.member(found, "payload"), "summary", within="payload.")
    if wrong:
        raise EventError(wrong)
    return Event(found)


def alert_signal(event: Event, dedup_key: str, integration: str, received_at: datetime) -> Signal:
    """The signal of an alert event; `dedup_key` is the event's own, or the one made for it."""
    action = native.text(event.found, "event_action")
    resolved = action == "resolve"
    said = native.any_moment(event.payload.get("timestamp"))
    at = native.to_the_ms(said or received_at)
    # Without a time of its own, a trigger that is sent again within the minute is a repeat.
    told = str(to_ms(at)) if said else f"minute:{to_ms(at) // _MINUTE_MS}"
    return Signal(
        id=f"{dedup_key}:{action}:{told}",
        source=f"pagerduty:{integration}",
        kind="alert",
        status="resolved" if resolved else "firing",
        severity=native.severity_of(native.text(event.payload, "severity"), "major"),
        labels={**_labels(event), ACTION_LABEL: action},
        summary=native.text(event.payload, "summary")[:MAX_SUMMARY] or dedup_key,
        fingerprint=dedup_key,
        started_at=at,
        ended_at=at if resolved else None,
        url=_url(event.found),
        received_at=received_at,
        raw=native.raw_of(event.found),
    )


def change_signal(event: Event, integration: str, received_at: datetime) -> Signal:
    """The signal of a change event; its identity is what it says, and when."""
    said = native.any_moment(event.payload.get("timestamp"))
    at = native.to_the_ms(said or received_at)
    raw = native.raw_of(event.found)
    minute = "" if said else str(to_ms(at) // _MINUTE_MS)
    identity = hashlib.sha256(f"{minute}\0{raw}".encode()).hexdigest()[:32]
    return Signal(
        id=f"change:{identity}",
        source=f"pagerduty:{integration}",
        kind="change",
        status="firing",
        severity="info",
        labels=_labels(event),
        summary=native.text(event.payload, "summary")[:MAX_SUMMARY],
        fingerprint=f"change:{identity}",
        started_at=at,
        url=_url(event.found),
        received_at=received_at,
        raw=raw,
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = native.parse(body)
    except InputError as error:
        raise EventError([str(error)]) from error
    if not isinstance(found, dict):
        raise EventError(["the event must be a JSON object"])
    return found


def _missing(found: Mapping[str, Any], *names: str, within: str = "") -> list[str]:
    return [
        f"'{within}{name}' is missing or blank"
        for name in names
        if not native.text(found, name).strip()
    ]


def _wrong_payload(found: Mapping[str, Any]) -> list[str]:
    payload = native.member(found, "payload")
    if not payload:
        return ["'payload' is missing or blank"]
    wrong = _missing(payload, "summary", "source", "severity", within="payload.")
    severity = native.text(payload, "severity").strip()
    if severity and severity.lower() not in _SEVERITIES:
        wrong.append(f"'payload.severity' is invalid (must be one of {_listed(_SEVERITIES)})")
    return wrong


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _labels(event: Event) -> dict[str, str]:
    """Details, then the payload's own members; what is affected is most often a host."""
    payload = event.payload
    own = {name: native.text(payload, name) for name in _OWN}
    own["client"] = native.text(event.found, "client")
    own = {name: said for name, said in own.items() if said}
    host = {"host": own["source"]} if "source" in own else {}
    labels = {**host, **native.labels(payload.get("custom_details")), **own}
    return {name: native.without_secrets(said) for name, said in labels.items() if said}


def _url(found: Mapping[str, Any]) -> str:
    links = found.get("links")
    first = next(
        (link for link in (links if isinstance(links, list) else []) if isinstance(link, dict)), {}
    )
    url = native.text(found, "client_url") or native.text(first, "href")
    return native.without_secrets(url)
