"""Commands that run Toll: all of it, its parts, or the demo."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.options import DataOption, JsonOption, ListenOption, MapOption, settings_from
from api.cli.read import print_json
from api.setup.settings import Listen, Settings
from api.setup.tokens import Tokens, keep_token, new_token, read_tokens
from ingest.errors import BusyError, InputError, SettingsError

if TYPE_CHECKING:  # imported by what runs: `toll --help` and small commands do without
    from fastapi import FastAPI

    from api.run.runtime import Supervised
    from api.run.wiring import Parts


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("run")(run)
    app.command("ingest")(ingest)
    app.command("assess")(assess)
    app.command("serve")(serve)
    app.command("token")(token)


def run(map_path: MapOption = None, data: DataOption = None, listen: ListenOption = None) -> None:
    """Everything in one process; embedded unless Kafka or ClickHouse are named."""
    serve_until_stopped(settings_from(map_path, data, listen), ingest=True, assess=True)


def ingest(map_path: MapOption = None) -> None:
    """Only reading the log into the store; start as many as the topics have partitions."""
    _work_until_stopped(settings_from(map_path), ingest=True, assess=False)


def assess(map_path: MapOption = None) -> None:
    """Only the numbers; of several started, one is active and the others stand by."""
    _work_until_stopped(settings_from(map_path), ingest=False, assess=True)


def serve(map_path: MapOption = None, listen: ListenOption = None) -> None:
    """Only HTTP."""
    from api.run.wiring import require_servers

    settings = settings_from(map_path, listen=listen)
    require_servers(settings)
    serve_until_stopped(settings, ingest=False, assess=False)


def token(
    name: Annotated[str, typer.Argument(help="Whose token: grafana, alertmanager, ...")],
    role: Annotated[str, typer.Argument(help="read, write or admin.")],
    into: Annotated[
        Path | None,
        typer.Option("--into", help="Instead of printing: keep FOLDER/NAME and FOLDER/tokens."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token: prints it once, and the line for the file TOLL_TOKENS names."""
    if role not in ("read", "write", "admin"):
        raise InputError(f"'{role}' is no role; write read, write or admin")
    if not name or any(c.isspace() for c in name):
        raise InputError("a name has no spaces")
    if into is not None:
        made = keep_token(into, name, role)  # type: ignore[arg-type]  # checked just above
        if as_json:
            print_json({"file": str(into / name), "new": made})
        else:
            print(f"{into / name} {'holds a new token' if made else 'is there already'}")
        return
    fresh, line = new_token(name, role)  # type: ignore[arg-type]  # checked just above
    if as_json:
        print_json({"token": fresh, "line": line})
        return
    print(f"token (shown once): {fresh}\nline for the file:   {line}")


def serve_until_stopped(settings: Settings, *, ingest: bool, assess: bool) -> None:
    """Open the parts and serve HTTP, with background threads, until a signal says stop."""
    from api.run.wiring import open_parts

    tokens = tokens_of(settings)
    with port(settings.listen) as door, open_parts(settings) as parts:
        serve_parts(parts, tokens, door, ingest=ingest, assess=assess)


@contextmanager
def port(listen: Listen) -> Iterator[socket.socket]:
    """The port to listen on, taken before anything else is begun; `BusyError` where it is not free.

    Nobody is let in yet: that begins with serving.
    """
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    with socket.socket(family) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((listen.host, listen.port))
        except OSError as error:
            raise BusyError(
                f"cannot listen on {listen.host}:{listen.port} ({error.strerror or error}): "
                "stop what does, or choose another by --listen HOST:PORT or TOLL_LISTEN"
            ) from error
        # Or another could take the port, too, until one of the two listens.
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        yield door


def serve_parts(
    parts: Parts,
    tokens: Tokens | None,
    door: socket.socket,
    *,
    ingest: bool,
    assess: bool,
    simulated: bool = False,
    beside: tuple[Supervised, ...] = (),
) -> None:
    """Serve HTTP over open parts; `beside` are more threads to run meanwhile."""
    from api.app import build_app
    from api.http.state import State
    from api.run.runtime import Runtime

    settings = parts.settings
    # The server ends on a signal and then raises it again; the parts are to be closed all the same.
    signal.signal(signal.SIGTERM, _leave)
    with ExitStack() as stack:
        runtime = stack.enter_context(
            Runtime(parts, ingest=ingest, assess=assess, serve=True, simulated=simulated)
        )
        state = State(parts, runtime, tokens, simulated=simulated)
        stack.callback(state.close)
        for thread in beside:
            thread.start()
            stack.callback(thread.stop)
        _answer(build_app(state), settings.listen.host, door)


def _answer(app: FastAPI, host: str, door: socket.socket) -> None:
    from api.run.serving import Server

    typer.echo(f"Toll listens on {Listen(host, door.getsockname()[1]).url}", err=True)
    Server(app).run(sockets=[door])


def _leave(*_: object) -> None:
    raise SystemExit(0)


def tokens_of(settings: Settings, listen: Listen | None = None) -> Tokens | None:
    """The known tokens; refuses to listen beyond this machine without any."""
    listen = listen or settings.listen
    if settings.tokens is not None:
        return read_tokens(settings.tokens)
    if not listen.loopback:
        raise SettingsError(
            f"listening on {listen.host} lets others in: name a file of tokens in "
            "TOLL_TOKENS (`toll token NAME ROLE` makes its lines), or listen on 127.0.0.1"
        )
    return None


def _work_until_stopped(settings: Settings, *, ingest: bool, assess: bool) -> None:
    from api.run.runtime import Runtime
    from api.run.wiring import open_parts, require_servers

    require_servers(settings)
    if settings.health_listen is not None:
        _work_and_answer(settings, settings.health_listen, ingest=ingest, assess=assess)
        return
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with open_parts(settings) as parts, Runtime(parts, ingest=ingest, assess=assess):
        while not stop.wait(1.0):
            pass


def _work_and_answer(settings: Settings, listen: Listen, *, ingest: bool, assess: bool) -> None:
    """The same, and say over HTTP how it goes: all that is served are health and metrics."""
    from api.http.state import State
    from api.run.health_app import build_health_app
    from api.run.runtime import Runtime
    from api.run.wiring import open_parts

    tokens = tokens_of(settings, listen)
    with ExitStack() as stack:
        door = stack.enter_context(port(listen))
        parts = stack.enter_context(open_parts(settings))
        signal.signal(signal.SIGTERM, _leave)
        state = State(
            parts, stack.enter_context(Runtime(parts, ingest=ingest, assess=assess)), tokens
        )
        stack.callback(state.close)
        _answer(build_health_app(state), listen.host, door)
