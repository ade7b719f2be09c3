"""`toll incident`: correct one, see what happened in it, write it down."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from api.cli import complete, show
from api.cli.options import (
    AsOfOption,
    DataOption,
    JsonOption,
    MapOption,
    moment,
    moment_or_none,
    settings_from,
)
from api.cli.output import print_document
from api.cli.program import Program
from api.cli.read import print_json
from api.client import connect, part
from ingest.errors import InputError

if TYPE_CHECKING:
    from api.client import Client

app = Program(help="One incident: correct it, see what happened, write it down.")
Id = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="An incident's id (`toll incidents`).",
        autocompletion=complete.incidents,
    ),
]
_TAKEN_S = 30.0  # an assessor ticks every ten seconds
_EMBEDDED = re.compile(r"\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)")


def register(to: typer.Typer) -> None:
    """Add the commands of this file."""
    to.add_typer(app, name="incident", no_args_is_help=True)


@app.command("edit")
def edit(
    incident: Id,
    by: Annotated[str, typer.Option(help="Who says so; with a token, that one's name is kept.")],
    why: Annotated[str, typer.Option(help="The reason; it is kept.")],
    start: Annotated[
        str | None,
        typer.Option(parser=moment, metavar="TIME", help="When it began, with a zone."),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option(
            parser=moment_or_none,
            metavar="TIME",
            help="When it ended; `none`: it is still going on.",
        ),
    ] = None,
    cause: Annotated[str | None, typer.Option(help="The node that is the cause.")] = None,
    reach: Annotated[
        list[str] | None, typer.Option(help="PROCESS: hit it too; -PROCESS: did not hit it.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="What to call it.")] = None,
    merge_into: Annotated[str | None, typer.Option(help="It is a part of this one.")] = None,
    split: Annotated[
        list[str] | None, typer.Option(help="SIGNAL: an incident of its own with the others.")
    ] = None,
    not_an_incident: Annotated[
        bool, typer.Option("--not-an-incident", help="Take it out of all lists and totals.")
    ] = False,
    people: Annotated[int | None, typer.Option(help="How many people worked on it.")] = None,
    hours: Annotated[
        str | None, typer.Option(help="How long each of them; else as long as it lasted.")
    ] = None,
    undo: Annotated[list[str] | None, typer.Option(help="EDIT: is not to stand.")] = None,
    version: Annotated[
        int | None, typer.Option(help="Only if it is still at this version.")
    ] = None,
    as_json: JsonOption = False,
    data: DataOption = None,
    map_path: MapOption = None,
) -> None:
    """Correct an incident: what signals got wrong, kept with who and why; numbers follow."""
    asked: dict[str, Any] = {
        "start": start,
        "cause": cause,
        "reach_add": [name for name in reach or () if not name.startswith("-")] or None,
        "reach_remove": [name[1:] for name in reach or () if name.startswith("-")] or None,
        "title": title,
        "merge_into": merge_into,
        "split": split,
        "not_an_incident": not_an_incident or None,
        "people": people,
        "hours": hours,
        "undo": undo,
        "version": version,
    }
    body = {name: value for name, value in asked.items() if value is not None}
    if end is not None:
        body["end"] = None if end == "none" else end
    path = f"/v1/incidents/{part(incident)}"
    with connect(settings_from(map_path, data), background=True) as client:
        client.patch(path, {**body, "by": by, "why": why})
        found = _taken(client, path)
    if as_json:
        print_json(found)
        return
    out = show.console()
    for made in found["edits"]:
        stands = "" if made["stands"] else "  (does not stand)"
        out.print(Text(f"{made['id']}  {made['who']}: {made['says']} ({made['why']}){stands}"))
    if found["pending"]:
        out.print("kept; the numbers follow with the assessor's next tick", style="yellow")


def _taken(client: Client, path: str, pause: Callable[[float], None] = time.sleep) -> Any:
    """The incident once the assessor has taken the edits into it, or as it is after a while."""
    deadline = time.monotonic() + _TAKEN_S
    while (found := client.get(path))["pending"] and time.monotonic() < deadline:
        pause(0.3)
    return found


@app.command("timeline")
def timeline(
    incident: Id,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
    data: DataOption = None,
    map_path: MapOption = None,
) -> None:
    """What happened in an incident: signals, changes, edits, notes, estimates as they grew."""
    with connect(settings_from(map_path, data)) as client:
        found = client.get(f"/v1/incidents/{part(incident)}/timeline", as_of=as_of)
    if as_json:
        print_json(found)
        return
    table = show.new_table("When (UTC)", "What", "")
    for entry in found:
        at = entry["at"][:19].replace("T", " ")
        who = f"{entry['who']}: " if entry["who"] else ""
        why = f" ({entry['why']})" if entry["why"] else ""
        node = f" on {entry['node']}" if entry["node"] else ""
        signal = f" [{entry['signal']}]" if entry["kind"] == "signal" else ""
        table.add_row(at, entry["kind"], Text(f"{who}{entry['text']}{node}{why}{signal}"))
    show.console().print(table)


@app.command("postmortem")
def postmortem(
    incident: Id,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="A file; its pictures are put beside it."),
    ] = None,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
    data: DataOption = None,
    map_path: MapOption = None,
) -> None:
    """Write a postmortem in Markdown: cost, cause, what happened, what is open; with pictures."""
    pictures = "none" if output is None else "embedded"
    path = f"/v1/incidents/{part(incident)}/postmortem.md"
    with connect(settings_from(map_path, data)) as client:
        text = client.text(path, as_of=as_of, pictures=pictures)
    if output is None:
        print_json({"incident": incident, "markdown": text}) if as_json else print_document(text)
        return
    if output.is_dir():
        raise InputError(f"{output} is a folder: name a file, such as {output / incident}.md")
    written = _beside(text, output)
    output.write_text(written, "utf-8")
    if as_json:
        print_json({"incident": incident, "file": str(output)})
        return
    show.console().print(f"written: {output}", style="dim", soft_wrap=True)


def _beside(text: str, output: Path) -> str:
    """The text with its pictures in files beside it: many readers show no embedded ones."""
    count = 0

    def replaced(found: re.Match[str]) -> str:
        nonlocal count
        count += 1
        file = output.with_name(f"{output.stem}-{count}.svg")
        file.write_bytes(base64.b64decode(found[1]))
        return f"(<{file.name}>)"

    return _EMBEDDED.sub(replaced, text)
