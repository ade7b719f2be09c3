"""What the map does not cover: each gap is a question that Toll cannot answer, said out loud.

Pure: the caller brings the streams that have been seen and the labels of unmapped signals.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import orjson

from enrich.graph import Graph
from enrich.mapschema import LAYERS
from enrich.model import BusinessMap, Node, Process
from enrich.resolve import literal
from enrich.suggest import Names

# The labels that say what a signal is about, the most telling first. The first group that a signal
# has completely is what it is filed under.
TELLING = (
    ("provider", "component"),
    ("page", "component"),
    ("service",),
    ("application",),
    ("app",),
    ("job",),
    ("provider",),
    ("component",),
    ("host",),
    ("instance",),
    ("alertname",),
)
_SECTIONS = {
    "applications": ("application", "app", "job"),
    "infrastructure": ("host", "instance"),
}
# Mail, a channel, a page: whoever is called like this can be told.
_ADDRESS = re.compile(r"\S+@\S+|#\S+|https?://\S+")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./ -]*[A-Za-z0-9]|[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Signals about one thing that no node's `match` finds."""

    labels: Mapping[str, str]  # what they have in common
    count: int
    match: str  # a rule for the map file that would find them
    node: str  # the node that is called most like it, or ""


@dataclass(frozen=True, slots=True)
class StaleOwner:
    """An owner whom nobody could tell anything, and what is theirs."""

    owner: str
    why: Literal["unknown", "no_contact"]  # unknown: not among the owners that the map names
    owns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """The gaps of a map, each list in the order of the map. Empty lists mean no gap."""

    processes_without_measures: tuple[str, ...]
    processes_without_volume: tuple[str, ...]  # measured, but no stream of theirs has data
    services_without_process: tuple[str, ...]
    orphans: tuple[str, ...]  # other nodes that no process needs, directly or not
    measures_without_data: tuple[str, ...]  # measure ids
    measures_without_value: tuple[str, ...]  # measure ids: counted, but carrying no money
    streams_without_measure: tuple[str, ...]
    unmatched: tuple[Unmatched, ...]  # the most frequent first
    processes_without_owner: tuple[str, ...]
    stale_owners: tuple[StaleOwner, ...]


def coverage(
    graph: Graph,
    streams: Mapping[str, datetime | None],
    unmatched: Iterable[Mapping[str, str]],
) -> Coverage:
    """The gaps of a map. `streams`: every stream ever seen -> its newest event, None if none.

    `unmatched`: the labels of each unmapped signal.
    """
    business_map = graph.map
    measures = business_map.measures()
    alive = {stream for stream, last_at in streams.items() if last_at is not None}
    used = set().union(*(graph.below(p) for p in business_map.processes))
    unused = [node for node in business_map.nodes.values() if node.name not in used]
    processes = business_map.processes.values()
    return Coverage(
        processes_without_measures=tuple(p.name for p in processes if not p.measures),
        processes_without_volume=tuple(
            p.name
            for p in processes
            if p.measures and not any(m.stream in alive for m in p.measures)
        ),
        services_without_process=tuple(n.name for n in unused if n.layer == "service"),
        orphans=tuple(n.name for n in unused if n.layer != "service"),
        measures_without_data=tuple(m.id for m in measures if m.stream not in alive),
        measures_without_value=tuple(
            m.id for m in measures if m.kind != "level" and not m.value and not m.same_money_as
        ),
        streams_without_measure=tuple(sorted(alive - {m.stream for m in measures})),
        unmatched=_groups(business_map, unmatched),
        processes_without_owner=tuple(p.name for p in processes if not p.owner),
        stale_owners=_stale(business_map),
    )


def paste(business_map: BusinessMap, unmatched: Unmatched) -> str:
    """Lines for the map file that would find these signals: a node to add, or one to change."""
    if not unmatched.match:
        return ""
    known = business_map.nodes.get(unmatched.node)
    if known is not None:
        section = next(s for s, layer in LAYERS.items() if layer == known.layer)
        rules = [*(_rule(labels) for labels in known.match), unmatched.match[len("match: [") : -1]]
        return f"{section}:\n  {known.name}:\n    match: [{', '.join(rules)}]"
    label, value = list(unmatched.labels.items())[-1]
    section = next((s for s, labels in _SECTIONS.items() if label in labels), "services")
    if "provider" in unmatched.labels or "page" in unmatched.labels:
        section = "providers"
    name = _slug(value) or "unnamed"
    return f"{section}:\n  {name}:\n    {unmatched.match}"


def _stale(business_map: BusinessMap) -> tuple[StaleOwner, ...]:
    """Owners who are no address themselves and have none on the map."""
    owners = business_map.owners
    owns: dict[str, list[str]] = {}
    things: list[Process | Node] = [*business_map.processes.values(), *business_map.nodes.values()]
    for thing in things:
        if thing.owner and not _ADDRESS.match(thing.owner) and not owners.get(thing.owner):
            owns.setdefault(thing.owner, []).append(thing.name)
    return tuple(
        StaleOwner(owner, "unknown" if owners and owner not in owners else "no_contact", tuple(of))
        for owner, of in owns.items()
    )


def _groups(
    business_map: BusinessMap, unmatched: Iterable[Mapping[str, str]]
) -> tuple[Unmatched, ...]:
    counts = Counter(_telling(labels) for labels in unmatched)
    names = Names(business_map.nodes)
    groups = []
    for labels, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        node = next((n for _, value in reversed(labels) if (n := names.closest(_slug(value)))), "")
        groups.append(Unmatched(dict(labels), count, rule(dict(labels)), node))
    return tuple(groups)


def _telling(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    for group in TELLING:
        if all(labels.get(label) for label in group):
            return tuple((label, labels[label]) for label in group)
    return tuple(sorted(labels.items()))


def rule(labels: Mapping[str, str]) -> str:
    """A `match` line for the map file that finds exactly these labels; "" when there are none."""
    found = _rule({label: literal(value) for label, value in labels.items()})
    return f"match: [{found}]" if labels else ""


def _rule(expressions: Mapping[str, str]) -> str:
    return f"{{{', '.join(f'{_quoted(k)}: {_quoted(v)}' for k, v in expressions.items())}}}"


def _quoted(text: str) -> str:
    plain = _PLAIN.fullmatch(text) and text.casefold() != "null"
    return text if plain else orjson.dumps(text).decode()


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")
