"""Providers scored: what they admitted against what was lived, how late, and what that cost.

*Admitted* is what a provider's own status page said of it; *lived* is when the business was off in
incidents that the provider was the root cause of (effect windows that the test found, or cohorts
that were late). Either is a union over time, so that nothing counts twice.

The *lag* of an incident is its first own statement minus our first sign: the first alert of ours,
or the business turning red before anybody spoke. A statement counts from when Toll first heard of
it; one that was loaded long afterwards, from when the page says it began. Positive: we knew first.

Money and units are those of incidents that began in the time, added draw by draw. Planned
maintenance is left out of everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median

import numpy as np

from enrich.incident import Episode, Incident
from enrich.model import BusinessMap
from impact.assess import felt
from impact.cost import Part, measured_parts, plus, together
from impact.model import BoolArray, MeasureImpact, Range
from impact.money import MissingRate, decimal, round_money
from impact.running import running_cost
from impact.tools import MINUTE, Grid
from impact.totals import Total, headlines, quantile_range, total_money

STATUS_PAGE = "statuspage"  # the family of sources that speak for a provider itself
TOLD_LIVE = timedelta(days=1)  # heard of within this: Toll was there when it was said


@dataclass(frozen=True)
class Statement:
    """One incident of a provider: what it said and what we saw."""

    incident: str
    title: str
    started_at: datetime
    said_at: datetime | None  # its first statement; None: never admitted
    seen_at: datetime | None  # our first sign; None: only its page spoke
    lived: bool  # whether the business felt it

    @property
    def lag(self) -> timedelta | None:
        """By how much later the provider spoke than we knew; negative: it spoke first."""
        if self.said_at is None or self.seen_at is None:
            return None
        return self.said_at - self.seen_at


@dataclass(frozen=True)
class Score:
    """One provider over a time."""

    node: str
    minutes: int  # of the time, without its maintenance
    admitted: int  # minutes in which its page reported trouble
    lived: int  # minutes in which the business was off because of it
    both: int
    statements: tuple[Statement, ...]
    sla: float | None  # percent, as promised
    units: Mapping[str, tuple[str, Range]]  # by measure: which number, and its sum
    money: Total
    parts: Sequence[Part]  # what the money is the sum of, and what is beside it
    share: Range | None  # of the total loss; None where that is not clearly above nothing
    running: Decimal | MissingRate | None  # what it costs over the time

    @property
    def allowed(self) -> float | None:
        """Minutes of trouble that its promise leaves."""
        return None if self.sla is None else self.minutes * (1.0 - self.sla / 100.0)

    @property
    def lag(self) -> timedelta | None:
        """The median over its incidents."""
        lags = [s.lag for s in self.statements if s.lag is not None]
        return timedelta(seconds=median(x.total_seconds() for x in lags)) if lags else None

    def availability(self, minutes: int) -> float:
        """Percent of the time outside these minutes."""
        return 100.0 * (1.0 - minutes / self.minutes) if self.minutes else 100.0

    def paid_while_down(self, currency: str) -> Decimal | None:
        """The part of its price that fell on the minutes that were lived as trouble."""
        if not isinstance(self.running, Decimal) or not self.minutes:
            return None
        return round_money(self.running * decimal(self.lived / self.minutes), currency)


def scores(
    business_map: BusinessMap,
    grid: Grid,
    now: datetime,
    incidents: Sequence[Incident],
    impacts: Sequence[MeasureImpact],
    beside: Mapping[str, Sequence[Part]] | None = None,
) -> tuple[list[Score], Total]:
    """Every provider of the map, the dearest first, and the loss of all incidents together.

    beside: by incident, the parts of its cost that no measure carries.
    """
    asked = {i.id: i for i in incidents if i.kind != "maintenance"}
    begun = {name for name, i in asked.items() if grid.start <= i.started_at < grid.end}
    carriers = business_map.carriers()

    def beside_of(names: Iterable[str]) -> list[Part]:
        return [part for name in sorted(names) for part in (beside or {}).get(name, ())]

    def cost(its: Sequence[MeasureImpact], more: Sequence[Part]) -> Total:
        return plus(total_money(its, carriers, business_map.currency), more)

    whole = cost([i for i in impacts if i.incident in begun], beside_of(begun))
    planned = [i for i in incidents if i.kind == "maintenance"]
    day = business_map.day_of(grid.end - MINUTE)
    found = []
    for name, node in business_map.nodes.items():
        if node.layer != "provider":
            continue
        rooted = {i.id: i for i in asked.values() if i.root == name}
        its = [i for i in impacts if i.incident in rooted]
        admitted = mask_of(grid, ((e.started_at, e.ended_at or now) for e in _said(asked, name)))
        lived = mask_of(grid, (i.known_effect for i in its if felt(i)))
        aside = planned_minutes(grid, planned, name, now)
        mine = [i for i in its if i.incident in begun]
        more = beside_of(rooted.keys() & begun)
        money = cost(mine, more)
        found.append(
            Score(
                node=name,
                minutes=grid.size - int(aside.sum()),
                admitted=int((admitted & ~aside).sum()),
                lived=int((lived & ~aside).sum()),
                both=int((admitted & lived & ~aside).sum()),
                statements=_statements(name, asked, begun, its),
                sla=node.sla,
                units=headlines(mine),
                money=money,
                parts=(*measured_parts(mine, business_map), *together(more)),
                share=_share(money, whole),
                running=running_cost(node, business_map, grid.size * MINUTE, day),
            )
        )
    return sorted(found, key=lambda s: -s.money.money.mid), whole


def _said(incidents: Mapping[str, Incident], name: str) -> list[Episode]:
    """What a provider's own page said of it."""
    return [e for i in incidents.values() for e in i.episodes if name in e.nodes and own_page(e)]


