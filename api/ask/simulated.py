"""Which streams a simulated shop has sent to, so that what it sends is never taken for business.

The shop says so itself, every hour, by a signal that names its streams and from when until when:
business events carry no word of who made them up, and an incident that only the business shows has
no signal of its own.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime, timedelta

from api.run.wiring import Parts
from enrich.model import BusinessMap
from ingest.events import SIMULATED_LABEL, SIMULATOR

_LATEST = timedelta(hours=3)  # between its words the shop sends on, as it may after its last


def simulated_streams(parts: Parts, start: datetime, end: datetime) -> frozenset[str]:
    """The streams that held simulated events at any time of [start, end)."""
    return frozenset(
        stream
        for signal in parts.store.signals.between(start - _LATEST, end)
        if signal.source == SIMULATOR
        for stream in signal.labels.get(SIMULATED_LABEL, "").split()
    )


def is_all_simulated(business_map: BusinessMap, streams: Set[str]) -> bool:
    """Whether every measure counts simulated events alone."""
    counted = {measure.stream for measure in business_map.measures()}
    return bool(counted) and counted <= streams
