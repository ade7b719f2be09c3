"""`toll map`: import it, look at it, and see how it changed."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from api.cli import show_map
from api.cli.options import DataOption, JsonOption, MapOption, settings_from
from api.cli.program import Program
from api.cli.read import print_json
from api.client import connect
from ingest.errors import InputError

if TYPE_CHECKING:
    from api.setup.mapfiles import LoadedMap
    from api.setup.settings import Settings

app = Program(help="The map: import it, look at it, see how it changed.", no_args_is_help=True)
importing = Program(help="Write a map from what a company has already.", no_args_is_help=True)
app.add_typer(importing, name="import")


def register(to: typer.Typer) -> None:
    """Add the commands of this file."""
    to.add_typer(app, name="map")


@importing.command("backstage")
def import_backstage(
    folder: Annotated[Path, typer.Argument(help="A folder with catalog-info.yaml files, or one.")],
    as_json: JsonOption = False,
) -> None:
    """Print the map that a Backstage catalogue makes, with map files that lie beside it."""
    from api.setup.mapfiles import read_texts
    from enrich.catalogue import is_catalogue
    from enrich.mapschema import is_map

    texts = {n: t for n, t in read_texts(folder).items() if is_catalogue(t) or is_map(t)}
    if not any(is_catalogue(text) for text in texts.values()):
        raise InputError(f"{folder}: no entities of Backstage (apiVersion: backstage.io/...)")
    _write(texts, as_json)


@importing.command("csv")
def import_csv(
    file: Annotated[Path, typer.Argument(help="name, layer, needs, owner; see the README.")],
    as_json: JsonOption = False,
) -> None:
    """Print the map that an inventory in CSV makes."""
    from api.setup.mapfiles import read_texts

    if file.suffix != ".csv":
        raise InputError(f"{file}: write the name of a .csv file")
    _write(read_texts(file), as_json)


@app.command("history")
def history(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
    as_json: JsonOption = False,
    data: DataOption = None,
    map_path: MapOption = None,
) -> None:
    """Every version of the map, and since when each holds."""
    with connect(settings_from(map_path, data)) as client:
        found = client.get("/v1/map/history", limit=limit)
    print_json(found) if as_json else show_map.history(found)


@app.command("diff")
def diff(
    before: Annotated[
        str | None,
        typer.Argument(help="A version (`toll map history`), a file or a folder."),
    ] = None,
    after: Annotated[str | None, typer.Argument(help="The same; else the map in force.")] = None,
    as_json: JsonOption = False,
    data: DataOption = None,
    map_path: MapOption = None,
) -> None:
    """What changed between two maps, and which processes now depend on what.

    Without arguments: what the last change of the map did. With one version: what changed since.
    With one file: what it would change, were it taken into use. Two files need no Toll.
    """
    if not _is_file(before) and not _is_file(after):
        with connect(settings_from(map_path, data)) as client:
            found = client.get("/v1/map/diff", before=before, after=after)
    else:
        found = _with_files(before, after, settings_from(map_path, data))
    print_json(found) if as_json else show_map.difference(found)


@app.command("risks")
def risks(
    below: Annotated[
        float, typer.Option(min=0, max=1, help="What leaves less than this share of a process.")
    ] = 0.5,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
    as_json: JsonOption = False,
    data: DataOption = None,
    map_path: MapOption = None,
) -> None:
    """Single points of failure, the dearest first, and groups that only look redundant."""
    with connect(settings_from(map_path, data)) as client:
        found = client.get("/v1/map/risks", below=below, limit=limit)
    print_json(found) if as_json else show_map.risks(found)


@app.command("gaps")
def gaps(as_json: JsonOption = False, data: DataOption = None, map_path: MapOption = None) -> None:
    """Where the map and life disagree, with the incidents that show it."""
    with connect(settings_from(map_path, data)) as client:
        found = client.get("/v1/map/gaps")
    print_json(found) if as_json else show_map.gaps(found)


@app.command("draw")
def draw(
    around: Annotated[
        str | None, typer.Option(help="Only what this process or node needs and reaches.")
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="With what is in trouble now.")] = False,
    theme: Annotated[
        Literal["auto", "light", "dark"], typer.Option(help="auto: as the reader's screen.")
    ] = "auto",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; else the picture is printed.")
    ] = None,
    as_json: JsonOption = False,
    data: DataOption = None,
    map_path: MapOption = None,
) -> None:
    """Draw the map as SVG: columns by layer, redundancy marked, lines to what is needed."""
    from api.charts.map_picture import around as around_of
    from api.charts.map_picture import map_svg
    from api.setup.mapfiles import read_map

    if live or map_path is None:
        with connect(settings_from(map_path, data)) as client:
            found = client.text("/v1/map.svg", around=around, live=live, theme=theme)
    else:
        graph = read_map(map_path).graph
        names = around_of(graph, around) if around is not None else None
        found = map_svg(graph, names, theme=theme)
    if output is not None:
        output.write_text(found, "utf-8")
    if as_json:
        print_json({"svg": found} if output is None else {"file": str(output)})
    elif output is None:
        sys.stdout.write(found)


def _is_file(text: str | None) -> bool:
    """Whether this names files; a version is nothing but hexadecimal digits."""
    return text is not None and (Path(text).exists() or not re.fullmatch("[0-9a-fA-F]+", text))


def _with_files(before: str | None, after: str | None, settings: Settings) -> Any:
    """The difference where at least one side is a file. One alone is what would come."""
    from api.ask.map_difference import difference
    from api.setup.mapfiles import loaded, read_map

    sides = (before, after) if after is not None else (None, before)
    maps: dict[str | None, LoadedMap] = {
        text: read_map(Path(text)) for text in sides if text is not None and _is_file(text)
    }
    if any(text not in maps for text in sides):
        with connect(settings) as client:
            for text in sides:
                if text not in maps:
                    maps[text] = loaded(client.get("/v1/map/files", version=text)["files"])
    return difference(maps[sides[0]], maps[sides[1]]).model_dump(mode="json")


def _write(texts: dict[str, str], as_json: bool) -> None:
    from enrich.mapcheck import missing
    from enrich.mapfile import built, read_draft
    from enrich.mapwrite import as_yaml
    from enrich.mistakes import MapError

    draft, mistakes = read_draft(texts, part=True)
    if mistakes:
        raise MapError(mistakes)
    written, absent = as_yaml(built(draft)), missing(draft)
    if as_json:
        print_json({"map": written, "missing": absent})
        return
    sys.stdout.write(written)
    for key, why in absent.items():
        print(f"to be a whole map, {key} is missing; {why}", file=sys.stderr)
