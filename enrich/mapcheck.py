"""What only the whole map tells: missing settings, unknown names, cycles, money counted twice."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from yaml import Node

from enrich.mapneeds import Reference
from enrich.mapschema import Draft
from enrich.mapsettings import REQUIRED
from enrich.mapyaml import Source
from enrich.mistakes import Mistake
from enrich.model import Measure
from enrich.suggest import Names, did_you_mean

HINTS = 200  # looking for what was meant takes time; after so many, the file is another file


def check(draft: Draft, mistakes: list[Mistake], file: str | None) -> None:
    """Note every mistake of a map as a whole.

    `file` is where missing settings are reported; a part of a map (None) may lack some.
    """
    _check_settings(draft, mistakes, file)
    _check_names(draft)
    _check_cycles(draft)
    _check_money(draft)


def _check_settings(draft: Draft, mistakes: list[Mistake], file: str | None) -> None:
    if file is not None:
        mistakes += [
            Mistake(file, 1, 1, f"{k} is missing; {why}") for k, why in missing(draft).items()
        ]
    for rate, source, at in draft.settings.rates:
        if rate.currency == draft.settings.currency:
            text = f"rates: {rate.currency} is the company's own currency; leave its rate out"
            source.note(at, text)


def missing(draft: Draft) -> dict[str, str]:
    """What a map must say and this one does not, and why it must."""
    return {
        key: why
        for key, why in REQUIRED.items()
        if not (draft.has_processes if key == "processes" else key in draft.settings.places)
    }


def _check_names(draft: Draft) -> None:
    nodes = Names(draft.nodes)
    for i, ref in enumerate(r for r in draft.needs if r.name not in draft.nodes):
        if ref.name in draft.processes:
            text = f"{ref.owner}: needs '{ref.name}', which is a process; only nodes can be needed"
        else:
            hint = nodes.hint(ref.name) if i < HINTS else ""
            text = f"{ref.owner}: needs '{ref.name}', which is not on the map{hint}"
        ref.source.note(ref.at, text)
    processes = Names(draft.processes)
    for ref in draft.measures.driven_by:
        if ref.name not in draft.processes:
            text = f"{ref.owner}: driven_by '{ref.name}' is not a process"
            ref.source.note(ref.at, text + processes.hint(ref.name))
    for ref in [] if "working_hours" in draft.settings.places else draft.measures.working:
        text = f"{ref.owner}: its promise is in working hours, which the map does not say"
        ref.source.note(ref.at, f"{text}; write working_hours: Mon-Fri 09:00-17:00")
    _check_same_money(draft)


def _check_same_money(draft: Draft) -> None:
    measures = {m.id: m for p in draft.processes.values() for m in p.measures}
    for ref in draft.measures.same_money:
        other = measures.get(ref.name)
        if ref.name == ref.owner:
            why = "names the measure itself"
        elif other is None:
            if ref.name in draft.places:
                continue  # it is there, with a mistake of its own
            others = (name for name in measures if name != ref.owner)
            why = f"'{ref.name}' is not a measure{did_you_mean(ref.name, others)}"
        elif other.same_money_as:
            why = f"'{ref.name}' has its money in '{other.same_money_as}'; name that one"
        elif other.value is None:
            why = f"'{ref.name}' has no value, so it carries no money"
        else:
            continue
        ref.source.note(ref.at, f"{ref.owner}: same_money_as {why}")


def _check_cycles(draft: Draft) -> None:
    index = {name: i for i, name in enumerate(draft.nodes)}
    owners = np.array([index.get(ref.owner, -1) for ref in draft.needs], dtype=np.int32)
    names = np.array([index.get(ref.name, -1) for ref in draft.needs], dtype=np.int32)
    known = np.flatnonzero((owners >= 0) & (names >= 0))
    edges = (owners[known], names[known])
    matrix = csr_array((np.ones(len(known)), edges), shape=(len(index), len(index)))
    _, label = connected_components(matrix, connection="strong")
    within: dict[int, list[Reference]] = {}
    for i in known[label[edges[0]] == label[edges[1]]].tolist():
        within.setdefault(int(label[owners[i]]), []).append(draft.needs[i])
    for references in within.values():
        cycle = _one_cycle(references)
        first = cycle[0]
        path = " -> ".join([*(ref.owner for ref in cycle), first.owner])
        text = f"{first.owner}: needs itself: {path}; remove one of these needs"
        first.source.note(first.at, text)


def _one_cycle(references: Iterable[Reference]) -> list[Reference]:
    """The needs of one cycle among references that all lie on cycles of one component."""
    onward: dict[str, Reference] = {}
    for ref in references:
        onward.setdefault(ref.owner, ref)
    at = next(iter(onward))
    walked: dict[str, Reference] = {}
    while at not in walked:
        walked[at] = onward[at]
        at = onward[at].name
    names = list(walked)
    return [walked[name] for name in names[names.index(at) :]]


def _check_money(draft: Draft) -> None:
    streams: dict[str, list[Measure]] = {}
    for process in draft.processes.values():
        for measure in process.measures:
            if measure.priced:
                streams.setdefault(measure.stream, []).append(measure)
    for measures in streams.values():
        for first, second in combinations(measures, 2):
            shared = _counted(first) & _counted(second)
            if shared:
                source, at = draft.places[second.id]
                source.note(at, _doubled(first, second, sorted(s for _, s in shared)))


def _counted(measure: Measure) -> set[tuple[str, str]]:
    """What a measure takes its money from: two that share one of these count the same money."""
    if measure.kind == "lead_time":
        return {("from", measure.start), ("to", measure.finish)}
    return {("ok", status) for status in measure.ok}


def _doubled(first: Measure, second: Measure, statuses: list[str]) -> str:
    return (
        f"{second.id}: prices {', '.join(statuses)} of stream '{second.stream}', which {first.id} "
        f"prices already; write same_money_as: {first.id}, or let one of them have no value"
    )


def place_of(places: dict[str, tuple[Source, Node]]) -> dict[str, str]:
    """Name -> `file:line`, for messages about a map that is in use."""
    return {name: source.place(at) for name, (source, at) in places.items()}
