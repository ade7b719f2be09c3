"""Reading files to import, in chunks of NDJSON: NDJSON, JSON, CSV, Parquet, also gzipped.

A chunk knows where in the file it ends, so that an import that was cut off goes on from there.
Repeating a chunk is harmless: an event's identity is its stream, id and time.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import orjson
import polars as pl

from ingest.bodies import numbered_lines
from ingest.errors import InputError

Kind = Literal["ndjson", "json", "csv", "parquet", "statuspage"]

CHUNK_LINES = 5000
CHUNK_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some lines of a file, and how many lines of it are done with them."""

    body: bytes  # NDJSON
    lines_done: int
    share_done: float  # 0 to 1, of the file as it lies on the disk


def kind_of(path: Path) -> Kind:
    """What a file holds, by its name and, for `.json`, by a look inside."""
    suffixes = [s.lower() for s in path.suffixes]
    name = suffixes[-2] if len(suffixes) > 1 and suffixes[-1] == ".gz" else (suffixes or [""])[-1]
    if name in {".ndjson", ".jsonl"}:
        return "ndjson"
    if name == ".csv":
        return "csv"
    if name in {".parquet", ".pq"}:
        return "parquet"
    if name == ".json":
        return _kind_of_json(path)
    raise InputError(f"{path}: name it .ndjson, .jsonl, .json, .csv or .parquet, plain or .gz")


def read_all(path: Path) -> bytes:
    """The whole file, unpacked."""
    with _readable(path), _open(path) as (stream, _):
        return stream.read()


def chunks(
    path: Path, kind: Kind, renames: Mapping[str, str], skip_lines: int = 0
) -> Iterator[Chunk]:
    """The file's events as NDJSON; `renames` gives event fields their columns (`id` <- `txId`)."""
    with _readable(path):
        yield from _chunked(_lines(path, kind, renames), skip_lines)


def _lines(path: Path, kind: Kind, renames: Mapping[str, str]) -> Iterator[tuple[bytes, float]]:
    """Each event as a line of JSON, and which share of the file is done with it."""
    if kind == "parquet":
        yield from _parquet_lines(path, renames)
        return
    if kind == "json":  # one object, or an array of them
        elements = numbered_lines(read_all(path))
        for number, (_, line) in enumerate(elements, 1):
            yield _renamed(line, renames) if renames else line, number / len(elements)
        return
    size = max(1, path.stat().st_size)
    with _open(path) as (stream, raw):
        lines = _csv_lines(stream, renames) if kind == "csv" else _ndjson_lines(stream, renames)
        for line in lines:
            yield line, raw.tell() / size


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """What is wrong with a file, in one sentence."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path} is not a whole gzip file: {error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: {error}") from error
    except csv.Error as error:
        raise InputError(f"{path} is not CSV: {error}") from error
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{path} is no Parquet file: {' '.join(str(error).split())}") from error


class _open:  # noqa: N801  # reads as a verb where it is used
    """Opens a plain or gzipped file: (unpacked stream, raw file whose position is the progress)."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> tuple[IO[bytes], IO[bytes]]:
        try:
            self._raw: IO[bytes] = self._path.open("rb")
        except OSError as error:
            raise InputError(f"{self._path} cannot be read: {error.strerror}") from error
        packed = self._raw.read(2) == b"\x1f\x8b"
        self._raw.seek(0)
        stream = gzip.GzipFile(fileobj=self._raw) if packed else self._raw
        return stream, self._raw  # type: ignore[return-value]  # GzipFile reads as IO[bytes]

    def __exit__(self, *_: object) -> None:
        self._raw.close()


def _kind_of_json(path: Path) -> Kind:
    try:
        parsed = json.loads(read_all(path))
    except (ValueError, RecursionError):
        return "ndjson"  # several objects, one a line
    of_a_provider = isinstance(parsed, dict) and ("incidents" in parsed or "page" in parsed)
    return "statuspage" if of_a_provider else "json"


def _chunked(lines: Iterable[tuple[bytes, float]], skip: int) -> Iterator[Chunk]:
    part: list[bytes] = []
    size = done = 0
    share = 0.0
    for line, share in lines:  # the last share closes the last chunk
        done += 1
        if done <= skip:
            continue
        part.append(line)
        size += len(line)
        if len(part) >= CHUNK_LINES or size >= CHUNK_BYTES:
            yield Chunk(b"\n".join(part), done, share)
            part, size = [], 0
    if part:
        yield Chunk(b"\n".join(part), done, share)


def _ndjson_lines(stream: IO[bytes], renames: Mapping[str, str]) -> Iterator[bytes]:
    for line in stream:
        stripped = line.strip()
        if not stripped:
            continue
        yield _renamed(stripped, renames) if renames else stripped


def _renamed(line: bytes, renames: Mapping[str, str]) -> bytes:
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return line  # it becomes a dead letter with its reason, like any other
    if not isinstance(event, dict):
        return line
    found = {field: event[column] for field, column in renames.items() if column in event}
    return orjson.dumps(event | found)


def _csv_lines(stream: IO[bytes], renames: Mapping[str, str]) -> Iterator[bytes]:
    with io.TextIOWrapper(stream, "utf-8-sig", newline="") as text:
        for row in csv.DictReader(text):
            yield _csv_event(row, renames)


def _csv_event(row: Mapping[str | None, object], renames: Mapping[str, str]) -> bytes:
    event = {k: v for k, v in row.items() if k and v not in (None, "")}
    found = {field: event[column] for field, column in renames.items() if column in event}
    merged: dict[str, object] = {**event, **found}
    for whole in ("count", "value"):  # a CSV cannot say that these are numbers
        if whole in merged:
            merged[whole] = _number(str(merged[whole]))
    return orjson.dumps(merged)


def _number(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _parquet_lines(path: Path, renames: Mapping[str, str]) -> Iterator[tuple[bytes, float]]:
    try:
        frame = pl.scan_parquet(path)
        names = frame.collect_schema()
        total = max(1, frame.select(pl.len()).collect().item())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    columns = [pl.col(column).alias(field) for field, column in renames.items() if column in names]
    exact = [
        pl.col(name).cast(pl.String) for name, kind in names.items() if isinstance(kind, pl.Decimal)
    ]
    times = [
        pl.col(name).dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        for name, kind in names.items()
        if isinstance(kind, pl.Datetime) and kind.time_zone
    ]
    wanted = frame.with_columns(*exact, *times).with_columns(*columns)
    for start in range(0, total, 50_000):
        part = wanted.slice(start, 50_000).collect()
        for number, line in enumerate(part.write_ndjson().encode().splitlines(), start + 1):
            yield line, number / total
