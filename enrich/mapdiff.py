"""What changed from one version of the map to another, and what that does to reach.

Things are compared as they would be written (`enrich.mapwrite`), so that a change reads like the
file. Whom that concerns is told by the graph: which processes depend on what they did not depend on
before, and which losses are worse or better than they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from enrich.graph import Graph
from enrich.mapschema import SECTIONS
from enrich.mapwrite import on_one_line, tree
from enrich.propagate import severities

How = Literal["added", "removed", "changed"]
_ENOUGH = 500  # nodes whose loss is compared: beyond that, a diff is another map


@dataclass(frozen=True, slots=True)
class Change:
    """One thing of the map: a setting, a process, a measure (`checkout/payments`) or a node."""

    how: How
    thing: str  # setting, process, measure, or the layer of a node
    name: str
    words: tuple[str, ...]  # what of it: "needs: adds stripe", "owner: a@example.com -> b@..."


@dataclass(frozen=True, slots=True)
class Dependence:
    """What a process depends on now, directly or not, and did not before; and the reverse."""

    process: str
    gained: tuple[str, ...]
    lost: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Effect:
    """How badly the loss of one node hits a process, 0 to 1, before and now."""

    node: str
    process: str
    before: float
    now: float


@dataclass(frozen=True, slots=True)
class MapDiff:
    """All that changed; empty tuples mean nothing did."""

    changes: tuple[Change, ...]
    dependences: tuple[Dependence, ...]
    effects: tuple[Effect, ...]


def diff(before: Graph, now: Graph) -> MapDiff:
    """What changed between two versions, in the order of the newer map; removed things last."""
    changes = _changes(tree(before.map), tree(now.map))
    return MapDiff(tuple(changes), tuple(_dependences(before, now)), tuple(_effects(before, now)))


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    found = []
    for section in _both(before, now):
        if section not in SECTIONS:
            words = _field(section, before.get(section), now.get(section))
            found += (
                [Change(_how(section, before, now), "setting", section, words)] if words else []
            )
            continue
        old, new = before.get(section) or {}, now.get(section) or {}
        kind = {"processes": "process"}.get(section, section.removesuffix("s"))
        for name in _both(old, new):
            one, other = dict(old.get(name) or {}), dict(new.get(name) or {})
            measures = one.pop("measures", {}), other.pop("measures", {})
            found += _thing(kind, name, (old, one), (new, other))
            found += _measures(name, *measures)
    return found


def _measures(process: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterable[Change]:
    for name in _both(before, now):
        one, other = before.get(name) or {}, now.get(name) or {}
        for change in _thing("measure", name, (before, one), (now, other)):
            yield Change(change.how, change.thing, f"{process}/{name}", change.words)


def _thing(
    kind: str,
    name: str,
    before: tuple[Mapping[str, Any], Mapping[str, Any]],
    now: tuple[Mapping[str, Any], Mapping[str, Any]],
) -> list[Change]:
    how = _how(name, before[0], now[0])
    words = tuple(
        word
        for field in _both(before[1], now[1])
        for word in _field(field, before[1].get(field), now[1].get(field))
    )
    return [Change(how, kind, name, words)] if words or how != "changed" else []


def _field(name: str, before: Any, now: Any) -> tuple[str, ...]:
    if before == now:
        return ()
    if isinstance(before or now, list):
        one, other = ([on_one_line(v) for v in value or ()] for value in (before, now))
        gone = [f"{name}: no longer {v}" for v in one if v not in other]
        come = [f"{name}: now {v}" for v in other if v not in one]
        return (*gone, *come) or (f"{name}: in another order",)
    if before is None:
        return (f"{name}: {on_one_line(now)}",)
    if now is None:
        return (f"{name}: no longer {on_one_line(before)}",)
    return (f"{name}: {on_one_line(before)} -> {on_one_line(now)}",)


def _dependences(before: Graph, now: Graph) -> Iterable[Dependence]:
    for process in _both(before.map.processes, now.map.processes):
        old = before.below(process) if process in before else frozenset()
        new = now.below(process) if process in now else frozenset()
        if old != new:
            gained, lost = now.order(new - old), before.order(old - new)
            yield Dependence(process, tuple(gained), tuple(lost))


def _effects(before: Graph, now: Graph) -> Iterable[Effect]:
    for node in _suspects(before, now):
        old = severities(before, {node: 0.0}) if node in before else {}
        new = severities(now, {node: 0.0}) if node in now else {}
        for process in _both(old, new):
            was, is_ = old.get(process, 0.0), new.get(process, 0.0)
            if abs(was - is_) > 1e-9:
                yield Effect(node, process, was, is_)


def _suspects(before: Graph, now: Graph) -> list[str]:
    """The nodes whose loss may do something else than before: at changed needs, and beneath."""
    touched: dict[str, None] = {}
    for name in dict.fromkeys((*now.names, *before.names)):
        old = before.needs(name) if name in before else None
        new = now.needs(name) if name in now else None
        if old != new:
            for graph in (before, now):
                if name in graph:
                    touched |= dict.fromkeys(graph.order({name, *graph.below(name)}))
        if len(touched) > _ENOUGH:
            break
    return [name for name in touched if name in before.map.nodes or name in now.map.nodes][:_ENOUGH]


def _how(name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> How:
    if name not in before:
        return "added"
    return "changed" if name in now else "removed"


def _both(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys([*now, *before]))
