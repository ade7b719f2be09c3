"""Ticks of a time axis at round local hours.

Vega knows UTC and the time of the machine that draws, neither of which is the company's. So axes
are plain numbers (milliseconds since 1970), and ticks come with their labels from here: right also
in the nights in which clocks change.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE, HOUR, DAY = 60, 3600, 86400
STEPS_S = tuple(n * MINUTE for n in (1, 2, 5, 10, 15, 30)) + tuple(
    n * HOUR for n in (1, 2, 3, 6, 12, 24, 48, 96, 168)
)
MOST = 9


@dataclass(frozen=True)
class Ticks:
    """Where ticks stand, in milliseconds since 1970, and an expression that labels them."""

    values: tuple[int, ...]
    label: str


def ticks(first_s: float, last_s: float, zone: ZoneInfo, most: int = MOST) -> Ticks:
    """At most so many ticks at round local times from first to last (epoch seconds).

    Days stand under the first tick and under each midnight; an hour that the clocks repeat says
    which of the two it is.
    """
    step = next((s for s in STEPS_S if (last_s - first_s) / s < most), STEPS_S[-1])
    labels: dict[str, list[str]] = {}
    day = None
    for moment in _round(first_s, last_s, step, zone):
        local = datetime.fromtimestamp(moment, UTC).astimezone(zone)
        clock = f"{local:%H:%M}"
        if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
            clock = f"{clock} {local:%Z}"
        new, day = local.date() != day, local.date()
        text = f"{local:%a} {local.day} {local:%b}" if new else ""
        labels[str(moment * 1000)] = [text] if step >= DAY else [clock, text] if new else [clock]
    return Ticks(tuple(int(k) for k in labels), f"{json.dumps(labels)}[datum.value]")


def _round(first_s: float, last_s: float, step: int, zone: ZoneInfo) -> list[int]:
    """Moments whose local time is a multiple of the step."""
    fine = min(step, 15 * MINUTE)  # every zone's offset is a multiple of it
    found = []
    for moment in range(int(-(-first_s // fine)) * fine, int(last_s) + 1, fine):
        local = datetime.fromtimestamp(moment, UTC).astimezone(zone)
        wall = int(local.replace(tzinfo=UTC).timestamp())
        if step > DAY:
            wall -= int(timedelta(days=4).total_seconds())  # weeks begin on Monday
        if wall % step == 0:
            found.append(moment)
    return found


def local_text(second: float, zone: ZoneInfo) -> str:
    """A moment for people: Tue 12 May, 10:00."""
    local = datetime.fromtimestamp(second, UTC).astimezone(zone)
    return f"{local:%a} {local.day} {local:%b}, {local:%H:%M}"


def span_text(start: datetime, end: datetime, zone: ZoneInfo, whose: str = "") -> str:
    """A window for people: Tue 12 May 2026, 10:00 to 12:00 (Europe/Berlin)."""
    a, b = start.astimezone(zone), end.astimezone(zone)
    repeated = a.date() == b.date() and a.utcoffset() != b.utcoffset()
    clock = "%H:%M %Z" if repeated else "%H:%M"
    until = f"{b:{clock}}" if a.date() == b.date() else f"{b:%a} {b.day} {b:%b}, {b:%H:%M}"
    return f"{a:%a} {a.day} {a:%b %Y}, {a:{clock}} to {until} ({whose or zone.key})"
