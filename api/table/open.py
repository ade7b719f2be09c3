"""A file as a table of text: CSV with any usual separator, gzipped or not, or Parquet.

Nothing is guessed about types here: CSV columns stay text, and a cell that is empty is null.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from api.table.times import looks_like_time
from ingest.errors import InputError

SEPARATORS = ",;\t|"
NOTHING = frozenset({"", "nan", "null", "none", "na", "n/a", "#n/a", "-", "–", "nil"})
_HINT = re.compile(r"^\"?sep=(.)\"?\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class Table:
    """Rows of a file; `separator` is empty where it has none (Parquet)."""

    name: str
    frame: pl.DataFrame
    separator: str = ""


def open_table(path: Path) -> Table:
    """The file's rows, or an `InputError` that says what is wrong with it."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    data = _bytes(path)
    if data[:4] == b"PAR1":
        return Table(str(path), _parquet(path, data))
    text = _text(path, data)
    if not text.strip():
        raise InputError(f"{path} is empty")
    separator, body = _separator(text)
    header = not any(map(looks_like_time, _first_row(body, separator)))
    try:
        frame = pl.read_csv(
            body.encode(), separator=separator, has_header=header, infer_schema=False
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "unreadable"
        raise InputError(f"{path} is not a table of equal rows: {reason}") from error
    if frame.width and frame.height:
        frame = frame.filter(~pl.all_horizontal(pl.all().is_null()))
    if not frame.height:
        raise InputError(f"{path} has no rows beneath its header")
    return Table(str(path), frame, separator)


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path} is not a whole gzip file: {error}") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def _parquet(path: Path, data: bytes) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise InputError(f"{path} is no Parquet file: {' '.join(str(error).split())}") from error
    if not (frame.width and frame.height):
        raise InputError(f"{path} has no rows")
    return frame


def _text(path: Path, data: bytes) -> str:
    coding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(coding)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from error
    if "\0" in text:
        raise InputError(f"{path} is no text: it holds zero bytes")
    return text


def _separator(text: str) -> tuple[str, str]:
    """The separator, from the first line, and the text without Excel's `sep=;`."""
    first, _, rest = text.lstrip("\r\n").partition("\n")
    hint = _HINT.match(first)
    if hint and rest.strip():
        return hint[1], rest
    return max(SEPARATORS, key=first.count), text.lstrip("\r\n")


def _first_row(text: str, separator: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(text), delimiter=separator), [])
    except csv.Error:  # such as a field beyond the limit: then it is no time either
        return []
