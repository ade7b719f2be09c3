"""What `toll map` prints for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from api import words
from api.cli.show import NO_HOUR, console, indented, minute, new_table

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def history(found: Sequence[Mapping[str, Any]]) -> None:
    """One line a version, newest first."""
    out = console()
    if not found:
        out.print("No version is stored yet: `toll run` and `toll assess` store them.")
        return
    table = new_table("Version", "Holds from", "Processes", "Nodes", "Changes", numbers_from=2)
    for one in found:
        # The first version holds for all time before it, too: it is kept under a date long ago.
        since = minute(one["valid_from"]) if one["valid_from"] > "1970" else "ever"
        mark = "  in force" if one["in_force"] else ""
        counts = (one[key] for key in ("processes", "nodes", "changes"))
        shown = ("–" if count is None else f"{count:,}" for count in counts)
        table.add_row(one["version"] + mark, since, *shown)
    out.print(table)


def difference(found: Mapping[str, Any]) -> None:
    """Changes, then what they mean."""
    out = console()
    out.print(f"{found['before']} -> {found['after']}", style="dim")
    if not found["changes"]:
        out.print("The two versions say the same.")
    for change in found["changes"]:
        out.print(Text(f"{_SIGNS[change['how']]} {change['thing']} {change['name']}", style="bold"))
        for word in change["words"]:
            indented(out, word, 4)
    for one in found["dependences"]:
        for names, said in ((one["gained"], "now depends on"), (one["lost"], "no longer on")):
            if names:
                out.print(f"{one['process']} {said} {_few(names)}")
    for one in found["effects"]:
        before, now = (f"{one[key]:.0%}" for key in ("before", "now"))
        out.print(f"without {one['node']}, {one['process']} loses {now} (before: {before})")


def risks(found: Mapping[str, Any]) -> None:
    """The dearest single points of failure, and the near misses."""

    from api.http import schemas

    out = console()
    if not found["risks"]:
        out.print("No single node stops a process.")
    else:
        table = new_table("Node", "Hits", "An hour now", "At the peak", numbers_from=2)
        for one in found["risks"]:
            hits = [
                p["title"] + ("" if p["severity"] >= 1 else f" ({p['severity']:.0%})")
                for p in one["processes"]
            ]
            sums = [
                words.money(schemas.Sum.model_validate(one[key])) if one[key] else "–"
                for key in ("hour_now", "hour_peak")
            ]
            table.add_row(one["title"], _few(hits), *sums)
        out.print(table)
        if not all(one["hour_peak"] for one in found["risks"]):
            out.print(f"–: {NO_HOUR}.", style="dim")
    more = found["total"] - len(found["risks"])
    if more:
        out.print(f"and {more:,} more (--limit)", style="dim")
    for one in found["near_misses"]:
        indented(out, one["words"], 0, "yellow", mark="! ")


def gaps(found: Sequence[Mapping[str, Any]]) -> None:
    """Each gap in words, with its incidents."""
    out = console()
    if not found:
        out.print("No incident speaks against the map.")
    for gap in found:
        indented(out, gap["words"], 0, "bold")
        for one in gap["evidence"]:
            since = minute(one["started_at"])
            indented(out, f"{one['incident']}  {since}  {one['title']}", 2, "dim")


def _few(names: Sequence[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
