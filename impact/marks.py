"""The watermarks of all streams, once it is known how many units each usually has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from enrich.model import BusinessMap
from impact.baselines import Baselines
from impact.ports import StreamState
from impact.watermark import SILENT, USUAL_GAP, Watermark, watermark

GAP_UNITS = 20.0  # a stream is silent when so many units should have come and none did
GAP_MAX = timedelta(hours=24)


def first_marks(states: Mapping[str, StreamState], now: datetime) -> dict[str, Watermark]:
    """By stream, before anything is known of its volume: what `Baselines.refresh` starts from."""
    return {name: watermark(state, now) for name, state in states.items()}


def known_marks(
    business_map: BusinessMap,
    baselines: Baselines,
    states: Mapping[str, StreamState],
    now: datetime,
) -> dict[str, Watermark]:
    """By stream, with the pause that its usual volume allows for: thin streams may say nothing."""
    found = {}
    for name, mark in first_marks(states, now).items():
        rate = _usual_per_second(business_map, baselines, name) if mark.reason == SILENT else 0.0
        if rate > 0.0:
            gap = min(max(timedelta(seconds=GAP_UNITS / rate), USUAL_GAP), GAP_MAX)
            mark = watermark(states[name], now, gap)
        found[name] = mark
    return found


def _usual_per_second(business_map: BusinessMap, baselines: Baselines, stream: str) -> float:
    rates = [
        float(learned.week.mean()) / 3600.0
        for m in business_map.measures()
        if m.stream == stream and (learned := baselines.learned(m)) is not None
    ]
    return max(rates, default=0.0)
