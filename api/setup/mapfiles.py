"""Reads map files from disk; `enrich.mapfile` checks and understands their text."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import orjson

from enrich.eras import Era
from enrich.graph import Graph
from enrich.mapfile import load
from enrich.model import BusinessMap
from enrich.resolve import Resolver
from enrich.risks import Losses, losses
from ingest.errors import SettingsError
from store.maps import MapVersion

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedMap:
    """A map with what is computed from it once, and its text as it was written."""

    map: BusinessMap
    graph: Graph
    resolver: Resolver
    texts: dict[str, str]

    @property
    def journeys(self) -> frozenset[str]:
        """The streams whose keys are followed from stage to stage: those of lead times."""
        return frozenset(m.stream for m in self.map.measures() if m.kind == "lead_time")

    @cached_property
    def losses(self) -> Losses:
        """What the loss of each single node does; seconds on a large map, so worked out once."""
        return losses(self.graph)


def read_map(path: Path | None) -> LoadedMap:
    """The map in a file, or in all map files of a folder."""
    texts = read_texts(existing(path))
    if not texts:
        raise SettingsError(f"{path}: there is no map file in this folder; write map.yaml")
    return loaded(texts)


def loaded(texts: dict[str, str]) -> LoadedMap:
    """The map in these files (name -> text)."""
    found = load(texts)
    return LoadedMap(found, Graph(found), Resolver(found), texts)


def existing(path: Path | None) -> Path:
    """The path of the map; an error that says what to do where none is given."""
    if path is None:
        raise SettingsError(
            "no map: write one and give it as `--map my.yaml` or TOLL_MAP; `toll demo` shows one"
        )
    return path


def files_of(path: Path) -> list[Path]:
    """The file, or the map files of a folder. Hidden ones are left out: editors and mounted
    configuration keep copies there."""
    if not path.is_dir():
        return [path]
    return sorted(
        p
        for p in path.rglob("*")
        if p.suffix in SUFFIXES and not any(x.startswith(".") for x in p.relative_to(path).parts)
    )


SUFFIXES = frozenset({".yaml", ".yml", ".csv"})


def read_texts(path: Path) -> dict[str, str]:
    """File name -> text."""
    try:
        return {str(f): f.read_text("utf-8-sig") for f in files_of(path)}
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: the map is not UTF-8: {error}") from error
    except OSError as error:
        raise SettingsError(f"{path}: the map cannot be read: {error.strerror}") from error


def plainly_named(texts: dict[str, str]) -> dict[str, str]:
    """The files without the folder that all of them lie in, which is nobody else's business."""
    folder = Path(os.path.commonpath([Path(name).parent for name in texts])) if texts else Path()
    return {Path(name).relative_to(folder).as_posix(): text for name, text in texts.items()}


def kept(texts: dict[str, str]) -> str:
    """The files as the store keeps them, from which `read_kept` reads the map again."""
    return orjson.dumps(texts).decode()


def read_kept(version: MapVersion) -> LoadedMap | None:
    """A stored version, None where this Toll cannot read it any more (which is logged)."""
    try:
        return loaded(orjson.loads(version.content))
    except (ValueError, SettingsError) as error:
        said = str(error).splitlines()[0]
        logger.warning("map version %s cannot be read any more: %s", version.version, said)
        return None


def eras_of(versions: Iterable[MapVersion], newest: LoadedMap) -> list[Era]:
    """What the map was and since when, oldest first; the last one is `newest`.

    In the place of a version that cannot be read any more stands the newest.
    """

    def reading(version: MapVersion) -> Callable[[], tuple[Graph, Resolver]]:
        def read() -> tuple[Graph, Resolver]:
            known = version.version == newest.map.version
            found = newest if known else read_kept(version) or newest
            return found.graph, found.resolver

        return read

    return [Era(v.valid_from, v.version, reading(v)) for v in versions]
