"""What would have happened? The answer for one measure and one effect window.

flow: gross, recovered, lost, lost_forecast. load: excess over the window and its tail.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.special import ndtri

from impact import catchup, series
from impact.baseline import Baseline, learn, prepare
from impact.calendar import DAY, HOUR, Holidays, zone_of
from impact.model import DRAWS, Estimate, FloatArray, Range, TimeArray
from impact.pieces import Pieces, as_other_days, cut
from impact.placebo import placebo_factor
from impact.ranges import draws_along, even_normals, even_uniforms, range_of
from impact.residuals import counting_noise

JITTER = 1e-6
CLIP = 3.5
POST_CLIP = 100.0
NU_LIVE = 6.0
NU_POST = 12.0
RECENT_H = 16.0
NU_DAY = 1e6
ODD = 0.1
QUIET = 0.1
TOP = 2.0
NO_EFFECT = 0.3
KAPPA = {"flow": 0.15, "load": 0.5}


@dataclass(frozen=True)
class Conditioned:
    """Expected z of the window's pieces given what was seen, for each hypothesis of catch-up."""

    mean: FloatArray  # (Nw, K) of z
    cov: FloatArray  # (Nw, Nw) of z, counting noise included
    prob: FloatArray  # (K,)
    surplus: FloatArray  # (K,) amount that comes back in all
    so_far: FloatArray  # (K,) of it until the data's end
    log_like: FloatArray  # (K,)
    amount: FloatArray  # (K,) hypothesised


def estimate(
    times: TimeArray,
    values: FloatArray,
    *,
    start: datetime,
    end: datetime,
    kind: str = "flow",
    timezone: str = "UTC",
    holidays: Holidays = None,
    known_incidents: series.Windows = (),
    as_of: datetime | None = None,
    level: float = 0.90,
    baseline: Baseline | None = None,
) -> Estimate:
    """What the window [start, end) cost, as known at `as_of`."""
    if kind not in ("flow", "load"):
        raise ValueError(f"kind: {kind!r} is neither flow nor load")
    a, b = series.epoch(start, "start"), series.epoch(end, "end")
    if b <= a:
        raise ValueError("end: must be after start")
    if baseline is None:
        masked = tuple(
            (series.epoch(x, "known_incidents"), series.epoch(y, "known_incidents"))
            for x, y in known_incidents
        )
        data = series.regular(times, values)
        if as_of is not None:
            data = data.until(int(series.epoch(as_of, "as_of")))
        baseline = learn(data, zone_of(timezone), holidays, (*masked, (a, b)))
    else:
        data = series.regular(times, values)
        if as_of is not None:
            data = data.until(int(series.epoch(as_of, "as_of")))
    return answer(baseline, data, a, b, kind, level)


