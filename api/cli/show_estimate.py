"""What `toll estimate` prints for people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from api import words
from api.charts.around import around
from api.charts.clock import local_text
from api.charts.story import Shortfall, headline, told
from api.cli.show import console
from impact.model import Estimate, FloatArray

BLOCKS = " ▁▂▃▄▅▆▇█"
WIDTH = 66  # of the sparklines
NAMES = {
    "gross": "missing in the window",
    "recovered": "came back since",
    "lost": "lost, as known now",
    "lost_forecast": "lost in the end (forecast)",
    "excess": "extra",
}

__all__ = ["console", "show", "sparkline"]


def show(what: Shortfall, found: Estimate, notes: Sequence[str]) -> None:
    """The number and its range, what it rests on, and the two lines it is the difference of."""
    out = console()
    lines = told(what)
    out.print(Text(headline(what), style="bold"))
    for line in lines[:1] + lines[2:]:
        out.print(line)
    out.print()
    out.print(_numbers(what, found))
    out.print()
    _sparklines(out, what)
    out.print()
    out.print(_rests_on(what, found), style="dim")
    for warning in found.warnings:
        out.print(f"warning: {warning}", style="yellow")
    for note in notes:
        out.print(f"note: {note}", style="dim")


def _numbers(what: Shortfall, found: Estimate) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column(what.unit)
    for name in ("Low", "Middle", "High"):
        table.add_column(name, justify="right")
    table.add_column("")
    for name, title in NAMES.items():
        units = getattr(found, name)
        if units is None or (name == "lost_forecast" and found.state == "final"):
            continue
        if name == "lost" and found.state == "final":
            title = "lost"
        zero = "includes zero" if units.low <= 0 <= units.high else ""
        ends = (words.units(v) for v in (units.low, units.mid, units.high))
        table.add_row(title, *ends, zero)
    table.add_row("expected in the window", "", words.units(what.usual), "", "", style="dim")
    return table


def _sparklines(out: Console, what: Shortfall) -> None:
    """Expected above measured, on one scale, the window marked beneath."""
    shown = around(what)
    edges, size = shown.edges, min(WIDTH, len(shown.actual))
    cuts = np.unique(np.linspace(0, len(shown.actual), size + 1).astype(int))
    expected = _per_second(shown.expected, shown.width_s, cuts)
    actual = _per_second(shown.actual, shown.width_s, cuts)
    most = float(np.nanmax(np.concatenate([expected, actual, [0.0]])))
    start, end = what.seconds
    begins, ends = edges[cuts[:-1]], edges[cuts[1:]]
    inside = np.minimum(ends, end) - np.maximum(begins, start) >= 0.5 * np.minimum(
        ends - begins, end - start
    )
    out.print(Text("expected  ", style="dim") + Text(sparkline(expected, most)))
    out.print(Text("measured  ", style="dim") + Text(sparkline(actual, most)))
    marks = "".join("▔" if i else " " for i in inside)
    out.print(Text(" " * 10) + Text(marks.rstrip(), style="red"))
    first, last = (local_text(float(edges[i]), what.zone) for i in (0, -1))
    gap = " " * max(2, len(begins) - len(first) - len(last))
    out.print(Text(f"{'':10}{first}{gap}{last}", style="dim"))


def sparkline(values: FloatArray, most: float) -> str:
    """A character per value, as high as its share of the most; a dot where nothing is known."""
    top = len(BLOCKS) - 1
    return "".join(
        "·" if not np.isfinite(v) else BLOCKS[round(min(1.0, v / most) * top) if most > 0 else 0]
        for v in values.tolist()
    )


def _per_second(values: FloatArray, width: FloatArray, cuts: np.ndarray) -> FloatArray:
    seen = np.isfinite(values)
    total = np.add.reduceat(np.where(seen, values, 0.0), cuts[:-1])
    seconds = np.add.reduceat(np.where(seen, width, 0.0), cuts[:-1])
    out: FloatArray = np.divide(total, seconds, out=np.full(len(total), np.nan), where=seconds > 0)
    return out


def _rests_on(what: Shortfall, found: Estimate) -> str:
    zone = what.zone
    parts = [
        found.state,
        words.words(found.method),
        f"{found.history_days:.0f} days of history",
        f"data until {local_text(found.data_until.timestamp(), zone)}",
    ]
    if found.settling:
        parts.append(f"{words.age(*found.settling)} of settling looked at")
    elif found.state == "live":
        parts.append("nothing known of after the window")
    return ", ".join(parts)
