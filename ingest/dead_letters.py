"""Dead letters: what could not be read, with where it stood and why, to be fixed and replayed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, get_args

from ingest.log import Record

Reason = Literal[
    "empty",  # no value at all: a tombstone, an empty record
    "not_utf8",  # bytes that are not UTF-8
    "not_json",  # UTF-8 that is not one JSON object a line
    "too_deep",  # JSON nested beyond any use
    "too_large",  # larger than the record limit
    "missing_field",  # id, stream, at, or what the mapping points at
    "wrong_type",  # a field of another JSON type than the format says
    "bad_id",  # empty, over 200 characters, or not text
    "bad_stream",  # not [a-z0-9_.-]{1,64}
    "bad_time",  # not RFC 3339 with a zone, nor epoch milliseconds
    "no_zone",  # a time without a zone: it could mean any of 38 moments
    "future",  # dated more than an hour ahead
    "bad_status",  # empty or over 32 characters
    "bad_key",  # key or customer over 200 characters
    "bad_amount",  # not a finite decimal >= 0 with at most 18 digits before and 9 after the point
    "no_currency",  # an amount without a currency
    "bad_currency",  # not an ISO 4217 code
    "bad_count",  # not an integer from 1 to 10^12
    "bad_value",  # not a finite number
    "bad_segment",  # not an object of at most 8 short strings
    "bad_signal",  # a signal payload in a shape its format does not have
    "refused",  # readable, yet the store refuses it: its words are in the detail
    "sealed",  # belongs to a minute whose raw events have begun to expire
]
REASONS: tuple[str, ...] = get_args(Reason)


class Fault(NamedTuple):
    """Why something is not an event: a reason of the closed list, and a sentence for people."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One thing that could not be read. (topic, partition, offset, line) is its identity."""

    topic: str
    partition: int
    offset: int
    line: int  # which line of the record's value, counted from 0
    reason: Reason
    detail: str  # one sentence for people: what was found, what was expected
    raw: bytes  # the offending line, or the whole value
    received_at: datetime

    @classmethod
    def of(
        cls, record: Record, line: int, fault: Fault, raw: bytes, received_at: datetime
    ) -> DeadLetter:
        """What of a record could not be read: `raw`, one of its lines or the whole value."""
        topic, partition, offset = record[:3]
        return cls(topic, partition, offset, line, fault.reason, fault.detail, raw, received_at)
