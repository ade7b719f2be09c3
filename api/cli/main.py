"""The `toll` program: its commands, and what they exit with."""

from __future__ import annotations

import logging
import os
import sys
from importlib.metadata import version
from io import TextIOWrapper
from typing import Annotated

import typer
from rich.text import Text
from typer.exceptions import TyperException

from api.cli import (
    ask_perception,
    ask_process,
    ask_providers,
    ask_whatif,
    demo,
    estimate,
    incident,
    load,
    maps,
    notify,
    read,
    report,
    run,
    show,
    trust,
)
from api.cli.output import Output
from api.cli.program import Main, Program, ReaderGoneError, in_a_line
from api.setup.settings import SETTINGS
from ingest.errors import BusyError, NotFoundError, TollError, UnavailableError

EXIT_CODES = {
    0: "done",
    1: "a mistake in the settings, the map or the input",
    2: "a command written wrong",
    3: "the log, the store or Toll does not answer",
    4: "not found",
    5: "somebody else holds what is needed: the data folder, the port",
    130: "interrupted",
    141: "whoever read the output has gone",
}

app = Program(
    name="toll",
    cls=Main,
    epilog="Exit codes: " + "; ".join(f"{code} {why}" for code, why in EXIT_CODES.items()) + ".",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
run.register(app)
demo.register(app)
read.register(app)
incident.register(app)
trust.register(app)
ask_process.register(app)
ask_perception.register(app)
ask_providers.register(app)
ask_whatif.register(app)
load.register(app)
estimate.register(app)
maps.register(app)
notify.register(app)
report.register(app)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"toll {version('toll')}")
        raise typer.Exit


@app.callback()
def program(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """What an outage costs the business, while it burns."""


@app.command("settings")
def settings_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List all settings: `TOLL_*` variables, or the same names in toll.toml."""
    rows = [{"variable": s.variable, "default": s.default, "help": s.help} for s in SETTINGS]
    if as_json:
        read.print_json(rows)
        return
    out = show.console()
    for row in rows:
        default = f" [{row['default']}]" if row["default"] else ""
        out.print(Text.assemble((row["variable"], "bold"), (default, "dim")))
        show.indented(out, row["help"], 4)


def exit_code(error: TollError) -> int:
    """What the program exits with for an error."""
    if isinstance(error, UnavailableError):
        return 3
    if isinstance(error, NotFoundError):
        return 4
    return 5 if isinstance(error, BusyError) else 1


def _readable_everywhere() -> None:
    """Let nothing that is printed fail for its letters: files get UTF-8, terminals what they can.

    Maps, reports and JSON are UTF-8 wherever they are kept, whatever the terminal of the day.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        if sys.stdout.isatty():
            sys.stdout.reconfigure(errors="replace")
        else:
            sys.stdout.reconfigure(encoding="utf-8")


def main() -> None:
    """Run the program; an error is one line that says what to do."""
    _readable_everywhere()
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for chatty in ("httpx2", "httpcore2", "kafka", "clickhouse_connect"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        code = app(prog_name="toll", standalone_mode=False)
        sys.stdout.flush()
    except TollError as error:
        _fail(str(error), exit_code(error))
    except TyperException as error:
        _fail(in_a_line(error), error.exit_code)
    except (ReaderGoneError, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the exit
        sys.exit(141)
    except OSError as error:  # a file or folder that a command was given
        _fail(f"{error.filename or 'this'}: {error.strerror or error}", 1)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(code)  # of a command that was ended, such as by Ctrl-C; else None


def _fail(message: str, code: int) -> None:
    if message:
        Output(stderr=True, highlight=False, soft_wrap=True).print(
            f"toll: {message}", style="bold red", markup=False
        )
    sys.exit(code)
