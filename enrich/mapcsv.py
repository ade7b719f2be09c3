"""Reads an inventory in CSV, the spreadsheet that most companies have, as a part of a map.

    name;layer;needs;owner
    Payment;service;payments-app, stripe or adyen;payments-team
    payments-app;application;2 of host-a or host-b or host-c, recommender (10%);payments-team

Columns in any order, separated by commas, semicolons or tabs. `name` and `layer` are required;
`needs`, `owner`, `title`, `match`, `cost`, `sla` and `status_page` may be there. Columns of other
names are no part of the map and are passed over, unless one looks like a slip of the pen.

Needs are separated by commas, semicolons, bars or lines: `a or b` is enough with either of them,
`2 of a or b or c` with two; losing `a (10%)` costs a tenth. A name of several words becomes one
(`Order database`: `order-database`) and the title. `match` holds labels: `service=payment`, several
of one signal with commas, other signals after a semicolon.

The rows become the tree that the same inventory in YAML would have, so that everything is checked
in one place; a mistake's column is the number of the field.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from io import StringIO

from yaml import MappingNode, Mark, Node, ScalarNode, SequenceNode

from enrich.mapschema import LAYERS, NAME
from enrich.mapyaml import Source
from enrich.suggest import did_you_mean, one_of

REQUIRED = ("name", "layer")
COLUMNS = (*REQUIRED, "title", "owner", "needs", "match", "cost", "sla", "status_page")
_PLAIN = ("title", "owner", "cost", "sla", "status_page")
_SECTIONS: Mapping[str, str] = {
    **{layer: section for section, layer in LAYERS.items()},
    **{section: section for section in LAYERS},
    "process": "processes",
    "processes": "processes",
    "app": "applications",
    "infra": "infrastructure",
}
_COUNT = re.compile(r"(\d+) of (.+)", re.IGNORECASE)
_SHARE = re.compile(r"(.+?)\s*\((\d{1,3}(?:\.\d+)?)\s?%\)")
_OR = re.compile(r"\s+or\s+", re.IGNORECASE)


def inventory(source: Source, text: str) -> Node | None:
    """The rows as the tree of a map file; None after noting why there is none."""
    rows = _rows(source, text)
    if rows is None:
        return None
    if not rows:
        source.note(_scalar("", 1, 1), "the file is empty; its first line names the columns")
        return None
    (line, head), *rest = rows
    columns = _columns(source, line, head)
    missing = [column for column in REQUIRED if column not in columns]
    if missing:
        said = f"the first line names no column {' and no '.join(missing)}"
        source.note(_scalar("", line, 1), f"{said}; known are {', '.join(COLUMNS)}")
        return None
    sections: dict[str, list[tuple[Node, Node]]] = {}
    for at, cells in rest:
        row = _Row(source, at, cells, columns)
        section = row.section()
        if section and row.text("name"):
            sections.setdefault(section, []).append((row.name(), row.body()))
    return _mapping(
        [(_scalar(s, line, 1), _mapping(i, line, 1)) for s, i in sections.items()], line, 1
    )


def slug(text: str) -> str:
    """A name of one word: what is one already stays, `Order database` becomes `order-database`."""
    text = " ".join(text.split())
    return text if NAME.fullmatch(text) else re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")


class _Row:
    """One line of the inventory."""

    def __init__(
        self, source: Source, line: int, cells: list[str], columns: Mapping[str, int]
    ) -> None:
        self._source, self._line, self._cells, self._columns = source, line, cells, columns

    def text(self, column: str) -> str:
        at = self._columns.get(column, len(self._cells))
        return self._cells[at].strip() if at < len(self._cells) else ""

    def section(self) -> str:
        """Where on the map the row belongs; "" after noting that it is not known."""
        told = self.text("layer").casefold()
        if not self.text("name"):
            self._note("name", "the row has no name")
        if told in _SECTIONS:
            return _SECTIONS[told]
        hint = one_of(told, ("process", *LAYERS.values()))
        self._note("layer", f"'{self.text('layer')}' is not a layer{hint}")
        return ""

    def name(self) -> Node:
        return self._scalar("name", slug(self.text("name")) or self.text("name"))

    def body(self) -> Node:
        given = [(c, self._scalar(c, self.text(c))) for c in _PLAIN if self.text(c)]
        title = " ".join(self.text("name").split())
        if not self.text("title") and slug(title) != title:
            given.append(("title", self._scalar("name", title)))
        if self.text("needs"):
            given.append(("needs", self._list("needs", list(self._needs()))))
        if self.text("match"):
            given.append(("match", self._list("match", list(self._match()))))
        return _mapping([(self._scalar(c, c), node) for c, node in given], self._line, 1)

    def _needs(self) -> Iterator[Node]:
        for part in re.split(r"[,;|\n]", self.text("needs")):
            said = part.strip()
            counted, weighed = _COUNT.fullmatch(said), _SHARE.fullmatch(said)
            if counted:
                yield self._map("needs", {"at_least": counted[1], "of": self._names(counted[2])})
            elif weighed:
                share = self._scalar("needs", f"{float(weighed[2]) / 100:.6g}")
                yield self._map("needs", {"soft": slug(weighed[1]), "weight": share})
            elif _OR.search(said):
                yield self._map("needs", {"any": self._names(said)})
            elif said:
                yield self._scalar("needs", slug(said))

    def _names(self, text: str) -> Node:
        return self._list("needs", [self._scalar("needs", slug(n)) for n in _OR.split(text)])

    def _match(self) -> Iterator[Node]:
        for rule in re.split(r"[;\n]", self.text("match")):
            labels: dict[str, str | Node] = {}
            for pair in filter(None, (p.strip() for p in rule.split(","))):
                label, found, value = (x.strip() for x in pair.partition("="))
                if not found:
                    self._note("match", f"match: '{pair}' says no label; write service=payment")
                labels[label] = value
            if labels:
                yield self._map("match", labels)

    def _map(self, column: str, parts: Mapping[str, str | Node]) -> Node:
        pairs = [
            (self._scalar(column, k), self._scalar(column, v) if isinstance(v, str) else v)
            for k, v in parts.items()
        ]
        return _mapping(pairs, self._line, self._field(column))

    def _list(self, column: str, parts: list[Node]) -> Node:
        mark = _mark(self._line, self._field(column))
        return SequenceNode("", parts, mark, mark)

    def _scalar(self, column: str, text: str) -> Node:
        return _scalar(text, self._line, self._field(column))

    def _field(self, column: str) -> int:
        return self._columns.get(column, 0) + 1

    def _note(self, column: str, text: str) -> None:
        self._source.note(self._scalar(column, ""), text)


def _rows(source: Source, text: str) -> list[tuple[int, list[str]]] | None:
    """(line, cells) of every row with something in it; None after noting why there are none."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(StringIO(text), delimiter=delimiter)
    rows, line = [], 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        source.note(_scalar("", line, 1), f"this row is not CSV: {error}; is a quote left open?")
        return None
    return rows


def _columns(source: Source, line: int, head: list[str]) -> dict[str, int]:
    columns: dict[str, int] = {}
    others = []
    for at, cell in enumerate(head):
        name = cell.strip().casefold().replace(" ", "_")
        if name in columns:
            source.note(_scalar("", line, at + 1), f"column '{name}' is there twice")
        elif name in COLUMNS:
            columns[name] = at
        else:
            others.append((name, at))
    for name, at in others:
        hint = did_you_mean(name, [c for c in COLUMNS if c not in columns]) if name else ""
        if hint:
            source.note(_scalar("", line, at + 1), f"unknown column '{name}'{hint}")
    return columns


def _mark(line: int, field: int) -> Mark:
    return Mark("", 0, line - 1, field - 1, None, 0)


def _scalar(text: str, line: int, field: int) -> ScalarNode:
    mark = _mark(line, field)
    return ScalarNode("", text, mark, mark, style='"')


def _mapping(pairs: list[tuple[Node, Node]], line: int, field: int) -> MappingNode:
    mark = _mark(line, field)
    return MappingNode("", pairs, mark, mark)
