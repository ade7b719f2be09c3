"""The tables of README.md, made from the code: `python -m tests.docs --write` puts them in.

Each stands between `<!-- table: NAME -->` and `<!-- end -->`. `tests/test_docs.py` fails while one
of them is not what the code says.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from typer import Typer

from api.app import build_app
from api.cli.main import app as cli
from api.http.state import State
from api.run.metrics import METRICS
from api.run.wiring import Parts
from api.setup.settings import SETTINGS

README = Path(__file__).parents[1] / "README.md"
_BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def openapi() -> dict[str, Any]:
    """The document of the app; it is made without any part of Toll running."""
    nothing = SimpleNamespace(store=SimpleNamespace(news=None))
    return build_app(State(cast(Parts, nothing))).openapi()


def commands() -> str:
    """Every command with the first sentence of its help."""
    return table(
        ("command", "what it does"),
        (
            (f"`{name}`", _line(callback.__doc__))
            for prefix, group in _groups("toll ", cli)
            for name, callback in _commands_of(prefix, group)
            if callback is not None
        ),
    )


def _commands_of(prefix: str, group: Typer) -> Iterator[tuple[str, Callable[..., Any] | None]]:
    """The group itself, where it does something without a command, and its commands."""
    own = group.registered_callback
    if own is not None and own.invoke_without_command:
        yield prefix.strip(), own.callback
    for command in group.registered_commands:
        yield f"{prefix}{command.name}", command.callback


def _groups(prefix: str, group: Typer) -> Iterator[tuple[str, Typer]]:
    yield prefix, group
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            yield from _groups(f"{prefix}{inner.name} ", inner.typer_instance)


def routes() -> str:
    """Every path of the HTTP interface."""
    return table(
        ("request", "what it does"),
        (
            (f"`{method.upper()} {path}`", operation["summary"])
            for path, methods in openapi()["paths"].items()
            for method, operation in methods.items()
        ),
    )


def settings() -> str:
    """Every setting with its default."""
    return table(
        ("variable", "default", "what it says"),
        ((f"`{s.variable}`", f"`{s.default}`" if s.default else "", s.help) for s in SETTINGS),
    )


def metrics() -> str:
    """Every metric with its labels."""
    return table(
        ("metric", "kind", "labels", "what it says"),
        (
            (f"`{name}`", told.kind, ", ".join(f"`{label}`" for label in told.labels), told.help)
            for name, told in METRICS.items()
        ),
    )


TABLES: Mapping[str, Callable[[], str]] = {
    "commands": commands,
    "routes": routes,
    "settings": settings,
    "metrics": metrics,
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def filled(text: str) -> str:
    """The text with every table as the code has it now."""
    return _BLOCK.sub(lambda m: f"{m[1]}{TABLES[m[2]]()}{m[3]}", text)


def _line(doc: str | None) -> str:
    return " ".join((doc or "").strip().split("\n\n")[0].split())


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit(
            "write `python -m tests.docs --write`: it brings the tables of README.md up to date"
        )
    README.write_text(filled(README.read_text("utf-8")), "utf-8")
