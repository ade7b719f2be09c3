"""The games of attribution: how badly any set of the concurrent incidents would hit a measure.

v(S) for every subset S of some incidents (`impact.attribute` has the order of the subsets): from
what the map's graph predicts, or from each incident's own severity where nobody has the graph. Of a
crowd only the most severe are told apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np

from enrich.incident import Incident
from enrich.model import Measure
from enrich.severity import Predictor
from impact.attribute import driven, subsets
from impact.calendar import IntArray
from impact.model import FloatArray

# (process, incidents, moment) -> severity of the process (2**n,), for every subset of the
# incidents, all of them in effect at that moment; without a moment each at its worst
Severities: TypeAlias = Callable[[str, Sequence[Incident], datetime | None], FloatArray]

BEFORE_ALL = datetime(1, 1, 1, tzinfo=UTC)
CONCURRENT_MAX = 12  # incidents told apart on one measure; of a crowd the least get nothing


def independent(
    process: str, incidents: Sequence[Incident], when: datetime | None = None
) -> FloatArray:
    """Severities for subsets from each incident's own: what is left of each multiplies.

    For callers without the map's graph; `predicted_by` knows which nodes incidents share.
    """
    left = np.ones(1)
    for incident in incidents:
        own = max((r.severity for r in incident.reached if r.process == process), default=0.0)
        left = np.concatenate([left, left * (1.0 - own)])
    return 1.0 - left


def predicted_by(predictor: Predictor) -> Severities:
    """Severities for subsets as propagation over the map predicts them."""
    known: dict[tuple[tuple[str, ...], datetime | None], list[Mapping[str, float]]] = {}

    def severities(
        process: str, incidents: Sequence[Incident], when: datetime | None = None
    ) -> FloatArray:
        ids = tuple(i.id for i in incidents)
        if (ids, when) not in known:
            # at a moment when nothing fires, every incident keeps its worst
            moment = when or BEFORE_ALL
            known[ids, when] = [predictor.at(chosen, moment) for chosen in subsets(ids)]
        return np.array([hit.get(process, 0.0) for hit in known[ids, when]])

    return severities


def game(
    severities: Severities,
    measure: Measure,
    incidents: Sequence[Incident],
    when: datetime | None = None,
) -> FloatArray:
    """(2**n,) severity for all subsets: of the measure's process, or the mean over its drivers."""
    processes = dict.fromkeys((measure.process, *measure.driven_by))
    return driven([severities(p, incidents, when) for p in processes])


def told_apart(
    severities: Severities,
    measure: Measure,
    incidents: Sequence[Incident],
    when: datetime | None = None,
) -> IntArray:
    """Which of the incidents are told apart: all, or the CONCURRENT_MAX most severe of a crowd."""
    if len(incidents) <= CONCURRENT_MAX:
        return np.arange(len(incidents), dtype=np.int64)
    severity = [float(game(severities, measure, [i], when)[-1]) for i in incidents]
    worst = np.argsort(-np.array(severity), kind="stable")[:CONCURRENT_MAX]
    return np.sort(worst).astype(np.int64)
