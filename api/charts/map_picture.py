"""The map as a picture: SVG with columns by layer, from processes to what carries them.

A chart grammar has no word for a layered graph, so that this is plain SVG over `enrich.layout`: the
text is text, everything has a name that can be read out, and state is told by form and words beside
colour. With the theme `auto` the picture follows the reader's light or dark paper.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Literal

from api.charts.theme import DARK, FONT, LIGHT, Theme
from enrich.explain import need_in_words
from enrich.graph import Graph
from enrich.layout import KINDS, Layout, Line, layout
from enrich.model import AtLeast, Hard, Need, Process, Soft
from ingest.errors import InputError

Paper = Literal["light", "dark", "auto"]
Link = Callable[[str], str]
MOST = 1_500  # things in one picture; more is a wall, not a picture
ROOMY = 30  # rows up to which boxes are tall
_MARGIN, _HEAD, _FOOT = 24, 64, 44
_HEADINGS = dict(
    zip(
        KINDS,
        ("Processes", "Services", "Applications", "Infrastructure", "Providers"),
        strict=True,
    )
)
_CHARACTER = 5.9  # pixels of a letter of 12 pixels, on average


@dataclass(frozen=True)
class State:
    """How things are: availability below 1 by name, what fires itself, which processes are red."""

    effective: Mapping[str, float] = field(default_factory=dict)
    fires: Collection[str] = ()
    red: Collection[str] = ()


@dataclass(frozen=True)
class _Size:
    box: float  # width of a box
    high: float  # its height
    row: float
    gap: float  # between columns


def map_svg(
    graph: Graph,
    names: Collection[str] | None = None,
    state: State | None = None,
    theme: Paper | None = "auto",
    link: Link | None = None,
) -> str:
    """The picture of a map, or of some of its things; with a state, as it stands at a moment.

    Without a theme it has no rules of its own: the page that it stands in brings them. `link` gives
    the address of a thing: boxes then lead there.
    """
    size = len(graph.names if names is None else names)
    if size > MOST:
        raise InputError(
            f"a picture of {size:,} things shows nothing; name one of them and draw around it"
        )
    return _Picture(graph, layout(graph, names), state, theme, link).svg()


def around(graph: Graph, name: str) -> set[str]:
    """What one thing needs and who needs it, directly or not."""
    return {name, *graph.below(name), *graph.above(name)}


class _Picture:
    def __init__(
        self,
        graph: Graph,
        placed: Layout,
        state: State | None,
        theme: Paper | None,
        link: Link | None,
    ) -> None:
        self._graph, self._placed, self._theme, self._link = graph, placed, theme, link
        self._state, self._live = state or State(), state is not None
        roomy = placed.rows <= ROOMY
        self._size = _Size(154, 34, 46, 68) if roomy else _Size(154, 21, 27, 68)
        columns = len(placed.columns)
        self._width = 2 * _MARGIN + columns * self._size.box + (columns - 1) * self._size.gap
        self._height = _HEAD + placed.rows * self._size.row + _FOOT
        self._ports = self._ports_of()

    def svg(self) -> str:
        least = 800 if self._live else 520  # pixels that the legend takes
        width, height = round(max(self._width, least)), round(self._height)
        name = f"The map of {self._graph.map.company}"
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
                # What holds links is no picture to a screen reader: it would hide them.
                f'width="{width}" height="{height}" role="{"group" if self._link else "img"}" '
                f'aria-labelledby="name what">',
                f'<title id="name">{escape(name)}</title>',
                f'<desc id="what">{escape(self._description())}</desc>',
                *([f"<style>{_style(self._theme)}</style>"] if self._theme else []),
                f'<rect class="paper" width="{width}" height="{height}"/>',
                *self._headings(),
                *(self._line(number, line) for number, line in enumerate(self._placed.lines)),
                *(mark for mark in self._marks()),
                *(self._box(thing) for thing in self._placed.at),
                *self._legend(height - 16),
                "</svg>\n",
            ]
        )

    def _description(self) -> str:
        nodes = sum(name in self._graph.map.nodes for name in self._placed.at)
        processes = len(self._placed.at) - nodes
        said = f"{processes} processes and {nodes} nodes in columns; lines run to what is needed"
        if self._live:
            fires = [self._graph.thing(n).title for n in self._state.fires]
            red = [self._graph.thing(p).title for p in self._state.red]
            said += f". In trouble: {', '.join(fires) or 'nothing'}"
            said += f". Business red: {', '.join(red) or 'none'}"
        return said

    def _headings(self) -> Iterator[str]:
        before = ""
        for number, kind in enumerate(self._placed.columns):
            if kind != before:
                text = _HEADINGS[kind]
                yield f'<text class="heading" x="{self._left(number):.0f}" y="36">{text}</text>'
            before = kind

    def _box(self, name: str) -> str:
        thing = self._graph.thing(name)
        column, row = self._placed.at[name]
        size, middle = self._size, self._y(row)
        left, top = self._left(column), middle - size.high / 2
        note, kind = self._note(name)
        room = size.box - 20 - (len(note) * _CHARACTER + 8 if note else 0)
        radius = size.high / 2 if isinstance(thing, Process) else 4
        parts = [
            *([f'<a href="{escape(self._link(name))}">'] if self._link else []),
            f'<g class="thing {kind}"><title>{escape(self._spoken(name))}</title>',
            f'<rect x="{left:.0f}" y="{top:.1f}" width="{size.box:.0f}" '
            f'height="{size.high:.0f}" rx="{radius:.0f}"/>',
            f'<text x="{left + 11:.0f}" y="{middle + 4:.1f}">'
            f"{escape(_cut(thing.title, room))}</text>",
        ]
        if note:
            parts.append(
                f'<text class="note" x="{left + size.box - 10:.0f}" y="{middle + 4:.1f}" '
                f'text-anchor="end">{escape(note)}</text>'
            )
        return "".join([*parts, "</g>", "</a>" if self._link else ""])

    def _note(self, name: str) -> tuple[str, str]:
        """What stands at the right of a box, and its class."""
        kind = "process" if name in self._graph.map.processes else "node"
        left = self._state.effective.get(name, 1.0)
        if name in self._state.red:
            return "red", f"{kind} burns"
        if name in self._state.fires:
            return "fires", f"{kind} burns"
        if left < 1.0:
            return f"−{1 - left:.0%}", f"{kind} hurt"
        return "", kind

    def _spoken(self, name: str) -> str:
        thing = self._graph.thing(name)
        kind = "process" if isinstance(thing, Process) else thing.layer
        note, _ = self._note(name)
        owner = f", owner {thing.owner}" if thing.owner else ""
        needs = "; ".join(need_in_words(self._graph, need) for need in thing.needs)
        return (
            f"{thing.title} ({kind}){owner}"
            + (f". Needs {needs}" if needs else "")
            + (f". Now: {note}" if note else "")
        )

    def _line(self, number: int, line: Line) -> str:
        start, end = self._ends(number, line)
        hurt = min(self._state.effective.get(n, 1.0) for n in (line.lower, line.upper)) < 1.0 and (
            max(self._state.effective.get(n, 1.0) for n in (line.lower, line.upper)) < 1.0
        )
        kind = "soft" if isinstance(line.need, Soft) else "hard"
        points = [start]
        for column, row in line.through:
            left = self._left(column)
            points += [(left, self._y(row)), (left + self._size.box, self._y(row))]
        path = _curve([*points, end])
        return f'<path class="line {kind}{" hurt" if hurt else ""}" d="{path}"/>'

    def _ends(self, number: int, line: Line) -> tuple[tuple[float, float], tuple[float, float]]:
        upper, lower = self._placed.at[line.upper], self._placed.at[line.lower]
        leaves, arrives = self._ports[number]
        if lower[0] <= upper[0]:  # back to the left: out of the left side, into the right one
            start = (self._left(upper[0]), self._y(upper[1]) + leaves)
            same = lower[0] == upper[0]
            at = self._left(lower[0]) + (0.0 if same else self._size.box)
            return start, (at, self._y(lower[1]) + arrives)
        start = (self._left(upper[0]) + self._size.box, self._y(upper[1]) + leaves)
        return start, (self._left(lower[0]), self._y(lower[1]) + arrives)

    def _ports_of(self) -> dict[int, tuple[float, float]]:
        """Where lines leave and arrive, as pixels off the middle: spread, in the order of ends.

        The lines of one need leave at one place.
        """
        leaving: dict[str, list[tuple[float, int, int]]] = {}
        arriving: dict[str, list[tuple[float, int]]] = {}
        for number, line in enumerate(self._placed.lines):
            first = line.through[0][1] if line.through else self._placed.at[line.lower][1]
            last = line.through[-1][1] if line.through else self._placed.at[line.upper][1]
            leaving.setdefault(line.upper, []).append((first, id(line.need), number))
            arriving.setdefault(line.lower, []).append((last, number))
        leaves: dict[int, float] = {}
        for ends in leaving.values():
            needs: dict[int, list[float]] = {}
            for row, need, _ in ends:
                needs.setdefault(need, []).append(row)
            ranked = sorted(needs, key=lambda need: sum(needs[need]) / len(needs[need]))
            place = dict(zip(ranked, self._spread(len(ranked)), strict=True))
            leaves |= {number: place[need] for _, need, number in ends}
        found = {}
        for ends_in in arriving.values():
            numbers = [number for _, number in sorted(ends_in)]
            for number, offset in zip(numbers, self._spread(len(numbers)), strict=True):
                found[number] = (leaves[number], offset)
        return found

    def _spread(self, count: int) -> list[float]:
        room = self._size.high - 10
        step = min(9.0, room / max(count - 1, 1))
        return [(i - (count - 1) / 2) * step for i in range(count)]

    def _marks(self) -> Iterator[str]:
        """What stands on the lines of a choice or a soft need, where they leave."""
        seen: set[tuple[str, int]] = set()
        for number, line in enumerate(self._placed.lines):
            if isinstance(line.need, Hard) or (line.upper, id(line.need)) in seen:
                continue
            seen.add((line.upper, id(line.need)))
            (x, y), (to, _) = self._ends(number, line)
            text = _mark(line.need)
            width = len(text) * 5.6 + 10
            left = x + 5 if to > x else x - 5 - width
            yield (
                f'<g class="mark"><title>{escape(need_in_words(self._graph, line.need))}</title>'
                f'<rect x="{left:.1f}" y="{y - 7:.1f}" width="{width:.1f}" height="14" rx="7"/>'
                f'<text x="{left + width / 2:.1f}" y="{y + 3.5:.1f}">{text}</text></g>'
            )

    def _legend(self, y: float) -> Iterator[str]:
        entries = [("hard", "needs"), ("soft", "loses a share without")]
        x = float(_MARGIN)
        for kind, text in entries:
            yield f'<path class="line {kind}" d="M{x:.0f} {y - 4:.0f}h26"/>'
            yield f'<text class="legend" x="{x + 32:.0f}" y="{y:.0f}">{text}</text>'
            x += 32 + len(text) * 5.6 + 22
        said = "1 of 2: one of the two is enough"
        if self._live:
            said += "   fires: a signal says so   −50%: predicted   red: the business shows it"
        yield f'<text class="legend" x="{x:.0f}" y="{y:.0f}" xml:space="preserve">{said}</text>'

    def _left(self, column: int) -> float:
        return _MARGIN + column * (self._size.box + self._size.gap)

    def _y(self, row: float) -> float:
        return _HEAD + (row + 0.5) * self._size.row


def _curve(points: list[tuple[float, float]]) -> str:
    """Smooth from gap to gap, straight along what is passed."""
    (x, y), *rest = points
    path = f"M{x:.1f} {y:.1f}"
    for number, (to_x, to_y) in enumerate(rest):
        if number % 2:
            path += f"H{to_x:.1f}"
        elif to_x == x:  # within one column
            path += f"C{x - 46:.1f} {y:.1f} {x - 46:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"
        else:
            bend = (to_x - x) / 2
            path += f"C{x + bend:.1f} {y:.1f} {to_x - bend:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"
        x, y = to_x, to_y
    return path


def _mark(need: Need) -> str:
    if isinstance(need, AtLeast):
        return f"{need.count} of {len(need.of)}"
    return f"{need.weight:.0%}" if isinstance(need, Soft) else ""


def _cut(text: str, room: float) -> str:
    most = max(4, int(room / _CHARACTER))
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _style(paper: Paper) -> str:
    if paper != "auto":
        return _rules(LIGHT if paper == "light" else DARK)
    return f"{_rules(LIGHT)}@media (prefers-color-scheme: dark) {{{_rules(DARK)}}}"


def _rules(theme: Theme) -> str:
    return (
        f"text{{font:12px {FONT};fill:{theme.ink}}}"
        f".paper{{fill:{theme.paper}}}"
        f".heading{{font-size:13px;font-weight:bold;fill:{theme.quiet}}}"
        f".legend{{font-size:11px;fill:{theme.quiet}}}"
        f".thing rect{{fill:{theme.paper};stroke:{theme.expected};stroke-width:1.2}}"
        f".process rect{{fill:{theme.line}}}"
        f".hurt rect{{fill:{theme.window};stroke:{theme.loss};stroke-width:1.2}}"
        f".burns rect{{fill:{theme.loss};stroke:{theme.loss}}}"
        f".burns text{{fill:{theme.paper};font-weight:bold}}"
        f".line{{fill:none;stroke:{theme.expected};stroke-width:1.1;stroke-opacity:.75}}"
        f".soft{{stroke-dasharray:4 3}}"
        f".line.hurt{{stroke:{theme.loss};stroke-width:1.8;stroke-opacity:1}}"
        f".note{{font-size:11px}}"
        f".mark rect{{fill:{theme.paper};stroke:{theme.expected};stroke-width:.8}}"
        f".mark text{{font-size:10px;text-anchor:middle;fill:{theme.quiet}}}"
    )