def answer(
    baseline: Baseline, data: series.Series, start: float, end: float, kind: str, level: float
) -> Estimate:
    step = data.step
    first = int((start - data.first) // step)
    last = min(int(-(-(end - data.first) // step)), len(data.values))
    if first < 0 or first >= len(data.values):
        raise ValueError("start: lies outside the data")
    known = np.array(data.values)
    for x, y in baseline.masked:
        if (x, y) == (start, end):
            continue
        i = max(0, int((x - data.first) // step))
        j = max(0, int(-(-(y + 3600 - data.first) // step)))
        if j <= first:
            known[i:j] = np.nan
    pieces = cut(baseline, known, first, last)
    given = condition(baseline, pieces, kind, known)
    day = int(start // DAY)
    key = int(abs(float(np.nansum(data.values[:50]))) * 1000) % 2**31
    rng_day = np.random.default_rng([day, key])
    rng = np.random.default_rng([int(start), int(end), key])
    shared = even_normals(rng_day)
    w = pieces.window
    usual, actual = pieces.usual[w], pieces.actual[w]
    unit = baseline.profile.unit
    offset = 0.375 * unit
    mean = given.mean @ given.prob
    root = np.linalg.cholesky(given.cov + np.diag(1e-9 + 1e-9 * np.diag(given.cov)))
    noise = draws_along(root, 2 * mean, shared, rng)
    which, draw = resample(given, noise, usual > 0, actual, offset, kind, shared)
    z = noise[draw] + given.mean.T[which]
    expected = np.maximum(np.maximum(z, 0) ** 2 - offset, 0.0) * (usual > 0)
    deficit = expected - actual
    shares = _shares(data, pieces, start, end)
    sign = 1.0 if kind == "flow" else -1.0
    gross = sign * _window_total(sign * deficit, expected, shares)
    forecast = given.surplus[which]
    so_far = given.so_far[which]
    until = series.moment(data.end)
    state = "final" if len(data.values) > last + int(12 * HOUR // step) else "live"
    draws: dict[str, FloatArray]
    if kind == "load":
        excess = -gross + so_far
        draws = {"excess": excess}
    else:
        prior = catchup.Prior()
        if state == "live" and len(data.values) <= last:
            c = prior_shares(prior, rng)
            forecast = c * np.maximum(gross, 0)
            so_far = np.zeros(DRAWS)
        forecast = np.minimum(forecast, np.maximum(gross, 0))
        so_far = np.minimum(so_far, np.maximum(gross, 0))
        draws = {
            "gross": gross,
            "recovered": so_far,
            "lost": gross - so_far,
            "lost_forecast": gross - forecast,
        }
    ranges = {name: range_of(d, level) for name, d in draws.items()}
    band = _band(baseline, data, expected.sum(axis=1), float(usual.sum()), (first, last), level)
    return Estimate(
        kind=kind,  # type: ignore[arg-type]
        state=state,  # type: ignore[arg-type]
        gross=ranges.get("gross"),
        recovered=ranges.get("recovered"),
        lost=ranges.get("lost"),
        lost_forecast=ranges.get("lost_forecast"),
        excess=ranges.get("excess"),
        draws=draws,
        times=band[0],
        actual=band[1],
        expected=band[2],
        expected_low=band[3],
        expected_high=band[4],
        settling=(series.moment(end), series.moment(min(data.end, end + 48 * HOUR))),
        data_until=until,
        level=level,
        history_days=float(baseline.history_days),
        method="measured",
    )


def _band(
    baseline: Baseline,
    data: series.Series,
    total: FloatArray,
    usual: float,
    window: tuple[int, int],
    level: float,
) -> tuple[TimeArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Starts, actual, expected, low and high per bin from six hours before to twelve after."""
    a = max(0, window[0] - 6 * HOUR // data.step)
    b = min(len(data.values), window[1] + 12 * HOUR // data.step)
    seconds = data.first + data.step * np.arange(a, b, dtype=np.int64)
    per_bin, _ = baseline.usual(seconds)
    factor = range_of(total / usual, level) if usual > 0 else Range(1.0, 1.0, 1.0)
    mid = per_bin * factor.mid
    tail = -ndtri((1 - level) / 2) * np.sqrt(mid * baseline.profile.unit)
    low = np.maximum(per_bin * factor.low - tail, 0.0)
    return seconds.astype("datetime64[s]"), data.values[a:b], mid, low, per_bin * factor.high + tail


def resample(
    given: Conditioned,
    noise: FloatArray,
    open_: FloatArray,
    actual: FloatArray,
    offset: float,
    kind: str,
    shared: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """(DRAWS,) hypothesis and draw of noise, by likelihood and prior of what comes back."""
    k = len(given.amount)
    if k == 1:
        return np.zeros(DRAWS, np.int64), np.arange(DRAWS)
    m = np.maximum(given.mean[open_], 0.0)
    e = noise[:, open_]
    total = (m**2).sum(axis=0)[:, None] + 2 * m.T @ e.T + (e**2).sum(axis=1)[None, :]
    total = total - offset * open_.sum() - actual[open_].sum()
    gross = total if kind == "flow" else -total  # (K, DRAWS)
    prior = catchup.Prior() if kind == "flow" else catchup.LOAD_PRIOR
    step = given.amount[-1] / len(catchup.SHARES) / len(catchup.LENGTHS_H)
    positive = np.maximum(gross, 1e-9 * given.amount[-1])
    share = given.amount[:, None] / positive
    ref = prior.density(np.linspace(0.01, 0.99, 99)).mean()
    weight = (1 - prior.never) * prior.density(share) / ref / positive * step
    weight = np.where(gross > 0, weight, 0.0)
    plain = gross[0]
    no_effect = NO_EFFECT / (1 - NO_EFFECT)
    spread = plain.std()
    no_effect *= (plain.mean() + actual[open_].sum()) if kind == "flow" else actual[open_].sum()
    no_effect *= np.exp(-0.5 * (plain.mean() / spread) ** 2) / (spread * np.sqrt(2 * np.pi))
    weight[0] = prior.never + max(no_effect, 0.0)
    weight *= np.exp(given.log_like - given.log_like.max())[:, None]
    lost = gross - given.surplus[:, None] if kind == "flow" else gross + given.surplus[:, None]
    order = np.argsort(lost, axis=None, kind="stable")
    cumulated = np.cumsum(weight.ravel()[order])
    at = np.searchsorted(cumulated, (np.arange(DRAWS) + 0.5) / DRAWS * cumulated[-1])
    chosen = order[np.minimum(at, len(order) - 1)]
    chosen = chosen[np.argsort(total.ravel()[chosen], kind="stable")]
    rank = np.argsort(np.argsort(shared, kind="stable"), kind="stable")
    chosen = chosen[rank]
    return chosen // DRAWS, chosen % DRAWS


def prior_shares(prior: catchup.Prior, rng: np.random.Generator) -> FloatArray:
    u = even_uniforms(rng)
    grid = np.linspace(0, 1, 201)
    cdf = np.cumsum(prior.density(grid))
    cdf /= cdf[-1]
    share = np.interp(np.clip((u - prior.never) / (1 - prior.never), 0, 1), cdf, grid)
    return np.where(u < prior.never, 0.0, share)


def _shares(data: series.Series, pieces: Pieces, start: float, end: float) -> FloatArray:
    edges = data.first + data.step * pieces.edges[pieces.window.start : pieces.window.stop + 1]
    inside = np.minimum(edges[1:], end) - np.maximum(edges[:-1], start)
    return inside / np.diff(edges)


def _window_total(missing: FloatArray, expected: FloatArray, shares: FloatArray) -> FloatArray:
    """(DRAWS,): the sum over pieces; of cut pieces only what lies inside."""
    whole = shares > 0.999
    total = missing[:, whole].sum(axis=1)
    if whole.all():
        return total
    e_in = expected[:, whole].sum(axis=1)
    for i in np.flatnonzero(~whole):
        e = expected[:, i]
        direct = missing[:, i]
        limit = shares[i] * e
        if e_in.mean() > 0:
            severity = total.mean() / e_in.mean()
            indirect = severity * limit
            v1 = e.var()
            v2 = (0.2 * severity * limit.mean()) ** 2
            k = v2 / max(v1 + v2, 1e-12)
            total = total + k * direct + (1 - k) * indirect
        else:
            total = total + direct
    return total


def condition(baseline: Baseline, pieces: Pieces, kind: str, known: FloatArray) -> Conditioned:
    unit = baseline.profile.unit
    offset = 0.375 * unit
    mu = np.sqrt(pieces.usual + offset)
    z = np.sqrt(pieces.actual + offset)
    noise = counting_noise(pieces.usual, unit)
    gain = mu * pieces.scale
    w = pieces.window
    number = np.arange(len(mu))
    use = (pieces.seen > 0.5) & (pieces.usual > 0.5 * unit)
    obs = number[use & (number < w.start)]
    after = number[(pieces.seen > 0.5) & (number >= w.stop)]
    win = number[w]
    target = np.concatenate([win, after])
    cov = baseline.residuals.covariance(pieces.centre, pieces.width)
    nw = len(win)
    # everything before the window first
    u = (z - mu) / gain
    error = noise / gain**2
    if len(obs):
        spread = np.sqrt(np.diag(cov)[obs] + error[obs])
        v = np.clip(u[obs], -CLIP * spread, CLIP * spread)
        low = cholesky(
            cov[np.ix_(obs, obs)] + np.diag(error[obs] + JITTER), lower=True, check_finite=False
        )
        half = solve_triangular(low, cov[np.ix_(obs, target)], lower=True, check_finite=False)
        others = (
            np.sqrt(as_other_days(baseline, known, pieces, int(pieces.edges[w.start])) + offset)
            - mu
        ) / gain
        vv = np.concatenate([v[None], v[None] - others[:, obs]])
        whites = solve_triangular(low, vv.T, lower=True, check_finite=False)  # (n, 7)
        white = whites[:, 0]
        means = half.T @ whites + np.concatenate([np.zeros((1, len(target))), others[:, target]]).T
        touched = (np.abs(others[:, obs]) > 1e-9).any(axis=0)
        nt = int(touched.sum())
        qk = (whites[touched] ** 2).sum(axis=0)
        lk = -(NU_DAY + nt) / 2 * np.log1p(qk / NU_DAY)
        pk = np.concatenate([[1 - ODD], np.full(6, ODD / 6)]) * np.exp(lk - lk.max())
        pk /= pk.sum()
        mean = means @ pk
        away = means - mean[:, None]
        c = cov[np.ix_(target, target)] - half.T @ half + (away * pk) @ away.T
    else:
        mean = np.zeros(len(target))
        c = cov[np.ix_(target, target)]
    gradient = gain[win] * mu[win]
    # placebo: weights of before and after
    c_ww, c_wp, c_pp = c[:nw, :nw], c[:nw, nw:], c[nw:, nw:]
    wa = np.zeros(0)
    post_var = c_ww
    if len(after):
        s0 = c_pp + np.diag((noise[after] + QUIET * unit) / gain[after] ** 2 + JITTER)
        k0 = np.linalg.solve(s0, c_wp.T)  # (Na, Nw)
        wa = k0 @ gradient
        post_var = c_ww - c_wp @ k0
    around = np.concatenate([obs, after])
    weights = np.zeros(len(around))
    if len(obs):
        b = half[:, :nw] @ gradient - half[:, nw:] @ wa if len(after) else half[:, :nw] @ gradient
        weights[: len(obs)] = solve_triangular(low, b, trans="T", lower=True, check_finite=False)
    weights[len(obs) :] = wa
    promised = float(np.sqrt(gradient @ post_var @ gradient + (mu[win] ** 2 * noise[win]).sum()))
    factor = placebo_factor(baseline, known, pieces, around, weights, gradient, promised)
    if len(obs):
        age = -pieces.centre[obs]
        recent = np.exp(-age / RECENT_H) * np.minimum(pieces.width[obs], 1.0)
        surprise = (NU_LIVE + (recent * white**2).sum()) / (NU_LIVE + recent.sum())
        factor = factor * np.sqrt(surprise)
    zw = mu[win] + gain[win] * mean[:nw]

    def in_z(v: FloatArray) -> FloatArray:
        return (gain[win][:, None] * v * gain[win][None, :] + np.diag(noise[win])) * factor**2

    if not len(after):
        return Conditioned(
            zw[:, None], in_z(c_ww), np.ones(1), np.zeros(1), np.zeros(1), np.zeros(1), np.zeros(1)
        )
    sign = 1.0 if kind == "flow" else -1.0
    e_pre = np.maximum(zw, 0) ** 2 - offset + np.diag(in_z(c_ww))
    g = (sign * (e_pre - pieces.actual[win]) * (pieces.usual[win] > 0)).sum()
    sd = np.sqrt(4 * zw @ in_z(c_ww) @ zw)
    top = max(g + TOP * sd, 0.0)
    end_h = pieces.centre[w.stop - 1] + pieces.width[w.stop - 1] / 2
    every = number[w.stop :]
    since = pieces.centre[every] - pieces.width[every] / 2 - end_h
    shape = catchup.shapes(since, pieces.width[every], pieces.usual[every], baseline.busiest * HOUR)
    shape_obs = shape[:, after - w.stop]
    n_l, n_b = len(shape), len(catchup.SHARES)
    amounts = np.concatenate([[0.0], np.repeat(catchup.SHARES * top, n_l)])
    rows = np.concatenate([[0], np.tile(np.arange(n_l), n_b)])
    if top <= 0:
        amounts, rows = amounts[:1], rows[:1]
    surplus = amounts[:, None] * shape_obs[rows]  # (K, Na)
    base_z = np.maximum(mu[after] + gain[after] * mean[nw:], 0.2 * mu[after])
    base = base_z**2
    total_z = np.sqrt(base[None, :] + surplus)
    d = gain[after][None, :] * base_z[None, :] / total_z
    kappa = KAPPA[kind]
    lumps = (kappa * surplus) ** 2 / (4 * total_z**2)
    nz = counting_noise(pieces.usual[after][None, :] + surplus, unit) + lumps + QUIET * unit
    s = d[:, :, None] * c_pp[None] * d[:, None, :]
    idx = np.arange(len(after))
    s[:, idx, idx] += nz
    s *= factor**2
    resid = z[after][None, :] - total_z
    bound = POST_CLIP * np.sqrt(s[:, idx, idx])
    lo = np.linalg.cholesky(s)
    resid = np.clip(resid, -bound, bound)
    rhs = np.concatenate([resid[:, :, None], factor**2 * d[:, :, None] * c_wp.T[None]], axis=2)
    sol = np.linalg.solve(lo, rhs)
    white_h, half_h = sol[:, :, 0], sol[:, :, 1:]
    q = (white_h**2).sum(axis=1)
    dof = NU_POST + len(after)
    loglik = -dof / 2 * np.log1p(q / NU_POST) - np.log(lo[:, idx, idx]).sum(axis=1)
    shift = np.einsum("kaw,ka->kw", half_h, white_h)
    mean_w = zw[:, None] + gain[win][:, None] * shift.T
    gross = (
        sign
        * (
            np.maximum(mean_w, 0) ** 2
            - offset
            + np.diag(in_z(post_var))[:, None]
            - pieces.actual[win][:, None]
        )
        * (pieces.usual[win] > 0)[:, None]
    ).sum(axis=0)
    prior = catchup.Prior() if kind == "flow" else catchup.LOAD_PRIOR
    weight = np.ones(1)
    if top > 0:
        share = amounts / np.maximum(gross, 1e-2 * top)
        dens = prior.density(share) / np.maximum(gross, 1e-2 * top)
        ref = prior.density(np.linspace(0.01, 0.99, 99)).mean()
        weight = (1 - prior.never) * dens / ref * (top / n_b) / n_l
        weight[0] = prior.never
    logp = loglik + np.log(np.maximum(weight, 1e-300))
    prob = np.exp(logp - logp.max())
    prob /= prob.sum()
    cov_w = factor**2 * c_ww - np.einsum("k,kaw,kav->wv", prob, half_h, half_h) / 1.0
    cov_w = cov_w * float(prob @ ((NU_POST + q) / dof))
    cov_z = gain[win][:, None] * cov_w * gain[win][None, :] + np.diag(noise[win]) * factor**2
    # what came back is measured where the shape is off
    back = np.linalg.solve(np.swapaxes(lo, 1, 2), white_h[:, :, None])[:, :, 0]
    off = (factor**2 * lumps * back * 2 * total_z).sum(axis=1)
    left = amounts * np.maximum(1 - shape.sum(axis=1)[rows], 0.0)
    so_far = np.maximum(amounts - left + off, 0.0)
    return Conditioned(mean_w, cov_z, prob, so_far + left, so_far, loglik, amounts)


__all__ = ["estimate", "prepare"]
