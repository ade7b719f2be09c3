"""Mistakes in map files: where each stands, what was found, and what was meant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ingest.errors import SettingsError


class Mistake(NamedTuple):
    """One mistake at one place; lines and columns count from 1. Sorts by place."""

    file: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.text}"


class MapError(SettingsError):
    """A map that cannot be used, with all its mistakes, one per line of the message."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(set(mistakes)))
        super().__init__("\n".join(map(str, self.mistakes)))
