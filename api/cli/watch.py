"""`toll now --watch`: the picture of now, drawn anew every few seconds until it is stopped.

When Toll stops answering the last picture stays, with a line that says since when; it goes on by
itself when Toll is back. Ctrl-C ends it and leaves the last picture on the terminal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from api import words
from ingest.errors import InputError, UnavailableError

EVERY_S = 5.0

Draw = Callable[[Console], None]  # prints one picture


@dataclass(frozen=True)
class Frame:
    """One picture, and what is to be said of it."""

    picture: Text
    note: str
    stale: bool

    def shown(self) -> Text:
        """The note above the picture."""
        return Text.assemble(
            (self.note, "bold yellow" if self.stale else "dim"), "\n", self.picture
        )


def watch(draw: Draw, out: Console) -> None:
    """Draw until Ctrl-C; needs a terminal."""
    if not out.is_terminal:
        raise InputError("--watch needs a terminal; without it, `toll now` prints once")
    last: Frame | None = None
    try:
        with Live(console=out, screen=True, auto_refresh=False) as live:
            for frame in frames(draw, out):
                last = frame
                live.update(frame.shown(), refresh=True)
                time.sleep(EVERY_S)
    except KeyboardInterrupt:
        if last is not None:
            out.print(last.shown())


def frames(
    draw: Draw, out: Console, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Iterator[Frame]:
    """Pictures without end. The first must succeed; later failures keep the last picture."""
    picture, taken = _picture(draw, out), now()
    yield Frame(picture, _note(taken), False)
    while True:
        try:
            picture, taken = _picture(draw, out), now()
            yield Frame(picture, _note(taken), False)
        except UnavailableError:
            gone = words.age(taken, now())
            note = f"Toll does not answer. This is from {taken:%H:%M:%S} UTC, {gone} ago."
            yield Frame(picture, note, True)


def _note(taken: datetime) -> str:
    return f"{taken:%Y-%m-%d %H:%M:%S} UTC, every {EVERY_S:.0f} s; Ctrl-C ends it"


def _picture(draw: Draw, out: Console) -> Text:
    """What `draw` prints, at the width and with the colours of the terminal."""
    paper = Console(
        file=StringIO(),
        width=out.width,
        force_terminal=True,
        color_system=out.color_system,  # type: ignore[arg-type]  # the names are the same
        no_color=out.no_color,
        highlight=False,
        markup=False,
    )
    draw(paper)
    assert isinstance(paper.file, StringIO)
    return Text.from_ansi(paper.file.getvalue())
