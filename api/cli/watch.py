"""`toll now --watch`: the picture of now, drawn anew every few seconds until it is stopped.

When Toll stops answering the last picture stays, with a line that says since when; it goes on by
itself when Toll is back. A window that is too low has the same in brief, as much of it as there is
room for, and how much is hidden. Ctrl-C ends it and leaves the last picture whole on the terminal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import StringIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from api import words
from api.cli.output import Output
from ingest.errors import InputError, UnavailableError

EVERY_S = 5.0

Draw = Callable[[Console, bool], None]  # prints one picture, whole or (True) in brief
Look = Callable[[], Draw]  # asks for what is to be shown now


@dataclass(frozen=True)
class Frame:
    """One picture, and what is to be said of it."""

    picture: Text
    brief: Text  # the same with its most important lines alone
    note: str
    stale: bool

    def whole(self) -> Text:
        """The note above the picture."""
        return Text.assemble(self._head(), "\n", self.picture)

    def within(self, height: int) -> Text:
        """The same in so many lines."""
        lines, room = _lines(self.picture), height - 1
        if len(lines) > room:
            brief = _lines(self.brief)[: max(0, room - 1)]
            hidden = len(lines) - len(brief)
            more = f"{hidden} lines are hidden: a taller window or `toll now` shows them"
            lines = [*brief, Text(more, "bold yellow")]
        found = Text("\n").join([self._head(), *lines])
        found.no_wrap, found.overflow = True, "crop"  # a line each, however narrow
        return found

    def _head(self) -> Text:
        return Text(self.note, "bold yellow" if self.stale else "dim")


def _lines(text: Text) -> list[Text]:
    return list(text.split("\n"))


def watch(look: Look, out: Console) -> None:
    """Draw until Ctrl-C; needs a terminal."""
    if not out.is_terminal:
        raise InputError("--watch needs a terminal; without it, `toll now` prints once")
    last: Frame | None = None
    try:
        with Live(console=out, screen=True, auto_refresh=False) as live:
            for frame in frames(look, out):
                last = frame
                live.update(frame.within(out.height), refresh=True)
                time.sleep(EVERY_S)
    except KeyboardInterrupt:
        if last is not None:
            out.print(last.whole())


def frames(
    look: Look, out: Console, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Iterator[Frame]:
    """Pictures without end. The first must succeed; later failures keep the last picture."""
    draw, taken = look(), now()
    frame = _frame(draw, out, taken)
    yield frame
    while True:
        try:
            draw, taken = look(), now()
            frame = _frame(draw, out, taken)
            yield frame
        except UnavailableError:
            gone = words.age(taken, now())
            note = f"Toll does not answer. This is from {taken:%H:%M:%S} UTC, {gone} ago."
            yield replace(frame, note=note, stale=True)


def _frame(draw: Draw, out: Console, taken: datetime) -> Frame:
    note = f"{taken:%Y-%m-%d %H:%M:%S} UTC, every {EVERY_S:.0f} s; Ctrl-C ends it"
    return Frame(_picture(draw, out), _picture(draw, out, brief=True), note, False)


def _picture(draw: Draw, out: Console, *, brief: bool = False) -> Text:
    """What `draw` prints, at the width and with the colours of the terminal."""
    paper = Output(
        file=StringIO(),
        width=out.width,
        force_terminal=True,
        color_system=out.color_system,  # type: ignore[arg-type]  # the names are the same
        no_color=out.no_color,
        highlight=False,
        markup=False,
    )
    draw(paper, brief)
    assert isinstance(paper.file, StringIO)
    return Text.from_ansi(paper.file.getvalue())
