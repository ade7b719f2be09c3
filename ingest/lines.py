"""The lines of a batch of records: one buffer, and in columns where each line stands.

Also decides which lines are *plain*: nothing in their bytes could be read differently by a fast
reader than by an exact one. Plainness is judged on bytes, for all lines at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ingest.exact import MAX_DEPTH

Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]
Bytes: TypeAlias = NDArray[np.uint8]

_BLOCK = 4_000  # lines
_NOWHERE: Ints = np.zeros(0, np.int64)
EXACT_DIGITS = 15  # a binary float keeps this many significant decimal digits, not one more


@dataclass(frozen=True, slots=True)
class Lines:
    """All lines of some values, in order. Columns have one entry per line."""

    buffer: bytes  # the values, joined by newlines
    start: Ints  # where the line begins in the buffer
    end: Ints  # where it ends, the newline excluded
    value: Ints  # which value it belongs to
    number: Ints  # which line of its value it is, from 0

    def __len__(self) -> int:
        return len(self.start)

    def line(self, row: int) -> bytes:
        """The bytes of one line."""
        return self.buffer[self.start[row] : self.end[row]]

    def keep(self, rows: Bools) -> bytes:
        """The chosen lines, joined by newlines."""
        if rows.all():
            return self.buffer
        lengths = self.end - self.start + 1
        lengths[-1] -= 1  # no newline after the last
        return np.frombuffer(self.buffer, np.uint8)[np.repeat(rows, lengths)].tobytes()


def split(values: Sequence[bytes], sizes: Ints) -> Lines:
    """The lines of these values, so many bytes long each; an empty value has one empty line."""
    buffer = b"\n".join(values)
    value_start = np.concatenate(([0], np.cumsum(sizes[:-1] + 1)))
    newlines = np.flatnonzero(np.frombuffer(buffer, np.uint8) == ord("\n"))
    if len(newlines) == len(values) - 1:  # a line each
        number = np.zeros(len(values), np.int64)
        return Lines(buffer, value_start, value_start + sizes, np.arange(len(values)), number)
    start = np.concatenate(([0], newlines + 1))
    end = np.append(newlines, len(buffer))
    value = np.searchsorted(value_start, start, side="right") - 1
    first_line = np.searchsorted(start, value_start)
    return Lines(buffer, start, end, value, np.arange(len(start)) - first_line[value])


def plain(lines: Lines, *, floats: str | None) -> Bools:
    """Which lines a fast reader may read: braces at both ends and nothing doubtful in between.

    `floats` names a member that is read as a binary float, so that its digits do not matter.
    """
    parts = [_plain(part, floats) for part in _in_blocks(lines)]
    return np.concatenate(parts) if parts else np.zeros(0, np.bool_)


def _in_blocks(lines: Lines) -> Iterator[Lines]:
    """The lines, some at a time: so many that what is looked at stays in the processor's cache."""
    for first in range(0, len(lines), _BLOCK):
        rows = slice(first, first + _BLOCK)
        start, end = lines.start[rows], lines.end[rows]
        buffer = lines.buffer[start[0] : end[-1]]
        yield Lines(buffer, start - start[0], end - start[0], lines.value[rows], lines.number[rows])


def _plain(lines: Lines, floats: str | None) -> Bools:
    data = np.frombuffer(lines.buffer, np.uint8)
    rows = _braced(data, lines)
    for doubtful in (_nested(data, lines), _long_numbers(data, floats), _escaped(data, lines)):
        if doubtful.size:
            rows[np.searchsorted(lines.start, doubtful, side="right") - 1] = False
    return rows & _utf8(lines)


def _braced(data: Bytes, lines: Lines) -> Bools:
    """Lines of at least two bytes from `{` to `}`, a carriage return behind it allowed."""
    if data.size < 2:
        return np.zeros(len(lines), np.bool_)
    last = np.maximum(lines.end - 1, 0)
    last = np.maximum(last - (data[last] == ord("\r")), 0)
    first = np.minimum(lines.start, data.size - 1)
    braces = (data[first] == ord("{")) & (data[last] == ord("}"))
    found: Bools = braces & (last > lines.start)
    return found


