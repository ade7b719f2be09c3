"""Topics of another shape: where in their records the fields of a business event stand.

Paths are written `$.order.total`, `$.lines[0].price` or `$["odd name"].id`. A field the mapping
does not name is looked for under its own name; an empty list of paths switches a field off. Several
paths are joined with "/" and count as missing when one of them is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ingest.errors import SettingsError
from ingest.streams import TopicMapping

FIELDS = (
    "id",
    "stream",
    "at",
    "status",
    "key",
    "customer",
    "amount",
    "currency",
    "count",
    "value",
    "segment",
)
JOINABLE = ("id", "stream", "status", "key", "customer")

Path: TypeAlias = tuple[str | int, ...]

_STEP = re.compile(
    r"\.(?P<name>[^.\[\]\"'\s]+)|\[(?P<index>[0-9]+)\]"
    r"|\[\"(?P<double>[^\"]+)\"\]|\['(?P<single>[^']+)'\]"
)


def compile_path(text: str) -> Path:
    """The steps of a path: names into objects, numbers into arrays."""
    steps: list[str | int] = []
    position = 1
    while position < len(text):
        found = _STEP.match(text, position)
        if not found:
            break
        name = found["name"] or found["double"] or found["single"]
        steps.append(name if name is not None else int(found["index"]))
        position = found.end()
    if not steps or not text.startswith("$") or position != len(text):
        raise SettingsError(f"{text!r} is not a path: write it like $.order.total or $.lines[0].id")
    return tuple(steps)


def follow(found: Any, path: Path) -> Any:
    """What stands at a path of parsed JSON; None where nothing does."""
    for step in path:
        if isinstance(step, str):
            found = found.get(step) if isinstance(found, dict) else None
        else:
            found = found[step] if isinstance(found, list) and step < len(found) else None
    return found


@dataclass(frozen=True, slots=True)
class Shape:
    """Where each field stands (none, one or several paths), and what its statuses mean."""

    paths: Mapping[str, tuple[Path, ...]]
    stream: str | None = None
    status: Mapping[str, str] = field(default_factory=dict)

    @property
    def flat(self) -> bool:
        """Whether every field is a member of the outermost object, so that columns can be read."""
        return all(
            len(path) == 1 and isinstance(path[0], str)
            for paths in self.paths.values()
            for path in paths
        )


PLAIN = Shape({name: ((name,),) for name in FIELDS})


def shape_of(mapping: TopicMapping | None) -> Shape:
    """The shape a mapping describes, Toll's own without one; `SettingsError` where it is wrong."""
    if mapping is None:
        return PLAIN
    paths = dict(PLAIN.paths)
    for name, written in mapping.fields.items():
        if name not in paths:
            known = ", ".join(FIELDS)
            raise SettingsError(f"{mapping.topic}: no field {name!r}; fields are {known}")
        several: Sequence[str] = (written,) if isinstance(written, str) else written
        if len(several) > 1 and name not in JOINABLE:
            raise SettingsError(f"{mapping.topic}: {name} takes one path, it cannot be joined")
        paths[name] = tuple(compile_path(path) for path in several)
    if mapping.stream is not None:
        paths["stream"] = ()
    return Shape(paths, mapping.stream, mapping.status)
