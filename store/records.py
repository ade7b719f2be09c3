"""What is kept beside estimates: notes to people, reports, small facts about the store."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Literal

import pyarrow as pa

from ingest.times import from_ms
from store.clickhouse import Database
from store.rows import TIME, schema, to_table

NoteState = Literal["pending", "sending", "sent", "given_up"]

META, OUTBOX, REPORTS = "meta", "outbox", "reports"
META_SCHEMA = schema(
    {
        "name": pa.string(),
        "value": pa.string(),
    }
)
OUTBOX_SCHEMA = schema(
    {
        "incident": pa.string(),
        "rule": pa.string(),
        "subscriber": pa.string(),
        "state": pa.string(),
        "rank": pa.uint32(),
        "payload": pa.string(),
        "created_at": TIME,
        "changed_at": TIME,
        "due_at": TIME,
        "error": pa.string(),
        "generation": pa.uint64(),
    }
)
REPORTS_SCHEMA = schema(
    {
        "name": pa.string(),
        "made_at": TIME,
        "media_type": pa.string(),
        "content": pa.binary(),
    }
)
_END = 2**31  # rank of a note that needs nothing more; sent outranks given up


@dataclass(frozen=True, slots=True)
class Note:
    """One note to one subscriber; (incident, rule, subscriber) is its identity."""

    incident: str  # "" for a weekly report
    rule: str
    subscriber: str
    payload: str  # JSON
    created_at: datetime
    generation: int
    state: NoteState = "pending"
    attempts: int = 0  # begun
    changed_at: datetime | None = None
    error: str = ""
    due_at: datetime | None = None  # before this no attempt is made; None: at once

    @property
    def key(self) -> tuple[str, str, str]:
        """Its identity."""
        return self.incident, self.rule, self.subscriber


@dataclass(frozen=True, slots=True)
class Report:
    """A report as it was issued, to be handed out unchanged."""

    name: str  # such as weekly/2026-W46.pdf
    made_at: datetime
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ReportName:
    """A report that exists."""

    name: str
    made_at: datetime
    media_type: str


class MetaTable:
    """Small facts about the store, such as the fingerprint of its salt."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> str | None:
        """A fact, None if it was never set."""
        rows = self._database.rows("meta", name=name)
        return str(rows[0]["value"]) if rows else None

    def set(self, name: str, value: str) -> None:
        """Set a fact; the newest value counts."""
        self._database.insert(META, to_table([{"name": name, "value": value}], META_SCHEMA))


class Outbox:
    """Notes to people: queued once, sent once, across restarts and failovers.

    A row's rank only grows, so queueing a note again never brings back one that was sent.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def queue(self, notes: Sequence[Note]) -> None:
        """Queue notes; those that are known already stay as they are."""
        self._write(notes)

    def find(self, *states: NoteState, incident: str = "") -> list[Note]:
        """Notes in these states (pending, if none is given), in the order queued."""
        return [
            Note(
                incident=row["incident"],
                rule=row["rule"],
                subscriber=row["subscriber"],
                payload=row["payload"],
                created_at=from_ms(row["created_ms"]),
                generation=row["generation"],
                state=row["state"],
                attempts=(row["rank"] + 1) // 2 if row["rank"] < _END else 0,
                changed_at=from_ms(row["changed_ms"]),
                error=row["error"],
                due_at=from_ms(row["due_ms"]),
            )
            for row in self._database.rows(
                "outbox", states=list(states or ("pending",)), incident=incident
            )
        ]

    def claim(self, note: Note, at: datetime, generation: int) -> Note | None:
        """Mark that an attempt begins, durably; the note as it is now, or None if it is another's.

        Of all claims of one attempt the store takes the first alone; the row is read back to see
        whose that was.
        """
        mine = replace(
            note,
            state="sending",
            attempts=note.attempts + 1,
            changed_at=at,
            generation=generation,
        )
        self._write([mine], once=_token(note.key, mine.attempts))
        for kept in self.find("sending", incident=note.incident):
            if kept.key == note.key:
                ours = (kept.attempts, kept.generation) == (mine.attempts, generation)
                return kept if ours else None
        return None

    def sent(self, note: Note, at: datetime) -> None:
        """Note that it has reached its subscriber."""
        self._write([replace(note, state="sent", changed_at=at, error="")])

    def failed(
        self,
        note: Note,
        at: datetime,
        error: str,
        *,
        due_at: datetime | None = None,
        give_up: bool = False,
    ) -> None:
        """Note that an attempt failed; after `give_up` there will be no more."""
        begun = note.attempts if note.state == "sending" else note.attempts + 1
        state: NoteState = "given_up" if give_up else "pending"
        self._write(
            [replace(note, state=state, attempts=begun, changed_at=at, due_at=due_at, error=error)]
        )

    def _write(self, notes: Sequence[Note], *, once: str = "") -> None:
        rows = [
            {
                "incident": note.incident,
                "rule": note.rule,
                "subscriber": note.subscriber,
                "state": note.state,
                "rank": _rank(note),
                "payload": note.payload,
                "created_at": note.created_at,
                "changed_at": note.changed_at or note.created_at,
                "due_at": note.due_at or note.created_at,
                "error": note.error,
                "generation": note.generation,
            }
            for note in notes
        ]
        self._database.insert(OUTBOX, to_table(rows, OUTBOX_SCHEMA), once=once)


def _token(key: tuple[str, str, str], attempt: int) -> str:
    """The name of an attempt, in letters that need no quoting."""
    return f"attempt {attempt} {sha256(repr(key).encode()).hexdigest()}"


def _rank(note: Note) -> int:
    if note.state in ("given_up", "sent"):
        return _END + (note.state == "sent")
    return 2 * note.attempts - (note.state == "sending")


class ReportTable:
    """Reports as issued; the first issue of a name is the one that is handed out."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def issue(self, name: str, forms: Sequence[Report]) -> None:
        """Keep all forms of a report, or none where another has issued it: the first one wins.

        Which one was first the store itself decides, so that two at once cannot both win.
        """
        rows = [
            {column: getattr(form, column) for column in REPORTS_SCHEMA.names} for form in forms
        ]
        self._database.insert(REPORTS, to_table(rows, REPORTS_SCHEMA), once=f"report {name}")

    def get(self, name: str) -> Report | None:
        """A report with its bytes, None if it was never issued."""
        rows = self._database.rows("reports_get", name=name)
        if not rows:
            return None
        row = rows[0]
        return Report(
            name=row["name"],
            made_at=from_ms(row["made_ms"]),
            media_type=row["media_type"],
            content=b64decode(row["content_base64"]),
        )

    def names(self) -> list[ReportName]:
        """Which reports have been issued, by name."""
        return [
            ReportName(row["name"], from_ms(row["made_ms"]), row["media_type"])
            for row in self._database.rows("reports_list")
        ]
