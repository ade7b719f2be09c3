"""The bodies of requests, taken apart into lines that each hold one JSON value.

A body is newline-separated JSON, one JSON object (on however many lines), or a JSON array.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import islice

from ingest.dead_letters import Fault
from ingest.errors import InputError
from ingest.exact import MAX_DEPTH, nested_deeper, read_json

# More than events fit into 10 MiB. Each bad line is read by itself and answered for: a few KiB of
# gzip that unpack to millions of them would keep a server busy for minutes, and fill its memory.
BODY_LINES = 400_000

_SPACE = re.compile(r"[ \t\r\n]*")
_ELEMENTS = json.JSONDecoder(parse_int=str, parse_float=str)  # only to find where elements end


def numbered_lines(body: bytes) -> Sequence[tuple[int, bytes]]:
    """The lines of a body that are not blank, or the elements of its array, with their numbers.

    Raises `InputError` for an array that is broken: nobody could say where its elements end; and
    where there are more than `BODY_LINES`.
    """
    body = body.removeprefix(b"\xef\xbb\xbf")
    if body.lstrip().startswith(b"["):
        return list(enumerate(_elements(body)))
    filled = (
        (number, line.strip(b" \t\r"))
        for number, line in enumerate(body.split(b"\n"))
        if line.strip(b" \t\r")
    )
    lines = list(islice(filled, BODY_LINES + 1))
    _refuse_too_many(lines)
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
        _refuse_too_many(found)
        at = _space(text, end)
        if text[at] not in ",]":
            raise ValueError(f"expected , or ] at character {at}")
        if more := text[at] == ",":
            at = _space(text, at + 1)
    if _space(text, at + 1) != len(text):
        raise ValueError(f"something follows the array at character {at + 1}")
    return found


def _refuse_too_many(lines: Sequence[object]) -> None:
    if len(lines) > BODY_LINES:
        raise InputError(f"the body has more than {BODY_LINES:,} lines: send it in parts")


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _on_one_line(text: bytes) -> bytes:
    """Line breaks can only be white space in valid JSON: strings write them as escapes."""
    return text.strip().replace(b"\r", b" ").replace(b"\n", b" ")


def with_stream(line: bytes, stream: str) -> bytes:
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
