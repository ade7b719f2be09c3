"""Whose shortfall it was: concurrent incidents share what was measured by their Shapley values.

v(S) is the predicted severity of a process with only the incidents S, for every subset S of the N
concurrent ones. Incident i gets measured x phi_i / v(N), where phi_i is its Shapley value (Shapley
1953: its marginal contribution, averaged over all orders of arrival). By the efficiency axiom
the phi sum to v(N), so shares plus unexplained are the total in every minute; only where v(N) = 0,
that is, no incident predicts anything, is the measurement *unexplained*.

A load is driven by several processes whose customers call each for themselves, so its game is the
mean of theirs (`driven`). Shapley values add over games: an incident gets its part of each
process's trouble, and no process's trouble hides behind a worse one's.

Subsets are bit masks: incident i is bit i, and `v` has length 2**n with v[0] = 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import factorial

import numpy as np

from impact.calendar import IntArray
from impact.model import BoolArray, FloatArray

NOTHING = 1e-9  # a predicted severity below this is none: it cannot be divided by


@dataclass(frozen=True)
class Attribution:
    """Shares (N, T) in units, and what no incident explains (T,). They sum to the measured."""

    shares: FloatArray
    unexplained: FloatArray


def shapley(v: FloatArray) -> FloatArray:
    """Shapley values (n,) of the game `v` (2**n,)."""
    n = _players(v)
    masks = np.arange(len(v), dtype=np.int64)
    weights = _weights(n)
    sizes = np.bitwise_count(masks)
    values = np.zeros(n)
    for i in range(n):
        without = masks[(masks >> i) & 1 == 0]
        gains = v[without | (1 << i)] - v[without]
        values[i] = float(np.dot(weights[sizes[without]], gains))
    return values


def subsets(incidents: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """All subsets, in the order of their masks."""
    for mask in range(1 << len(incidents)):
        yield tuple(name for i, name in enumerate(incidents) if mask >> i & 1)


def driven(games: Sequence[FloatArray]) -> FloatArray:
    """v (2**n,) of a load that several processes drive, from the game (2**n,) of each."""
    if not games:
        raise ValueError("games: a load is driven by one process at least")
    v: FloatArray = np.mean(games, axis=0)
    return v


def attribute(measured: FloatArray, active: BoolArray, v: FloatArray) -> Attribution:
    """Shares of `measured` (T,) among the incidents that are `active` (N, T) in each minute.

    Minutes with the same active set are worked out once. An incident is active throughout its
    effect window on this measure, so it keeps its severity after its signals have cleared.
    """
    n, length = active.shape
    if n != _players(v) or measured.shape != (length,):
        raise ValueError("active must have shape (N, T), v 2**N, measured (T,)")
    codes = (active.astype(np.int64) << np.arange(n, dtype=np.int64)[:, None]).sum(axis=0)
    sets, which = np.unique(codes, return_inverse=True)
    fractions = np.array([_fractions(int(mask), v) for mask in sets]).reshape(len(sets), n)
    shares = fractions[which].T * measured
    explained = fractions.sum(axis=1)[which] > 0
    return Attribution(shares, np.where(explained, 0.0, measured))


def share_recovery(recovered: FloatArray, gross: FloatArray) -> FloatArray:
    """Recovery (T,) shared among claims (C, T), in proportion to the gross still outstanding.

    Rows of `gross` are the incidents' shares and, last, the unexplained. Nobody gets back more than
    was taken; what comes back beyond all claims belongs to nobody and is dropped.
    """
    shares = np.zeros_like(gross)
    given_back = np.zeros(gross.shape[0])
    owed = np.cumsum(gross, axis=1)
    # between two losses the claims keep their proportions, so that such a stretch is one step
    stretch = np.cumsum(np.any(gross != 0.0, axis=0))
    for number in np.unique(stretch[recovered != 0.0]):
        bins = np.flatnonzero((stretch == number) & (recovered != 0.0))
        claims = np.maximum(owed[:, bins[0]] - given_back, 0.0)
        total = float(claims.sum())
        if total <= 0.0:
            continue
        back = np.diff(np.minimum(np.cumsum(recovered[bins]), total), prepend=0.0)
        shares[:, bins] = np.outer(claims / total, back)
        given_back += shares[:, bins].sum(axis=1)
    return shares


def _fractions(mask: int, v: FloatArray) -> FloatArray:
    """phi_i / v(N) of the incidents in `mask`, zero for the others (and all zero if v(N) = 0)."""
    n = _players(v)
    members = [i for i in range(n) if mask >> i & 1]
    fractions = np.zeros(n)
    if not members or v[mask] < NOTHING:
        return fractions
    if len(members) == 1:
        fractions[members[0]] = 1.0
        return fractions
    phi = np.maximum(shapley(v[_masks(members)]), 0.0)
    fractions[members] = phi / phi.sum()
    return fractions


def _masks(members: Sequence[int]) -> IntArray:
    """The masks of all subsets of `members`, in the order of masks over the members alone."""
    masks = np.zeros(1, dtype=np.int64)
    for member in members:
        masks = np.concatenate([masks, masks | (1 << member)])
    return masks


@cache
def _weights(n: int) -> FloatArray:
    """|S|! (n - |S| - 1)! / n! by the size of S."""
    return np.array([factorial(s) * factorial(n - s - 1) / factorial(n) for s in range(n)])


def _players(v: FloatArray) -> int:
    n = len(v).bit_length() - 1
    if len(v) != 1 << n:
        raise ValueError("v must have length 2**n")
    return n
