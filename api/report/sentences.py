"""The report's own words: incidents, units and sums for a reader without technical words. Pure.

Whatever signals say of themselves is left out, since it is written for engineers. What people have
written (a title that somebody gave an incident) is kept as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from api import words
from api.http.present import present_range
from api.http.schemas import Sum, Units
from api.report.model import UnitsLine
from enrich.edits import Edit, Title
from enrich.incident import Incident
from enrich.model import BusinessMap, MeasureKind
from impact.model import Range
from impact.weekly import Case, hurt

_DOWN = 0.05  # of availability: less is a failure, more is bad service
_DONE = {"flow": "lost", "load": "extra", "lead_time": "late"}
GONE_FROM_MAP = "something that is no longer on the map"


def plain_sum(sum_: Sum) -> str:
    """About how much, and its range: EUR 12,400 (9,100 to 16,200); nothing needs none."""
    if sum_.low == sum_.mid == sum_.high == 0:
        return words.money(sum_)
    return f"{words.money(sum_)} ({words.money_range(sum_)})"


def unpriced(apart: Sequence[Sum]) -> str:
    """Why outages have no sum. apart: what they cost in currencies without a rate."""
    return "no rate for their price" if apart else "nothing that is counted has a price"


def turned(change: Sum) -> Sum:
    """A change seen from its other side: so much less, as a positive sum."""
    return Sum(low=-change.high, mid=-change.mid, high=-change.low, currency=change.currency)


def whole(value: Decimal, currency: str) -> str:
    """A sum that was counted, without its cents."""
    return words.amount(value.quantize(Decimal(1)), currency)


def is_clear(sum_: Sum) -> bool:
    """Whether a sum is certainly not nothing."""
    return sum_.low > 0 or sum_.high < 0


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names as people list them: A, B and C; of many the first, and how many more."""
    if len(names) > most:
        return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def times(number: int) -> str:
    """How often: once, twice, 3 times."""
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")


def upper(text: str) -> str:
    """The text with which a sentence begins."""
    return text[:1].upper() + text[1:]


def change(share: float) -> str:
    """By how much something is more or less: + 3 %."""
    if abs(share) < 0.005:
        return "the same"
    return f"{'+' if share > 0 else '−'} {100 * abs(share):.0f} %"


