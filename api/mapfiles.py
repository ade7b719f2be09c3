"""Reads map files from disk; `enrich.mapfile` checks and understands their text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from enrich.graph import Graph
from enrich.mapfile import load
from enrich.model import BusinessMap
from enrich.resolve import Resolver
from ingest.errors import SettingsError


@dataclass(frozen=True)
class LoadedMap:
    """A map with what is computed from it once, and its text as it was written."""

    map: BusinessMap
    graph: Graph
    resolver: Resolver
    texts: dict[str, str]


def read_map(path: Path | None) -> LoadedMap:
    """The map in a file, or in all YAML files of a folder."""
    if path is None:
        raise SettingsError(
            "no map: write one and give it as `--map my.yaml` or TOLL_MAP; `toll demo` shows one"
        )
    texts = read_texts(path)
    found = load(texts)
    return LoadedMap(found, Graph(found), Resolver(found), texts)


def read_texts(path: Path) -> dict[str, str]:
    """File name -> text."""
    try:
        files = sorted(p for p in path.rglob("*") if p.suffix in {".yaml", ".yml"})
        return {str(f): f.read_text("utf-8") for f in (files if path.is_dir() else [path])}
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: the map is not UTF-8: {error}") from error
    except OSError as error:
        raise SettingsError(f"{path}: the map cannot be read: {error.strerror}") from error
