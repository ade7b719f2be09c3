"""Captures of the command line for the README, of the story that pages are pictured with.

Each runs a command as on a terminal of 80 columns and writes what it prints as SVG. No font is
loaded from elsewhere: whoever looks has one with equal widths.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
CAPTURES: Mapping[str, Sequence[str]] = {
    "toll_now": ["now"],
    "toll_what_if": ["what-if", "--set", "payment.needs=[payments-app, {any: [stripe, adyen]}]"],
}
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def write(url: str) -> None:
    """All captures of the Toll at an address."""
    for name, line in CAPTURES.items():
        (FOLDER / f"{name}.svg").write_text(capture(line, url), "utf-8")


def capture(arguments: Sequence[str], url: str) -> str:
    """What a command prints in colours, as SVG."""
    program = Path(sys.executable).with_name("toll")
    terminal = {"FORCE_COLOR": "1", "COLUMNS": "80", "TERM": "xterm-256color", "PYTHONUTF8": "1"}
    terminal["TOLL_URL"] = url
    done = subprocess.run(
        [program, *arguments], env=os.environ | terminal, capture_output=True, text=True, check=True
    )
    paper = Console(record=True, width=80, file=StringIO(), force_terminal=True)
    paper.print(Text.from_ansi(done.stdout.rstrip("\n")))
    return local_fonts(paper.export_svg(title=f"toll {arguments[0]}", unique_id="toll"))


def local_fonts(svg: str) -> str:
    """The same without fonts of the network."""
    return _FONTS.sub("", svg).replace("Fira Code", "ui-monospace, DejaVu Sans Mono")
