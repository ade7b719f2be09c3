"""Options that several commands share, and how they become settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.settings import Settings, read_settings

MapOption = Annotated[
    Path | None, typer.Option("--map", help="The map: a YAML file or a folder (TOLL_MAP).")
]
DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder of the embedded parts (TOLL_DATA).")
]
ListenOption = Annotated[
    str | None, typer.Option("--listen", help="host:port to listen on (TOLL_LISTEN).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def settings_from(
    map_path: Path | None = None, data: Path | None = None, listen: str | None = None
) -> Settings:
    """The settings, with what the command line says over them."""
    given = {"map": map_path, "data": data, "listen": listen}
    return read_settings(overrides={k: str(v) for k, v in given.items() if v is not None})
