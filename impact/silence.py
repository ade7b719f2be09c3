"""Where no data is not zero: measures whose feed says nothing, and what that may mean.

A silent feed and a stopped business look the same from here, so both readings are given: nothing is
known to be lost, or everything usual is missing since the data end. What else is known favours one
of them: how far Toll itself has read the log, other streams of the same source, an incident that
reaches the process, the age of the newest record. Where another stream of the same source has news,
there is no doubt: the silence is a zero (`impact.watermark`), and a shortfall as any other.

A silence is a pure function of the present: when the data turn up it is gone, and since it never
was an estimate, nothing of it has to be taken back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

import numpy as np

from enrich.incident import Incident
from enrich.model import BusinessMap, Measure
from impact.baselines import RANGE_SD, Baselines, Learned
from impact.cusum import Watched
from impact.model import DRAWS, MoneyRange, Range
from impact.money import (
    HOURS_OF_WEEK,
    MissingRate,
    UnitValue,
    converted,
    hours_of_week,
    money_draws,
    money_range,
    unit_values,
)
from impact.ports import StreamState
from impact.spread import sd_of_sums
from impact.times import as_datetime, utc64
from impact.totals import generator
from impact.watermark import SILENT, Watermark, longest_pause, usual_delay

Favours = Literal["feed", "business", "toll", "neither"]

AT_STAKE = 10.0  # units: of fewer, ten minutes of a thin night pass as well without any
BEHIND = timedelta(minutes=3)  # so far back reading the log may be before it is said
ENDED = timedelta(days=14)  # a feed that is silent for longer has ended: coverage says so
NEWEST = timedelta(hours=1)  # of a silence, from which a minute's worth is taken


@dataclass(frozen=True)
class Stopped:
    """What is missing if the business has stopped: up to `until`, and with each minute more."""

    until: datetime
    units: Range
    per_minute: Range
    money: MoneyRange | None
    money_per_minute: MoneyRange | None


@dataclass(frozen=True)
class Silence:
    """One measure without data after `since`. The other reading is that nothing is known lost.

    stopped: None where nothing is expected of the measure: a lead time, too little history.
    """

    measure: Measure
    since: datetime
    as_of: datetime
    last_at: datetime | None  # of the newest event known
    last_received: datetime | None
    favours: Favours
    why: str
    stopped: Stopped | None

    @property
    def age(self) -> timedelta:
        """For how long nothing is known."""
        return self.as_of - self.since

    @property
    def words(self) -> str:
        """The second reading in one line: what is missing, if the business stopped."""
        said = f"{SILENT}: no data after {clock(self.since)}, counted up to then; {self.why}"
        if self.stopped is None:
            return said
        units, per_minute = self.stopped.units.mid, self.stopped.per_minute.mid
        return (
            f"{said}. If the business stopped: up to {units:,.0f} units"
            f"{_worth(self.stopped.money)} missing so far, and"
            f" up to {per_minute:.3g}{_worth(self.stopped.money_per_minute)} a minute more"
        )


def find_silences(
    business_map: BusinessMap,
    baselines: Baselines,
    states: Mapping[str, StreamState],
    marks: Mapping[str, Watermark],
    incidents: Sequence[Incident] = (),
) -> tuple[Silence, ...]:
    """The measures whose newest data are missing, those with the most at stake first.

    marks: as `impact.marks.known_marks` has them. incidents: the open ones are evidence. The
    baselines are those of the marks' moment. Where little could be missing nothing is said: closed
    hours, thin nights; nor of feeds that never were live, or have ended.
    """
    found = []
    for measure in business_map.measures():
        state, mark = states.get(measure.stream), marks.get(measure.stream)
        if state is None or mark is None or measure.kind == "level" or not _doubtful(state, mark):
            continue
        favours, why = _evidence(measure, states, marks, incidents)
        stopped = _stopped(measure, business_map, baselines, mark, favours)
        silence = Silence(
            measure,
            mark.until,
            mark.as_of,
            state.last_at,
            state.last_received,
            favours,
            why,
            stopped,
        )
        if stopped is None or stopped.units.mid >= AT_STAKE:
            found.append(silence)
    return tuple(sorted(found, key=_at_stake, reverse=True))


def _doubtful(state: StreamState, mark: Watermark) -> bool:
    """Whether the newest data are missing of a feed that is otherwise live."""
    live = state.delay_s is not None or state.cadence is not None
    if not live or state.last_received is None or mark.as_of - state.last_received > ENDED:
        return False
    return mark.reason == SILENT or _behind(state, mark.as_of)


def _behind(state: StreamState, now: datetime) -> bool:
    return state.read_until is None or now - state.read_until > BEHIND


def _evidence(
    measure: Measure,
    states: Mapping[str, StreamState],
    marks: Mapping[str, Watermark],
    incidents: Sequence[Incident],
) -> tuple[Favours, str]:
    """Which reading what is known speaks for, and why; the surest first."""
    state, mark = states[measure.stream], marks[measure.stream]
    if _behind(state, mark.as_of):
        return "toll", _lag(state)
    open_ = (i for i in incidents if i.ended_at is None and i.kind == "outage")
    hit = next((i for i in open_ if any(r.process == measure.process for r in i.reached)), None)
    if hit is not None:
        return "business", f"'{hit.title}' is open and reaches {measure.process}"
    assert state.last_at is not None and state.last_received is not None
    if mark.as_of - state.last_received <= longest_pause(state):
        return "feed", f"records still arrive, but the newest is of {clock(state.last_at)}: late"
    if state.cadence is not None:
        due = state.last_received + state.cadence
        return "feed", f"a delivery every {_span(state.cadence)} is declared; due {clock(due)}"
    if state.siblings:
        names = ", ".join(state.siblings)
        return "feed", f"nothing arrives of {names} either, which share its source"
    others = [s for name, s in states.items() if name != measure.stream and _is_live(s)]
    if not others:
        return "neither", "no other stream tells the two apart"
    if all(mark.as_of - marks[s.stream].until > longest_pause(s) + usual_delay(s) for s in others):
        return "feed", "nothing arrives of any other stream either"
    return "neither", "other sources deliver, none of them is its own"


def _is_live(state: StreamState) -> bool:
    return state.delay_s is not None and state.last_received is not None


def _lag(state: StreamState) -> str:
    """How far Toll's own reading is behind."""
    if state.read_until is None:
        return "Toll has not read its topic yet"
    until = clock(state.read_until)
    if state.lag:
        return f"Toll has read the log up to {until}, {state.lag:,} records are still to be counted"
    return f"Toll has not read the log since {until}: is its ingester running?"


