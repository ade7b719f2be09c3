"""Options that several commands share, and how they become settings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Annotated

import typer

from api.setup.settings import Settings, read_settings


def moment(text: str) -> str:
    """A moment with its zone, as RFC 3339 has it."""
    return _moment(text, None)


def moment_or_utc(text: str) -> str:
    """A moment or a day; where it has no zone, that of UTC."""
    return _moment(text, UTC)


def moment_or_none(text: str) -> str:
    """A moment, or `none`."""
    return "none" if text.lower() == "none" else moment(text)


def _moment(text: str, usual: tzinfo | None) -> str:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    zone = found.tzinfo or usual if found else None
    if found is None or zone is None:
        raise typer.BadParameter(f"'{text}' is no moment; write it like 2026-11-22T10:15:00Z")
    return found.replace(tzinfo=zone).isoformat()


MapOption = Annotated[
    Path | None, typer.Option("--map", help="The map: a YAML file or a folder (TOLL_MAP).")
]
DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder of the embedded parts (TOLL_DATA).")
]
ListenOption = Annotated[
    str | None, typer.Option("--listen", help="host:port to listen on (TOLL_LISTEN).")
]
AsOfOption = Annotated[
    str | None,
    typer.Option("--as-of", parser=moment, metavar="TIME", help="As was known then, with a zone."),
]
DaysOption = Annotated[float, typer.Option(min=0.01, max=400, help="How many days back from now.")]
FromOption = Annotated[
    str | None,
    typer.Option("--from", parser=moment, metavar="TIME", help="From this moment on."),
]
ToOption = Annotated[
    str | None,
    typer.Option("--to", parser=moment, metavar="TIME", help="Until this moment; else now."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def span_asked(start: str | None, end: str | None, days: float) -> dict[str, str | None]:
    """`from` and `to` of a question: as asked for, else so many days back from now.

    With `--to` alone Toll says how far back.
    """
    if start is None and end is None:
        start = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    return {"from": start, "to": end}


def settings_from(
    map_path: Path | None = None, data: Path | None = None, listen: str | None = None
) -> Settings:
    """The settings, with what the command line says over them."""
    given = {"map": map_path, "data": data, "listen": listen}
    return read_settings(overrides={k: str(v) for k, v in given.items() if v is not None})
