"""What comes back after an incident, and what a load's tail adds.

The surplus after a window is an amount times a fading shape, exp(-3 t / L) times what is usual at
that time, off by lumps of its own. Amount and L are unknown: a grid of both is weighed by how well
it explains what followed the window (Bayes' rule; the likelihood is that of a Student-t process,
Shah et al. 2014, so that one odd hour decides nothing) and by a prior under which often nothing
comes back, and never more than was lost. What follows the window thus tells two things at once:
what the level was, and what came back. Beside all this stands the hypothesis that nothing happened
at all: a loss that noise explains as well is no loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dpotrs, dtrtrs

from impact.calendar import IntArray
from impact.conditioning import JITTER, QUIET, Given, View
from impact.model import DRAWS, BoolArray, FloatArray, Kind
from impact.outliers import outlier_noise
from impact.ranges import even_uniforms
from impact.residuals import counting_noise

LENGTHS_H = np.array([1.0, 2.0, 4.0, 7.0, 12.0])
STEPS = 10  # of the amount
FLOOR = 0.02  # of the busiest hour: something may come back while a shop is closed
# standard deviation of a piece's surplus around its shape
LUMPS: Mapping[Kind, float] = {"flow": 0.15, "load": 0.5}
LEAST = 0.2  # of what is usual; below it the square root is not linear enough
FREEDOM = 30.0
UNLIKELY = 1e-6  # probability below which a hypothesis tells nothing of the spread
ROUGH = 7  # every so many hypotheses are tried to find the outliers
HIGHEST = 2.0  # standard deviations above the middle of what was lost: the largest amount
NO_EFFECT = 0.045  # prior that nothing happened in the window


@dataclass(frozen=True)
class Prior:
    """How much of the lost volume comes back: nothing with `never`, else a Beta(a, b) share."""

    never: float = 0.25
    a: float = 1.5
    b: float = 1.5

    def density(self, share: FloatArray) -> FloatArray:
        """(as share): of shares above zero, up to the whole."""
        grid = np.linspace(0.01, 0.99, 99)
        inside = np.clip(share, 1e-3, 1 - 1e-3)
        out: FloatArray = self._kernel(inside) / self._kernel(grid).mean()
        return np.where(share > 1.0, 0.0, out)

    def _kernel(self, share: FloatArray) -> FloatArray:
        out: FloatArray = share ** (self.a - 1) * (1 - share) ** (self.b - 1)
        return out

    def learn(self, shares: FloatArray) -> Prior:
        """After past incidents of which these shares came back; the prior is worth four of them."""
        back = shares[shares > 0.02]
        never = (4 * self.never + len(shares) - len(back)) / (4 + len(shares))
        return Prior(never, self.a + float(back.sum()), self.b + float((1 - back).sum()))

    def draws(self, rng: np.random.Generator) -> FloatArray:
        """(DRAWS,): shares, zero with `never`."""
        even = even_uniforms(rng)
        grid = np.linspace(0, 1, 201)
        cumulated = np.cumsum(self.density(grid))
        at = np.clip((even - self.never) / (1 - self.never), 0, 1)
        out: FloatArray = np.where(
            even < self.never, 0.0, np.interp(at, cumulated / cumulated[-1], grid)
        )
        return out


FLOW = Prior()
LOAD = Prior(never=0.5, a=1.0, b=1.0)


@dataclass(frozen=True)
class Posterior:
    """The window's expected z, and the surplus, under K hypotheses; the first is no surplus."""

    mean: FloatArray  # (Nw, K)
    cov: FloatArray  # (Nw, Nw) counting noise included
    log_like: FloatArray  # (K,)
    amount: FloatArray  # (K,) hypothesised
    surplus: FloatArray  # (K,) what that amounts to, given what was seen, with what is to come
    so_far: FloatArray  # (K,) until the end of the data


def fading(since: FloatArray, width: FloatArray, usual: FloatArray, busiest: float) -> FloatArray:
    """(len(LENGTHS_H), N): the part of the whole surplus in each piece after the window.

    since: hours from the window's end to the start of a piece (not counting a long time of closed
    doors right after it); width: hours; usual: volume; busiest: volume of the busiest hour. What
    falls past the last piece is still to come.
    """
    tau = LENGTHS_H[:, None] / 3
    share = np.exp(-since / tau) - np.exp(-(since + width) / tau)
    share = np.where(since[None, :] < LENGTHS_H[:, None], share, 0.0)
    rate = usual / np.maximum(width, 1e-9) + FLOOR * busiest
    out = share * rate
    last = since[-1] + width[-1]
    left = np.exp(-last / tau[:, 0]) * (last < LENGTHS_H) * rate[-1]
    whole: FloatArray = out / np.maximum(out.sum(axis=1) + left, 1e-300)[:, None]
    return whole


