"""JSON of any shape, read as signals by a mapping: where each field stands, and what words mean.

The mapping builds Toll's normal form (`ingest.sources.generic`), with the same defaults for what it
does not name. Times may also be ISO 8601 in looser spelling, or epoch seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ingest.errors import InputError, SettingsError
from ingest.events import Signal
from ingest.mapping import Path, compile_path, follow
from ingest.sources import Source
from ingest.sources import body as native
from ingest.sources.generic import normal_form
from ingest.streams import SignalMapping

TEXTS = ("id", "fingerprint", "source", "kind", "status", "severity", "summary", "url")
TIMES = ("started_at", "ended_at")
FIELDS = (*TEXTS, *TIMES, "availability")


def mapped(mapping: SignalMapping) -> Source:
    """A source that reads by this mapping; `SettingsError` where it is wrong."""
    fields = {name: _paths(mapping, name, written) for name, written in mapping.fields.items()}
    labels = {name: _paths(mapping, name, written) for name, written in mapping.labels.items()}
    for name in (*mapping.fields, *mapping.words, *mapping.fixed):
        if name not in FIELDS:
            raise SettingsError(
                f"signals.{mapping.name}: no field {name!r}; fields are {', '.join(FIELDS)}"
            )
    each = compile_path(mapping.each) if mapping.each else None

    def source(body: bytes, /, *, received_at: datetime | None = None) -> list[Signal]:
        def read(one: dict[str, Any], name: str) -> list[Signal]:
            normal = {**_normal(one, fields, mapping), "labels": _labels(one, labels)}
            return [normal_form(normal, name, native.raw_of(one), received_at)]

        found = native.parse(body)
        if each is not None:
            found = follow(found, each)
            if found is None:
                raise InputError(f"nothing is at {mapping.each}, where its signals should be")
        gathered = native.Gathered()
        gathered.each(found if isinstance(found, list) else [found], "signal", read)
        return gathered.all()

    return source


def _paths(mapping: SignalMapping, name: str, written: str | Sequence[str]) -> tuple[Path, ...]:
    several = (written,) if isinstance(written, str) else tuple(written)
    if len(several) != 1 and (name in TIMES or not several):
        raise SettingsError(f"signals.{mapping.name}: {name} takes one path")
    return tuple(compile_path(path) for path in several)


def _normal(
    one: dict[str, Any], fields: Mapping[str, tuple[Path, ...]], mapping: SignalMapping
) -> dict[str, Any]:
    """What the mapping makes of one object, in the members of the normal form."""
    found: dict[str, Any] = {"source": mapping.name, **mapping.fixed}
    for name, paths in fields.items():
        if name in TIMES:
            value: Any = _time(follow(one, paths[0]), name)
        else:
            value = _text(one, paths)
        if value is not None:
            found[name] = mapping.words.get(name, {}).get(value, value)
    return found


def _labels(one: dict[str, Any], labels: Mapping[str, tuple[Path, ...]]) -> dict[str, str]:
    found = {name: _text(one, paths) for name, paths in labels.items()}
    return {name: said for name, said in found.items() if said}


def _time(value: object, name: str) -> str | None:
    if value is None or value == "":
        return None
    when = native.any_moment(value)
    if when is None:
        raise InputError(f"{name} {str(value)[:60]!r} is no time: ISO 8601, or epoch s or ms")
    return when.isoformat()


def _text(one: dict[str, Any], paths: Sequence[Path]) -> str | None:
    parts = [native.text({"": follow(one, path)}, "") for path in paths]
    return "/".join(parts) if all(parts) else None
