"""Dead letters: kept where they stood, listed, handed out to be fixed, marked once replayed."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from ingest.dead_letters import DeadLetter
from ingest.times import from_ms, to_ms
from store.clickhouse import Database, Row
from store.rows import TIME, schema, to_table
from store.times import known_moment

TABLE = "dead_letters"
SCHEMA = schema(
    {
        "topic": pa.string(),
        "partition": pa.uint32(),
        "offset": pa.uint64(),
        "line": pa.uint32(),
        "reason": pa.string(),
        "detail": pa.string(),
        "received_at": TIME,
        "raw": pa.binary(),
    }
)


@dataclass(frozen=True, slots=True)
class KeptLetter:
    """A dead letter as stored; its bytes are empty once they have expired."""

    letter: DeadLetter
    replayed_at: datetime | None


@dataclass(frozen=True, slots=True)
class LetterCount:
    """Dead letters of one reason: all there were, and those not replayed."""

    total: int
    open: int


class DeadLetterTable:
    """Dead letters; (topic, partition, offset, line) is the identity."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, letters: Sequence[DeadLetter]) -> None:
        """Store dead letters; the same again changes nothing, even once replayed."""
        rows = [{name: getattr(letter, name) for name in SCHEMA.names} for letter in letters]
        self._database.insert(TABLE, to_table(rows, SCHEMA))

    def find(
        self, *, reason: str = "", replayed: bool = False, limit: int = 100, skip: int = 0
    ) -> list[KeptLetter]:
        """Dead letters, newest first; those already replayed only on request."""
        rows = self._database.rows(
            "dead_letters", reason=reason, replayed=int(replayed), limit=limit, skip=skip
        )
        return [_letter(row) for row in rows]

    def get(self, topic: str, partition: int, offset: int, line: int) -> KeptLetter | None:
        """One dead letter, None where there is none."""
        rows = self._database.rows(
            "dead_letter", topic=topic, partition=partition, offset=offset, line=line
        )
        return _letter(rows[0]) if rows else None

    def mark_replayed(
        self, topic: str, partition: int, offset: int, line: int, *, at: datetime
    ) -> None:
        """Note that a dead letter has been sent again."""
        self._database.run(
            "dead_letter_replayed",
            topic=topic,
            partition=partition,
            offset=offset,
            line=line,
            at=to_ms(at),
        )

    def counts(self) -> Mapping[str, LetterCount]:
        """How many there are, by reason."""
        rows = self._database.rows("dead_letter_counts")
        return {row["reason"]: LetterCount(row["total"], row["open"]) for row in rows}


def _letter(row: Row) -> KeptLetter:
    return KeptLetter(
        DeadLetter(
            topic=row["topic"],
            partition=row["partition"],
            offset=row["offset"],
            line=row["line"],
            reason=row["reason"],
            detail=row["detail"],
            raw=b64decode(row["raw_base64"]),
            received_at=from_ms(row["received_ms"]),
        ),
        known_moment(row["replayed_ms"]),
    )
