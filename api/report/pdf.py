"""The report as PDF, by Typst: tagged for screen readers (PDF/UA-1) and for archives (PDF/A-2a).

Only the fonts that Typst's wheel carries are used, so that it is the same on every machine; charts
take the same font, which runs narrower than the one they were measured with. The moment of
issue is the moment of creation: the same document makes the same bytes.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

import orjson
import typst

from api.charts.theme import FONT as CHART_FONT
from api.report.blocks import Block, Document, Pair, Picture, unbroken

FONT = "Libertinus Serif"
_STANDARDS: list[Any] = ["ua-1", "a-2a"]


def to_pdf(document: Document, issued_at: datetime) -> bytes:
    """The pages."""
    found = typst.compile(
        _template(),
        format="pdf",
        ignore_system_fonts=True,
        sys_inputs=_inputs(document, issued_at),
        pdf_standards=_STANDARDS,
        timestamp=int(issued_at.timestamp()),
    )
    assert isinstance(found, bytes)  # a list there is of pictures only
    return found


def to_pngs(document: Document, issued_at: datetime, ppi: float = 110.0) -> list[bytes]:
    """The same pages as pictures, for whoever looks at them."""
    found: Any = typst.compile(
        _template(),
        format="png",
        ppi=ppi,
        ignore_system_fonts=True,
        sys_inputs=_inputs(document, issued_at),
    )
    return found if isinstance(found, list) else [found]


def _inputs(document: Document, issued_at: datetime) -> dict[str, str]:
    at = issued_at.astimezone(UTC)
    data = {
        "font": FONT,
        "title": document.title,
        "subtitle": document.subtitle,
        "about": document.about,
        "footer": document.footer,
        "at": [at.year, at.month, at.day, at.hour, at.minute, at.second],
        "first": [_block(block) for block in document.first],
        "rest": [_block(block) for block in document.rest],
    }
    return {"report": unbroken(orjson.dumps(data).decode())}


def _block(block: Block) -> dict[str, Any]:
    if isinstance(block, Picture):
        svg = block.svg.replace(CHART_FONT, FONT)
        return {"type": block.type, "alt": block.alt, "svg": svg}
    if isinstance(block, Pair):
        left, right = ([_block(b) for b in side] for side in (block.left, block.right))
        return {"type": block.type, "left": left, "right": right}
    return asdict(block)


@cache
def _template() -> bytes:
    return (files("api.report") / "templates" / "report.typ").read_bytes()
