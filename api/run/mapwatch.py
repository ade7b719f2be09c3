"""Takes a changed map into use while Toll runs, or keeps the old one and says why.

The files are looked at by their time and size; what is read is what has stood still for one look,
so that a file is not read while it is being written. A map with mistakes changes nothing: the one
in force stays, and the mistakes are in the log, in readiness, in coverage and in a metric.
"""

from __future__ import annotations

import logging
from threading import Event

from api.assess.shared_baselines import SharedBaselines
from api.run.stamps import Stamps, Watched, stamps
from api.run.wiring import Parts
from api.setup.mapfiles import existing, files_of, loaded, read_texts
from ingest.errors import SettingsError

logger = logging.getLogger(__name__)

EVERY_S = 2.0


class MapWatch:
    """Watches the files that the map came from."""

    def __init__(self, parts: Parts, shared: SharedBaselines) -> None:
        self.refused: tuple[str, ...] = ()  # the mistakes of the newest files; () while in force
        self.reloads = 0
        self._parts, self._shared = parts, shared
        self._files = Watched(self._look)

    def run(self, stop: Event) -> None:
        """Look until told to stop."""
        while not stop.wait(EVERY_S):
            self.look()

    def look(self) -> bool:
        """Look once; returns whether another map is in force now."""
        if not self._files.settled():
            return False
        try:
            changed = self._take()
        except SettingsError as error:
            changed = False
            self.refused = tuple(str(error).splitlines())
            logger.error(
                "the changed map is refused, version %s stays in force: %s",
                self._parts.map.map.version,
                error,
            )
        self._files.take()
        return changed

    def _take(self) -> bool:
        texts = read_texts(existing(self._parts.settings.map))
        if texts == self._parts.map.texts:
            self.refused = ()  # put back as it was
            return False
        fresh = loaded(texts)
        self._parts.store.track_journeys(fresh.journeys)
        with self._shared.lock:
            changed = fresh.map.version != self._parts.map.map.version
            self._parts.map = fresh
            if changed:
                self._shared.take_map(fresh.map)
        self.refused = ()
        self.reloads += 1
        logger.info("map version %s is in force", fresh.map.version)
        return changed

    def _look(self) -> Stamps:
        path = self._parts.settings.map
        return stamps(files_of(path) if path is not None else ())
