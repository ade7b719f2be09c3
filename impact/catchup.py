"""What comes back after an incident, and what a load's tail adds.

The surplus after a window is an amount times a fading shape, exp(-3 t / L) times what is usual then.
Amount and L are unknown: a grid of both is weighed by how well it explains what followed the window
(Bayes' rule, with the residual process as the likelihood) and by a prior under which often nothing
comes back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from impact.calendar import HOUR
from impact.model import FloatArray

LENGTHS_H = np.array([1.0, 2.0, 4.0, 7.0, 12.0])
SHARES = np.linspace(0.0, 1.0, 21)[1:]
FLOOR = 0.02  # of the busiest hour: something may come back while a shop is closed


@dataclass(frozen=True)
class Prior:
    """How much of the lost volume comes back: nothing with `never`, else a Beta(a, b) share."""

    never: float = 0.4
    a: float = 1.2
    b: float = 1.5

    def density(self, share: FloatArray) -> FloatArray:
        """Of a share above zero; falls off fast beyond the whole."""
        inside = np.clip(share, 1e-3, 1 - 1e-3)
        out: FloatArray = inside ** (self.a - 1) * (1 - inside) ** (self.b - 1)
        return np.where(share > 1.0, 0.0, out)


LOAD_PRIOR = Prior(never=0.15, a=1.0, b=1.0)


def shapes(
    since: FloatArray, width: FloatArray, usual: FloatArray, busiest_per_h: float
) -> FloatArray:
    """(len(LENGTHS_H), N): the part of the whole surplus in each piece after the window.

    since: hours from the window's end to the start of a piece, width: hours, usual: volume.
    What falls past the last piece is still to come.
    """
    tau = LENGTHS_H[:, None] / 3
    fading = np.exp(-since / tau) - np.exp(-(since + width) / tau)
    fading = np.where(since[None, :] < LENGTHS_H[:, None], fading, 0.0)
    rate = usual / width + FLOOR * busiest_per_h
    out = fading * rate
    last = since[-1] + width[-1]
    left = np.exp(-last / tau[:, 0]) * (last < LENGTHS_H) * rate[-1]
    total = out.sum(axis=1) + left
    result: FloatArray = out / np.maximum(total, 1e-300)[:, None]
    return result


def hours_since(first: FloatArray, end_s: float, start_s: float) -> FloatArray:
    """Hours from the end of the window, for pieces measured from its start."""
    return first - (end_s - start_s) / HOUR
