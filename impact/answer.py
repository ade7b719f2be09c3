"""From a baseline, data and a window to draws, and from draws to the estimate.

    pieces of time (`impact.pieces`) -> what came before (`impact.conditioning`) -> how wide ranges
    must be (`impact.ranges`) -> what came after (`impact.catchup`) -> draws, and their quantiles.

Volumes inside the window never count as normal. Bins without data inside it count neither as
expected nor as lost. In a bin that the window cuts, the loss is what is missing from the whole bin
and what the loss in the whole bins suggests for its share, weighed by their variances.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np

from impact import catchup, series
from impact.calendar import DAY, HOUR, WEEK, IntArray
from impact.conditioning import given_before, view, window_weights
from impact.model import Estimate, FloatArray, Kind, Range
from impact.pieces import Pieces, cut
from impact.profile import dead
from impact.ranges import draws_along, even_normals, placebo_errors, range_of, widening
from impact.thin import thin_total
from impact.usual import Band, Usual

SETTLED_S = 12 * HOUR  # of data after the window, for a final answer
SETTLING_S = 48 * HOUR
BAND_BEFORE_S, BAND_AFTER_S = 6 * HOUR, 12 * HOUR
SEVERITY_SPREAD = 0.2  # of the severity in a cut bin around that of the whole bins
SHORT_DAYS = 21.0
WEEKS_BACK = 12
FEW = 30.0  # units in a window
TELLING = 0.05  # of the busiest volume: usual in a window that tells half of the level around it


def answer(
    baseline: Usual,
    data: series.Series,
    window: series.Window,
    kind: Kind,
    level: float,
    prior: catchup.Prior,
) -> Estimate:
    """The estimate for one window of the data, with a prior of what comes back."""
    draws = dict(draw(baseline, data, window, kind, prior))
    expected, usual = draws.pop("expected"), float(draws.pop("usual")[0])
    around = draws.pop("around")
    ranges = _added_up({name: range_of(values, level) for name, values in draws.items()})
    first, last = _bins(data, window)
    a = max(0, first - BAND_BEFORE_S // data.step)
    b = min(len(data.values), last + BAND_AFTER_S // data.step)
    band = _band(baseline, data.starts[a:b], slice(first - a, last - a), (expected, around), level)
    closed = baseline.closed_after(window[1])
    settled = data.end >= window[1] + closed + SETTLED_S
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
        settling=_settling(window, data, closed),
        data_until=series.moment(data.end),
        level=level,
        history_days=baseline.history_days,
        method="measured",
        warnings=_warnings(baseline, data, window, usual, closed),
    )


def _added_up(ranges: dict[str, Range]) -> dict[str, Range]:
    """The ranges with what came back as the middle of gross less that of lost.

    Draw by draw the three add up; their medians, each taken by itself, do not.
    """
    if "recovered" not in ranges:
        return ranges
    own, mid = ranges["recovered"], ranges["gross"].mid - ranges["lost"].mid
    return ranges | {"recovered": Range(min(own.low, mid), mid, max(own.high, mid))}


def _band(
    baseline: Usual,
    starts: IntArray,
    inside: slice,
    volumes: tuple[FloatArray, FloatArray],
    level: float,
) -> Band:
    """The band in and around the window, at the level that the window was found to have.

    `volumes` are draws of what was to come in the window, the second as its surroundings say it.
    How far the window strays says little of the hours around it where little is usual in it.
    """
    usual = float(baseline.usual(starts[inside])[0].sum())
    if usual <= 0:
        return baseline.band(starts, Range(1.0, 1.0, 1.0), level)
    much = TELLING * baseline.busiest * baseline.series.step * len(starts[inside])
    expected, around = volumes
    leaned = ((around + much) / (usual + much)) ** (usual / (usual + much))
    band = baseline.band(starts, range_of(leaned, level), level)
    own = baseline.band(starts[inside], range_of(expected / usual, level), level)
    band.expected[inside], band.low[inside], band.high[inside] = own.expected, own.low, own.high
    return band


def _settling(
    window: series.Window, data: series.Series, closed: int
) -> tuple[datetime, datetime] | None:
    if data.end <= window[1]:
        return None
    until = min(float(data.end), window[1] + closed + SETTLING_S)
    return series.moment(window[1]), series.moment(until)


def _warnings(
    baseline: Usual, data: series.Series, window: series.Window, usual: float, closed: int
) -> tuple[str, ...]:
    out = []
    if baseline.history_days < SHORT_DAYS:
        out.append(f"little history: {baseline.history_days:.1f} days; the range is wide")
    first, last = _bins(data, window)
    missing = float(np.isnan(data.values[first:last]).mean())
    if missing > 0:
        out.append(f"no data for {missing:.0%} of the window: what was lost there is not counted")
    empty, weeks = _empty_weeks(baseline, first, last)
    if 0 < empty < weeks:
        out.append(
            f"next to nothing came at this time in {empty} of {weeks} earlier weeks: outages that "
            "nobody told of?"
        )
    if window[1] <= data.end < window[1] + closed:
        out.append("not settled: closed since the window; nothing can have come back yet")
    if data.end < window[1]:
        out.append("the data ends before the window does: counted so far")
    if usual < FEW * baseline.profile.unit and usual > 0:
        out.append("few units are usual in this window: relative to them the range is wide")
    return tuple(out)


def _empty_weeks(baseline: Usual, first: int, last: int) -> tuple[int, int]:
    """In how many of the weeks before next to nothing came in the window, and of how many."""
    known = series.masked(baseline.series, baseline.masked, HOUR)
    week = WEEK // baseline.series.step
    shifts = week * np.arange(1, first // week + 1)[:WEEKS_BACK]
    totals = known[first - shifts[:, None] + np.arange(last - first)].sum(axis=1)
    totals = totals[np.isfinite(totals)]
    if not len(totals):
        return 0, 0
    most = np.full(len(totals), totals.max())
    unit = baseline.profile.unit
    empty = dead(totals, most, unit) & (most >= FEW * unit)
    return int(empty.sum()), len(totals)


def _bins(data: series.Series, window: series.Window) -> tuple[int, int]:
    """First bin of the window and the bin after its last one, as far as there is data."""
    first = int((window[0] - data.first) // data.step)
    last = min(int(-(-(window[1] - data.first) // data.step)), len(data.values))
    if not 0 <= first < last:
        raise ValueError("start: the window lies outside the data")
    return first, last


def draw(
    baseline: Usual,
    data: series.Series,
    window: series.Window,
    kind: Kind,
    prior: catchup.Prior,
) -> dict[str, FloatArray]:
    """(DRAWS,) by name: the answers of the kind; and of the window what is `usual` (1,).

    `expected` in it is what was seen where nothing happened; `around`, what its surroundings say.
    """
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
    chosen = catchup.choose(p, v, noise, shared, kind, prior)
    z = np.maximum(noise[chosen.noise] + p.mean.T[chosen.which], 0.0)
    wider = np.diag(p.cov) * (1 - 1 / widen**2)  # a wider range is no larger mean
    expected = np.maximum(z**2 - v.offset - wider, 0.0) * v.opened  # (DRAWS, Nw)
    few = thin_total(baseline, known, first, last, shared)
    if few is not None:
        width = np.diff(pieces.edges)[v.window]
        expected = few[:, None] * (width / width.sum())
    sign = 1.0 if kind == "flow" else -1.0
    actual = pieces.actual[v.window]
    gross = _total(sign * (expected - actual), expected, _shares(data, pieces, window), kind)
    nothing = chosen.nothing
    gross = np.where(nothing, 0.0, gross)
    so_far = np.where(nothing, 0.0, p.so_far[chosen.which])
    out = {
        "expected": np.where(nothing, actual.sum(), expected.sum(axis=1)),
        "around": expected.sum(axis=1),
        "usual": np.array([pieces.usual[v.window].sum()]),
    }
    if kind == "load":
        return out | {"excess": gross + so_far}
    room = np.maximum(gross, 0.0)
    in_all = p.surplus[chosen.which]
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
