"""`toll trust`: how far the numbers can be trusted, from what they said and what it came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.load import progress_bar
from api.cli.options import DataOption, JsonOption, MapOption, moment_or_utc, settings_from
from api.cli.read import print_json
from api.cli.show import console, new_table
from api.client import connect
from api.words import AGE_WORDS, PART_WORDS, units

if TYPE_CHECKING:  # imported when there is something to show
    from api.ask.backtest import Backtest, MeasureScores
    from api.http import schemas


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("trust")(trust)


def trust(
    process: Annotated[str | None, typer.Option(help="Only this process.")] = None,
    measure: Annotated[str | None, typer.Option(help="Only measures of this name.")] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--from",
            parser=moment_or_utc,
            metavar="TIME",
            help="Incidents begun at or after this; UTC without a zone.",
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to", parser=moment_or_utc, metavar="TIME", help="Incidents begun before this."
        ),
    ] = None,
    backtest: Annotated[
        bool,
        typer.Option("--backtest", help="Instead: write incidents into your own history."),
    ] = False,
    cases: Annotated[
        int, typer.Option(min=10, max=2000, help="With --backtest: so many per measure.")
    ] = 60,
    seed: Annotated[int, typer.Option(help="With --backtest.")] = 1,
    as_json: JsonOption = False,
    data: DataOption = None,
    map_path: MapOption = None,
) -> None:
    """How far the numbers can be trusted: what was said live beside what it came to."""

    from api.http import schemas

    if backtest:
        from api.ask.backtest import fetch as fetch_pasts
        from api.ask.backtest import run_backtest

        with connect(settings_from(map_path, data)) as client:
            fetched = fetch_pasts(client, process, measure)
        with progress_bar("incidents") as advance:
            result = run_backtest(fetched, cases, seed, advance)
        if as_json:
            print_json(result.as_dict())
        else:
            show_backtest(result)
        return
    given = {"process": process, "measure": measure, "from": since, "to": to}
    with connect(settings_from(map_path, data)) as client:
        found = client.get("/v1/trust", **given)
    if as_json:
        print_json(found)
        return
    show_trust(schemas.TrustReport.model_validate(found))


def show_trust(found: schemas.TrustReport) -> None:
    """The ledger, measure by measure, and what opens an incident without a signal."""
    out = console()
    if not found.ledger:
        out.print("No incident has settled yet, so there is nothing to compare.")
    for name in dict.fromkeys((x.process, x.measure) for x in found.ledger):
        lines = [x for x in found.ledger if (x.process, x.measure) == name]
        out.print(f"{lines[0].process_title}: {lines[0].measure_title}", style="bold")
        shown = new_table("  Number", "Said", "Incidents", "Off by", "Inside", "True share")
        for number, line in enumerate(lines):
            first = number == 0 or lines[number - 1].part != line.part
            shown.add_row(
                f"  {PART_WORDS[line.part]}" if first else "",
                AGE_WORDS[line.age],
                f"{line.incidents}" + (f" ({line.replayed}*)" if line.replayed else ""),
                _off_by(line),
                f"{line.inside}",
                f"{line.coverage.low:.0%} to {line.coverage.high:.0%}"
                if line.enough
                else "too few to tell",
            )
        out.print(shown)
        out.print()
    if any(line.replayed for line in found.ledger):
        out.print(
            "* played through afterwards, from what lay before each moment: these incidents were "
            "over when Toll first heard of them.",
            style="dim",
        )
    if found.ledger:
        out.print(
            "Only numbers whose window was already that of the final answer. Off by: the middle "
            "against the settled number. Inside: settled within the range given live; 90 % should. "
            "True share: what the share inside can be, from so many.",
            style="dim",
        )
    if found.business_first:
        _show_bars(found.business_first)


def show_backtest(result: Backtest) -> None:
    """The scores of docs/accuracy.md, for every measure and all of them together."""
    out = console()
    for moment, told in (("LIVE", "nothing known after the end"), ("FINAL", "a day or two later")):
        shown = new_table(
            moment, "Cases", "WAPE", "Median", "Bias", "Inside", "Interval", "False", "Back",
            numbers_from=1,
        )  # fmt: skip
        for line in result.lines:
            shown.add_row(*_scores(line, moment))
        out.print(f"{moment}, {told}", style="bold")
        out.print(shown)
        out.print()
    if result.forecast.cases:
        out.print(
            f"What LIVE forecasts to be lost, against FINAL: WAPE {_share(result.forecast.wape)}, "
            f"{_share(result.forecast.coverage)} inside."
        )
    for name, why in result.left_out.items():
        out.print(f"left out: {name} ({why})", style="dim")
    out.print(
        "WAPE: sum of errors over the sum of what was truly lost (load: on top). Median: of the "
        "errors of single cases. Inside: truth within the 90 % range. Interval: its width plus 20 "
        "times every miss, over the truth. False: what is claimed where nothing happened, over the "
        f"volume. Back: WAPE of what came back. Seed {result.seed}.",
        style="dim",
    )


def _scores(line: MeasureScores, moment: str) -> list[str]:
    found = line.live if moment == "LIVE" else line.final
    bias = "-" if found.bias is None else f"{found.bias:+.2f}"
    interval = "-" if found.iscore is None else f"{found.iscore:.2f}"
    wape, median, inside = map(_share, (found.wape, found.mdare, found.coverage))
    false, back = _share(found.false), _share(found.rec_wape)
    return [line.name, str(found.cases), wape, median, bias, inside, interval, false, back]


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}" if value < 0.1 else f"{value:.0%}"


def _off_by(line: schemas.TrustLine) -> str:
    if line.median_error is not None:
        return f"{line.median_error:+.0%}"
    return f"{'+' if line.error_units > 0 else ''}{units(line.error_units)} units"


def _show_bars(found: schemas.BusinessFirst) -> None:
    out = console()
    out.print()
    out.print("Incidents that only the business shows", style="bold")
    out.print(
        f"business-first: threshold {found.factor:.2f} times each measure's own bar, {found.says}"
    )
    for bar in found.measures:
        if bar.hour_needs is None:
            continue
        more = "more than usual" if bar.kind == "load" else "of an hour missing"
        out.print(f"  {bar.process}, {bar.title.lower()}: {bar.hour_needs:.0%} {more}", style="dim")
