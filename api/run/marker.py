"""Whether the ingesters of a data folder stopped cleanly, told by a file each holds while it runs.

A file that nobody holds was left by a process that died, perhaps with the machine. Rows that it had
stored may be lost then, although their offsets are kept: see `ingest.reread`.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path

from ingest.durable import keep_names
from ingest.errors import SettingsError


class RunMarker:
    """Marks one ingester as running, from the making of this until `remove`, or for good."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._left = [path for path in folder.glob("ingest-*.running") if _left_behind(path)]
            self._path, self._held = _hold(folder)
        except OSError as error:
            raise SettingsError(
                f"{folder} cannot keep that an ingester runs ({error}): let it be written"
            ) from error

    @property
    def unclean(self) -> bool:
        """Whether an ingester of this folder died before."""
        return bool(self._left)

    def remove(self) -> None:
        """It stopped cleanly, and what those who died had lost is stored again."""
        os.sync()  # first what was stored: from now on nobody reads it again
        for path in (*self._left, self._path):
            path.unlink(missing_ok=True)
        self.leave()

    def leave(self) -> None:
        """Let go of the mark and leave it behind, as dying does."""
        os.close(self._held)


def _hold(folder: Path) -> tuple[Path, int]:
    """A new marker, held, and durable before anything is stored."""
    path = folder / f"ingest-{os.getpid()}-{secrets.token_hex(4)}.running"
    fresh = path.with_suffix(".new")  # not seen by others before it is held
    held = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(held, fcntl.LOCK_EX)
    fresh.rename(path)
    keep_names(folder)
    return path, held


def _left_behind(path: Path) -> bool:
    try:
        found = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False  # removed just now
    try:
        fcntl.flock(found, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: others may be looking too
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(found)
