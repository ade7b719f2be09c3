"""The record of a lead time: concurrent incidents share the cohort of their joint window.

A window that is open ends with the last full minute, and so does what is known of its orders. Until
a minute has passed or an order of the cohort has moved, what was found stands: a forecast is worked
out once for all incidents that share it, and not at every tick.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

import numpy as np

from enrich.incident import Incident
from impact.assess_flow import Member, overlapping
from impact.assess_record import LEVEL, Draft, Facts
from impact.attribute import attribute
from impact.baselines import HISTORY, Windows
from impact.calendar import IntArray
from impact.effect import EffectWindow
from impact.lead_time import Delays, Window, delays
from impact.model import FloatArray
from impact.ports import Cohort, JourneyReader, LateHistory
from impact.promise import clock_of
from impact.times import utc64
from impact.totals import generator

# v for all subsets of the incidents (2**n,) at a moment; None: each at its worst
SeveritiesOf: TypeAlias = Callable[[Sequence[Incident], datetime | None], FloatArray]
# which members are told apart: of a crowd, the most severe
PlayersOf: TypeAlias = Callable[[Sequence[Member]], IntArray]

SHORTEST = timedelta(minutes=1)  # of a window that began just now
FORECAST_WEIGHT = 5  # of a forecast in what a tick works out at once, in estimates of flows


class Kept(Protocol):
    """What the last tick found, while nothing has changed (`impact.baselines.Baselines.kept`)."""

    def __call__(
        self,
        key: Hashable,
        state: Hashable,
        compute: Callable[[], _Judged],
        /,
        *,
        waits: int,
    ) -> _Judged:
        """The answer for a key in a state."""


@dataclass(frozen=True)
class Concurrent:
    """The incidents of a measure, and how to tell them apart."""

    incidents: Sequence[Incident]
    severities: SeveritiesOf
    players: PlayersOf
    abnormal: Windows = ()  # of earlier incidents, whose late units are not usual


@dataclass(frozen=True)
class _Judged:
    """The cohort of a joint window, judged."""

    window: Window
    delays: Delays


@dataclass(frozen=True)
class _Group:
    members: tuple[Member, ...]
    judged: _Judged
    shares: FloatArray  # (N,)
    crowd: int  # members too many to be told apart: the least severe, without a part


class LeadTimes:
    """The lead times of one tick: what incidents share is worked out once."""

    def __init__(self, reader: JourneyReader, kept: Kept) -> None:
        self._reader, self._kept = reader, kept
        self._groups: dict[tuple[str, tuple[str, ...]], _Group] = {}

    def draft(self, facts: Facts, at_once: Concurrent) -> Draft:
        """One incident's part of the units that were delayed while it and others went on."""
        group = self._group(facts, at_once)
        index = [m.incident.id for m in group.members].index(facts.incident.id)
        window, found = group.judged.window, group.judged.delays
        share = float(group.shares[index])
        value = facts.measure.value
        by_hour = value is not None and value.basis == "per_hour_late"
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
            data_until=window.as_of,
            inputs={
                "cohort": float(found.cohort),
                "placed": float(found.placed),
                "weeks": float(found.weeks),
                "concurrent": float(len(group.members)),
            },
            warnings=(*found.warnings, *_crowded(group)),
        )

    def _group(self, facts: Facts, at_once: Concurrent) -> _Group:
        now = facts.mark.as_of
        technical = [_technical(i) for i in at_once.incidents]
        members = overlapping(technical, facts.incident.id, now)
        key = (facts.measure.id, tuple(m.incident.id for m in members))
        if key not in self._groups:
            start = min(m.window.start for m in members)
            known = now.replace(second=0, microsecond=0)
            end = max(max(m.end(known) for m in members), start + SHORTEST)
            judged = self._judge(facts, key, (start, end), at_once.abnormal)
            players = at_once.players(members)
            shares = _shares(members, players, at_once.severities, end)
            self._groups[key] = _Group(members, judged, shares, len(members) - len(players))
        return self._groups[key]

    def _judge(
        self,
        facts: Facts,
        key: tuple[str, tuple[str, ...]],
        joint: tuple[datetime, datetime],
        abnormal: Windows,
    ) -> _Judged:
        measure, (start, end) = facts.measure, joint
        as_of = min(facts.mark.as_of, facts.mark.until)
        until = min(end, facts.mark.as_of)
        cohort = self._reader.cohort(measure, start, until)
        assert measure.promise is not None
        promise = measure.promise

        def judge() -> _Judged:
            clock = clock_of(measure, facts.map, start - HISTORY, max(end, facts.mark.as_of))
            window = Window(start, end, as_of, promise, clock)
            past = self._reader.late_history(measure, clock, start - HISTORY, until, as_of)
            usual = _without(past, abnormal, window)
            rng = generator("|".join((key[0], *key[1])))
            zone = facts.map.timezone
            return _Judged(
                window, delays(cohort, usual, window, timezone=zone, rng=rng, level=LEVEL)
            )

        state = (start, end, as_of, abnormal, _print(cohort, as_of))
        return self._kept(("delays", *key), state, judge, waits=FORECAST_WEIGHT)


def _crowded(group: _Group) -> tuple[str, ...]:
    if not group.crowd:
        return ()
    return (f"{len(group.members)} incidents at once: the {group.crowd} least got no part",)


def _print(cohort: Cohort, as_of: datetime) -> str:
    """Changes whenever a unit of the cohort moves, as far as known at `as_of`."""
    found, last = hashlib.sha256(), utc64(as_of)
    order = np.lexsort((cohort.closed, cohort.finished, cohort.started))
    for times in (cohort.started, cohort.finished, cohort.closed):
        seen = times[order].astype("datetime64[s]")
        found.update(np.where(seen <= last, seen, np.datetime64("NaT")).tobytes())
    return found.hexdigest()


def _without(history: LateHistory, abnormal: Windows, window: Window) -> LateHistory:
    """The history without the hours of placement that earlier incidents made late.

    Hours that the cohort itself was placed in stay: they are needed for how many there were.
    """
    keep = np.ones(len(history.hours), dtype=bool)
    cohort_from = utc64(window.placed_since - timedelta(hours=1))
    for start, end in abnormal:
        since = window.clock.since(start, window.promise)
        hit = (history.hours >= utc64(since)) & (history.hours < utc64(end))
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


def _shares(
    members: Sequence[Member], players: IntArray, severities: SeveritiesOf, end: datetime
) -> FloatArray:
    """(N,) the incidents' Shapley fractions, averaged over the minutes of the joint window."""
    if len(members) == 1:
        return np.ones(1)
    start = min(m.window.start for m in members)
    chosen = [members[i] for i in players]
    minutes = max(int((end - start) / timedelta(minutes=1)), 1)
    times = utc64(start) + np.arange(minutes) * np.timedelta64(60, "s")
    active = np.array(
        [(times >= utc64(m.window.start)) & (times < utc64(m.end(end))) for m in chosen]
    )
    v = severities([m.incident for m in chosen], None)
    shares = np.zeros(len(members))
    shares[players] = attribute(np.ones(minutes), active, v).shares.mean(axis=1)
    return shares
