"""`toll process`: what one process usually does, does today, and what an hour without it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from api import words
from api.cli import complete, show
from api.cli.options import DataOption, JsonOption, MapOption, settings_from
from api.cli.read import lines_of, print_json
from api.client import connect, part


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("process")(process)


def process(
    name: Annotated[
        str,
        typer.Argument(
            metavar="PROCESS", help="A process of the map.", autocompletion=complete.processes
        ),
    ],
    as_json: JsonOption = False,
    data: DataOption = None,
    map_path: MapOption = None,
) -> None:
    """One process: today against its usual day, its usual week, what an hour without it costs."""
    with connect(settings_from(map_path, data)) as client:
        found = client.get(f"/v1/processes/{part(name)}")
        if as_json:
            print_json(found)
            return
        lines = lines_of(client, [found])
    out = show.console()
    out.print(Text(found["title"], style="bold"))
    _print_today(found)
    for measure in found["measures"]:
        if line := lines.get((name, measure["measure"])):
            out.print()
            out.print(f"{measure['title']}, the last four hours", style="dim")
            show.sparks(out, *line, by=2, kind=measure["kind"])
    for measure in found["measures"]:
        if measure["measure"] in found["week"]:
            _print_week(measure["title"], found["week"][measure["measure"]])
            peak = found["peak"][measure["measure"]]
            out.print(f"  busiest: {peak['when'] or 'never'}", style="dim")
    _print_hours(found["hours"])


def _print_today(found: Mapping[str, Any]) -> None:
    from api.http import schemas

    table = show.new_table("Measure", "Today so far", "Usual by now", "Range", numbers_from=1)
    for measure in found["measures"]:
        day = found["today"].get(measure["measure"])
        if day is None:
            table.add_row(measure["title"], "–", "–", measure["why"] or "no data today")
            continue
        usual = schemas.Units.model_validate(day["expected"])
        row = (words.count(day["actual"]), words.units(usual.mid), words.units_range(usual))
        table.add_row(measure["title"], *row)
    show.console().print(table)


def _print_week(title: str, week: Sequence[Mapping[str, Any]]) -> None:
    """The usual week in 80 columns: sums of three hours."""
    out = show.console()
    out.print()
    out.print(f"{title}: usual units by local weekday, three hours to a column")
    table = show.new_table("", *(f"{hour:02}:00" for hour in range(0, 24, 3)), numbers_from=1)
    for day, label in enumerate(words.DAYS):
        hours = [week[24 * day + hour]["units"]["mid"] for hour in range(24)]
        table.add_row(label, *(words.units(sum(hours[at : at + 3])) for at in range(0, 24, 3)))
    out.print(table)


def _print_hours(hours: Mapping[str, Any]) -> None:
    from api.http import schemas

    out = show.console()
    out.print()
    table = show.new_table("An hour without it", "Measure", "Units", "Money", "Range")
    for name, label in (("now", "now"), ("peak", "at the peak"), ("tonight", "tonight")):
        hour = hours[name]
        whole = hour["cost"] and schemas.Sum.model_validate(hour["cost"])
        said = (words.money(whole), words.money_range(whole)) if whole else ("–", "")
        table.add_row(f"{label}, {hour['hour']}", "", "", *said)
        for measure in hour["measures"]:
            units = schemas.Units.model_validate(measure["units"])
            money = measure["money"] and schemas.Sum.model_validate(measure["money"])
            table.add_row(
                "",
                measure["measure"].partition("/")[2],
                words.units_range(units),
                words.money(money) if money else "–",
                "" if measure["added"] else "shown, not added",
            )
    out.print(table)
    for left_out in hours["not_counted"]:
        out.print(f"not counted: {left_out}", style="dim")
