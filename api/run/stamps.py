"""How files look from outside: by that a change is noticed, without reading them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

Seen = TypeVar("Seen")
Stamps: TypeAlias = dict[Path, tuple[int, int]]  # file -> (time of change in ns, size in bytes)


def stamps(files: Iterable[Path]) -> Stamps:
    """Of those files that are there: that one is gone is a change, too."""
    found: Stamps = {}
    for file in files:
        try:
            told = file.stat()
        except OSError:  # also between listing and looking
            continue
        found[file] = (told.st_mtime_ns, told.st_size)
    return found


class Watched(Generic[Seen]):
    """What may change from outside: news once it has stood still for one look, and until taken.

    So a file is not read while it is being written, and what could not be taken is not forgotten.
    """

    def __init__(self, look: Callable[[], Seen]) -> None:
        self._look = look
        self._taken = self._seen = look()

    def settled(self) -> bool:
        """Look once: whether it differs from what was taken, and stands still."""
        before, self._seen = self._seen, self._look()
        return self._seen == before and self._seen != self._taken

    def take(self) -> None:
        """What was seen last is no news any more."""
        self._taken = self._seen
