"""Takes a changed file of subscriptions into use while Toll runs, or keeps the old and says why.

As with the map, what is read has stood still for one look, and a file with mistakes changes
nothing: who was told so far is told on, and the mistakes are in the log, in readiness and in a
metric. A changed map has the file read again, since it names processes.
"""

from __future__ import annotations

import logging
from pathlib import Path
from threading import Event
from typing import TypeAlias

from api.notify.subscriptions_file import read_subscriptions
from api.run.stamps import Stamps, Watched, stamps
from api.run.wiring import Parts
from ingest.errors import SettingsError

logger = logging.getLogger(__name__)

EVERY_S = 2.0

Look: TypeAlias = tuple[str, Stamps]  # the version of the map beside


class SubscriptionsWatch:
    """Watches the file that TOLL_SUBSCRIPTIONS names, and the files of its secrets."""

    def __init__(self, parts: Parts, file: Path) -> None:
        self.refused: tuple[str, ...] = ()  # the mistakes of the newest file; () while in force
        self.reloads = 0
        self._parts, self._file = parts, file
        self._files = Watched(self._look)

    def run(self, stop: Event) -> None:
        """Look until told to stop."""
        while not stop.wait(EVERY_S):
            self.look()

    def look(self) -> bool:
        """Look once; returns whether others may be told now."""
        if not self._files.settled():
            return False
        try:
            fresh = read_subscriptions(self._file, self._parts.map.map)
        except SettingsError as error:
            self._files.take()
            self.refused = tuple(str(error).splitlines())
            logger.error(
                "the changed subscriptions are refused, who was told so far is told on: %s", error
            )
            return False
        self._files.take()
        self.refused = ()
        if fresh == self._parts.subscriptions:
            return False
        self._parts.subscriptions = fresh
        self._files = Watched(self._look)  # of what is in force: a secret may lie elsewhere now
        self.reloads += 1
        names = ", ".join(one.name for one in fresh.subscribers) or "nobody"
        logger.info("the changed subscriptions are in force: %s", names)
        return True

    def _look(self) -> Look:
        files = stamps((self._file, *self._parts.subscriptions.files))
        return self._parts.map.map.version, files
