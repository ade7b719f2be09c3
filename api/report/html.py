"""The report as one HTML file that mail clients can show, too.

Mail is shown by many programs that know little: no outer style sheet, no script, no SVG, tables in
place of grids. So each element carries its style, a wide table is cut in two, and charts are PNG.
In the file they are data URIs; a mail carries them as parts (`IssuedReport.mail_html`), since
most clients refuse the former. What a client knows beyond that (dark paper, narrow windows) stands
in one style element that others ignore.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from api.charts.draw import svg_to_png
from api.report.blocks import Block, Document, Picture, flat, unbroken

_BODY = re.compile(r"<body\b[^>]*>")
FONT = "Helvetica,Arial,sans-serif"
INK, QUIET, LINE, LOSS, GAIN = "#1c1b19", "#5d5a54", "#e0dcd2", "#b34700", "#005c91"

# By the class that dark paper and narrow windows know an element by.
_STYLES = {
    "page": f"margin:0;padding:0;background:#f3f1ec;color:{INK};font-family:{FONT}",
    "sheet": "width:100%;max-width:720px;background:#ffffff",
    "inner": f"padding:28px 24px;font-family:{FONT};color:{INK}",
    "title": "margin:0 0 4px;font-size:26px;line-height:1.2;font-weight:700",
    "sub": f"margin:0 0 20px;font-size:13px;line-height:1.5;color:{QUIET}",
    "h2": f"margin:34px 0 10px;padding-top:14px;border-top:2px solid {INK};"
    "font-size:20px;line-height:1.3;font-weight:700",
    "h3": "margin:22px 0 6px;font-size:16px;line-height:1.3;font-weight:700",
    "p": "margin:0 0 10px;font-size:15px;line-height:1.5",
    "lead": "margin:0 0 16px;font-size:17px;line-height:1.5",
    "quiet": f"margin:0 0 10px;font-size:13px;line-height:1.5;color:{QUIET}",
    "warning": "margin:0 0 16px;padding:10px 12px;background:#fff3cd;color:#4d3b00;"
    "font-size:14px;line-height:1.5",
    "figures": "width:100%;margin:0 0 16px",
    "figure": f"padding:10px 10px 10px 0;border-top:1px solid {LINE};vertical-align:top;width:25%",
    "label": f"font-size:12px;line-height:1.4;color:{QUIET}",
    "value": "font-size:19px;line-height:1.3;font-weight:700",
    "loss": f"font-size:19px;line-height:1.3;font-weight:700;color:{LOSS}",
    "gain": f"font-size:19px;line-height:1.3;font-weight:700;color:{GAIN}",
    "note": f"font-size:12px;line-height:1.4;color:{QUIET}",
    "picture": "display:block;width:100%;max-width:680px;height:auto;margin:6px 0 14px;border:0;"
    "background:#ffffff",
    "list": "margin:0 0 12px;padding:0 0 0 20px;font-size:15px;line-height:1.5",
    "li": "margin:0 0 4px",
    "table": "width:100%;border-collapse:collapse;margin:0 0 14px;font-size:13px;line-height:1.4",
    "th": f"padding:6px 10px 6px 0;border-bottom:1px solid {QUIET};text-align:left;"
    f"font-weight:400;color:{QUIET};vertical-align:bottom",
    "thr": f"padding:6px 0 6px 10px;border-bottom:1px solid {QUIET};text-align:right;"
    f"font-weight:400;color:{QUIET};vertical-align:bottom",
    "td": f"padding:6px 10px 6px 0;border-bottom:1px solid {LINE};text-align:left;"
    "vertical-align:top",
    "tdr": f"padding:6px 0 6px 10px;border-bottom:1px solid {LINE};text-align:right;"
    "vertical-align:top;font-variant-numeric:tabular-nums",
    "item": f"padding:8px 0;border-bottom:1px solid {LINE};vertical-align:top;font-size:15px;"
    "line-height:1.5",
    "itemr": f"padding:8px 0 8px 14px;border-bottom:1px solid {LINE};vertical-align:top;"
    "text-align:right;font-size:15px;line-height:1.5;width:1%;white-space:nowrap",
}


def to_html(document: Document) -> bytes:
    """The page, with nothing to be fetched from anywhere."""
    drawn = {
        id(block): base64.b64encode(svg_to_png(block.svg)).decode()
        for block in document.blocks()
        if isinstance(block, Picture)
    }
    page = (
        _templates()
        .get_template("report.html")
        .render(
            document=document,
            first=list(flat(document.first)),
            rest=list(flat(document.rest)),
            png=lambda block: drawn[id(block)],
        )
    )
    return page.encode()


def with_foreword(page: str, blocks: Sequence[Block]) -> str:
    """A page as it was made, with words for one reader above it. blocks: without pictures."""
    above = _templates().get_template("foreword.html").render(blocks=list(flat(blocks)))
    return _BODY.sub(lambda body: f"{body[0]}\n{above}", page, count=1)


@cache  # compiling them takes longer than filling them
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("api.report"),
        autoescape=True,
        finalize=lambda value: unbroken(value) if type(value) is str else value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["s"] = _style
    return environment


def _style(name: str, more: str = "") -> Any:
    """The class and the style of an element."""
    style = f"{_STYLES[name]};{more}" if more else _STYLES[name]
    return Markup('class="t-{}" style="{}"').format(name, style)
