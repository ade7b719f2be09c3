"""Checking what a caller sends before it is written to the log: accepted lines, and the others.

For `POST /v1/business`: newline-separated JSON, one JSON object (on as many lines as it likes), or
a JSON array of objects. The rules are those of `ingest.decode`, so that what is accepted here is read
there; only a clock that moves, or settings that change, can come between.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ingest.dead_letters import Reason
from ingest.decode import in_order, read_records
from ingest.errors import InputError
from ingest.exact import MAX_DEPTH, Fault, nested_deeper, read_json
from ingest.log import Record
from ingest.streams import IngestConfig

_STREAM = re.compile(r"[a-z0-9_.-]{1,64}")
_SPACE = re.compile(r"[ \t\r\n]*")
_ELEMENTS = json.JSONDecoder(parse_int=str, parse_float=str)  # only to find where elements end


@dataclass(frozen=True, slots=True)
class Accepted:
    """One event, ready for the log."""

    line: int  # of the body, or place in the array, from 0
    partition_key: bytes  # its `key`, else its `id`: one id stays in one partition
    value: bytes  # one line of JSON


@dataclass(frozen=True, slots=True)
class Rejected:
    """One line that is no event, and why: as its dead letter would say it."""

    line: int
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Checked:
    """Every line that is not blank is in one of the two, in the order of the body."""

    accepted: tuple[Accepted, ...]
    rejected: tuple[Rejected, ...]


def check_lines(
    body: bytes, config: IngestConfig, received_at: datetime, stream: str | None = None
) -> Checked:
    """Check each event of a request's body; `stream` is for events that do not name theirs.

    Raises `InputError` where there is nothing to check: no event at all, a broken array, a stream
    that is none. An event that names another stream than `stream` is rejected.
    """
    if stream is not None and not _STREAM.fullmatch(stream):
        raise InputError(f"stream {stream!r} is not [a-z0-9_.-], 1 to 64 characters")
    lines = _numbered(body)
    if not lines:
        raise InputError("there are no events: send one JSON object a line, or an array of them")
    values = [value if stream is None else _with_stream(value, stream) for _, value in lines]
    records = [Record("", 0, place, 0, None, value) for place, value in enumerate(values)]
    found = read_records(records, config, received_at)
    numbers = [number for number, _ in lines]
    rejected = [
        Rejected(numbers[place], fault.reason, fault.detail) for place, _, fault, _ in found.faults
    ]
    accepted: list[Accepted] = []
    columns = in_order(found).select("record", "id", "key", "stream")
    for place, event_id, key, its_stream in columns.iter_rows():
        if stream is None or its_stream == stream:
            accepted.append(Accepted(numbers[place], (key or event_id).encode(), values[place]))
        else:
            detail = f"the event names stream {its_stream}, the request {stream}"
            rejected.append(Rejected(numbers[place], "bad_stream", detail))
    return Checked(tuple(accepted), tuple(sorted(rejected, key=lambda one: one.line)))


def _numbered(body: bytes) -> Sequence[tuple[int, bytes]]:
    """The lines of a body that are not blank, or the elements of its array, with their numbers."""
    body = body.removeprefix(b"\xef\xbb\xbf")
    if body.lstrip().startswith(b"["):
        return list(enumerate(_elements(body)))
    lines = [
        (number, line.strip(b" \t\r"))
        for number, line in enumerate(body.split(b"\n"))
        if line.strip(b" \t\r")
    ]
    if len(lines) > 1 and isinstance(read_json(lines[0][1]), Fault):
        whole = read_json(body)
        if isinstance(whole, dict):  # one object, written over several lines
            return [(0, _on_one_line(body))]
    return lines


def _elements(body: bytes) -> list[bytes]:
    """The elements of a JSON array as they are written, each on one line."""
    if nested_deeper(body, MAX_DEPTH + 1):
        raise InputError(f"the array nests deeper than {MAX_DEPTH} levels")
    try:
        text = body.decode()
        return _scan(text, _space(text, _space(text, 0) + 1))
    except UnicodeDecodeError as error:
        raise InputError(f"the array is not UTF-8 at byte {error.start}") from error
    except (ValueError, IndexError) as error:
        raise InputError(f"the array is not valid JSON: {error}") from error


def _scan(text: str, at: int) -> list[bytes]:
    found: list[bytes] = []
    more = text[at] != "]"
    while more:
        _, end = _ELEMENTS.raw_decode(text, at)
        found.append(_on_one_line(text[at:end].encode()))
        at = _space(text, end)
        if text[at] not in ",]":
            raise ValueError(f"expected , or ] at character {at}")
        if more := text[at] == ",":
            at = _space(text, at + 1)
    if _space(text, at + 1) != len(text):
        raise ValueError(f"something follows the array at character {at + 1}")
    return found


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _on_one_line(text: bytes) -> bytes:
    """Line breaks can only be white space in valid JSON: strings write them as escapes."""
    return text.strip().replace(b"\r", b" ").replace(b"\n", b" ")


def _with_stream(line: bytes, stream: str) -> bytes:
    """The line with the request's stream at its end, unless it names one at its outermost level."""
    if not line.endswith(b"}"):
        return line
    if b"stream" in line or b"\\u" in line:
        found = read_json(line)
        if not isinstance(found, dict) or found.get("stream") is not None:
            return line
        if "stream" in found:  # null: the first of two members counts, so this one goes first
            return b'{"stream":"%s",' % stream.encode() + line.lstrip()[1:]
    members = line[:-1].rstrip()
    comma = b"" if members.endswith(b"{") else b","
    return members + comma + b'"stream":"%s"}' % stream.encode()
