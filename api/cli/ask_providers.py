"""`toll providers` and `toll portfolio`: what outside companies and nodes cost by failing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

import typer
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
    """Add the commands of this file."""
    app.command("providers")(providers)
    app.command("portfolio")(portfolio)


def providers(
    days: DaysOption = 91.0,
    start: FromOption = None,
    end: ToOption = None,
    as_json: JsonOption = False,
    data: DataOption = None,
    map_path: MapOption = None,
) -> None:
    """Providers: what they admitted against what was lived, how late, and what that cost."""
    with connect(settings_from(map_path, data)) as client:
        found = client.get("/v1/providers", **span_asked(start, end, days))
    print_json(found) if as_json else _print_providers(found)


def portfolio(
    days: Annotated[int, typer.Option(min=7, max=400, help="How far back to look.")] = 365,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many nodes.")] = 20,
    as_json: JsonOption = False,
    data: DataOption = None,
    map_path: MapOption = None,
) -> None:
    """What each node is expected to lose per quarter, against what running it costs."""
    with connect(settings_from(map_path, data)) as client:
        found = client.get("/v1/portfolio", days=days, limit=limit)
    print_json(found) if as_json else _print_portfolio(found)


def _print_providers(found: Mapping[str, Any]) -> None:
    out = show.console()
    out.print(show.span(found), style="dim")
    if not found["providers"]:
        out.print("The map has no providers.")
        return
    table = show.new_table("Provider", "Admitted", "Lived", "Allowed", "Spoke", "Cost", "Share")
    for one in found["providers"]:
        kept = one["kept"]
        lived = words.lasted(timedelta(minutes=one["lived_minutes"]))
        table.add_row(
            one["title"],
            words.lasted(timedelta(minutes=one["admitted_minutes"])),
            Text(lived, style="red" if kept is False else ""),
            "–" if one["sla"] is None else words.lasted(timedelta(minutes=one["allowed_minutes"])),
            _spoke(one),
            words.money(_sum(one["cost"])) if one["cost"] else "–",
            f"{one['share']['mid']:.0%}" if one["share"] and one["cost"] else "–",
        )
    out.print(table)
    for one in found["providers"]:
        if one["incidents"] or one["left_out"]:
            out.print()
            _print_provider(one, found["currency"])


def _spoke(one: Mapping[str, Any]) -> str:
    if one["lag_s"] is None:
        return "never" if one["never_admitted"] else "–"
    lasted = words.lasted(timedelta(seconds=abs(one["lag_s"])))
    return f"{lasted} {'late' if one['lag_s'] > 0 else 'early'}"


def _print_provider(one: Mapping[str, Any], currency: str) -> None:
    out = show.console()
    out.print(Text(one["title"], style="bold"))
    said = f"{one['lived_incidents']} of its incidents felt, {one['admitted_incidents']} admitted"
    if one["never_admitted"]:
        said += f", {one['never_admitted']} felt and never admitted"
    show.indented(out, said, 2)
    if one["sla"] is not None:
        word = "kept" if one["kept"] else "broken"
        lived = words.availability(one["lived_availability"], one["sla"])
        admitted = words.availability(one["admitted_availability"], one["sla"])
        show.indented(
            out,
            f"promises {one['sla']:g} %: {word}, {lived} as lived ({admitted} as admitted)",
            2,
        )
    for row in one["units"]:
        units = _units(row["units"])
        show.indented(
            out,
            f"{row['title']}: {words.units(units.mid)} {words.words(row['part'])} "
            f"({words.units_range(units)})",
            2,
        )
    if one["cost"]:
        cost = _sum(one["cost"])
        show.indented(out, f"cost {words.money(cost)} ({words.money_range(cost)})", 2)
        show.cost_parts([_part(p) for p in one["parts"]], out)
    if one["running_cost"] is not None:
        paid = words.amount(Decimal(one["running_cost"]), currency)
        down = words.amount(Decimal(one["paid_while_down"] or 0), currency)
        show.indented(out, f"paid {paid} for this time, {down} of it while it failed", 2, "dim")
    for why in one["left_out"]:
        show.indented(out, f"not counted: {why}", 2, "yellow")


def _print_portfolio(found: Mapping[str, Any]) -> None:
    out = show.console()
    span = " to ".join(found[name][:10] for name in ("start", "end"))
    looked = f"{found['currency']} per quarter; looked at {span} ({found['quarters']:.1f} quarters)"
    out.print(looked, style="dim")
    table = show.new_table(
        "Node", "Incidents", "Expected", "Low", "High", "Running it", "Twin saves",
        numbers_from=1,
    )  # fmt: skip
    for row in found["nodes"]:
        expected = row["expected"] or dict.fromkeys(("low", "mid", "high"))
        mark = "~" if row["method"] == "modelled" else ""
        twin = row["twin"]["saved"]["mid"] if row["twin"] and row["twin"]["saved"] else None
        table.add_row(
            row["title"],
            str(row["incidents"]),
            mark + _number(expected["mid"]),
            _number(expected["low"]),
            _number(expected["high"]),
            _number(row["running_cost"]),
            _number(twin),
        )
    out.print(table)
    if found["total"] > len(found["nodes"]):
        out.print(f"and {found['total'] - len(found['nodes'])} more (--limit)", style="dim")
    if found["unexplained"]:
        alone = _sum(found["unexplained"])
        show.indented(out, f"no signal explains {words.money(alone)} a quarter", 0, "yellow")
    if any(row["method"] == "modelled" for row in found["nodes"]):
        show.indented(out, "~ had no incident: from those of others, by its reach", 0, "dim")
    for said in found["left_out"]:
        show.indented(out, f"not counted: {said}", 0, "yellow")
    for said in found["rests_on"]:
        show.indented(out, said, 0, "dim")


def _number(amount: str | None) -> str:
    """A sum whose currency stands above the table, in whole units."""
    return "–" if amount is None else f"{Decimal(amount):,.0f}"


def _part(found: Mapping[str, Any]) -> Any:
    from api.http import schemas

    return schemas.CostPart.model_validate(found)


def _sum(found: Mapping[str, Any]) -> Any:
    from api.http import schemas

    return schemas.Sum.model_validate(found)


def _units(found: Mapping[str, Any]) -> Any:
    from api.http import schemas

    return schemas.Units.model_validate(found)
