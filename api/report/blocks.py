"""What a page is made of, whatever it is written in: each form has one way to write each block."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

_SUM = re.compile(r"\b([A-Z]{3}) (?=[-−]?\d)")
_LENGTH = re.compile(r"(?<=\d) (?=(?:s|min|h|d)\b|%)|(?<=\d h) (?=\d+ min\b)")
Tone: TypeAlias = Literal["plain", "loss", "gain"]


@dataclass(frozen=True, slots=True)
class Heading:
    """A title; level 1 begins a chapter (on the first page a part of it), 2 a section of it."""

    text: str
    level: Literal[1, 2] = 1
    type: Literal["heading"] = "heading"


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; `keep`: on one page with what follows."""

    text: str
    tone: Literal["plain", "lead", "quiet", "warning"] = "plain"
    keep: bool = False
    type: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class Figure:
    """One key number with what it is and what stands behind it."""

    label: str
    value: str
    note: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Figures:
    """Key numbers side by side."""

    items: tuple[Figure, ...]
    type: Literal["figures"] = "figures"


@dataclass(frozen=True, slots=True)
class Item:
    """One of a ranking."""

    name: str
    amount: str
    range: str
    text: str


@dataclass(frozen=True, slots=True)
class Ranked:
    """The first, the second, the third."""

    items: tuple[Item, ...]
    type: Literal["ranked"] = "ranked"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; numbers stand to the right."""

    title: str
    right: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns; `total`: the last row is their sum."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    total: bool = False
    type: Literal["table"] = "table"


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list."""

    items: tuple[str, ...]
    type: Literal["bullets"] = "bullets"


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart; `alt` says what it shows, for those who cannot see it."""

    alt: str
    svg: str
    text: str = ""  # where only letters can be shown
    type: Literal["picture"] = "picture"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two columns where there is room, else one beneath the other."""

    left: tuple[Block, ...]
    right: tuple[Block, ...]
    type: Literal["pair"] = "pair"


Block: TypeAlias = Heading | Text | Figures | Ranked | Table | Bullets | Picture | Pair


@dataclass(frozen=True)
class Document:
    """A report: its first page, and what follows."""

    title: str
    subtitle: str
    about: str  # one line, for lists of files and mails
    first: tuple[Block, ...]
    rest: tuple[Block, ...]
    footer: str

    def blocks(self) -> Iterator[Block]:
        """All, in order, pairs resolved."""
        yield from flat(self.first)
        yield from flat(self.rest)


def unbroken(text: str) -> str:
    """The text with each sum and its currency, and each length and its unit, on one line."""
    return _LENGTH.sub("\u00a0", _SUM.sub("\\1\u00a0", text))


def flat(blocks: Sequence[Block]) -> Iterator[Block]:
    """Blocks in order, pairs resolved."""
    for block in blocks:
        if isinstance(block, Pair):
            yield from flat(block.left)
            yield from flat(block.right)
        else:
            yield block
