"""One small simulated world, priced the way a tick prices it."""

from __future__ import annotations

from datetime import datetime

from enrich.incident import Incident, Reached
from enrich.model import BusinessMap, Process
from impact.assess import Tick
from impact.baselines import Baselines, Windows
from impact.model import MeasureImpact
from impact.ports import Reader


def priced(
    reader: Reader,
    process: Process,
    outage: tuple[str, datetime, datetime],
    now: datetime,
    past: Windows = (),
) -> MeasureImpact | None:
    """What is said at `now` of the process's one measure; None where nothing can be said.

    outage: the root cause, and when its alerts came and cleared. past: those of earlier outages.
    """
    root, start, end = outage
    (measure,) = process.measures
    business_map = BusinessMap(
        company="simulated",
        currency="EUR",
        timezone="Europe/Berlin",
        version="simulated",
        processes={process.name: process},
        nodes={},
    )
    incident = Incident(
        id="simulated",
        kind="outage",
        state="recovering",
        title="simulated",
        started_at=start,
        ended_at=end if end <= now else None,
        root=root,
        explanation="",
        reached=(Reached(process.name, 1.0, (root, process.name)),),
    )
    baselines = Baselines(business_map, reader)
    tick = Tick(business_map, reader, baselines, [incident], now=now, known={measure.id: past})
    impacts = tick.assess(incident).impacts
    return impacts[0] if impacts and impacts[0].units else None