def _nested(data: Bytes, lines: Lines) -> Ints:
    """Where a line opens more than is good: too deep, or within a string."""
    if not data.size:
        return _NOWHERE
    braces = data == ord("{")
    first = np.minimum(lines.start, data.size - 1)
    if b"[" not in lines.buffer and np.count_nonzero(braces) == np.count_nonzero(braces[first]):
        return _NOWHERE  # no brace but the first of each line
    return np.concatenate([_deep(data, lines), _quoted_objects(data)])


def _deep(data: Bytes, lines: Lines) -> Ints:
    """Where a line may nest too deep: its opening brackets from the 65th on (if it has so many)."""
    openers = np.flatnonzero((data == ord("{")) | (data == ord("[")))
    apart = openers[MAX_DEPTH:] - openers[:-MAX_DEPTH]
    # Most are further apart than any line is long.
    near = np.flatnonzero(apart < (lines.end - lines.start).max())
    first, last = openers[near], openers[near + MAX_DEPTH]
    line = np.searchsorted(lines.start, first, side="right")
    found: Ints = last[line == np.searchsorted(lines.start, last, side="right")]
    return found


def _long_numbers(data: Bytes, floats: str | None) -> Ints:
    """Where numbers begin that have more digits than a float keeps.

    A number begins behind `:`, `,`, `[` or white space; digits elsewhere belong to a string.
    """
    sieve = _numeric(data[:: (EXACT_DIGITS + 1) // 2])
    if not (sieve[:-1] & sieve[1:]).any():  # sixteen in a row cover two of every eighth byte
        return _NOWHERE
    run = _numeric(data)
    span = 1
    while span <= EXACT_DIGITS:  # after the last round: sixteen in a row
        run = run[:-span] & run[span:]
        span *= 2
    starts = np.flatnonzero(run)
    if not starts.size:
        return starts
    starts = starts[np.diff(starts, prepend=-2) > 1]
    before = starts - 1
    before = before - (data[before] == ord("-"))
    number = np.isin(data[before], np.frombuffer(b":,[ \t\r\n", np.uint8))
    if floats is not None:
        number &= ~_ends_with(data, before, f'"{floats}":'.encode())
    return starts[number]


def _numeric(data: Bytes) -> Bools:
    found: Bools = (data - np.uint8(ord("."))) < 12  # ./0123456789
    return found


def _ends_with(data: Bytes, at: Ints, text: bytes) -> Bools:
    """Whether `text`, perhaps with a space behind it, ends at these places."""
    at = at - (data[at] == ord(" "))
    columns = at[:, None] - np.arange(len(text))[::-1]
    same = data[np.maximum(columns, 0)] == np.frombuffer(text, np.uint8)
    found: Bools = same.all(axis=1)
    return found


def _escaped(data: Bytes, lines: Lines) -> Ints:
    """Where escapes may hide a brace that opens a string, or half of a surrogate pair."""
    if b"\\" not in lines.buffer:
        return _NOWHERE
    at = np.flatnonzero(data == ord("\\"))
    following = data[np.minimum(at[:, None] + np.arange(1, 6), data.size - 1)]
    unicode = following[:, 0] == ord("u")
    surrogate = (following[:, 1] | 0x20) == ord("d")
    brace = (following[:, 1:4] == np.frombuffer(b"007", np.uint8)).all(axis=1)
    brace &= (following[:, 4] | 0x20) == ord("b")
    found: Ints = at[unicode & (surrogate | brace)]
    return found


def _quoted_objects(data: Bytes) -> Ints:
    """Where strings begin with a brace: read as text, they look like the objects they are not."""
    found: Ints = np.flatnonzero((data[:-1] == ord('"')) & (data[1:] == ord("{")))
    return found


def _utf8(lines: Lines) -> Bools:
    try:
        lines.buffer.decode()
    except UnicodeDecodeError:
        return np.array([_is_utf8(lines.line(row)) for row in range(len(lines))], np.bool_)
    return np.ones(len(lines), np.bool_)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