def weigh(v: View, g: Given, widen: float, kind: Kind, busiest: float) -> Posterior:
    """The window's expected z under each hypothesis of what came back, and its likelihood."""
    n, w, after = len(v.window), v.window, v.after
    mean = v.mean[w] + v.gain[w] * g.mean[:n]
    cov = _in_z(v, g.cov[:n, :n] * widen**2, widen)
    nothing = np.zeros(1)
    if not len(after):
        return Posterior(mean[:, None], cov, nothing, nothing, nothing, nothing)
    amount, row, shape = _hypotheses(v, mean, cov, kind, busiest)
    surplus = amount[:, None] * shape[row][:, after - v.pieces.window.stop]  # (K, Na)
    usual_z = np.maximum(v.mean[after] + v.gain[after] * g.mean[n:], LEAST * v.mean[after])
    total_z = np.sqrt(usual_z**2 + surplus)
    slope = v.gain[after] * usual_z / total_z  # of z per unit of residual
    lumps = (LUMPS[kind] * surplus) ** 2 / (4 * total_z**2)
    noise = counting_noise(v.pieces.usual[after] + surplus, v.unit) + QUIET * v.unit
    spread = slope[:, :, None] * g.cov[n:, n:] * slope[:, None, :]
    diagonal = np.arange(len(after))
    spread[:, diagonal, diagonal] += noise + lumps + JITTER * v.mean[after] ** 2
    spread *= widen**2
    miss = v.z[after] - total_z
    spread[:, diagonal, diagonal] += _outlier_noise(spread, miss)
    root = np.linalg.cholesky(spread)
    back = np.stack([dpotrs(r, m, lower=1)[0] for r, m in zip(root, miss, strict=True)])
    misfit = (back * miss).sum(axis=1)
    freedom = FREEDOM + len(after)
    log_like = -freedom / 2 * np.log1p(misfit / FREEDOM)
    log_like -= np.log(root[:, diagonal, diagonal]).sum(axis=1)
    prob = np.exp(log_like - log_like.max())
    prob /= prob.sum()
    cross = widen**2 * g.cov[n:, :n]
    known = np.zeros((n, n))
    for k in np.flatnonzero(prob > UNLIKELY):
        half = dtrtrs(root[k], slope[k][:, None] * cross, lower=1)[0]
        known += prob[k] * (half.T @ half)
    inner = widen**2 * g.cov[:n, :n] - known
    inner *= float(prob @ ((FREEDOM + misfit) / freedom))
    shift = (slope * back) @ cross
    off_shape = (widen**2 * lumps * back * 2 * total_z).sum(axis=1)
    to_come = amount * np.maximum(1 - shape.sum(axis=1)[row], 0.0)
    so_far = np.maximum(amount - to_come + off_shape, 0.0)
    so_far = np.minimum(so_far, v.pieces.actual[after].sum())  # no more came
    return Posterior(
        mean=mean[:, None] + v.gain[w][:, None] * shift.T,
        cov=_in_z(v, inner, widen),
        log_like=log_like,
        amount=amount,
        surplus=so_far + to_come,
        so_far=so_far,
    )


def _outlier_noise(spread: FloatArray, miss: FloatArray) -> FloatArray:
    """(Na,): of pieces that remain odd even under the likeliest of some hypotheses."""
    some = np.arange(0, len(miss), ROUGH)
    inverse = np.linalg.inv(spread[some])
    pull = (inverse @ miss[some, :, None])[:, :, 0]
    misfit = (pull * miss[some]).sum(axis=1)
    like = np.linalg.slogdet(inverse)[1] / 2
    like -= (FREEDOM + miss.shape[1]) / 2 * np.log1p(misfit / FREEDOM)
    best = int(np.argmax(like))
    return outlier_noise(np.diag(inverse[best]), pull[best])


def _in_z(v: View, cov: FloatArray, widen: float) -> FloatArray:
    gain = v.gain[v.window]
    out: FloatArray = gain[:, None] * cov * gain[None, :] + np.diag(v.noise[v.window]) * widen**2
    return out


