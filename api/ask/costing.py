"""Reads what incidents cost beside what was measured: people's time, and service credits.

Credits are those of whole months, so that the incidents of a month share them; without credits on
the map nothing of that is read. Contracts are those of the map in force.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from api.ask.taking import taken_between
from api.assess.pricing import is_withdrawn
from api.run.wiring import Parts
from enrich.incident import Incident
from enrich.mapcosts import shares
from enrich.model import BusinessMap, Measure
from impact.cost import Part, response_part
from impact.credits import Month, MonthCredit, Revenues, credit_parts, month_credits
from impact.taken import taken_in
from store.rows import LATEST

_OUTLASTS = timedelta(days=2)  # effects outlast signals by less


def beside(
    parts: Parts, incidents: Iterable[Incident], as_of: datetime | None = None
) -> Mapping[str, Sequence[Part]]:
    """By incident, the parts of its cost that no measure carries, as known at `as_of`."""
    business_map, now = parts.map.map, as_of or datetime.now(UTC)
    known = list(incidents)
    found: dict[str, list[Part]] = defaultdict(list)
    for incident in known:
        response = response_part(incident, business_map, now)
        found[incident.id] += [response] if response is not None else []
    if _has_credits(business_map):
        credits = _credits(parts, known, now, as_of)
        for incident in known:
            found[incident.id] += credit_parts(incident.id, credits, business_map)
    return found


def _has_credits(business_map: BusinessMap) -> bool:
    due = any(node.credits for node in business_map.nodes.values())
    return due or any(process.credits for process in business_map.processes.values())


def _credits(
    parts: Parts, incidents: Sequence[Incident], now: datetime, as_of: datetime | None
) -> list[MonthCredit]:
    """The credits of every month that any of these incidents touches."""
    business_map = parts.map.map
    zone = ZoneInfo(business_map.timezone)
    months = {
        month.name: month
        for i in incidents
        for month in Month.between(i.started_at, min((i.ended_at or now) + _OUTLASTS, now), zone)
    }
    found = []
    for month in months.values():
        versions = parts.store.incidents.find(
            start=month.start - _OUTLASTS, end=month.end, as_of=as_of or LATEST
        )
        its = [v.incident for v in versions]
        latest = parts.store.estimates.latest([i.id for i in its], as_of=as_of or LATEST)
        impacts = [i for i in latest if not is_withdrawn(i)]
        revenues = _revenues(parts, month, now)
        found += month_credits(business_map, month, now, (its, impacts), revenues)
    return found


def _revenues(parts: Parts, month: Month, now: datetime) -> Revenues:
    """What processes that owe a share took in, in one month."""
    business_map, end = parts.map.map, min(month.end, now)
    owing = [p for p in business_map.processes.values() if shares(p.credits)]
    if not owing or end <= month.start:
        return {}
    flows = [m.stream for p in owing for m in p.measures if _flows(m)]
    taken = taken_between(parts.store, business_map, flows, month.start, end)
    whole = business_map.without_margins()
    return {p.name: taken_in(whole, p.name, taken) for p in owing}


def _flows(measure: Measure) -> bool:
    return measure.kind == "flow" and measure.priced
