"""The demo: a simulated shop that burns now and then; and how often ranges hold its truth."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from api.calibrate import calibrate
from api.cli.load import progress_bar, wait_until_counted
from api.cli.options import DataOption, JsonOption, ListenOption, settings_from
from api.cli.read import print_json
from api.cli.run import port, serve_parts, tokens_of
from api.runtime import Runtime, Supervised
from api.settings import read_settings
from api.simulate import Simulation, demo_settings, take_up
from api.wiring import open_parts


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("demo")(demo)


def demo(
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew, with another shop.")] = False,
    calibrate_runs: Annotated[
        int | None,
        typer.Option("--calibrate", min=10, help="Instead: price so many simulated incidents."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="With --calibrate.")] = 1,
    data: DataOption = None,
    listen: ListenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Everything in one process, with a simulated shop: eight weeks of history, then live."""
    if calibrate_runs is not None:
        _calibrate(calibrate_runs, seed, as_json)
        return
    given = settings_from(data=data, listen=listen)
    overrides = {"listen": f"{given.listen.host}:{given.listen.port}"}
    settings = read_settings(overrides=overrides | demo_settings(given))
    tokens = tokens_of(settings)
    out = Console(stderr=True, highlight=False)
    with ExitStack() as stack:
        door = stack.enter_context(port(settings.listen))
        kept = take_up(settings.data, datetime.now(UTC), fresh=fresh)
        parts = stack.enter_context(open_parts(settings))
        simulation = Simulation(parts, kept, lambda text: out.print(text, soft_wrap=True))
        stack.callback(simulation.close)
        if not simulation.loaded:
            with Runtime(parts, ingest=True, assess=False) as loader:
                with progress_bar("simulated history") as advance:
                    sent = simulation.load(advance)
                wait_until_counted(loader)
            out.print(f"{sent:,} simulated events are loaded and counted.")
        task = Supervised("simulated shop", simulation.run)
        serve_parts(parts, tokens, door, ingest=True, assess=True, simulated=True, beside=(task,))


def _calibrate(runs: int, seed: int, as_json: bool) -> None:
    with progress_bar(f"{runs} simulated worlds") as advance:
        result = calibrate(runs, seed, advance)
    if as_json:
        print_json(result.as_dict())
        return
    for line in result.lines():
        print(line)
