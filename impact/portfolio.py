"""What each node is expected to lose per quarter, from its own history of incidents.

**How often.** Incidents that a node was the root cause of come as a Poisson process. Its rate has a
Gamma prior that is worth half an incident at the rate usual for nodes of its layer (empirical
Bayes: over all nodes of a layer, else over all nodes), so that after N incidents in T quarters

    rate ~ Gamma(N + 1/2, T + 1/(2 r))        r: incidents per quarter of a node of that layer

A node that never failed is not taken to be infallible, and one bad month is not taken for a law.

**How dear.** The mean cost of its incidents by the Bayesian bootstrap (Rubin 1981): Dirichlet
weights over its own incidents, each with a draw of its cost, and half a weight for an incident such
as another node of its layer had, scaled by what an hour without either costs. A node without own
incidents rests on that alone and is called *modelled*.

**The range** is that of the expectation: wide where incidents were few. Beside it stands a bad
quarter: one quarter in twenty costs more. Assumes that the future is like the time looked at, and
that incidents of a node come independently of one another. Costs of different nodes are attributed
shares, so that they may be added.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from impact.model import FloatArray, Range
from impact.totals import generator, quantile_range

SIMULATIONS = 2000
PRIOR = 0.5  # incidents that the prior is worth
BAD = 0.95


@dataclass(frozen=True)
class History:
    """A node and what it has cost so far, in the company's currency."""

    node: str
    layer: str
    costs: Sequence[FloatArray]  # draws of the cost of each incident that it was the root of
    hour: float  # what an average hour without it costs


@dataclass(frozen=True)
class Outlay:
    """What a node is expected to lose per quarter."""

    node: str
    incidents: int
    per_quarter: Range  # incidents
    expected: Range  # money
    bad_quarter: float  # one in twenty costs more
    method: Literal["measured", "modelled"]


@dataclass(frozen=True)
class _Pool:
    """What the nodes of a layer, or all nodes, have in common."""

    rate: float  # incidents per quarter of a node; 0: there was none
    failed: Sequence[History]  # those with incidents whose loss hurts, to borrow from


def expected_losses(
    histories: Sequence[History], quarters: float, wanted: Container[str] | None = None
) -> dict[str, Outlay]:
    """By node; a node is left out where neither it nor any other has a history to go by.

    quarters: how long was looked at. wanted: only these nodes are worked out; all are learned from.
    """
    if quarters <= 0.0:
        raise ValueError("quarters: there must be some time to look at")
    everything = _pool(histories, quarters)
    if everything.rate == 0.0:
        return {}
    by_layer: dict[str, list[History]] = {}
    for history in histories:
        by_layer.setdefault(history.layer, []).append(history)
    pools = {layer: _pool(its, quarters) for layer, its in by_layer.items()}
    found = {}
    for history in histories:
        if wanted is None or history.node in wanted:
            own = pools[history.layer]
            rate = own.rate or everything.rate
            others = _others(history, own) or _others(history, everything)
            found[history.node] = _outlay(history, others, rate, quarters)
    return found


def _pool(histories: Sequence[History], quarters: float) -> _Pool:
    incidents = sum(len(h.costs) for h in histories)
    rate = incidents / (len(histories) * quarters) if histories else 0.0
    return _Pool(rate, [h for h in histories if h.costs and h.hour > 0.0])


def _others(history: History, pool: _Pool) -> list[FloatArray]:
    """Draws of what incidents of other nodes would have cost with this one."""
    return [
        cost * (history.hour / other.hour)
        for other in pool.failed
        if other.node != history.node
        for cost in other.costs
    ]


def _outlay(
    history: History, others: Sequence[FloatArray], usual: float, quarters: float
) -> Outlay:
    rng = generator(f"{history.node}|portfolio")
    count = len(history.costs)
    prior_quarters = PRIOR / usual
    rates = rng.gamma(count + PRIOR, 1.0 / (quarters + prior_quarters), SIMULATIONS)
    mean_rate = (count + PRIOR) / (quarters + prior_quarters)
    costs, shapes = _costs(history.costs, others, rng)
    weights = rng.dirichlet(shapes, SIMULATIONS)
    mean_cost = float(costs.mean(axis=0) @ shapes / shapes.sum())
    expected = rates * (costs * weights).sum(axis=1)
    return Outlay(
        node=history.node,
        incidents=count,
        per_quarter=quantile_range(mean_rate, rates),
        expected=quantile_range(mean_rate * mean_cost, expected),
        bad_quarter=float(np.quantile(_quarters(rates, costs, weights, rng), BAD)),
        method="measured" if count else "modelled",
    )


def _costs(
    own: Sequence[FloatArray], others: Sequence[FloatArray], rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """(SIMULATIONS, n) costs of n incidents, the borrowed one last, and the shapes (n,) of their
    weights."""
    columns, shapes = [], []
    which = rng.integers(len(own[0]) if own else 1, size=SIMULATIONS)
    for cost in own:
        columns.append(np.asarray(cost)[which])
        shapes.append(1.0)
    if others:
        borrowed = np.array(others)[
            rng.integers(len(others), size=SIMULATIONS),
            rng.integers(len(others[0]), size=SIMULATIONS),
        ]
        columns.append(borrowed)
        shapes.append(PRIOR)
    if not columns:
        return np.zeros((SIMULATIONS, 1)), np.ones(1)
    return np.column_stack(columns), np.array(shapes)


def _quarters(
    rates: FloatArray, costs: FloatArray, weights: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """(SIMULATIONS,) what one quarter costs: so many incidents, each like one of the known."""
    numbers = rng.poisson(rates)
    total = np.zeros(SIMULATIONS)
    edges = np.cumsum(weights, axis=1)
    for n in range(int(numbers.max(initial=0))):
        chosen = (rng.random(SIMULATIONS)[:, None] > edges).sum(axis=1)
        one = costs[np.arange(SIMULATIONS), np.minimum(chosen, costs.shape[1] - 1)]
        total += np.where(numbers > n, one, 0.0)
    return total
