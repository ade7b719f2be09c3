"""Why a node matters, in words: whom it reaches, by which path, and what redundancy would be left.

Everything comes twice: as objects for programs and as sentences for people. Severities are those of
`enrich.propagate`, with the node failing completely on top of whatever fails already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from enrich.graph import Graph
from enrich.incident import Reached
from enrich.model import AtLeast, Hard, Layer, Need, Node, Soft, needed
from enrich.propagate import propagate

_PATHS = 3  # so many paths are spelled out in a sentence, the rest are counted
_NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_PLURALS: Mapping[Layer, str] = {
    "service": "services",
    "application": "applications",
    "infrastructure": "infrastructure nodes",
    "provider": "providers",
}


@dataclass(frozen=True, slots=True)
class Redundancy:
    """A choice of nodes that loses some of its members when the node fails."""

    owner: str  # who has the choice
    of: tuple[str, ...]
    needed: int  # so many of them are enough
    left: tuple[str, ...]  # those that still work fully
    words: str  # "one of two providers is left"


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a node can hurt, if it fails completely."""

    node: str
    needed_by: tuple[str, ...]  # directly
    further: int  # how many more need it through those
    processes: tuple[Reached, ...]  # all that stand above it, worst first; severity 0: absorbed
    redundancy: tuple[Redundancy, ...]
    words: tuple[str, ...]  # the same as sentences, one per line


def reach(graph: Graph, node: str, own: Mapping[str, float] | None = None) -> Reach:
    """What happens if `node` fails completely while others are as bad as `own` says.

    `NotFoundError` when the map has no such node.
    """
    above = graph.above(node)
    effective = propagate(graph, {**(own or {}), node: 0.0})
    names = graph.processes(node)
    paths = graph.paths_up(node, names)
    found = [Reached(p, 1.0 - effective.get(p, 1.0), paths[p]) for p in names]
    processes = tuple(sorted(found, key=lambda r: -r.severity))
    direct = graph.needed_by(node)
    redundancy = _redundancy(graph, node, effective)
    return Reach(
        node=node,
        needed_by=direct,
        further=len(above) - len(direct),
        processes=processes,
        redundancy=redundancy,
        words=_words(graph, node, processes, redundancy),
    )


def path_in_words(graph: Graph, path: Iterable[str]) -> str:
    """`Stripe (provider) -> Payment (service) -> Web checkout`."""
    return " -> ".join(_called(graph, name) for name in path)


def need_in_words(graph: Graph, need: Need) -> str:
    """`Payment`, or `1 of 2: Stripe, Adyen`, or `Recommendations, without which 10% is lost`."""
    match need:
        case Hard():
            return graph.thing(need.node).title
        case AtLeast():
            members = ", ".join(graph.thing(n).title for n in need.of)
            return f"{need.count} of {len(need.of)}: {members}"
        case Soft():
            return f"{graph.thing(need.node).title}, without which {need.weight:.0%} is lost"


def explain_incident(graph: Graph, root: str, reached: Iterable[Reached]) -> str:
    """The paths of an incident, from its cause to the processes it reaches, worst first."""
    if not root:
        return "no signal explains it: the tools are green and the business is red"
    paths = sorted(reached, key=lambda r: -r.severity)
    if not paths:
        return f"{_called(graph, root)}, which no business process needs"
    said = "; ".join(path_in_words(graph, r.path) for r in paths[:_PATHS])
    more = len(paths) - _PATHS
    return f"{said}; and {_count(more, 'more process', 'more processes')}" if more > 0 else said


def _redundancy(graph: Graph, node: str, effective: Mapping[str, float]) -> tuple[Redundancy, ...]:
    found = []
    for owner in graph.order(graph.above(node)):
        for need in graph.needs(owner):
            if not isinstance(need, AtLeast):
                continue
            left = tuple(n for n in need.of if effective.get(n, 1.0) == 1.0)
            if len(left) < len(need.of):
                words = _left_in_words(graph, need, left)
                found.append(Redundancy(owner, need.of, need.count, left, words))
    return tuple(found)


def _left_in_words(graph: Graph, need: AtLeast, left: tuple[str, ...]) -> str:
    layers = {graph.map.nodes[n].layer for n in need.of}
    noun = _PLURALS[layers.pop()] if len(layers) == 1 else "nodes"
    verb = {0: "works fully", 1: "is left"}.get(len(left), "are left")
    said = f"{_number(len(left))} of {_number(len(need.of))} {noun} {verb}"
    if len(left) < need.count:
        return f"{said}, {_number(need.count)} must work"
    return said


def _words(
    graph: Graph, node: str, processes: tuple[Reached, ...], redundancy: tuple[Redundancy, ...]
) -> tuple[str, ...]:
    called = _called(graph, node)
    lines = [_standing(graph, node, called)]
    if not processes:
        lines.append("No business process needs it.")
    for r in processes:
        loses = f"loses {r.severity:.0%}" if r.severity else "loses nothing"
        title = graph.thing(r.process).title
        lines.append(f"{title} {loses} if it fails: {path_in_words(graph, r.path)}")
    lines += [f"{graph.thing(r.owner).title}: {r.words}." for r in redundancy]
    return tuple(lines)


def _standing(graph: Graph, node: str, called: str) -> str:
    direct = graph.needed_by(node)
    below = dict.fromkeys(n for need in graph.needs(node) for n in needed(need))
    further = len(graph.above(node)) - len(direct)
    by = ", ".join(graph.thing(n).title for n in direct[:_PATHS]) or "nothing"
    more = f" and {_number(len(direct) - _PATHS)} more" if len(direct) > _PATHS else ""
    through = f", and through these by {_number(further)} more" if further else ""
    needs = ", ".join(graph.thing(n).title for n in list(below)[:_PATHS]) or "nothing"
    others = f" and {_number(len(below) - _PATHS)} more" if len(below) > _PATHS else ""
    return f"{called} is needed by {by}{more}{through}; it needs {needs}{others}."


def _called(graph: Graph, name: str) -> str:
    thing = graph.thing(name)
    return f"{thing.title} ({thing.layer})" if isinstance(thing, Node) else thing.title


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def _count(count: int, one: str, many: str) -> str:
    return f"{_number(count)} {one if count == 1 else many}"
