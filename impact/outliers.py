"""Observations that all the others contradict are believed less.

What one observation should be, given all others, is its leave-one-out prediction: with K the
covariance of the residuals u, it errs by [K^-1 u]_i / [K^-1]_ii with variance 1 / [K^-1]_ii
(Rasmussen and Williams 2006, eq. 5.12). Errors beyond `OUTLIER` deviations get as much noise as
makes them unsurprising (Huber 1964, as noise). A single mad hour is thus put aside, while an odd
day, whose hours bear each other out, is believed as a whole.
"""

from __future__ import annotations

import numpy as np

from impact.model import FloatArray

OUTLIER = 3.5  # standard deviations


def outlier_noise(own: FloatArray, pull: FloatArray) -> FloatArray:
    """(n,): variance to add to each observation, from the diagonal of K^-1 and K^-1 u (n,)."""
    odd = pull**2 / own / OUTLIER**2
    out: FloatArray = np.maximum(odd - 1, 0.0) / own
    return out
