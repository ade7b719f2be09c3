"""The picture of an incident on each of its measures, from what the outlook has of the series."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from api.ask.outlook import Outlook
from api.ask.postmortem import Picture
from api.charts.bins import Bins
from api.charts.draw import to_svg
from api.charts.shortfall import shortfall
from api.charts.story import Shortfall
from api.http import schemas
from enrich.model import BusinessMap
from impact.baselines import RANGE_SD
from impact.model import Range

_AFTER = timedelta(hours=3)  # shown after the window, where there are data


def pictures(
    incident: schemas.Incident, business_map: BusinessMap, outlook: Outlook
) -> Iterator[Picture]:
    """A picture for each flow and load that was measured and whose history is still known."""
    for impact in incident.impacts:
        what = story(impact, business_map, outlook)
        if what is not None:
            spec = shortfall(what)
            svg = base64.b64encode(to_svg(spec).encode()).decode()
            source = f"data:image/svg+xml;base64,{svg}"
            yield Picture(impact.process, impact.measure, str(spec["description"]), source)


def drawable(impact: schemas.Impact) -> bool:
    """Whether there is a series to show: lead times are judged per order, and guesses have none."""
    return impact.method == "measured" and impact.kind != "lead_time"


def story(impact: schemas.Impact, business_map: BusinessMap, outlook: Outlook) -> Shortfall | None:
    """What the picture of one impact shows; None where its history is not known any more."""
    measure = business_map.measure(f"{impact.process}/{impact.measure}")
    if measure is None or not drawable(impact):
        return None
    start, end = impact.effect_from, impact.effect_until or impact.data_until
    counted = impact.units.get("lost" if impact.kind == "flow" else "excess")
    if counted is None or end <= start:
        return None
    until = min(max(impact.data_until, end), end + max(end - start, _AFTER))
    watched = outlook.watched(measure, start, until)
    if watched is None or not len(watched.times):
        return None
    starts = watched.times.astype("datetime64[s]").astype(np.float64)
    half = RANGE_SD * watched.sigma
    bins = Bins(
        np.append(starts, starts[-1] + watched.step.total_seconds()),
        watched.actual,
        watched.expected,
        np.maximum(watched.expected - half, 0.0),
        watched.expected + half,
    )
    recovered = impact.units.get("recovered")
    came_back = recovered is not None and recovered.mid > 0.0 and until > end
    return Shortfall(
        bins=bins,
        kind="load" if impact.kind == "load" else "flow",
        window=(start, end),
        settling=(end, until) if came_back else None,
        counted=_range(counted),
        gross=_range(impact.units["gross"]) if "gross" in impact.units else None,
        recovered=_range(recovered) if recovered is not None else None,
        live=impact.state == "live",
        level=0.9,
        unit=impact.measure_title.lower(),
        timezone=business_map.timezone,
        forecast=impact.state == "live" and impact.kind != "load",
    )


def _range(units: schemas.Units) -> Range:
    return Range(units.low, units.mid, units.high)
