"""What is to be expected in and after a window, given all that came before it.

The relative residuals of all pieces of time are one Gaussian vector (`impact.residuals`), so what
came before the window tells what was to come: ordinary conditioning, as in Gaussian-process
regression (Rasmussen and Williams 2006, eq. 2.19). Dead hours are left out, and single hours that
all others contradict are hardly believed (`impact.outliers`). A day may also go like another
weekday, a holiday like a Sunday: each weekday is weighed by how well it explains the day so far,
and their disagreement widens what is expected (moments of the mixture).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.linalg.lapack import dpotri

from impact.calendar import IntArray, is_bridge
from impact.model import FloatArray
from impact.outliers import outlier_noise
from impact.pieces import Pieces, as_other_days
from impact.profile import dead
from impact.residuals import counting_noise
from impact.usual import Usual

ODD_DAY = 0.1  # share of days that go like another weekday
ODD_BRIDGE = 0.5  # of days between a holiday and a weekend
OWN_LEVEL = 0.01  # of days whose level is their own: a sale, a month's end, a strike
ODD_LEVEL = 0.04  # its variance, of residuals: about 40 % of volume
RECENT_H = 16.0  # memory of how surprising the last hours were
SURPRISE_PRIOR = 6.0  # pieces; the degrees of freedom of a Student-t process (Shah et al. 2014)
QUIET = 0.1  # units: variance of z where nothing is usual
JITTER = 1e-6


@dataclass(frozen=True)
class View:
    """The pieces in the units of the model. T targets: the window's pieces, then those after it."""

    pieces: Pieces
    offset: float
    unit: float
    z: FloatArray  # (N,) square roots of what was seen
    mean: FloatArray  # (N,) of what is usual
    gain: FloatArray  # (N,) of z per unit of residual
    noise: FloatArray  # (N,) variance of z from counting
    before: IntArray  # numbers of the usable pieces
    window: IntArray
    after: IntArray

    @property
    def opened(self) -> FloatArray:
        """(Nw,) 1 where anything is usual in the window's pieces, 0 where it is closed."""
        out: FloatArray = (self.pieces.usual[self.window] > 0).astype(float)
        return out


@dataclass(frozen=True)
class Given:
    """Residuals of the T targets given what came before."""

    root: FloatArray  # (n, n) lower Cholesky factor of what was seen; (0, 0) if nothing was
    half: FloatArray  # (n, T)
    mean: FloatArray  # (T,)
    cov: FloatArray  # (T, T)
    surprise: float  # variance of the last hours' innovations, about 1


def view(baseline: Usual, pieces: Pieces) -> View:
    """Volumes as square roots, with gains and counting noise."""
    unit, offset = baseline.profile.unit, baseline.profile.offset
    mean = np.sqrt(pieces.usual + offset)
    number = np.arange(len(mean))
    seen = pieces.seen > 0.5
    before = seen & (number < pieces.window.start) & (pieces.usual > 0.5 * unit)
    before &= ~dead(pieces.actual, pieces.usual, unit)
    return View(
        pieces=pieces,
        offset=offset,
        unit=unit,
        z=np.sqrt(pieces.actual + offset),
        mean=mean,
        gain=mean * pieces.scale,
        noise=counting_noise(pieces.usual, unit),
        before=number[before],
        window=number[pieces.window],
        after=number[seen & (number >= pieces.window.stop)],
    )


