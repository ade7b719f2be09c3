"""The demo: a simulated shop that burns now and then; and how often ranges hold its truth."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from threading import Event
from typing import Annotated

import typer
from rich.console import Console

from api.cli.load import progress_bar, wait_until_counted
from api.cli.options import DataOption, JsonOption, ListenOption, settings_from
from api.cli.read import print_json
from api.cli.run import port, serve_parts, tokens_of
from api.client import connect
from api.setup.settings import Settings, read_settings
from ingest.errors import UnavailableError


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
    send: Annotated[
        bool,
        typer.Option("--send", help="Only the shop: it sends to the Toll at TOLL_URL."),
    ] = False,
    data: DataOption = None,
    listen: ListenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Everything in one process, with a simulated shop: eight weeks of history, then live."""
    if calibrate_runs is not None:
        _calibrate(calibrate_runs, seed, as_json)
        return
    given = settings_from(data=data, listen=listen)
    if send:
        _send(given)
        return
    _run(given, fresh)


def _run(given: Settings, fresh: bool) -> None:
    """The shop and Toll in one process, until they are stopped."""
    from api.run.runtime import Runtime, Supervised
    from api.run.wiring import open_parts
    from api.simulated.drive import LogSender, Simulation, demo_settings, take_up

    overrides = {"listen": f"{given.listen.host}:{given.listen.port}"}
    settings = read_settings(overrides=overrides | demo_settings(given))
    tokens = tokens_of(settings)
    out = Console(stderr=True, highlight=False)
    with ExitStack() as stack:
        door = stack.enter_context(port(settings.listen))
        kept = take_up(settings.data, datetime.now(UTC), fresh=fresh)
        parts = stack.enter_context(open_parts(settings))
        simulation = Simulation(LogSender(parts), kept, settings.data, _saying(out))
        stack.callback(simulation.close)
        if not simulation.loaded:
            with Runtime(parts, ingest=True, assess=False) as loader:
                with progress_bar("simulated history") as advance:
                    sent = simulation.load(advance)
                wait_until_counted(loader)
            out.print(f"{sent:,} simulated events are loaded and counted.")
        task = Supervised("simulated shop", simulation.run)
        serve_parts(parts, tokens, door, ingest=True, assess=True, simulated=True, beside=(task,))


def _saying(out: Console) -> Callable[[str], None]:
    return lambda text: out.print(text, soft_wrap=True)


def _send(settings: Settings) -> None:
    """The shop alone, until it is stopped: everything goes over HTTP to a Toll that runs."""
    from api.simulated.drive import HttpSender, Simulation, go_on

    out = Console(stderr=True, highlight=False)
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    folder = settings.data / "demo"
    with connect(settings) as client:
        if client.state is not None:
            raise UnavailableError(f"no Toll answers at {settings.url}: start one, or set TOLL_URL")
        kept = go_on(folder, datetime.now(UTC))
        simulation = Simulation(HttpSender(client), kept, folder, _saying(out))
        if not simulation.loaded:
            with progress_bar("simulated history") as advance:
                sent = simulation.load(advance)
            out.print(f"{sent:,} simulated events are sent.")
        simulation.run(stop)


def _calibrate(runs: int, seed: int, as_json: bool) -> None:
    from api.simulated.worlds import calibrate

    with progress_bar(f"{runs} simulated worlds") as advance:
        result = calibrate(runs, seed, advance)
    if as_json:
        print_json(result.as_dict())
        return
    for line in result.lines():
        print(line)
