"""`toll what-if`: what past incidents would have cost otherwise, and what one to come would."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.padding import Padding
from rich.text import Text

from api import words
from api.cli import complete, show
from api.cli.options import (
    DataOption,
    FromOption,
    JsonOption,
    MapOption,
    ToOption,
    settings_from,
    span_asked,
)
from api.cli.program import Program
from api.cli.read import print_json
from api.client import connect
from ingest.errors import InputError

app = Program(no_args_is_help=True)
_INCIDENT = re.compile(r"\d{8}-[0-9a-f]+")
_SHOWN = 10  # incidents


def register(to: typer.Typer) -> None:
    """Add the commands of this file."""
    to.add_typer(app, name="what-if")


@app.callback(invoke_without_command=True)
def what_if(
    ctx: typer.Context,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME.needs='[...]': what a process or node would need."),
    ] = None,
    duplicate: Annotated[
        list[str] | None,
        typer.Option(
            help="A node that would have a twin. Repeatable.", autocompletion=complete.nodes
        ),
    ] = None,
    add: Annotated[
        list[str] | None, typer.Option(help="A new node, for --set to name. Repeatable.")
    ] = None,
    shorten: Annotated[
        str | None, typer.Option(help="Every outage so much shorter, such as 20m.")
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            help="A node that would not have failed, or an incident that would not have been.",
            autocompletion=complete.nodes_and_incidents,
        ),
    ] = None,
    other_map: Annotated[
        Path | None, typer.Option("--other-map", help="A whole other map: a file or a folder.")
    ] = None,
    incident: Annotated[
        str | None,
        typer.Option(help="Only this incident.", autocompletion=complete.incidents),
    ] = None,
    days: Annotated[
        float, typer.Option(min=0.01, max=400, help="Incidents of so many days back.")
    ] = 91.0,
    start: FromOption = None,
    end: ToOption = None,
    as_json: JsonOption = False,
    data: DataOption = None,
    map_path: MapOption = None,
) -> None:
    """What past incidents would have cost had something been otherwise: nothing is changed."""
    if ctx.invoked_subcommand is not None:
        return
    if not any((changes, duplicate, add, shorten, without, other_map)):
        raise InputError(
            "nothing is supposed: give --set, --duplicate, --shorten, --without or --other-map, "
            "or ask `toll what-if outage NODE`"
        )
    absent = [w for w in without or [] if _INCIDENT.fullmatch(w)]
    asked = {
        **span_asked(start, end, days),
        "incident": incident,
        "needs": dict(_change(text) for text in changes or []),
        "duplicate": duplicate or [],
        "add": add or [],
        "shorten": shorten,
        "not_failed": [w for w in without or [] if w not in absent],
        "not_been": absent,
        "map": _written(other_map) if other_map else None,
    }
    body = orjson.dumps({name: value for name, value in asked.items() if value is not None})
    with connect(settings_from(map_path, data)) as client:
        found = client.post("/v1/what-if", body, {"Content-Type": "application/json"})
    print_json(found) if as_json else _print_replay(found)


@app.command("outage")
def outage(
    node: Annotated[
        str,
        typer.Argument(help="A node or process of the map.", autocompletion=complete.things),
    ],
    length: Annotated[str, typer.Option("--for", help="How long: 30m, 2h, 1d.")] = "1h",
    at: Annotated[
        str | None,
        typer.Option("--at", help="'Fri 18:00' by the company's clock, or a moment; else now."),
    ] = None,
    as_json: JsonOption = False,
    data: DataOption = None,
    map_path: MapOption = None,
) -> None:
    """What an outage to come would cost: of a node or process, for so long, at such a time."""
    with connect(settings_from(map_path, data)) as client:
        found = client.get("/v1/what-if/outage", **{"node": node, "for": length, "at": at})
    print_json(found) if as_json else _print_outage(found)


def _change(text: str) -> tuple[str, str]:
    name, equals, needs = text.partition("=")
    thing, dot, field = name.strip().rpartition(".")
    if not (equals and dot and thing) or field != "needs":
        raise InputError(
            f"--set {text}: write NAME.needs='[...]', such as payment.needs='[{{any: [a, b]}}]'"
        )
    return thing, needs


def _written(path: Path) -> str:
    """The other map as one file: its mistakes are told here, with their places."""
    from api.setup.mapfiles import read_map
    from enrich.mapwrite import as_yaml

    return as_yaml(read_map(path).map)


def _print_replay(found: Mapping[str, Any]) -> None:
    out = show.console()
    out.print(Text(f"If {found['supposed']}", style="bold"))
    count = found["incidents_replayed"]
    over = "one incident" if count == 1 else f"{count} incidents"
    show.indented(out, f"replayed {over}, {show.span(found)}", 2, "dim")
    if found["cost"] is None:
        show.indented(out, "Nothing with a price was hit in that time.", 2)
    else:
        show.indented(out, _verdict(found), 2, "green" if _kept(found) else "")
        _print_measures(found["processes"])
        _print_incidents(found["incidents"])
    for said in found["cannot_say"]:
        show.indented(out, f"cannot say: {said}", 2, "yellow")
    for said in found["rests_on"]:
        show.indented(out, said, 2, "dim")


def _kept(found: Mapping[str, Any]) -> bool:
    return float(found["saved"]["mid"]) > 0


def _verdict(found: Mapping[str, Any]) -> str:
    from api.http import schemas

    cost, saved, left = (
        schemas.Sum.model_validate(found[name]) for name in ("cost", "saved", "left")
    )
    if saved.low == saved.mid == saved.high == 0:
        return f"Nothing would have been saved of {words.money(cost)}."
    if saved.mid < 0:
        more = saved.model_copy(update={"low": -saved.high, "mid": -saved.mid, "high": -saved.low})
        return (
            f"It would have cost {words.money(more)} more ({words.money_range(more)}) than "
            f"{words.money(cost)}."
        )
    return (
        f"{words.money(saved)} ({words.money_range(saved)}) would have been saved of "
        f"{words.money(cost)}; {words.money(left)} would have been left."
    )


def _print_measures(processes: Sequence[Mapping[str, Any]]) -> None:
    from api.http import schemas

    table = show.new_table("Process", "Measure", "Was", "Saved", "Range", "Money", numbers_from=2)
    for process in processes:
        for number, row in enumerate(process["measures"]):
            was, saved = (schemas.Units.model_validate(row[k]) for k in ("units", "saved_units"))
            part = words.words(row["part"])
            table.add_row(
                process["title"] if number == 0 else "",
                f"{row['measure_title']}, {part}",
                words.units(was.mid),
                words.units(saved.mid),
                words.units_range(saved),
                words.money(schemas.Sum.model_validate(row["saved"])) if row["saved"] else "–",
            )
    out = show.console()
    out.print()
    out.print(Padding(table, (0, 0, 0, 2)))


def _print_incidents(incidents: Sequence[Mapping[str, Any]]) -> None:
    from api.http import schemas

    if not incidents:
        return
    table = show.new_table("Incident", "Cost", "Saved", "Range", numbers_from=1)
    for row in incidents[:_SHOWN]:
        cost, saved = (
            schemas.Sum.model_validate(row[k]) if row[k] else None for k in ("cost", "saved")
        )
        table.add_row(
            f"{show.minute(row['started_at'])} {row['title']}",
            words.money(cost) if cost else "–",
            words.money(saved) if saved else "–",
            words.money_range(saved).removesuffix(", includes zero") if saved else "",
        )
    out = show.console()
    out.print()
    out.print(Padding(table, (0, 0, 0, 2)))
    if len(incidents) > _SHOWN:
        out.print(f"  and {len(incidents) - _SHOWN} more (--json lists all)", style="dim")
    out.print()


def _print_outage(found: Mapping[str, Any]) -> None:
    from api.http import schemas

    out = show.console()
    start, end = (datetime.fromisoformat(found[name]) for name in ("start", "end"))
    out.print(Text(f"{found['title']} down for {words.lasted(end - start)}", style="bold"))
    show.indented(out, f"from {words.moment(start)} on", 2, "dim")
    if not found["processes"]:
        show.indented(out, "No process would feel it: others take over.", 2, "green")
    for one in found["processes"]:
        severity = one["severity"]
        hit = "would stop" if severity >= 1 else f"would lose {severity:.0%}"
        show.indented(out, f"{one['title']} {hit}", 2, mark="- ")
    if found["cost"]:
        cost = schemas.Sum.model_validate(found["cost"])
        show.indented(out, f"{words.money(cost)} ({words.money_range(cost)})", 2, "bold")
    table = show.new_table("Measure", "Units", "Range", "Money", "", numbers_from=1)
    for row in found["measures"]:
        units = schemas.Units.model_validate(row["units"])
        money = schemas.Sum.model_validate(row["money"]) if row["money"] else None
        table.add_row(
            row["measure"],
            words.units(units.mid),
            words.units_range(units),
            words.money(money) if money else "–",
            "" if row["added"] else "shown, not added",
        )
    if table.row_count:
        out.print(Padding(table, (0, 0, 0, 2)))
    for why in found["not_counted"]:
        show.indented(out, f"not counted: {why}", 2, "dim")
    for said in found["rests_on"] if found["processes"] else ():
        show.indented(out, said, 2, "dim")
