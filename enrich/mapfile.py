"""Reads the map file (or a folder of them) into a `BusinessMap`, or says everything that is wrong.

A map is strict: what is not understood is a mistake, and all mistakes are reported at once, each
with its file, line and column. A folder is read as if it were one file: sections are merged, a
setting or a name stands in exactly one file. Files of a Backstage catalogue (`enrich.catalogue`)
and CSV inventories (`enrich.mapcsv`) may lie beside YAML, or be all there is but for the settings.

The version of a map is the hash of what it says, not of how it is written: comments, the order of
names, the way a duration is spelled and the split into files do not change it; every need, rule,
value and title does.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256

import orjson

from enrich.catalogue import Catalogue, is_catalogue
from enrich.mapbackstage import add_catalogue
from enrich.mapcheck import check, place_of
from enrich.mapcsv import inventory
from enrich.mapschema import Draft, read_file
from enrich.mapyaml import Source
from enrich.mistakes import MapError, Mistake
from enrich.model import BusinessMap, Measure, Process

__all__ = ["MapError", "Mistake", "built", "load", "read_draft"]

VERSION_LENGTH = 16  # hex digits: 64 bits tell a company's maps apart


def load(texts: Mapping[str, str]) -> BusinessMap:
    """The map in these files (name -> YAML text); `MapError` with all mistakes if there are any."""
    if not texts:
        raise MapError([Mistake("map", 1, 1, "there is no map file; write map.yaml")])
    with _without_collector():
        return _load(texts)


def _load(texts: Mapping[str, str]) -> BusinessMap:
    draft, mistakes = read_draft(texts)
    if mistakes:
        raise MapError(mistakes)
    return built(draft)


def read_draft(texts: Mapping[str, str], *, part: bool = False) -> tuple[Draft, list[Mistake]]:
    """What these files say and what is wrong with it; a part of a map need not say everything."""
    mistakes: list[Mistake] = []
    draft, catalogue = Draft(), Catalogue()
    whole = True
    for file, text in texts.items():
        source = Source(file, mistakes)
        if is_catalogue(text):
            documents = source.documents(text)
            whole &= documents is not None
            for document in documents or ():
                catalogue.read(source, document)
            continue
        root = inventory(source, text) if file.endswith(".csv") else source.tree(text)
        if root is None:
            whole = False
        else:
            read_file(source, root, draft)
    add_catalogue(catalogue, draft)
    if whole:  # what an unreadable file would have said is not missing
        check(draft, mistakes, None if part else next(iter(texts)))
    return draft, mistakes


def built(draft: Draft) -> BusinessMap:
    """The map of a draft without mistakes."""
    settings = draft.settings
    processes = draft.processes
    if settings.margin is not None:
        processes = {p.name: _with_margin(p, settings.margin) for p in processes.values()}
    unversioned = BusinessMap(
        company=settings.company,
        currency=settings.currency,
        timezone=settings.timezone,
        version="",
        processes=processes,
        nodes=draft.nodes,
        holidays=settings.holidays,
        rates=tuple(rate for rate, _, _ in settings.rates),
        labour_rate=settings.labour,
        working_hours=settings.working_hours,
        costs_off=settings.costs_off,
        owners=settings.owners,
    )
    return replace(unversioned, version=_version(unversioned), sources=place_of(draft.places))


def _with_margin(process: Process, margin: float) -> Process:
    def with_margin(measure: Measure) -> Measure:
        own = measure.kind != "flow" or measure.margin is not None
        return measure if own else replace(measure, margin=margin)

    return replace(process, measures=tuple(with_margin(m) for m in process.measures))


def _version(business_map: BusinessMap) -> str:
    content = orjson.dumps(business_map, default=str, option=orjson.OPT_SORT_KEYS)
    return sha256(content).hexdigest()[:VERSION_LENGTH]


@contextmanager
def _without_collector() -> Iterator[None]:
    """Pause the garbage collector: a tree of millions of live parts has nothing to collect.

    Reading 100,000 nodes takes a seventh of the time; the pause lasts as long as the reading.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
