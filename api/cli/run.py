"""Commands that run Toll: all of it, its parts, or the demo."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from threading import Event
from typing import Annotated

import typer
import uvicorn

from api.app import build_app
from api.cli.options import DataOption, ListenOption, MapOption, settings_from
from api.runtime import Runtime, Supervised
from api.settings import Settings
from api.state import State
from api.tokens import Tokens, new_token, read_tokens
from api.wiring import Parts, open_parts, require_servers
from ingest.errors import InputError, SettingsError


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
    settings = settings_from(map_path)
    require_servers(settings)
    _work_until_stopped(settings, ingest=True, assess=False)


def assess(map_path: MapOption = None) -> None:
    """Only the numbers; of several started, one is active and the others stand by."""
    settings = settings_from(map_path)
    require_servers(settings)
    _work_until_stopped(settings, ingest=False, assess=True)


def serve(map_path: MapOption = None, listen: ListenOption = None) -> None:
    """Only HTTP."""
    settings = settings_from(map_path, listen=listen)
    require_servers(settings)
    serve_until_stopped(settings, ingest=False, assess=False)


def token(
    name: Annotated[str, typer.Argument(help="Whose token: grafana, alertmanager, ...")],
    role: Annotated[str, typer.Argument(help="read, write or admin.")],
) -> None:
    """Make a token: prints it once, and the line for the file TOLL_TOKENS names."""
    if role not in ("read", "write", "admin"):
        raise InputError(f"'{role}' is no role; write read, write or admin")
    if not name or any(c.isspace() for c in name):
        raise InputError("a name has no spaces")
    fresh, line = new_token(name, role)  # type: ignore[arg-type]  # checked just above
    print(f"token (shown once): {fresh}\nline for the file:   {line}")


def serve_until_stopped(settings: Settings, *, ingest: bool, assess: bool) -> None:
    """Open the parts and serve HTTP, with background threads, until a signal says stop."""
    tokens = tokens_of(settings)
    with open_parts(settings) as parts:
        serve_parts(parts, tokens, ingest=ingest, assess=assess)


def serve_parts(
    parts: Parts,
    tokens: Tokens | None,
    *,
    ingest: bool,
    assess: bool,
    simulated: bool = False,
    beside: tuple[Supervised, ...] = (),
) -> None:
    """Serve HTTP over open parts; `beside` are more threads to run meanwhile."""
    settings = parts.settings
    with ExitStack() as stack:
        runtime = stack.enter_context(Runtime(parts, ingest=ingest, assess=assess, serve=True))
        state = State(parts, runtime, tokens, simulated=simulated)
        stack.callback(state.close)
        for thread in beside:
            thread.start()
            stack.callback(thread.stop)
        server = uvicorn.Server(
            uvicorn.Config(
                build_app(state),
                host=settings.listen.host,
                port=settings.listen.port,
                log_level="warning",
                access_log=False,  # its lines would carry tokens of paths
                timeout_graceful_shutdown=5,
            )
        )
        typer.echo(f"Toll listens on {settings.listen.url}", err=True)
        server.run()


def tokens_of(settings: Settings) -> Tokens | None:
    """The known tokens; refuses to listen beyond this machine without any."""
    if settings.tokens is not None:
        return read_tokens(settings.tokens)
    if not settings.listen.loopback:
        raise SettingsError(
            f"listening on {settings.listen.host} lets others in: name a file of tokens in "
            "TOLL_TOKENS (`toll token NAME ROLE` makes its lines), or listen on 127.0.0.1"
        )
    return None


def _work_until_stopped(settings: Settings, *, ingest: bool, assess: bool) -> None:
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with open_parts(settings) as parts, Runtime(parts, ingest=ingest, assess=assess):
        while not stop.wait(1.0):
            pass