def _hypotheses(
    v: View, mean: FloatArray, cov: FloatArray, kind: Kind, busiest: float
) -> tuple[FloatArray, IntArray, FloatArray]:
    """Amounts (K,), the row of the shape of each (K,), and the shapes over all pieces after."""
    pieces, w = v.pieces, v.window
    every = np.arange(pieces.window.stop, len(pieces.usual))
    end = pieces.centre[w[-1]] + pieces.width[w[-1]] / 2
    middle, half = pieces.centre[every] - end, pieces.width[every] / 2
    shape = fading(middle - half, 2 * half, pieces.usual[every], busiest)
    if pieces.closed > 0:  # or only from when the doors open
        since = np.maximum(middle - half - pieces.closed, 0.0)
        opened = np.maximum(middle + half - pieces.closed, 0.0) - since
        shape = np.concatenate([shape, fading(since, opened, pieces.usual[every], busiest)])
    expected = np.maximum(mean, 0) ** 2 - v.offset + np.diag(cov)
    gross = float(((expected - pieces.actual[w]) * v.opened).sum())
    spread = float(np.sqrt(np.maximum(4 * mean @ cov @ mean, 0.0)))
    most = (gross if kind == "flow" else -gross) + HIGHEST * spread
    if most <= 0:
        return np.zeros(1), np.zeros(1, np.int64), shape
    shares = np.arange(1, STEPS + 1) / STEPS
    amount = np.concatenate([[0.0], np.repeat(shares * most, len(shape))])
    row = np.concatenate([[0], np.tile(np.arange(len(shape)), STEPS)])
    return amount, row, shape


@dataclass(frozen=True)
class Choice:
    """(DRAWS,) by draw: a hypothesis of what came back, a draw of noise, or nothing at all."""

    which: IntArray
    noise: IntArray
    nothing: BoolArray  # the window had no effect


def choose(
    p: Posterior, v: View, noise: FloatArray, shared: FloatArray, kind: Kind, prior: Prior
) -> Choice:
    """Draws by likelihood and prior: of loss and recovery together, or that nothing happened.

    Little can come back where little was lost. The chosen stand at even quantiles of what was
    lost, in the order of `shared` by what was expected.
    """
    opened = v.opened > 0
    m, e = np.maximum(p.mean[opened], 0.0), noise[:, opened]
    expected = (m**2).sum(axis=0)[:, None] + 2 * m.T @ e.T + (e**2).sum(axis=1)[None, :]
    expected = expected - v.offset * opened.sum()
    actual = float(v.pieces.actual[v.window][opened].sum())
    sign = 1.0 if kind == "flow" else -1.0
    gross = sign * (expected - actual)  # (K, DRAWS)
    weight = _weights(p, gross, prior)
    nothing = weight[0].sum() / prior.never * no_effect(expected[0], actual, v.offset)
    lost = np.append(gross - sign * p.surplus[:, None], 0.0)
    expected = np.append(expected, actual)
    order = np.argsort(lost, kind="stable")
    cumulated = np.cumsum(np.append(weight, nothing)[order])
    even = (np.arange(DRAWS) + 0.5) / DRAWS * cumulated[-1]
    chosen = order[np.minimum(np.searchsorted(cumulated, even), len(order) - 1)]
    chosen = chosen[np.argsort(expected[chosen], kind="stable")]
    chosen = chosen[np.argsort(np.argsort(shared, kind="stable"), kind="stable")]
    empty = chosen == gross.size
    chosen = np.where(empty, 0, chosen)
    return Choice(chosen // DRAWS, np.where(empty, np.arange(DRAWS), chosen % DRAWS), empty)


def _weights(p: Posterior, gross: FloatArray, prior: Prior) -> FloatArray:
    """(K, DRAWS): how likely each hypothesis is beside each draw of what the window cost."""
    weight = np.full(gross.shape, prior.never)
    if len(p.amount) > 1:
        step = p.amount[-1] / (len(p.amount) - 1)
        positive = np.maximum(gross[1:], 1e-9 * p.amount[-1])
        density = prior.density(p.amount[1:, None] / positive) / positive * step
        weight[1:] = np.where(gross[1:] > 0, (1 - prior.never) * density, 0.0)
    weight *= np.exp(p.log_like - p.log_like.max())[:, None]
    return weight


def no_effect(expected: FloatArray, actual: float, offset: float) -> float:
    """Odds that nothing happened: what was seen is what was expected, against any share of it.

    The Bayes factor of a point null (Jeffreys 1961), on square roots, where the draws (DRAWS,) of
    what was expected are about normal; the alternative is flat from nothing to all of the volume.
    """
    root = np.sqrt(np.maximum(expected, 0.0) + offset)
    seen = float(np.sqrt(actual + offset))
    spread = max(float(root.std()), 1e-9 * (1.0 + seen))
    off = (seen - float(root.mean())) / spread
    density = np.exp(-0.5 * off**2) / (spread * np.sqrt(2 * np.pi)) / (2 * seen)
    scale = max(float(expected.mean()), actual)
    return float(NO_EFFECT / (1 - NO_EFFECT) * scale * density)