def spell(minutes: int) -> str:
    """Minutes as a length of time: 45 min, 3 h 20 min."""
    hours, rest = divmod(minutes, 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{hours:,} h {rest} min" if rest else f"{hours:,} h"


def units_line(measure_id: str, found: Range, business_map: BusinessMap) -> UnitsLine:
    """What one measure lost, had on top, or had late."""
    known = business_map.measure(measure_id)
    process, _, measure = measure_id.partition("/")
    kind: MeasureKind = known.kind if known is not None else "flow"
    title = known.called if known is not None else GONE_FROM_MAP
    units = present_range(found)
    return UnitsLine(
        process=process,
        process_title=titled(process, business_map),
        measure=measure,
        title=title,
        kind=kind,
        units=units,
        says=f"{title}: {_said(kind, units)}",
    )


def _said(kind: MeasureKind, units: Units) -> str:
    what, ends = _DONE.get(kind, "lost"), words.units_range(units)
    if units.low <= 0 <= units.high:
        return f"none {what} for certain ({ends})"
    return f"{words.units(units.mid)} {what} ({ends})"


def titled(name: str, business_map: BusinessMap) -> str:
    """What people call a process or node; words where the map does not know it any more."""
    known = name in business_map.processes or name in business_map.nodes
    return business_map.title(name) if known else GONE_FROM_MAP


def name_of(case: Case, business_map: BusinessMap, edits: Mapping[str, Sequence[Edit]]) -> str:
    """What an incident is called: as somebody named it, else by what happened."""
    incident = case.incident
    given = [e.action.text for e in edits.get(incident.id, ()) if isinstance(e.action, Title)]
    if given:
        return given[-1]
    if incident.kind == "business" or not incident.root:
        return f"{_short(case, business_map)} fell short"
    root = titled(incident.root, business_map)
    if incident.kind == "maintenance":
        return f"Planned work on {root}"
    return f"{upper(root)} {'failed' if _availability(incident) <= _DOWN else 'worked badly'}"


def _short(case: Case, business_map: BusinessMap) -> str:
    """What a business-first incident is about."""
    names = [m.called for name in case.incident.measures if (m := business_map.measure(name))]
    return upper(listed(names)) or "Business"


def when(incident: Incident, zone: ZoneInfo, now: datetime) -> str:
    """Since when, until when, how long: Tue 10 Nov, 10:02 to 10:48 (46 min)."""
    start = incident.started_at.astimezone(zone)
    began = f"{start:%a} {start.day} {start:%b}, {start:%H:%M}"
    lasted = words.lasted((incident.ended_at or now) - incident.started_at)
    if incident.ended_at is None:
        return f"since {began}, still going on ({lasted} so far)"
    end = incident.ended_at.astimezone(zone)
    until = (
        f"{end:%H:%M}" if end.date() == start.date() else f"{end:%a} {end.day} {end:%b} {end:%H:%M}"
    )
    return f"{began} to {until} ({lasted})"


def cause(case: Case, business_map: BusinessMap) -> str:
    """What happened and to whom, in one sentence of business words."""
    incident = case.incident
    who = listed([titled(name, business_map) for name in hit_by(case)])
    if incident.kind == "business" or not incident.root:
        return (
            f"{_short(case, business_map)}{f' of {who}' if who else ''} fell short "
            "while no system reported a fault, so the cause is not known yet."
        )
    root = upper(titled(incident.root, business_map))
    if is_provider(incident.root, business_map):
        root += ", an outside company,"
    if incident.kind == "maintenance":
        did = f"{root} was taken out of service for planned work"
    elif _availability(incident) <= _DOWN:
        did = f"{root} failed"
    else:
        did = f"{root} worked badly"
    return f"{did}{_took(case, who, business_map)}{_trigger(incident, business_map)}."


def _took(case: Case, who: str, business_map: BusinessMap) -> str:
    """Whom it hit, and by way of what."""
    if not who:
        return " and reached no business process"
    if not case.felt:
        return f" and could have hit {who}, which did not suffer measurably"
    between = _between(case.incident, set(hit_by(case)), business_map)
    return f" and hurt {who}{f' by way of {between}' if between else ''}"


def hit_by(case: Case) -> list[str]:
    """Processes that suffered for certain; where none did, those that the map expects to."""
    suffered = list(dict.fromkeys(i.process for i in case.impacts if hurt(i)))
    if suffered:
        return suffered
    reached = sorted(case.incident.reached, key=lambda r: -r.severity)
    return [r.process for r in reached] or [m.partition("/")[0] for m in case.incident.measures]


def _between(incident: Incident, hit: set[str], business_map: BusinessMap) -> str:
    """The last thing between the cause and the processes, which business people know best."""
    above = [r.path[-2] for r in incident.reached if r.process in hit and len(r.path) > 2]
    return listed([titled(n, business_map) for n in dict.fromkeys(above) if n != incident.root], 2)


def _trigger(incident: Incident, business_map: BusinessMap) -> str:
    if incident.trigger is None:
        return ""
    before = words.lasted(incident.started_at - incident.trigger.at)
    node = titled(incident.trigger.node, business_map)
    return f"; a change to {node} {before} before is the likely reason"


def is_provider(node: str, business_map: BusinessMap) -> bool:
    """Whether a node is an outside company."""
    known = business_map.nodes.get(node)
    return known is not None and known.layer == "provider"


def _availability(incident: Incident) -> float:
    """Of the root, at its worst."""
    own = [e.availability for e in incident.episodes if incident.root in e.nodes]
    return min(own, default=0.0)


def distinct(names: Sequence[str]) -> list[str]:
    """Names without repeats, those that recur with how often: Stripe failed (2 times)."""
    times = Counter(names)
    return [name if count == 1 else f"{name} ({count} times)" for name, count in times.items()]


def began(started_at: datetime, zone: ZoneInfo) -> str:
    """When something began, for a title: Tue 10:02."""
    return f"{started_at.astimezone(zone):%a %H:%M}"
