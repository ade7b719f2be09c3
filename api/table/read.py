"""Reading a file of volumes: which columns, which times, which bins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from api.table.bins import Gaps, SeriesFile, binned, counted
from api.table.columns import PLAIN, choose, volumes
from api.table.open import Table, open_table
from api.table.times import moments
from ingest.errors import InputError


@dataclass(frozen=True)
class Reading:
    """How a file is to be read; what is None is found out, or an error asks for it."""

    zone: ZoneInfo  # of times that carry none
    time: str | None = None
    value: str | None = None
    time_format: str | None = None
    events: bool = False  # each row is one event
    add_up: bool = False  # rows of one time are parts of one bin
    gaps: Gaps | None = None


def read_series(path: Path, how: Reading) -> SeriesFile:
    """The file's series, or an `InputError` of one line that says what to do."""
    if how.events and how.value is not None:
        raise InputError("--events counts rows: it takes no --value")
    try:
        return _series(open_table(path), how)
    except InputError as error:  # names of columns and cells may hold line breaks
        raise InputError(" ".join(str(error).split())) from error


def _series(table: Table, how: Reading) -> SeriesFile:
    columns = choose(table, how.time, how.value, how.events)
    found = moments(table.frame[columns.time], how.zone, how.time_format)
    if columns.value is None:
        return counted(found, how.zone, how.gaps, "events")
    numbers = volumes(table, columns.value)
    plain = columns.value.strip().lower() in PLAIN
    unit = "units" if plain else " ".join(columns.value.replace("_", " ").split()).lower()
    return binned(found, numbers, how.zone, how.gaps, unit, how.add_up)
