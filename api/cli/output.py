"""Standard output: what others have written, printed without doing anything to the terminal.

Titles come from alerts and names from senders. An escape sequence in one of them would be obeyed by
the terminal of whoever looks: it could hide an incident, or write a line that Toll never said.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

# C0 without tab and line feed, DEL, and C1, which some terminals obey as well.
_OBEYED = dict.fromkeys([*(n for n in range(32) if n not in (9, 10)), *range(127, 160)])


class Output(Console):
    """Rich's console for text of others, and for a reader who may leave in the middle."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """As Rich's, without what a terminal would obey but for Rich's own."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(harmless(text), style)

    def on_broken_pipe(self) -> None:
        """Let the program end as it does wherever its reader leaves, not as one that failed."""
        raise  # Rich calls this where it has caught the `BrokenPipeError`


def harmless(text: str) -> str:
    """The text without characters that a terminal obeys."""
    return text.translate(_OBEYED)


def print_document(text: str) -> None:
    """A text as it is, into a file or a pipe; onto a terminal only what it does not obey."""
    sys.stdout.write(harmless(text) if sys.stdout.isatty() else text)
