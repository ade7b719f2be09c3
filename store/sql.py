"""The statements of the store: one plain `.sql` file each, runnable in any ClickHouse client.

Nothing is ever formatted into a statement: values travel as server-side `{name:Type}` parameters.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_END = re.compile(r";[ \t]*$", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*--.*$", re.MULTILINE)


@cache
def statement(name: str) -> str:
    """The text of `queries/<name>.sql`, without the final semicolon, ready to be sent."""
    text = files("store").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")
    return _COMMENT.sub("", text).strip().removesuffix(";").rstrip()


def statement_names() -> tuple[str, ...]:
    """Every statement there is, so that a test can explain each of them."""
    entries = files("store").joinpath("queries").iterdir()
    return tuple(sorted(e.name.removesuffix(".sql") for e in entries if e.name.endswith(".sql")))


def schema_files() -> dict[str, str]:
    """The numbered schema files, name -> text, in their order."""
    entries = files("store").joinpath("schema").iterdir()
    named = sorted((e.name, e) for e in entries if e.name.endswith(".sql"))
    return {name: entry.read_text(encoding="utf-8") for name, entry in named}


def split(text: str) -> tuple[str, ...]:
    """The statements of a file: each ends with a semicolon at the end of a line."""
    parts = (part.strip() for part in _END.split(_COMMENT.sub("", text)))
    return tuple(part for part in parts if part)
