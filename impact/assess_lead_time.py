"""The record of a lead time: concurrent incidents share the cohort of their joint window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import numpy as np

from enrich.incident import Incident
from impact.assess_flow import Member, overlapping
from impact.assess_record import LEVEL, Draft, Facts
from impact.attribute import attribute
from impact.baselines import HISTORY, Windows
from impact.effect import EffectWindow
from impact.lead_time import Delays, Window, delays
from impact.model import FloatArray
from impact.ports import JourneyReader, LateHistory
from impact.promise import clock_of
from impact.totals import generator

# v for all subsets of the incidents (2**n,) at a moment; None: each at its worst
SeveritiesOf: TypeAlias = Callable[[Sequence[Incident], datetime | None], FloatArray]

SHORTEST = timedelta(minutes=1)  # of a window that began just now


def lead_time(
    facts: Facts,
    incidents: Sequence[Incident],
    severities: SeveritiesOf,
    reader: JourneyReader,
    abnormal: Windows = (),
) -> Draft:
    """One incident's part of the units that were delayed while it and others went on.

    abnormal: windows of earlier incidents, whose late units are not usual.
    """
    measure, now = facts.measure, facts.mark.as_of
    assert measure.promise is not None
    members = overlapping([_technical(i) for i in incidents], facts.incident.id, now)
    start = min(m.window.start for m in members)
    end = max(max(m.end(now) for m in members), start + SHORTEST)
    clock = clock_of(measure, facts.map, start - HISTORY, max(end, now))
    window = Window(start, end, min(now, facts.mark.until), measure.promise, clock)
    share = _share(members, facts.incident.id, severities, end)
    seed = "|".join((facts.measure.id, *(m.incident.id for m in members)))
    found = _delays(facts, window, reader, abnormal, generator(seed))
    by_hour = measure.value is not None and measure.value.basis == "per_hour_late"
    own = _technical(facts.incident).window
    ranges = {
        "delayed": found.delayed,
        "delay_hours": found.delay_hours,
        "waiting": found.waiting,
    }
    return Draft(
        window=EffectWindow(own.start, own.end, window.final_at, None, False),
        method="measured",
        units={name: r.scaled(share) for name, r in ranges.items()},
        draws={name: d * share for name, d in found.draws.items()},
        cost="delay_hours" if by_hour else "delayed",
        share=share,
        state="final" if window.as_of >= window.final_at else "live",
        inputs={
            "cohort": float(found.cohort),
            "placed": float(found.placed),
            "weeks": float(found.weeks),
            "concurrent": float(len(members)),
        },
        warnings=found.warnings,
    )


def _delays(
    facts: Facts,
    window: Window,
    reader: JourneyReader,
    abnormal: Windows,
    rng: np.random.Generator,
) -> Delays:
    measure = facts.measure
    end = min(window.end, facts.mark.as_of)
    cohort = reader.cohort(measure, window.start, end)
    begin = window.start - HISTORY
    past = reader.late_history(measure, window.clock, begin, end, window.as_of)
    usual = _without(past, abnormal, window)
    return delays(cohort, usual, window, timezone=facts.map.timezone, rng=rng, level=LEVEL)


def _without(history: LateHistory, abnormal: Windows, window: Window) -> LateHistory:
    """The history without the hours of placement that earlier incidents made late.

    Hours that the cohort itself was placed in stay: they are needed for how many there were.
    """
    keep = np.ones(len(history.hours), dtype=bool)
    cohort_from = _np(window.placed_since - timedelta(hours=1))
    for start, end in abnormal:
        since = window.clock.since(start, window.promise)
        hit = (history.hours >= _np(since)) & (history.hours < _np(end))
        keep &= ~(hit & (history.hours < cohort_from))
    return LateHistory(
        history.hours[keep],
        history.placed[keep],
        history.late[keep],
        history.late_hours[keep],
        history.ages[keep],
    )


def _technical(incident: Incident) -> Member:
    """A lead time has no effect window of its own: its cohort is that of the technical one."""
    return Member(incident, EffectWindow(incident.started_at, incident.ended_at, None, None, False))


def _share(
    members: Sequence[Member],
    of: str,
    severities: SeveritiesOf,
    end: datetime,
) -> float:
    """An incident's Shapley fraction, averaged over the minutes of the joint window."""
    if len(members) == 1:
        return 1.0
    start = min(m.window.start for m in members)
    minutes = max(int((end - start) / timedelta(minutes=1)), 1)
    times = _np(start) + np.arange(minutes) * np.timedelta64(60, "s")
    active = np.array([(times >= _np(m.window.start)) & (times < _np(m.end(end))) for m in members])
    found = attribute(np.ones(minutes), active, severities([m.incident for m in members], None))
    index = next(i for i, m in enumerate(members) if m.incident.id == of)
    return float(found.shares[index].mean())


def _np(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "s")
