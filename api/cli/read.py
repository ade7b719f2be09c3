"""Commands that ask: now, incidents, impact, explain, coverage, dead-letters, check."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from api import words
from api.cli import complete, show
from api.cli.options import AsOfOption, DataOption, JsonOption, MapOption, settings_from
from api.cli.output import print_document
from api.cli.show import Lines
from api.client import Client, connect, part
from ingest.errors import InputError, NotFoundError

SPARK_SPAN, SPARK_STEP_S = timedelta(hours=4), 600
BURNING, MOST = ("open", "recovering"), 1000  # of them: as many as Toll answers at once
SPARKS = 12  # measures: each is a request of its own


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("check")(check)
    app.command("now")(now)
    app.command("incidents")(incidents)
    app.command("impact")(impact)
    app.command("explain")(explain)
    app.command("coverage")(coverage)
    app.command("dead-letters")(dead_letters)


def print_json(value: Any) -> None:
    """The value as indented JSON on standard output."""
    print_document(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


def check(
    map_path: Annotated[Path, typer.Argument(metavar="MAP", help="A YAML file or a folder.")],
    as_json: JsonOption = False,
) -> None:
    """Check a map: prints every mistake with its place, or what the map holds."""
    from api.setup.mapfiles import read_map
    from enrich.mistakes import MapError

    try:
        found = read_map(map_path).map
    except MapError as error:
        if as_json:
            print_json({"mistakes": [mistake._asdict() for mistake in error.mistakes]})
        else:  # each line begins with its place, as editors and CI read it
            sys.stderr.write(f"{error}\n")
        raise typer.Exit(1) from None
    measures = found.measures()
    if as_json:
        print_json(
            {
                "mistakes": [],
                "version": found.version,
                "processes": list(found.processes),
                "nodes": list(found.nodes),
                "measures": [m.id for m in measures],
            }
        )
        return
    print(
        f"{map_path} is good: {words.counted(len(found.processes), 'process', 'processes')} with "
        f"{words.counted(len(measures), 'measure')}, {words.counted(len(found.nodes), 'node')} "
        f"(version {found.version})"
    )


def now(
    watching: Annotated[
        bool, typer.Option("--watch", help="Draw it anew every few seconds, until Ctrl-C.")
    ] = False,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
    data: DataOption = None,
    map_path: MapOption = None,
) -> None:
    """What burns now, what it has cost, and what the company does."""
    if watching and (as_json or as_of):
        raise InputError("--watch shows the present to people: leave --json and --as-of out")
    with connect(settings_from(map_path, data)) as client:
        if watching:
            from api.cli.watch import watch

            watch(lambda: _watched(_now(client)), show.console())
            return
        found = _now(client) if as_of is None else _then(client, as_of)
        if as_json:
            del found["lines"]
            print_json(found)
            return
        _print_now(found, show.console(), as_of)


def _watched(found: dict[str, Any]) -> Callable[[Console, bool], None]:
    return lambda out, brief: _print_now(found, out, brief=brief)


def _now(client: Client) -> dict[str, Any]:
    processes = client.get("/v1/processes")
    return {
        "incidents": client.get("/v1/incidents", state=BURNING, limit=MOST),
        "silent": client.get("/v1/silent"),
        "processes": processes,
        "lines": lines_of(client, processes),
    }


def _then(client: Client, as_of: str) -> dict[str, Any]:
    """What was known to burn at a moment; what processes did is not kept as it was known."""
    burning = client.get("/v1/incidents", state=BURNING, limit=MOST, as_of=as_of)
    return {"incidents": burning, "silent": [], "processes": [], "lines": {}}


def _print_now(
    found: dict[str, Any], out: Console, as_of: str | None = None, *, brief: bool = False
) -> None:
    from api.ask.silent import Silent
    from api.http import schemas

    moment = datetime.now(UTC) if as_of is None else datetime.fromisoformat(as_of)
    if as_of is not None:
        out.print(f"as known at {words.moment(moment)}", style="dim")
    incidents = [schemas.Incident.model_validate(i) for i in found["incidents"]]
    show.burning(incidents, out, moment, None if brief else found["lines"])
    show.silent([Silent.model_validate(one) for one in found["silent"]], out, brief=brief)
    if found["processes"]:
        show.processes(found["processes"], out, found["lines"])


def lines_of(client: Client, processes: list[dict[str, Any]]) -> Lines:
    """Actual and expected of the last hours, of as many measures as a screen has lines for."""
    measures = [(p["process"], m["measure"]) for p in processes for m in p["measures"]
                if m["expected"]]  # fmt: skip
    start = datetime.now(UTC) - SPARK_SPAN
    found: dict[tuple[str, str], tuple[list[float | None], list[float]]] = {}
    for process, measure in measures[:SPARKS]:
        path = f"/v1/processes/{part(process)}/measures/{part(measure)}/minutes"
        try:
            bins = client.get(path, **{"from": start.isoformat(), "step": SPARK_STEP_S})
        except NotFoundError:  # a baseline that has gone, or no data in these hours
            continue
        found[process, measure] = (bins["actual"][:-1], bins["expected"][:-1])  # the last is begun
    return found


def incidents(
    process: Annotated[
        str | None,
        typer.Option(help="Only those that reach it.", autocompletion=complete.processes),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
    data: DataOption = None,
    map_path: MapOption = None,
) -> None:
    """Incidents, newest first, with what they cost."""

    from api.http import schemas

    with connect(settings_from(map_path, data)) as client:
        found = client.get("/v1/incidents", process=process, limit=limit, as_of=as_of)
    if as_json:
        print_json(found)
        return
    show.incidents([schemas.Incident.model_validate(i) for i in found])


def impact(
    incident: Annotated[
        str,
        typer.Argument(
            help="An incident's id (`toll incidents`).", autocompletion=complete.incidents
        ),
    ],
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
    data: DataOption = None,
    map_path: MapOption = None,
) -> None:
    """What one incident did to every measure it reaches."""

    from api.http import schemas

    with connect(settings_from(map_path, data)) as client:
        found = client.get(f"/v1/incidents/{part(incident)}", as_of=as_of)
    if as_json:
        print_json(found["impacts"])
        return
    show.impact(schemas.Incident.model_validate(found))


def explain(
    node: Annotated[str, typer.Argument(help="A node of the map.", autocompletion=complete.nodes)],
    as_json: JsonOption = False,
    data: DataOption = None,
    map_path: MapOption = None,
) -> None:
    """Whom a node reaches, by which path, and what an hour without it would cost."""
    with connect(settings_from(map_path, data)) as client:
        found = client.get(f"/v1/map/nodes/{part(node)}/reach")
    if as_json:
        print_json(found)
        return
    show.reach(found)


def coverage(
    as_json: JsonOption = False, data: DataOption = None, map_path: MapOption = None
) -> None:
    """What Toll cannot answer yet: processes without data, signals without a node, ..."""
    with connect(settings_from(map_path, data)) as client:
        found = client.get("/v1/coverage")
    if as_json:
        print_json(found)
        return
    show.coverage(found)


def dead_letters(
    reason: Annotated[str | None, typer.Option(help="Only those with this reason.")] = None,
    place: Annotated[
        str | None, typer.Option("--show", help="TOPIC/PARTITION/OFFSET/LINE: show its bytes.")
    ] = None,
    replay: Annotated[
        str | None, typer.Option("--replay", help="TOPIC/PARTITION/OFFSET/LINE: send it again.")
    ] = None,
    mended: Annotated[
        Path | None, typer.Option("--with", help="With --replay: a file with the mended line.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: JsonOption = False,
    data: DataOption = None,
    map_path: MapOption = None,
) -> None:
    """What could not be read: list it, show one, or send one again once mended."""
    if mended is not None and replay is None:
        raise InputError("--with goes with --replay TOPIC/PARTITION/OFFSET/LINE")
    body = mended.read_bytes() if mended is not None and mended.is_file() else b""
    if mended is not None and not body.strip():
        raise InputError(f"--with {mended}: no such file, or an empty one")
    background = replay is not None
    with connect(settings_from(map_path, data), background=background) as client:
        if replay is not None:
            path = f"/v1/dead-letters/{_place(replay)}/replay"
            found = client.post(path, body, {"Content-Type": "application/json"})
        elif place is not None:
            found = client.get(f"/v1/dead-letters/{_place(place)}")
        else:
            found = client.get("/v1/dead-letters", reason=reason, limit=limit)
    if as_json:
        print_json(found)
    elif replay is not None:
        print("sent again")
    elif place is not None:
        raw = found["raw"] if found["raw"] is not None else found["raw_base64"]
        print_document(f"{raw}\n")
    else:
        show.dead_letters(found)


def _place(text: str) -> str:
    parts = text.rsplit("/", 3)
    if len(parts) != 4 or not all(p.isdecimal() for p in parts[1:]):
        raise InputError(f"'{text}' is no place: write TOPIC/PARTITION/OFFSET/LINE")
    return "/".join([part(parts[0]), *parts[1:]])