def own_page(episode: Episode) -> bool:
    """Whether a provider itself says it."""
    return episode.source.partition(":")[0] == STATUS_PAGE


def mask_of(grid: Grid, windows: Iterable[tuple[datetime, datetime]]) -> BoolArray:
    """(size,) which minutes any of the windows touches."""
    mask = np.zeros(grid.size, dtype=bool)
    for start, end in windows:
        if start < grid.end and end > grid.start:
            mask[grid.minutes(start, end)] = True
    return mask


def planned_minutes(grid: Grid, planned: Iterable[Incident], node: str, now: datetime) -> BoolArray:
    """(size,) which minutes a provider planned not to be there. planned: maintenance."""
    episodes = (e for i in planned for e in i.episodes if node in e.nodes)
    return mask_of(grid, ((e.started_at, e.ended_at or now) for e in episodes))


def _statements(
    name: str,
    incidents: Mapping[str, Incident],
    begun: set[str],
    impacts: Sequence[MeasureImpact],
) -> tuple[Statement, ...]:
    """Incidents that it was the cause of, and those in which its page alone spoke, newest first."""
    found = []
    for incident in incidents.values():
        its = [e for e in incident.episodes if name in e.nodes]
        pages = [e for e in its if own_page(e)]
        if incident.id not in begun or not (incident.root == name or pages):
            continue
        off = [i for i in impacts if i.incident == incident.id and felt(i)]
        said = min(map(_said_at, pages), default=None)
        seen = _seen_at(incident, [e for e in its if not own_page(e)], off, said)
        found.append(
            Statement(incident.id, incident.title, incident.started_at, said, seen, bool(off))
        )
    return tuple(sorted(found, key=lambda s: s.started_at, reverse=True))


def _said_at(episode: Episode) -> datetime:
    heard = episode.heard_at
    live = heard is not None and timedelta(0) <= heard - episode.started_at <= TOLD_LIVE
    return heard if heard is not None and live else episode.started_at


def _seen_at(
    incident: Incident,
    ours: Sequence[Episode],
    off: Sequence[MeasureImpact],
    said: datetime | None,
) -> datetime | None:
    """Our first sign. An effect begins with the first signal at the latest, so that it is a sign
    of ours only where nothing that fires begins as early."""
    signs = [e.started_at for e in ours]
    if incident.red_since is not None:
        signs.append(incident.red_since)
    first = min((e.started_at for e in incident.episodes), default=None)
    signs += [i.effect[0] for i in off if first is None or i.effect[0] < first or said is None]
    return min(signs, default=None)


def _share(part: Total, whole: Total) -> Range | None:
    if not whole.count or whole.money.low <= 0 or np.any(whole.draws <= 0):
        return None
    drawn = part.draws / whole.draws
    return quantile_range(float(part.money.mid / whole.money.mid), drawn)
