"""What people correct in incidents: the kinds of edits, and which of them stand.

An edit is never changed or removed. It is taken back by another one (`Undo`), which can itself be
taken back. `enrich.edited` applies those that stand to what the signals make.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeAlias, cast


@dataclass(frozen=True, slots=True)
class Start:
    """It began at another time."""

    at: datetime


@dataclass(frozen=True, slots=True)
class End:
    """It ended at another time; None: it is still going on, whatever the signals say."""

    at: datetime | None


@dataclass(frozen=True, slots=True)
class Cause:
    """Another node is the root cause."""

    node: str


@dataclass(frozen=True, slots=True)
class Reach:
    """It hit other processes than the map says."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Title:
    """What people call it."""

    text: str


@dataclass(frozen=True, slots=True)
class Merge:
    """It is a part of another incident."""

    into: str


@dataclass(frozen=True, slots=True)
class Split:
    """Some of its signals are an incident of their own."""

    episodes: tuple[str, ...]  # ids


@dataclass(frozen=True, slots=True)
class Dismiss:
    """It was no incident."""


@dataclass(frozen=True, slots=True)
class Response:
    """So many people worked on it, each for so many hours; None: as long as it lasted."""

    people: int
    hours: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Undo:
    """An earlier edit does not stand."""

    edit: str


Action: TypeAlias = Start | End | Cause | Reach | Title | Merge | Split | Dismiss | Response | Undo


@dataclass(frozen=True, slots=True)
class Edit:
    """One correction, with who made it, when and why."""

    id: str
    incident: str  # as it was called when the edit was made
    made_at: datetime
    who: str
    why: str
    action: Action


ActionName = Literal[
    "start", "end", "cause", "reach", "title", "merge", "split", "dismiss", "response", "undo"
]


def action_name(action: Action) -> ActionName:
    """What a kind of edit is called."""
    return cast(ActionName, type(action).__name__.lower())


def in_order(edits: Iterable[Edit]) -> list[Edit]:
    """The edits as they were made."""
    return sorted(edits, key=lambda e: (e.made_at, e.id))


def standing(edits: Iterable[Edit]) -> list[Edit]:
    """The edits that count, as they were made: neither undone nor an undo."""
    void: set[str] = set()
    found = []
    for edit in reversed(in_order(edits)):
        if edit.id in void:
            continue
        if isinstance(edit.action, Undo):
            void.add(edit.action.edit)
        else:
            found.append(edit)
    return found[::-1]
