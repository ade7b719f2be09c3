"""`toll perception`: when tools and business disagreed, in minutes and in money."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.padding import Padding
from rich.text import Text

from api import words
from api.cli import show
from api.cli.options import (
    DataOption,
    DaysOption,
    FromOption,
    JsonOption,
    MapOption,
    ToOption,
    settings_from,
    span_asked,
)
from api.cli.read import print_json
from api.client import connect


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("perception")(perception)


def perception(
    days: DaysOption = 7.0,
    start: FromOption = None,
    end: ToOption = None,
    process: Annotated[
        str | None, typer.Option(help="Only this process and what it needs.")
    ] = None,
    as_json: JsonOption = False,
    data: DataOption = None,
    map_path: MapOption = None,
) -> None:
    """When tools were green and business was red, and the reverse: minutes and money."""
    with connect(settings_from(map_path, data)) as client:
        found = client.get("/v1/perception", **span_asked(start, end, days), process=process)
    if as_json:
        print_json(found)
        return
    out = show.console()
    out.print(show.span(found), style="dim")
    for one in found["processes"]:
        _print_gap(one, f"tools {_percent(one['technical_availability'])} available")
        share = one["business_availability"]
        if share is not None:
            low, mid, high = (_percent(share[end]) for end in ("low", "mid", "high"))
            show.indented(out, f"business delivered {mid} of its value ({low} to {high})", 2)
    for one in found["nodes"]:
        own, whole = one["own_availability"], one["technical_availability"]
        said = f"{_percent(own)} available by its own signals"
        if whole < own:
            said += f", {_percent(whole)} with what it needs"
        _print_gap(one, said)


def _print_gap(found: Mapping[str, Any], said: str) -> None:
    from api.http import schemas

    out = show.console()
    out.print()
    out.print(Text(found["title"], style="bold"))
    show.indented(out, said, 2)
    table = show.new_table("", "Time", "Money", "Range", numbers_from=1)
    for part, label in words.GAP_WORDS.items():
        minutes, money = found["minutes"][part], found["money"][part]
        if minutes or money:
            sum_ = schemas.Sum.model_validate(money) if money else None
            table.add_row(
                label,
                words.lasted(timedelta(minutes=minutes)),
                words.money(sum_) if sum_ else "",
                words.money_range(sum_) if sum_ else "",
            )
    out.print(Padding(table, (0, 0, 0, 2)))
    for why in found["left_out"]:
        show.indented(out, f"not counted: {why}", 2, "dim")


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