def _stopped(
    measure: Measure,
    business_map: BusinessMap,
    baselines: Baselines,
    mark: Watermark,
    favours: Favours,
) -> Stopped | None:
    """The second reading, at the level of the hours before the data end."""
    learned = baselines.learned(measure) if measure.kind in ("flow", "load") else None
    if learned is None:
        return None
    zero = replace(mark, until=mark.as_of) if favours == "toll" else mark.as_stopped()
    watched = baselines.watched(measure, mark.until, zero.until, zero)
    if watched is None:
        return None
    begin = utc64(mark.until)
    inside = watched.times > begin - np.timedelta64(watched.step)  # a bin that it cuts, too
    silent = watched.where(inside)
    value = _value(measure, business_map, learned, silent)
    return _both(silent, zero.until, watched.step, value, f"{measure.id}|silence")


def _both(
    silent: Watched, until: datetime, step: timedelta, value: UnitValue | None, seed: str
) -> Stopped:
    """What the bins of a silence lack, and a minute of its end, in units and in money."""
    newest = max(int(NEWEST / step), 1)
    minutes = len(silent.times[-newest:]) * (step / timedelta(minutes=1))
    came = float(np.nansum(silent.actual))
    so_far = _range(silent, slice(None), came)
    per_minute = _range(silent, slice(-newest, None), 0.0).scaled(1.0 / max(minutes, 1.0))
    money, money_per_minute = (_money(r, value, seed) for r in (so_far, per_minute))
    return Stopped(until, so_far, per_minute, money, money_per_minute)


def _range(watched: Watched, bins: slice, came: float) -> Range:
    """What these bins usually have, less what came, at least nothing."""
    expected, sigma = watched.expected[bins], watched.sigma[bins]
    if not len(expected):
        return Range(0.0, 0.0, 0.0)
    mid = float(expected.sum()) - came
    half = RANGE_SD * float(sd_of_sums(sigma, np.zeros(1, dtype=np.int64))[0])
    low, mid, high = (max(units, 0.0) for units in (mid - half, mid, mid + half))
    return Range(low, mid, high)


def _value(
    measure: Measure, business_map: BusinessMap, learned: Learned, watched: Watched
) -> UnitValue | None:
    """What one missing unit is worth; a load that says nothing costs nothing."""
    if measure.kind != "flow":
        return None
    hours = hours_of_week(watched.times, business_map.timezone)
    weights = np.bincount(hours, weights=watched.expected, minlength=HOURS_OF_WEEK)
    values = unit_values(measure, learned.amounts, weights.astype(np.float64))
    if not values or not len(watched.times):
        return None
    day = business_map.day_of(as_datetime(watched.times[-1]))
    value = converted(values, business_map.rates, business_map.currency, day)
    return None if isinstance(value, MissingRate) else value


def _money(units: Range, value: UnitValue | None, seed: str) -> MoneyRange | None:
    if value is None:
        return None
    sd = (units.high - units.low) / (2.0 * RANGE_SD)
    drawn = np.maximum(units.mid + sd * generator(seed).standard_normal(DRAWS), 0.0)
    return money_range(units, money_draws(drawn, value, generator(seed + "|value")), value)


def _at_stake(silence: Silence) -> tuple[Decimal, float]:
    stopped = silence.stopped
    if stopped is None:
        return Decimal(0), 0.0
    return stopped.money.mid if stopped.money else Decimal(0), stopped.units.mid


def _worth(money: MoneyRange | None) -> str:
    return "" if money is None else f" ({money.currency} {money.mid:,.0f})"


def clock(moment: datetime) -> str:
    """A moment to the minute, as warnings write it."""
    return moment.isoformat(timespec="minutes").replace("+00:00", "Z")


def _span(length: timedelta) -> str:
    minutes = length / timedelta(minutes=1)
    return f"{minutes:g} min" if minutes < 120 else f"{minutes / 60:g} h"