def given_before(baseline: Usual, known: FloatArray, v: View) -> Given:
    """Condition the window and what follows on the pieces before it."""
    pieces, seen = v.pieces, v.before
    target = np.concatenate([v.window, v.after])
    cov = baseline.residuals.covariance(pieces.centre, pieces.width, pieces.day)
    own = cov[np.ix_(target, target)]
    if not len(seen):
        nothing = np.zeros((0, 0))
        return Given(nothing, np.zeros((0, len(target))), np.zeros(len(target)), own, 1.0)
    error = v.noise[seen] / v.gain[seen] ** 2 + JITTER
    u = (v.z - v.mean)[seen] / v.gain[seen]
    among = cov[np.ix_(seen, seen)]
    level = 1 / pieces.scale  # a level raises all hours alike, however unsteady they are
    together = ODD_LEVEL * np.outer(level[seen], level[seen])
    together *= pieces.day[seen][:, None] == pieces.day[seen][None, :]
    error += _outliers(among + together + np.diag(error), u)
    root = cholesky(among + np.diag(error), lower=True, check_finite=False)
    half = solve_triangular(root, cov[np.ix_(seen, target)], lower=True, check_finite=False)
    others = as_other_days(baseline, known, pieces, int(pieces.edges[pieces.window.start]))
    others = (np.sqrt(others + v.offset) - v.mean) / v.gain  # (6, N)
    today = np.where(pieces.day == pieces.day[pieces.window.start], level, 0.0)
    days = np.vstack([u[None], u[None] - others[:, seen], today[None, seen]])
    white = solve_triangular(root, days.T, lower=True, check_finite=False)  # (n, 8)
    own_level = _own_level(white[:, 0], white[:, 7])
    response = today[target] - half.T @ white[:, 7]  # of the targets to the day's level
    white[:, 7] = white[:, 0] - own_level.mean * white[:, 7]
    means = half.T @ white[:, :7] + np.vstack([np.zeros(len(target)), others[:, target]]).T
    means = np.column_stack([means, means[:, 0] + own_level.mean * response])
    bridge = is_bridge(int(pieces.day[pieces.window.start]), baseline.holidays)
    odd = ODD_BRIDGE if bridge else ODD_DAY
    differ = np.abs(others[:, seen]).max(axis=0) > 1e-9
    prob = _day_probabilities(white[:, :7], differ, odd, own_level.log_odds)
    mean = means @ prob
    away = means - mean[:, None]
    spread = (away * prob) @ away.T + prob[7] * own_level.var * np.outer(response, response)
    recent = np.exp(pieces.centre[seen] / RECENT_H) * np.minimum(pieces.width[seen], 1.0)
    innovations = (1 - prob[7]) * white[:, 0] ** 2 + prob[7] * white[:, 7] ** 2
    surprise = (SURPRISE_PRIOR + (recent * innovations).sum()) / (SURPRISE_PRIOR + recent.sum())
    return Given(root, half, mean, own - half.T @ half + spread, float(surprise))


def _outliers(cov: FloatArray, u: FloatArray) -> FloatArray:
    """(n,): variance to add to residuals that all others contradict."""
    root = cholesky(cov, lower=True, overwrite_a=True, check_finite=False)
    pull = cho_solve((root, True), u, check_finite=False)
    inverse, failed = dpotri(root, lower=1)
    if failed:
        raise np.linalg.LinAlgError("the covariance of the residuals is singular")
    return outlier_noise(np.diag(inverse), pull)


@dataclass(frozen=True)
class _Level:
    """A level that only this day has: its mean and variance, and the odds against having none."""

    mean: float
    var: float
    log_odds: float


def _own_level(u: FloatArray, today: FloatArray) -> _Level:
    """From whitened residuals and the whitened mark of the day's pieces, (n,) each.

    One unknown added to a Gaussian vector (Rasmussen and Williams 2006, section 2.7).
    """
    known = float(today @ today)
    pull = float(today @ u)
    var = ODD_LEVEL / (1 + ODD_LEVEL * known)
    log_odds = 0.5 * (var * pull**2 - np.log1p(ODD_LEVEL * known))
    return _Level(var * pull, var, float(log_odds))


def _day_probabilities(
    white: FloatArray, differ: FloatArray, odd: float, level: float
) -> FloatArray:
    """(8,): own weekday, the six others, and the own weekday at a level of its own.

    Only innovations of the day itself can tell; `level` are the last one's log odds against the
    first.
    """
    log_like = -0.5 * (white[differ] ** 2).sum(axis=0)
    log_like = np.append(log_like, log_like[0] + level)
    prob = np.concatenate([[1 - odd - OWN_LEVEL], np.full(6, odd / 6), [OWN_LEVEL]])
    prob *= np.exp(log_like - log_like.max())
    out: FloatArray = prob / prob.sum()
    return out


def window_weights(v: View, g: Given) -> tuple[IntArray, FloatArray, FloatArray, float]:
    """How the window's expected total hangs on what is around it, if nothing had happened.

    The pieces around, their weights on residuals, the window's own weights, and the standard
    deviation that the model promises for the total's error.
    """
    n = len(v.window)
    own = v.gain[v.window] * v.mean[v.window]
    inner, cross, outer = g.cov[:n, :n], g.cov[:n, n:], g.cov[n:, n:]
    after = np.zeros(0)
    left = inner
    if len(v.after):
        error = (v.noise[v.after] + QUIET * v.unit) / v.gain[v.after] ** 2 + JITTER
        part = np.linalg.solve(outer + np.diag(error), cross.T)
        after = part @ own
        left = inner - cross @ part
    before = np.zeros(0)
    if len(v.before):
        pull = g.half[:, :n] @ own - g.half[:, n:] @ after
        before = solve_triangular(g.root, pull, trans="T", lower=True, check_finite=False)
    noise = (v.mean[v.window] ** 2 * v.noise[v.window]).sum()
    promised = float(np.sqrt(max(own @ left @ own, 0.0) + noise))
    return (
        np.concatenate([v.before, v.after]),
        np.concatenate([before, after]),
        own,
        promised,
    )
