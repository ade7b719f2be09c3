"""The report in Markdown, which is also the text of a mail. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from api.ask.postmortem import plain
from api.report.blocks import (
    Block,
    Bullets,
    Document,
    Figures,
    Heading,
    Pair,
    Picture,
    Ranked,
    Table,
    Text,
    flat,
)


def to_markdown(document: Document) -> bytes:
    """The whole text."""
    parts = [f"# {plain(document.title)}", plain(document.subtitle)]
    parts.append(written(tuple(document.blocks())))
    parts += ["---", plain(document.footer)]
    return ("\n\n".join(part for part in parts if part) + "\n").encode()


def written(blocks: Sequence[Block]) -> str:
    """Blocks alone, without a title above them."""
    return "\n\n".join(text for block in blocks if (text := _written(block)))


def _written(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * (level + 1)} {plain(text)}"
        case Text(text=text, tone=tone):
            said = plain(text)
            return f"**{said}**" if tone in ("lead", "warning") else said
        case Figures(items):
            rows = [(i.label, i.value, i.note) for i in items]
            return _lines([f"- {plain(a)}: **{plain(b)}** ({plain(c)})" for a, b, c in rows])
        case Ranked(items):
            return _lines(
                [
                    f"{n}. **{plain(i.name)}: {plain(i.amount)}**"
                    f"{f' ({plain(i.range)})' if i.range else ''}. {plain(i.text)}"
                    for n, i in enumerate(items, 1)
                ]
            )
        case Bullets(items):
            return _lines([f"- {plain(item)}" for item in items])
        case Table():
            return _table(block)
        case Picture():
            return plain(block.text)
        case Pair():
            return written(tuple(flat([block])))


def _table(table: Table) -> str:
    head = [plain(c.title) for c in table.columns]
    rule = ["---:" if c.right else "---" for c in table.columns]
    rows = [[plain(cell) for cell in row] for row in table.rows]
    if table.total and rows:
        rows[-1] = [f"**{cell}**" if cell else "" for cell in rows[-1]]
    return _lines([f"| {' | '.join(line)} |" for line in (head, rule, *rows)])


def _lines(lines: Sequence[str]) -> str:
    return "\n".join(lines)
