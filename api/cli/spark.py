"""Small pictures in a line of text: expected against actual. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

BLOCKS = "▁▂▃▄▅▆▇█"
PLAIN = "_.:-=+*#"  # where the output is piped, or its encoding has no blocks
GAP = "·"  # not measured, which is not zero


def spark(values: Sequence[float | None], top: float, ramp: str = BLOCKS) -> str:
    """One character a value, its height the share of `top`; what is not known is a gap."""
    return "".join(_character(value, top, ramp) for value in values)


def against(
    actual: Sequence[float | None], expected: Sequence[float], out: Console, kind: str = "flow"
) -> tuple[Text, Text]:
    """(expected, actual) to one scale; red where less than half of what is usual came.

    Of a load, which nobody wants more of: where more than twice of it came.
    """
    ramp = ramp_of(out)
    known = [v for v in actual if v is not None and math.isfinite(v)]
    top = max([*known, *expected], default=0.0)
    shown = Text()
    for value, usual in zip(actual, expected, strict=True):
        bad = value is not None and (value > usual * 2 if kind == "load" else value < usual / 2)
        shown.append(_character(value, top, ramp), "bold red" if bad else "green")
    return Text(spark(expected, top, ramp), "dim"), shown


def ramp_of(out: Console) -> str:
    """Blocks on a terminal that can show them, else characters that every file can hold."""
    if not out.is_terminal:
        return PLAIN
    try:
        (BLOCKS + GAP).encode(out.encoding)
    except (UnicodeEncodeError, LookupError):
        return PLAIN
    return BLOCKS


def in_bins(values: Sequence[float | None], bins: int) -> list[float | None]:
    """Sums of as many values as make so many bins; a bin without any value is not known."""
    size = max(1, math.ceil(len(values) / bins))
    found: list[float | None] = []
    for first in range(0, len(values), size):
        known = [v for v in values[first : first + size] if v is not None]
        found.append(sum(known) if known else None)
    return found


def _character(value: float | None, top: float, ramp: str) -> str:
    if value is None or not math.isfinite(value):
        return GAP if ramp is BLOCKS else " "
    if top <= 0.0:
        return ramp[0]
    return ramp[min(len(ramp) - 1, max(0, round(value / top * (len(ramp) - 1))))]
