"""Gathers what the portfolio rests on: each node's incidents, and what a twin would have saved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from api.ask.outlook import Outlook
from api.ask.replaying import Past, Replay, Supposition, past, replay
from api.run.wiring import Parts
from enrich.mapchange import MapChange
from impact.model import FloatArray, MeasureImpact
from impact.portfolio import History, Outlay, expected_losses
from impact.running import QUARTER
from impact.totals import Total, total_money

TWINS = 10  # nodes for which a twin is tried: those that are expected to lose most


@dataclass(frozen=True)
class Invested:
    """What is known of one node."""

    outlay: Outlay | None  # None: nothing to go by
    hour: float  # what an average hour without it costs
    twin: Replay | None  # the time looked at, had it had a twin


@dataclass(frozen=True)
class Portfolio:
    """All nodes that matter, those expected to lose most first."""

    start: datetime
    end: datetime
    nodes: Mapping[str, Invested]
    unexplained: Total  # incidents that only the business showed, over the time

    @property
    def quarters(self) -> float:
        """How long was looked at."""
        return (self.end - self.start) / QUARTER


def portfolio(parts: Parts, outlook: Outlook, length: timedelta, limit: int) -> Portfolio:
    """Looked at: so long back from now, as far as there are data.

    Of nodes that never failed only the `limit` dearest are worked out: what is expected of them
    rises with what an hour without them costs.
    """
    now = datetime.now(UTC)
    start = max(now - length, _data_since(outlook, now))
    known = past(parts, start, now)
    business_map = parts.map.map
    carriers = business_map.carriers()
    worth = outlook.average_hours(now)
    costs = _costs(known, carriers, business_map.currency)
    histories = [
        History(
            name,
            node.layer,
            costs.get(name, ()),
            sum(s * worth.get(p, 0.0) for p, s in parts.map.losses.severity.get(name, {}).items()),
        )
        for name, node in business_map.nodes.items()
    ]
    dearest = sorted(histories, key=lambda h: -h.hour)[:limit]
    wanted = {h.node for h in dearest} | {h.node for h in histories if h.costs}
    losses = expected_losses(histories, max((now - start) / QUARTER, 1e-6), wanted)
    ranked = sorted(
        histories, key=lambda h: -(losses[h.node].expected.mid if h.node in losses else 0.0)
    )
    tried = [h.node for h in ranked if h.costs][:TWINS]
    nodes = {
        h.node: Invested(
            losses.get(h.node),
            h.hour,
            _with_twin(parts, outlook, known, h.node) if h.node in tried else None,
        )
        for h in ranked
        if h.costs or h.hour > 0.0 or business_map.nodes[h.node].cost is not None
    }
    alone = [i for i in known.impacts if known.incidents[i.incident].root == ""]
    return Portfolio(start, now, nodes, total_money(alone, carriers, business_map.currency))


def _data_since(outlook: Outlook, now: datetime) -> datetime:
    """When the oldest data of a measure begin."""
    views = outlook.learned().measures.values()
    return min((v.data_since for v in views if v.data_since is not None), default=now)


def _costs(known: Past, carriers: Set[str], currency: str) -> dict[str, Sequence[FloatArray]]:
    """By node, the draws of what each incident cost that it was the root cause of."""
    by_incident: dict[str, list[MeasureImpact]] = defaultdict(list)
    for impact in known.impacts:
        by_incident[impact.incident].append(impact)
    found: dict[str, list[FloatArray]] = defaultdict(list)
    for name, incident in known.incidents.items():
        total = total_money(by_incident[name], carriers, currency)
        if incident.root and total.count:
            found[incident.root].append(total.draws)
    return dict(found)


def _with_twin(parts: Parts, outlook: Outlook, known: Past, node: str) -> Replay:
    return replay(parts, outlook, known.together_with(node), Supposition(MapChange(twins=(node,))))
