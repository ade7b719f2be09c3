"""How files look from outside: by that a change is noticed, without reading them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

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
