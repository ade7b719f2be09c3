"""How the program presents itself: commands by what people come for, options and errors in plain.

Typer lists all commands in one box, writes `<bool>` behind every switch, draws a box around what is
written wrong, and takes a reader that has gone for a failure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

# The boxes of `toll --help`, and the commands of each, in the order in which they are shown.
PANELS: Mapping[str, tuple[str, ...]] = {
    "What burns, what it costs": (
        "now", "incidents", "impact", "incident", "process", "perception", "report", "notify",
    ),
    "Why, and what if": ("explain", "providers", "portfolio", "what-if", "map"),
    "Data, and how far to trust the numbers": (
        "import", "estimate", "check", "coverage", "dead-letters", "trust",
    ),
    "Run it": ("demo", "run", "ingest", "assess", "serve", "token", "settings"),
}  # fmt: skip
_PANEL_OF = {name: panel for panel, names in PANELS.items() for name in names}
_ORDER = list(_PANEL_OF)


class Command(TyperCommand):
    """One command."""

    def get_params(self, ctx: typer.Context) -> list[Any]:  # type: ignore[override]
        """Its options, `--help` among them, as they are to be shown."""
        return _plain(super().get_params(ctx), ctx)


class Group(TyperGroup):
    """Commands under one name."""

    def get_params(self, ctx: typer.Context) -> list[Any]:  # type: ignore[override]
        """Its own options, as they are to be shown."""
        return _plain(super().get_params(ctx), ctx)


class ReaderGoneError(Exception):
    """Whoever read the output has gone. No `OSError`: of those Typer makes an end of its own."""


class Main(Group):
    """The program itself: its commands stand in boxes."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Run the command; `ReaderGoneError` where nobody takes what it prints."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderGoneError from error

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """By their boxes; one that is in none comes last, and a test says so."""
        names = super().list_commands(ctx)
        return sorted(names, key=lambda n: _ORDER.index(n) if n in _PANEL_OF else len(_ORDER))

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        """The command, which knows its box."""
        found: Any = super().get_command(ctx, cmd_name)
        if found is not None:
            found.rich_help_panel = _PANEL_OF.get(cmd_name)
        return found


class Program(typer.Typer):
    """Typer's program, whose commands and groups look like this where they say nothing else."""

    def __init__(self, *, cls: type[TyperGroup] = Group, **given: Any) -> None:
        super().__init__(cls=cls, **given)

    def command(
        self, name: str | None = None, *, cls: type[TyperCommand] | None = None, **given: Any
    ) -> Callable[[Any], Any]:
        """As Typer's."""
        return super().command(name, cls=cls or Command, **given)


def in_a_line(error: TyperException) -> str:
    """What is wrong with a command as it was written, and where to read more.

    Empty where help has been shown in its place.
    """
    said = " ".join(error.format_message().split()).rstrip(".")
    context: typer.Context | None = getattr(error, "ctx", None)
    return f"{said} (see `{context.command_path if context else 'toll'} --help`)" if said else ""


def _plain(params: Iterable[Any], ctx: typer.Context) -> list[Any]:
    found = list(params)
    for param in found:
        if param.metavar is not None or param.param_type_name != "option":
            continue
        kind = param.display_type(ctx)
        # What may be given several times says so in its help; a range is told beside the type.
        param.metavar = "" if param.is_flag else re.sub(r"list\[(.+)\]| range", r"\1", kind or "")
    return found
