"""The wire contract: what a business event and a signal are once they have been read.

Business events live in columns (`EVENT_SCHEMA`), because there are many. Signals are few and are
objects. Formats of the outside world are read in `ingest.decode` and `ingest.sources`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import pyarrow as pa

AMOUNT_DIGITS, AMOUNT_SCALE = 38, 9

# A text that comes again and again: kept, compared and stored as a small number.
_WORD = pa.dictionary(pa.int32(), pa.string())

# One row per business event, in the order of the log. Times are UTC milliseconds.
_FIELDS: list[pa.Field[Any]] = [
    pa.field("stream", _WORD, nullable=False),
    pa.field("id", pa.string(), nullable=False),
    pa.field("at", pa.timestamp("ms", tz="UTC"), nullable=False),
    pa.field("status", _WORD, nullable=False),
    pa.field("key", pa.string(), nullable=False),  # "" where there is none; hashed by default
    pa.field("customer", pa.string(), nullable=False),  # the same
    pa.field("amount", pa.decimal128(AMOUNT_DIGITS, AMOUNT_SCALE)),
    pa.field("currency", _WORD, nullable=False),  # "" without an amount
    pa.field("count", pa.uint64(), nullable=False),
    pa.field("value", pa.float64()),
    pa.field("segment", pa.map_(pa.string(), pa.string()), nullable=False),
    pa.field("received_at", pa.timestamp("ms", tz="UTC"), nullable=False),
    pa.field("topic", _WORD, nullable=False),
    pa.field("partition", pa.uint32(), nullable=False),
    pa.field("position", pa.uint64(), nullable=False),  # see `position`
]
EVENT_SCHEMA = pa.schema(_FIELDS)

LINE_BITS = 20
MOST_LINES = 1 << LINE_BITS  # of one record


def position(offset: int, line: int) -> int:
    """Where an event stands in its partition: the record's offset, then the line within it.

    Of two events with one identity, the one with the larger position wins, on every replay alike.
    """
    return (offset << LINE_BITS) | line


# The label by which a signal names the incident that its own system counts it to: a pager's, or a
# provider's. Signals that name the same one belong together, whatever the map says.
PAGER_LABEL = "pager_incident"

# The label of what a sender did, and the value of it by which people only say that they have taken
# something on: such a statement tells nothing of the thing itself, but that it is still going on.
ACTION_LABEL, ACKNOWLEDGE = "event_action", "acknowledge"

# What the simulated shop is called as a source, and the label of a signal by which it says which
# streams it sends to (with blanks between), from the signal's start to its end.
SIMULATOR, SIMULATED_LABEL = "simulator", "simulated_streams"

# Labels that name nothing that could be on a map.
ABOUT_LABELS = frozenset({ACTION_LABEL, SIMULATED_LABEL})

# The labels of who works on it by then, as the pager knows them (ids, with blanks between), and of
# when it said so.
RESPONDERS_LABEL, RESPONDERS_AT_LABEL = "responders", "responders_at"

SignalKind = Literal["alert", "outage", "maintenance", "change"]
SignalStatus = Literal["firing", "resolved"]
Severity = Literal["critical", "major", "minor", "info"]


@dataclass(frozen=True, slots=True)
class Signal:
    """Something technical that happened, in normal form.

    `id` is the identity of this one statement by its own format (a repeat changes nothing);
    `fingerprint` is the identity of the thing it speaks of (an alert rule on a host, a provider's
    incident), shared by its `firing` and its `resolved`. Two episodes of one alert share the
    fingerprint and differ in `started_at`.
    """

    id: str
    source: str  # which format or system it came from: "alertmanager", "statuspage:github"
    kind: SignalKind
    status: SignalStatus
    severity: Severity
    labels: Mapping[str, str]
    summary: str
    fingerprint: str
    started_at: datetime  # UTC
    ended_at: datetime | None = None  # UTC; set when resolved
    url: str = ""
    availability: float | None = None  # what it says of its node, 0 to 1; None: by severity
    received_at: datetime | None = None  # UTC; when Toll had it; None until it was stored
    raw: str = field(default="", repr=False)  # the native body of this one signal, secrets removed
