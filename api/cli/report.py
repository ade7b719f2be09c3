"""`toll report`: what outages cost in a week, for a reader without technical words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli import show
from api.cli.options import DataOption, JsonOption, MapOption, settings_from
from api.cli.output import print_document
from api.cli.read import print_json
from api.client import connect, part
from ingest.errors import InputError

_FORMS = ("html", "pdf", "md", "json")


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("report")(report)


def report(
    week: Annotated[
        str, typer.Option("--week", help="Such as 2026-W46; by default the last that is over.")
    ] = "latest",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="A file: .html, .pdf, .md or .json; else Markdown."),
    ] = None,
    as_json: JsonOption = False,
    data: DataOption = None,
    map_path: MapOption = None,
) -> None:
    """The weekly report: what outages cost, and why, for readers without technical words."""
    form = "md" if output is None else output.suffix.removeprefix(".").lower()
    if form not in _FORMS:
        raise InputError(f"{output}: name a file that ends in .{', .'.join(_FORMS)}")
    path = f"/v1/reports/weekly/{part(week)}"
    with connect(settings_from(map_path, data)) as client:
        if as_json:
            print_json(client.get(f"{path}.json"))
            return
        content = client.content(f"{path}.{form}")
    if output is None:
        print_document(content.decode())
        return
    output.write_bytes(content)
    show.console().print(f"written: {output}", style="dim", soft_wrap=True)
