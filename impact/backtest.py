"""Incidents written into a measure's own history, to see how close the estimates come.

A case is a stretch of the history with an incident whose cost is then known: a total or partial
outage of a flow, with or without catch-up; a surge of a load that fades past its end; or a placebo,
in which nothing happens. Losses thin the counts (binomially, as if each unit failed by itself);
what comes back is spread over the hours after, fading. Lengths are from ten minutes to twelve
hours, at busy, quiet and any hours. Two answers are asked for, as in the shared benchmark: LIVE,
with nothing known after the end, and FINAL, one to two days later.

Unlike there, nothing is clipped at zero: this is what the estimator says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, TypeAlias

import numpy as np

from impact.calendar import DAY, HOUR, WEEK, Holidays
from impact.estimate import estimate
from impact.model import BoolArray, Estimate, FloatArray, Kind, Range, TimeArray
from impact.scores import Scored
from impact.times import as_datetime, epoch_seconds

Scenario = Literal["total", "partial", "spike", "placebo"]
Window: TypeAlias = tuple[datetime, datetime]

HISTORY_S = 13 * WEEK  # that an estimate sees
LEAST_HISTORY_S = 17 * DAY  # before a window
SHORTEST_S, LONGEST_S = 600, 12 * HOUR
CATCH_UP_S = 12 * HOUR  # in which all that comes back does
AFTER_S = (DAY, 2 * DAY)  # when FINAL is asked for
AROUND_S = 12 * HOUR  # a known incident: its own surplus would be taken for the case's
LEAST_UNITS = 10.0  # usual in a window, or there is nothing to measure
TRIES = 60  # of a random start
SCENARIOS: dict[Kind, tuple[tuple[Scenario, float], ...]] = {
    "flow": (("total", 0.35), ("partial", 0.40), ("placebo", 0.25)),
    "load": (("spike", 0.70), ("placebo", 0.30)),
}
RECOVERS = 0.6  # of the outages


@dataclass(frozen=True)
class Past:
    """One measure as it was. times: (T,) starts of equal bins; values: (T,), NaN = no data."""

    times: TimeArray
    values: FloatArray
    kind: Kind
    timezone: str = "UTC"
    holidays: Holidays = None
    known: tuple[Window, ...] = ()

    @property
    def step_s(self) -> int:
        """The width of a bin."""
        return int((self.times[1] - self.times[0]) / np.timedelta64(1, "s"))


@dataclass(frozen=True)
class Case:
    """One incident of known cost. first, stop, cut: bins of its start, its end, and of FINAL.

    values: (T,) with the incident in them. volume: what the window had before it was written in.
    """

    scenario: Scenario
    first: int
    stop: int
    cut: int
    values: FloatArray
    volume: float
    live: float  # what the window lost, or had on top
    final: float  # less what came back; of a load plus its tail
    recovered: float | None  # None where nothing does


@dataclass(frozen=True)
class Outcome:
    """What was said of a case: LIVE, FINAL, and what LIVE forecast of FINAL (flows)."""

    scenario: Scenario
    live: Scored
    final: Scored
    forecast: Scored | None


def cases(past: Past, count: int, seed: int) -> Iterator[Case]:
    """At most `count` cases, seeded; fewer where the history has no room for them."""
    if len(past.values) < 2 or not np.isfinite(past.values).any():
        return
    rng = np.random.default_rng(seed)
    free = _free(past)
    quiet, busy = (float(level) for level in np.nanquantile(past.values, (0.25, 0.75)))
    names, shares = zip(*SCENARIOS[past.kind], strict=True)
    for _ in range(count):
        scenario: Scenario = names[int(rng.choice(len(names), p=shares))]
        place = _place(past, free, (quiet, busy), rng)
        if place is not None:
            yield _written(past, scenario, place, rng)


def run(past: Past, case: Case) -> Outcome:
    """The estimates of one case beside its truth."""
    live, final = (_estimate(past, case, stop) for stop in (case.stop, case.cut))
    daily = float(np.nanmean(past.values)) * DAY / past.step_s
    blank = Scored(
        Range(0.0, 0.0, 0.0),
        truth=case.live,
        volume=case.volume,
        placebo=case.scenario == "placebo",
        scale=daily if daily > 0.0 else 1.0,
    )
    forecast = None
    if past.kind == "flow" and live.lost_forecast is not None:
        forecast = replace(blank, estimate=live.lost_forecast, truth=case.final)
    return Outcome(
        case.scenario,
        replace(blank, estimate=_net(live)),
        replace(
            blank,
            estimate=_net(final),
            truth=case.final,
            recovered=final.recovered.mid if final.recovered else None,
            recovered_truth=case.recovered,
        ),
        forecast,
    )


def _net(found: Estimate) -> Range:
    net = found.excess if found.kind == "load" else found.lost
    assert net is not None
    return net


def _estimate(past: Past, case: Case, stop: int) -> Estimate:
    first = max(0, case.first - HISTORY_S // past.step_s)
    return estimate(
        past.times[first:stop],
        case.values[first:stop],
        start=_moment(past, case.first),
        end=_moment(past, case.stop),
        kind=past.kind,
        timezone=past.timezone,
        holidays=past.holidays,
        known_incidents=[w for w in past.known if w[0] < _moment(past, case.first)],
    )


def _free(past: Past) -> BoolArray:
    """(T,) bool: bins that were measured, with no incident near."""
    free: BoolArray = np.isfinite(past.values)
    seconds = epoch_seconds(past.times)
    for start, end in past.known:
        near = (seconds >= start.timestamp() - AROUND_S) & (seconds < end.timestamp() + AROUND_S)
        free &= ~near
    return free


def _place(
    past: Past, free: BoolArray, levels: tuple[float, float], rng: np.random.Generator
) -> tuple[int, int, int] | None:
    """(first, stop, cut) somewhere in the history, by kind of hour; None where nothing fits.

    levels: of a bin, up to which it is quiet and from which it is busy.
    """
    quiet, busy = levels
    step = past.step_s
    low = min(LEAST_HISTORY_S, len(free) * step // 2) // step
    slot = ("any", "any", "any", "busy", "quiet")[int(rng.integers(5))]
    for _ in range(TRIES):
        seconds = np.exp(rng.uniform(np.log(SHORTEST_S), np.log(LONGEST_S)))
        bins = max(1, round(seconds / step))
        after = int(rng.uniform(*AFTER_S)) // step
        high = len(free) - bins - after
        if high <= low:
            return None
        first = int(rng.integers(low, high))
        stop = first + bins
        window = past.values[first:stop]
        if not free[first:stop].all() or free[stop : stop + after].mean() < 0.9:
            continue
        level = float(window.mean())
        if (slot == "busy" and level < busy) or (slot == "quiet" and level > quiet):
            continue
        if window.sum() >= LEAST_UNITS:
            return first, stop, stop + after
    return None


def _written(
    past: Past, scenario: Scenario, place: tuple[int, int, int], rng: np.random.Generator
) -> Case:
    first, stop, cut = place
    values = past.values.copy()
    volume = float(values[first:stop].sum())
    live = final = 0.0
    recovered = None
    if scenario == "spike":
        live, tail = _surge(past, values, place, rng)
        final = live + tail
    elif scenario != "placebo":
        severity = rng.uniform(0.95, 1.0) if scenario == "total" else rng.uniform(0.2, 0.8)
        gone = _thinned(values[first:stop], severity, rng)
        values[first:stop] -= gone
        live = final = float(gone.sum())
        if rng.random() < RECOVERS:
            recovered = _come_back(values, live * rng.uniform(0.1, 0.8), past.step_s, place, rng)
            final = live - recovered
    return Case(scenario, first, stop, cut, values, volume, live, final, recovered)


def _thinned(counts: FloatArray, severity: float, rng: np.random.Generator) -> FloatArray:
    """How much of each bin fails; whole units where the counts are whole."""
    if (counts == np.round(counts)).all():
        gone: FloatArray = rng.binomial(counts.astype(np.int64), severity).astype(np.float64)
        return gone
    return counts * severity


def _come_back(
    values: FloatArray,
    units: float,
    step_s: int,
    place: tuple[int, int, int],
    rng: np.random.Generator,
) -> float:
    """Add what comes back after the window, fading; returns how much does."""
    _, stop, cut = place
    bins = min(max(1, CATCH_UP_S // step_s), cut - stop)
    fade_s = rng.uniform(HOUR, CATCH_UP_S) / 3.0  # 95 % within three of them
    weights = np.exp(-np.arange(bins) * step_s / fade_s)
    weights[~np.isfinite(values[stop : stop + bins])] = 0.0
    if not weights.sum() > 0.0:
        return 0.0
    added = rng.multinomial(round(units), weights / weights.sum()).astype(np.float64)
    values[stop : stop + bins] += added
    return float(added.sum())


def _surge(
    past: Past, values: FloatArray, place: tuple[int, int, int], rng: np.random.Generator
) -> tuple[float, float]:
    """Add a surge that rises fast and fades past the end; (in the window, after it)."""
    first, stop, cut = place
    times_usual = rng.uniform(1.3, 4.0) - 1.0
    length_s = (stop - first) * past.step_s
    fade_bins = max(1.0, rng.uniform(0.1, 0.5) * length_s / past.step_s)
    bins = min(cut - first, (stop - first) + int(5 * fade_bins))
    age = np.arange(bins, dtype=np.float64)
    shape = np.minimum(1.0, (age + 1.0) / max(1.0, 0.1 * (stop - first)))
    shape *= np.exp(-np.maximum(age - (stop - first), 0.0) / fade_bins)
    usual = np.nan_to_num(values[first : first + bins])
    added = rng.poisson(usual * times_usual * shape).astype(np.float64)
    values[first : first + bins] += added
    inside = stop - first
    return float(added[:inside].sum()), float(added[inside:].sum())


def _moment(past: Past, index: int) -> datetime:
    return as_datetime(past.times[index])
