"""What would have happened? The answer for one measure and one effect window.

flow: gross = expected - actual in the window, recovered = the surplus after it until the end of the
data, lost = gross - recovered, lost_forecast = gross minus all that comes back in the end. load:
excess = actual - expected over the window and its tail. `prepare` learns the history once; the
answer is then a matter of milliseconds:

    pieces of time (`impact.pieces`) -> what came before (`impact.conditioning`) -> how wide ranges
    must be (`impact.ranges`) -> what came after (`impact.catchup`) -> draws, and their quantiles.

Volumes inside the window never count as normal. Bins without data inside it count neither as
expected nor as lost. In a bin that the window cuts, the loss is what is missing from the whole bin
and what the loss in the whole bins suggests for its share, weighed by their variances.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

import numpy as np

from impact import catchup, series
from impact.baseline import Baseline, learn
from impact.calendar import DAY, HOUR, Holidays, zone_of
from impact.conditioning import given_before, view, window_weights
from impact.model import Estimate, FloatArray, Range, TimeArray
from impact.pieces import Pieces, cut
from impact.ranges import (
    draws_along,
    even_normals,
    placebo_errors,
    range_of,
    widening,
)

Kind = Literal["flow", "load"]
SETTLED_S = 12 * HOUR  # of data after the window, for a final answer
SETTLING_S = 48 * HOUR
BAND_BEFORE_S, BAND_AFTER_S = 6 * HOUR, 12 * HOUR
SEVERITY_SPREAD = 0.2  # of the severity in a cut bin around that of the whole bins
LEARN_FROM = 2  # latest known incidents whose recovery is looked at
SHORT_DAYS = 21.0


@dataclass(frozen=True)
class Prepared(Baseline):
    """A baseline that answers: prepare once, estimate many times."""

    def estimate(
        self,
        start: datetime,
        end: datetime,
        kind: Kind = "flow",
        as_of: datetime | None = None,
        level: float = 0.90,
    ) -> Estimate:
        """What the window [start, end) of the data it was prepared on cost."""
        a, b = _window(start, end, kind)
        return _answer(self, _until(self.series, as_of), (a, b), kind, level)

    @cached_property
    def recovery(self) -> catchup.Prior:
        """How much of a loss comes back, learned from the latest known incidents."""
        settled = [w for w in self.masked if w[0] > self.series.first + 7 * DAY]
        settled = [w for w in settled if w[1] + SETTLED_S <= self.series.end][-LEARN_FROM:]
        shares = []
        for window in settled:
            data = self.series.until(int(window[1] + SETTLING_S))
            draws = _draws(self, data, window, "flow", catchup.FLOW)
            gross, recovered = draws["gross"], draws["recovered"]
            if np.quantile(gross, 0.05) > 0:
                shares.append(float(np.clip(recovered.mean() / gross.mean(), 0.0, 1.0)))
        return catchup.FLOW.learn(np.array(shares)) if shares else catchup.FLOW


def prepare(
    times: TimeArray,
    values: FloatArray,
    *,
    timezone: str = "UTC",
    holidays: Holidays = None,
    known_incidents: series.Windows = (),
    as_of: datetime | None = None,
) -> Prepared:
    """Learn what is usual; earlier incidents and their catch-up are left out of the history."""
    data = _until(series.regular(times, values), as_of)
    return _prepare(data, timezone, holidays, series.windows(known_incidents))


def estimate(
    times: TimeArray,
    values: FloatArray,
    *,
    start: datetime,
    end: datetime,
    kind: Kind = "flow",
    timezone: str = "UTC",
    holidays: Holidays = None,
    known_incidents: series.Windows = (),
    as_of: datetime | None = None,
    level: float = 0.90,
    baseline: Prepared | None = None,
) -> Estimate:
    """What the window [start, end) cost, as known at `as_of`.

    times: (T,) datetime64[s] UTC, starts of regular bins; values: (T,) volume, NaN = no data.
    With a `baseline`, timezone, holidays and known incidents are those it was prepared with.
    """
    a, b = _window(start, end, kind)
    if not 0 < level < 1:
        raise ValueError("level: must lie between 0 and 1")
    data = _until(series.regular(times, values), as_of)
    if baseline is None:
        known = series.windows(known_incidents)
        baseline = _prepare(data, timezone, holidays, (*known, (a, b)), past=known)
    return _answer(baseline, data, (a, b), kind, level)


def _prepare(
    data: series.Series,
    timezone: str,
    holidays: Holidays,
    masked: tuple[series.Window, ...],
    past: tuple[series.Window, ...] | None = None,
) -> Prepared:
    learned = learn(data, zone_of(timezone), holidays, masked)
    return Prepared(**{**vars(learned), "masked": masked if past is None else past})


def _window(start: datetime, end: datetime, kind: str) -> tuple[float, float]:
    if kind not in ("flow", "load"):
        raise ValueError(f"kind: {kind!r} is neither flow nor load")
    a, b = series.epoch(start, "start"), series.epoch(end, "end")
    if b <= a:
        raise ValueError("end: must be after start")
    return a, b


def _until(data: series.Series, as_of: datetime | None) -> series.Series:
    if as_of is None:
        return data
    seen = data.until(int(series.epoch(as_of, "as_of")))
    if not len(seen.values):
        raise ValueError("as_of: lies before the data")
    return seen


def _answer(
    baseline: Prepared, data: series.Series, window: series.Window, kind: Kind, level: float
) -> Estimate:
    prior = baseline.recovery if kind == "flow" else catchup.LOAD
    draws = dict(_draws(baseline, data, window, kind, prior))
    expected, usual = draws.pop("expected"), float(draws.pop("usual")[0])
    ranges = {name: range_of(values, level) for name, values in draws.items()}
    factor = range_of(expected / usual, level) if usual > 0 else Range(1.0, 1.0, 1.0)
    first, last = _bins(data, window)
    a = max(0, first - BAND_BEFORE_S // data.step)
    b = min(len(data.values), last + BAND_AFTER_S // data.step)
    band = baseline.band(data.starts[a:b], factor, level)
    settled = data.end >= window[1] + SETTLED_S
    return Estimate(
        kind=kind,
        state="final" if settled else "live",
        gross=ranges.get("gross"),
        recovered=ranges.get("recovered"),
        lost=ranges.get("lost"),
        lost_forecast=ranges.get("lost_forecast"),
        excess=ranges.get("excess"),
        draws=draws,
        times=band.times,
        actual=data.values[a:b],
        expected=band.expected,
        expected_low=band.low,
        expected_high=band.high,
        settling=_settling(window, data),
        data_until=series.moment(data.end),
        level=level,
        history_days=baseline.history_days,
        method="measured",
        warnings=_warnings(baseline, data, window, usual),
    )


def _settling(window: series.Window, data: series.Series) -> tuple[datetime, datetime] | None:
    if data.end <= window[1]:
        return None
    return series.moment(window[1]), series.moment(min(float(data.end), window[1] + SETTLING_S))


def _warnings(
    baseline: Baseline, data: series.Series, window: series.Window, usual: float
) -> tuple[str, ...]:
    out = []
    if baseline.history_days < SHORT_DAYS:
        out.append(f"little history: {baseline.history_days:.1f} days; the range is wide")
    first, last = _bins(data, window)
    missing = float(np.isnan(data.values[first:last]).mean())
    if missing > 0:
        out.append(f"no data for {missing:.0%} of the window: what was lost there is not counted")
    if data.end < window[1]:
        out.append("the data ends before the window does: counted so far")
    if usual < 30 * baseline.profile.unit and usual > 0:
        out.append("few units are usual in this window: relative to them the range is wide")
    return tuple(out)


def _bins(data: series.Series, window: series.Window) -> tuple[int, int]:
    """First bin of the window and the bin after its last one, as far as there is data."""
    first = int((window[0] - data.first) // data.step)
    last = min(int(-(-(window[1] - data.first) // data.step)), len(data.values))
    if not 0 <= first < last:
        raise ValueError("start: the window lies outside the data")
    return first, last


def _draws(
    baseline: Baseline,
    data: series.Series,
    window: series.Window,
    kind: Kind,
    prior: catchup.Prior,
) -> dict[str, FloatArray]:
    """(DRAWS,) by name: the answers of the kind, `expected` in the window; and `usual` (1,)."""
    first, last = _bins(data, window)
    known = series.masked(data, [w for w in baseline.masked if w[1] <= window[0]], HOUR, first)
    pieces = cut(baseline, known, first, last)
    v = view(baseline, pieces)
    g = given_before(baseline, known, v)
    weights = window_weights(v, g)
    widen = widening(placebo_errors(baseline, known, pieces, weights)) * np.sqrt(g.surprise)
    p = catchup.weigh(v, g, widen, kind, baseline.busiest * HOUR)

    key = [baseline.series.first // 60, int(1000 * np.nansum(baseline.series.values[:500])) % 2**31]
    rng = np.random.default_rng([*key, int(window[0]), int(window[1])])
    shared = even_normals(np.random.default_rng([*key, int(window[0] // DAY)]))
    noise = draws_along(p.cov, 2 * p.mean[:, 0], shared, rng)
    which, draw = catchup.choose(p, v, noise, shared, kind, prior)
    z = np.maximum(noise[draw] + p.mean.T[which], 0.0)
    expected = np.maximum(z**2 - v.offset, 0.0) * v.opened  # (DRAWS, Nw)
    out = {"expected": expected.sum(axis=1), "usual": np.array([pieces.usual[v.window].sum()])}
    sign = 1.0 if kind == "flow" else -1.0
    effect = sign * (expected - pieces.actual[v.window])
    gross = _total(effect, expected, _shares(data, pieces, window), kind)
    so_far, in_all = p.so_far[which], p.surplus[which]
    if kind == "load":
        return out | {"excess": gross + so_far}
    room = np.maximum(gross, 0.0)
    if not len(v.after):
        in_all = prior.draws(rng) * room
    recovered = np.minimum(so_far, room)
    return out | {
        "gross": gross,
        "recovered": recovered,
        "lost": gross - recovered,
        "lost_forecast": gross - np.minimum(in_all, room),
    }


def _shares(data: series.Series, pieces: Pieces, window: series.Window) -> FloatArray:
    """(Nw,): the part of each piece of the window that lies inside it."""
    w = pieces.window
    edges = data.first + data.step * pieces.edges[w.start : w.stop + 1]
    inside = np.minimum(edges[1:], window[1]) - np.maximum(edges[:-1], window[0])
    out: FloatArray = inside / np.diff(edges)
    return out


def _total(effect: FloatArray, expected: FloatArray, shares: FloatArray, kind: Kind) -> FloatArray:
    """(DRAWS,): the effect summed over pieces; of cut pieces, what lies inside."""
    whole = shares > 0.999
    total: FloatArray = effect[:, whole].sum(axis=1)
    base = float(expected[:, whole].sum(axis=1).mean())
    severity = float(total.mean()) / base if base > 0 else 0.0
    for i in np.flatnonzero(~whole):
        most = shares[i] * expected[:, i]
        direct = effect[:, i] if kind == "load" else np.clip(effect[:, i], -most, most)
        trust = 1.0
        if base > 0:
            vague = (SEVERITY_SPREAD * severity * float(most.mean())) ** 2
            trust = vague / max(float(expected[:, i].var()) + vague, 1e-12)
        total = total + trust * direct + (1 - trust) * severity * most
    return total


__all__ = ["Prepared", "estimate", "prepare"]
