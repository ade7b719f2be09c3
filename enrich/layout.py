"""Where everything stands in a picture of the map: columns by layer, few crossings, short lines.

A layered drawing (Sugiyama, Tagawa and Toda 1981): things stand in columns, processes first; lines
that pass a column get a place of their own in it; the order within columns is improved by
barycentres, sweeping to and fro; then each thing moves as near to its neighbours as its place in
the order lets it, which is an isotonic regression (pool adjacent violators).

What is needed within a layer stands in a column further right, so that lines run to the right. Few
do not: where an application needs a service.

Heights are in rows: a thing takes one, a passing line a third.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

from enrich.graph import Graph
from enrich.model import Layer, Need, Process, needed

ColumnKind: TypeAlias = Literal["process"] | Layer
KINDS: tuple[ColumnKind, ...] = (
    "process",
    "service",
    "application",
    "infrastructure",
    "provider",
)
DEEPEST = 3  # columns that one layer is split into, less one
SWEEPS = 16
PASSING = 0.35  # rows that a passing line takes


@dataclass(frozen=True, slots=True)
class Line:
    """One need for one thing. through: (column, height) of what it passes on its way."""

    upper: str
    need: Need
    lower: str
    through: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """columns: what each holds. at: (column, height) of everything; heights begin at 0."""

    columns: tuple[ColumnKind, ...]
    at: Mapping[str, tuple[int, float]]
    lines: tuple[Line, ...]
    rows: float


_Item: TypeAlias = str | tuple[int, int]  # a name, or (line, column) of one that passes


def layout(graph: Graph, names: Collection[str] | None = None) -> Layout:
    """Places for all things of a map, or for `names` and the needs among them."""
    shown = graph.order(set(graph.names if names is None else names))
    column, columns = _columns(graph, shown)
    lines = [
        (upper, need, lower)
        for upper in shown
        for need in graph.needs(upper)
        for lower in needed(need)
        if lower in column
    ]
    order, links = _chains(shown, column, lines, len(columns))
    order = _few_crossings(order, links)
    height = _heights(order, links)
    top = min((height[name] for name in shown), default=0.0)
    at = {name: (column[name], height[name] - top) for name in shown}
    return Layout(
        columns=columns,
        at=at,
        lines=tuple(
            Line(upper, need, lower, _through(number, column, upper, lower, height, top))
            for number, (upper, need, lower) in enumerate(lines)
        ),
        rows=max((h for _, h in at.values()), default=0.0) + 1.0,
    )


def crossings(order: Sequence[Sequence[_Item]], links: Mapping[_Item, Sequence[_Item]]) -> int:
    """How many lines cross, between columns side by side."""
    found = 0
    for left, right in pairwise(order):
        place = {item: i for i, item in enumerate(right)}
        seen: list[int] = []
        for item in left:
            ends = sorted(place[other] for other in links.get(item, ()) if other in place)
            found += sum(len(seen) - bisect_left(seen, end + 1) for end in ends)
            for end in ends:
                insort(seen, end)
    return found


def _kind(graph: Graph, name: str) -> ColumnKind:
    thing = graph.thing(name)
    return "process" if isinstance(thing, Process) else thing.layer


def _columns(graph: Graph, shown: Sequence[str]) -> tuple[dict[str, int], tuple[ColumnKind, ...]]:
    """By name the number of its column, and what each column holds."""
    rank = graph.ranks()
    kind = {name: _kind(graph, name) for name in shown}
    depth = dict.fromkeys(shown, 0)
    for name in sorted(shown, key=lambda n: -rank[graph.number(n)]):
        for lower in (n for need in graph.needs(name) for n in needed(need)):
            if kind.get(lower) == kind[name]:
                depth[lower] = min(DEEPEST, max(depth[lower], depth[name] + 1))
    found = sorted({(KINDS.index(kind[n]), depth[n]) for n in shown})
    number = {key: i for i, key in enumerate(found)}
    column = {n: number[KINDS.index(kind[n]), depth[n]] for n in shown}
    return column, tuple(KINDS[k] for k, _ in found)


def _chains(
    shown: Sequence[str],
    column: Mapping[str, int],
    lines: Sequence[tuple[str, Need, str]],
    size: int,
) -> tuple[list[list[_Item]], dict[_Item, list[_Item]]]:
    """Columns in a first order, and for every item those it is linked to in the next column."""
    links: dict[_Item, list[_Item]] = defaultdict(list)
    order: list[list[_Item]] = [[] for _ in range(size)]
    passing: dict[str, list[tuple[int, int]]] = defaultdict(list)
    below: dict[str, list[str]] = defaultdict(list)
    for number, (upper, _, lower) in enumerate(lines):
        below[upper].append(lower)
        if column[lower] <= column[upper]:
            continue
        at: _Item = upper
        for between in range(column[upper] + 1, column[lower]):
            passing[upper].append((number, between))
            links[at].append((number, between))
            at = (number, between)
        links[at].append(lower)
    seen: set[str] = set()

    def visit(name: str) -> None:  # what belongs together begins together
        waiting = [name]
        while waiting:
            one = waiting.pop()
            if one in seen:
                continue
            seen.add(one)
            order[column[one]].append(one)
            for item in passing[one]:
                order[item[1]].append(item)
            waiting += reversed(below[one])

    for name in shown:
        visit(name)
    return order, links


def _reversed(links: Mapping[_Item, Sequence[_Item]]) -> dict[_Item, list[_Item]]:
    back: dict[_Item, list[_Item]] = defaultdict(list)
    for item, others in links.items():
        for other in others:
            back[other].append(item)
    return back


def _few_crossings(
    order: list[list[_Item]], links: Mapping[_Item, Sequence[_Item]]
) -> list[list[_Item]]:
    back = _reversed(links)
    best, fewest = [list(column) for column in order], crossings(order, links)
    for sweep in range(SWEEPS):
        rightwards = sweep % 2 == 0
        near = back if rightwards else links
        numbers = range(1, len(order)) if rightwards else range(len(order) - 2, -1, -1)
        for number in numbers:
            beside = order[number - 1 if rightwards else number + 1]
            _by_barycentre(order[number], beside, near)
        count = crossings(order, links)
        if count < fewest:
            best, fewest = [list(column) for column in order], count
    return best


def _by_barycentre(
    column: list[_Item], beside: Sequence[_Item], near: Mapping[_Item, Sequence[_Item]]
) -> None:
    """Sort by the mean place of what each is linked to; who is linked to nothing stays put."""
    place = {item: i / max(len(beside) - 1, 1) for i, item in enumerate(beside)}
    own = {item: i / max(len(column) - 1, 1) for i, item in enumerate(column)}

    def mean(item: _Item) -> float:
        linked = [place[other] for other in near.get(item, ()) if other in place]
        return sum(linked) / len(linked) if linked else own[item]

    column.sort(key=mean)


def _heights(
    order: Sequence[Sequence[_Item]], links: Mapping[_Item, Sequence[_Item]]
) -> dict[_Item, float]:
    back = _reversed(links)
    height: dict[_Item, float] = {}
    longest = max((_length(column) for column in order), default=0.0)
    for column in order:
        gap = (longest - _length(column)) / 2
        for item, offset in zip(column, _offsets(column), strict=True):
            height[item] = gap + offset
    numbers = [*range(len(order)), *reversed(range(len(order)))] * 4
    for number in numbers:
        column = order[number]
        wanted = []
        for item in column:
            beside = [height[o] for o in (*links.get(item, ()), *back.get(item, ()))]
            wanted.append(sum(beside) / len(beside) if beside else height[item])
        offsets = _offsets(column)
        fitted = _isotonic([w - o for w, o in zip(wanted, offsets, strict=True)])
        for item, base, offset in zip(column, fitted, offsets, strict=True):
            height[item] = base + offset
    return height


def _takes(item: _Item) -> float:
    return 1.0 if isinstance(item, str) else PASSING


def _length(column: Sequence[_Item]) -> float:
    return sum(map(_takes, column))


def _offsets(column: Sequence[_Item]) -> list[float]:
    """How far below the first item each stands when they are packed."""
    found, at = [], 0.0
    for number, item in enumerate(column):
        at += (_takes(column[number - 1]) + _takes(item)) / 2 if number else 0.0
        found.append(at)
    return found


def _isotonic(wanted: Sequence[float]) -> list[float]:
    """The rising numbers nearest to those wanted, by least squares (pool adjacent violators)."""
    pools: list[tuple[float, int]] = []  # mean, count
    for value in wanted:
        mean, count = value, 1
        while pools and pools[-1][0] > mean:
            other, size = pools.pop()
            mean = (mean * count + other * size) / (count + size)
            count += size
        pools.append((mean, count))
    return [mean for mean, count in pools for _ in range(count)]


def _through(
    number: int,
    column: Mapping[str, int],
    upper: str,
    lower: str,
    height: Mapping[_Item, float],
    top: float,
) -> tuple[tuple[int, float], ...]:
    between = range(column[upper] + 1, column[lower])
    return tuple((at, height[number, at] - top) for at in between)
