"""Signals to incidents over the life of the map: each incident is read by the map of its time.

An *era* is the time in which one version of the map held. Incidents that are over when the map
changes keep the map they were read by, whatever it says later. What is going on at that moment is
read by the new one from its first signal on: somebody who mends the map during an outage wants to
see the outage with it. So the border between two eras lies at the last quiet point before the
change, of what either of the two maps knows; it is a function of the stored signals alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property

from enrich.correlate import correlate, quiet_point
from enrich.episodes import episodes
from enrich.graph import Graph
from enrich.incident import Episode, Incident
from enrich.resolve import Resolver
from enrich.rootcause import TRIGGER_WINDOW
from ingest.events import Signal


class Era:
    """One version of the map, in force from `since` on until the next era.

    It is read when it is first needed: most versions live a quiet life.
    """

    def __init__(
        self, since: datetime, version: str, read: Callable[[], tuple[Graph, Resolver]]
    ) -> None:
        self.since, self.version, self._read = since, version, read

    @property
    def graph(self) -> Graph:
        """Who needs whom in that time."""
        return self._found[0]

    @property
    def resolver(self) -> Resolver:
        """Which nodes signals meant in that time."""
        return self._found[1]

    @cached_property
    def _found(self) -> tuple[Graph, Resolver]:
        return self._read()


class Graphs(Mapping[str, Graph]):
    """The graph of every version, read when it is first asked for."""

    def __init__(self, eras: Iterable[Era]) -> None:
        self._eras = {era.version: era for era in eras}

    def __getitem__(self, version: str) -> Graph:
        return self._eras[version].graph

    def __iter__(self) -> Iterator[str]:
        return iter(self._eras)

    def __len__(self) -> int:
        return len(self._eras)


def put_together(
    signals: Iterable[Signal],
    eras: Sequence[Era],
    expiries: Mapping[str, timedelta],
    now: datetime,
    quiet: datetime,
) -> tuple[list[Episode], list[Incident]]:
    """Episodes that began at `quiet` or later (and changes), and the incidents they make.

    eras: oldest first, at least one. What lies before the first is read by the first.
    """
    said = list(signals)
    read: list[Episode] = []
    found: list[Incident] = []
    begin = quiet
    for era, following in zip(eras, [*eras[1:], None], strict=True):
        if following is None:
            mine = _read(said, era, expiries, now, begin)
        elif following.since <= begin or not _speaks(said, begin, following.since):
            continue
        else:
            mine = _read(said, era, expiries, now, begin)
            beyond = _read(said, following, expiries, now, begin)
            border = max(begin, quiet_point([*mine, *beyond], following.since))
            mine = [e for e in mine if e.started_at < border]
            begin = border
        found += correlate(mine, era.graph, now)
        read += mine
    return read, found


def matters(signal: Signal, since: datetime) -> bool:
    """Whether a signal can speak of something that went on at `since` or later."""
    return signal.started_at >= since or (signal.ended_at is not None and signal.ended_at >= since)


def _read(
    signals: Sequence[Signal],
    era: Era,
    expiries: Mapping[str, timedelta],
    now: datetime,
    begin: datetime,
) -> list[Episode]:
    since = begin - TRIGGER_WINDOW
    again = [s for s in signals if matters(s, since)]
    read = episodes(again, era.resolver, expiries, now)
    return [e for e in read if e.started_at >= begin or e.kind == "change"]


def _speaks(signals: Iterable[Signal], begin: datetime, end: datetime) -> bool:
    """Whether anything was said of that time; most versions of a map live a quiet life."""
    return any(s.started_at < end and matters(s, begin) for s in signals)
