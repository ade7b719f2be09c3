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
from scipy.linalg import cholesky, solve_triangular

from impact.calendar import IntArray, is_bridge
from impact.model import FloatArray
from impact.outliers import outlier_noise
from impact.pieces import Pieces, as_other_days
from impact.profile import dead
from impact.residuals import counting_noise
from impact.usual import Usual

ODD_DAY = 0.1  # share of days that go like another weekday
ODD_BRIDGE = 0.5  # of days between a holiday and a weekend
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
    inverse = np.linalg.inv(among + np.diag(error)).astype(float)
    error += outlier_noise(inverse, inverse @ u)
    root = cholesky(among + np.diag(error), lower=True, check_finite=False)
    half = solve_triangular(root, cov[np.ix_(seen, target)], lower=True, check_finite=False)
    others = as_other_days(baseline, known, pieces, int(pieces.edges[pieces.window.start]))
    others = (np.sqrt(others + v.offset) - v.mean) / v.gain  # (6, N)
    days = np.vstack([u[None], u[None] - others[:, seen]])
    white = solve_triangular(root, days.T, lower=True, check_finite=False)  # (n, 7)
    means = half.T @ white + np.vstack([np.zeros(len(target)), others[:, target]]).T
    bridge = is_bridge(int(pieces.day[pieces.window.start]), baseline.holidays)
    odd = ODD_BRIDGE if bridge else ODD_DAY
    prob = _day_probabilities(white, np.abs(others[:, seen]).max(axis=0) > 1e-9, odd)
    mean = means @ prob
    away = means - mean[:, None]
    recent = np.exp(pieces.centre[seen] / RECENT_H) * np.minimum(pieces.width[seen], 1.0)
    surprise = (SURPRISE_PRIOR + (recent * white[:, 0] ** 2).sum()) / (
        SURPRISE_PRIOR + recent.sum()
    )
    return Given(root, half, mean, own - half.T @ half + (away * prob) @ away.T, float(surprise))


def _day_probabilities(white: FloatArray, differ: FloatArray, odd: float) -> FloatArray:
    """(7,): own weekday first. Only innovations of the day itself can tell."""
    log_like = -0.5 * (white[differ] ** 2).sum(axis=0)
    prob = np.concatenate([[1 - odd], np.full(6, odd / 6)])
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
