"""How far trouble spreads: the availability of everything that stands above failing nodes.

A node works as well as itself and what it needs (D5):

    effective = own x product over needs
    hard:       a
    any:        max(a_i)               the best of the alternatives carries everything
    at_least k: min(1, sum(a_i) / k)   for k > 1: what is left of the crowd shares the work
    soft, w:    1 - w (1 - a)

Alternatives of `any` do not add up: two providers at half strength are no whole one, because each
customer meets one of them. The predicted severity of a process is 1 - its availability.

Assumes that failures are independent once the shared nodes below have been counted, and that a
node's own trouble and its needs' trouble multiply; both are stated, neither is measured.
"""

from __future__ import annotations

from collections.abc import Mapping

from enrich.graph import Graph
from enrich.model import AtLeast, Soft, needed


def propagate(graph: Graph, own: Mapping[str, float]) -> dict[str, float]:
    """Effective availability, 0 to 1, of the nodes in `own` and of everything above them.

    `own` is what firing signals say of the nodes themselves; whoever is absent from it is at 1, and
    whoever is absent from the answer is at 1 too. Only what trouble reaches is walked. The answer
    is in the order of the walk: what is needed before what needs it.
    """
    for name, availability in own.items():
        if not 0 <= availability <= 1:
            raise ValueError(f"own: the availability of '{name}' is {availability}, not in 0 to 1")
    troubled = {graph.number(name): availability for name, availability in own.items()}
    effective = [1.0] * len(graph.names)
    order = graph.rising(troubled)
    for number in order:
        availability = troubled.get(number, 1.0)
        for below in graph.hard_needs[number]:
            availability *= effective[below]
        for need in graph.other_needs[number]:
            availability *= carried(need, [effective[graph.number(n)] for n in needed(need)])
        effective[number] = availability
    return {graph.names[number]: effective[number] for number in order}


def carried(need: AtLeast | Soft, available: list[float]) -> float:
    """How much of a need is met, 0 to 1, by nodes that are so available."""
    if isinstance(need, Soft):
        return 1.0 - need.weight * (1.0 - available[0])
    return max(available) if need.count == 1 else min(1.0, sum(available) / need.count)


def severities(graph: Graph, own: Mapping[str, float]) -> dict[str, float]:
    """Predicted severity, above 0 and up to 1, of each process that is hurt, in map order."""
    effective = propagate(graph, own)
    return {
        process: 1.0 - effective[process]
        for process in graph.map.processes
        if effective.get(process, 1.0) < 1.0
    }
