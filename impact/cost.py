"""What an incident costs, as a sum of named parts, each with its own range and what it rests on.

*Lost value*, *delay* and *extra calls* are the money of its measures by their kind. *Response time*
is people x hours x the map's `labour`. *Credits owed* to customers and *due* from providers (which
are negative) come from `impact.credits`. Sums add draws, and quantiles come last. A part that the
map switches off is shown and not added.

People and hours are never guessed. What people say of them comes first; a number of hours is known
to half the step in which it is written (`3` is 2.5 to 3.5). Else the pager tells: the middle counts
everybody whom it names from the first acknowledgement to the end, the low end each from when it
named them, the high end all from the beginning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

import numpy as np

from enrich.incident import Incident
from enrich.model import COST_PARTS, PART_OF_KIND, BusinessMap, CostPart
from impact.model import DRAWS, FloatArray, MeasureImpact, MoneyRange, Range
from impact.money import MissingRate, rate_on, rounded
from impact.totals import Total, cost_name, generator, money_sum, total_money

Basis = Literal["measured", "modelled", "people", "pager", "contract", ""]
HOUR = Decimal(3600)
_NONE = np.zeros(DRAWS)


@dataclass(frozen=True)
class Part:
    """One part of what an incident costs. Without money nothing is added, and `rests_on` says why.

    method: measured, modelled, people, pager or contract; empty where nothing is known.
    """

    name: CostPart
    money: MoneyRange | None
    draws: FloatArray  # (DRAWS,)
    adds: bool  # whether the map has it counted
    method: Basis
    rests_on: str
    hours: Range | None = None  # of people together
    inputs: Mapping[str, float] = field(default_factory=dict)


def measured_parts(impacts: Sequence[MeasureImpact], business_map: BusinessMap) -> list[Part]:
    """Lost value, delay and extra calls: whichever of them the impacts have money for."""
    own = {m.id: m for m in business_map.measures() if m.priced}
    found = []
    for kind, name in PART_OF_KIND.items():
        its = [i for i in impacts if i.kind == kind and i.measure_id in own]
        total = total_money(its, own.keys(), business_map.currency)
        if not total.count:
            continue
        added = [i for i in its if _currency(i) == business_map.currency]
        modelled = any(i.method != "measured" for i in added)
        measures = {i.measure_id: own[i.measure_id] for i in added}
        titles = [
            f"{business_map.title(m.process)}: {m.called.lower()}"
            + ("" if m.margin is None else f" (contribution, {m.margin:.0%} of revenue)")
            for m in measures.values()
        ]
        found.append(
            Part(
                name,
                total.money,
                total.draws,
                name not in business_map.costs_off,
                "modelled" if modelled else "measured",
                ", ".join(titles) + _without(its, business_map),
                inputs={"measures": float(len(titles))},
            )
        )
    return found


def _currency(impact: MeasureImpact) -> str:
    name = cost_name(impact)
    return impact.money[name].currency if name else ""


def _without(impacts: Iterable[MeasureImpact], business_map: BusinessMap) -> str:
    """What a part cannot hold, since there is no rate: `; without those in CHF`."""
    others = sorted({_currency(i) for i in impacts} - {"", business_map.currency})
    return f"; without what is in {' and '.join(others)}, which has no rate" if others else ""


def response_part(incident: Incident, business_map: BusinessMap, now: datetime) -> Part | None:
    """What the people who work on it cost; None where the map has no rate and nobody is known."""
    people, spent, method, rests_on = _spent(incident, incident.ended_at or now)
    labour = business_map.labour_rate
    adds = "response_time" not in business_map.costs_off
    if spent is None and labour is None:
        return None
    if spent is None:
        return Part("response_time", None, _NONE, adds, "", rests_on)
    low, mid, high = spent
    hours = Range(*(float(h) for h in spent))
    inputs = {"people": float(people)}
    if labour is None:
        why = f"{rests_on}; the map has no `labour`, so hours alone"
        return Part("response_time", None, _NONE, adds, method, why, hours, inputs)
    day = business_map.day_of(incident.started_at)
    rate = rate_on(business_map.rates, labour.currency, business_map.currency, day)
    if isinstance(rate, MissingRate):
        why = f"{rests_on}; {rate}"
        return Part("response_time", None, _NONE, adds, method, why, hours, inputs)
    each = labour.amount * rate
    money = rounded(MoneyRange(low * each, mid * each, high * each, business_map.currency))
    draws = float(each) * spread(hours, f"{incident.id}|response")
    why = f"{rests_on}; at {labour.amount:f} {labour.currency} an hour"
    return Part("response_time", money, draws, adds, method, why, hours, inputs)


def spread(ends: Range, seed: str) -> FloatArray:
    """(DRAWS,) draws of a number whose 5 %, 50 % and 95 % are given and that goes no further."""
    at = generator(seed).permutation((np.arange(DRAWS) + 0.5) / DRAWS)
    drawn: FloatArray = np.interp(
        at, [0.0, 0.05, 0.5, 0.95, 1.0], [ends.low, ends.low, ends.mid, ends.high, ends.high]
    )
    return drawn


def plus(total: Total, parts: Iterable[Part]) -> Total:
    """A total of measures and the parts beside it that count: all but `measured_parts`.

    What has no money though something is known of it is left out and said.
    """
    of_measures = frozenset(PART_OF_KIND.values())
    mid, draws, count = total.money.mid, total.draws, total.count
    left_out = list(total.left_out)
    currency = total.money.currency
    for part in parts:
        if not part.adds or part.name in of_measures:
            continue
        if part.money is None or part.money.currency != currency:
            left_out += [f"{part.name}: {part.rests_on}"] if part.method else []
            continue
        mid, draws, count = mid + part.money.mid, draws + part.draws, count + 1
    if count == total.count:
        return replace(total, left_out=tuple(left_out))
    return Total(money_sum(mid, draws, currency), count, draws, tuple(left_out))


def together(parts: Iterable[Part]) -> list[Part]:
    """The parts of several incidents, one of each name that has money, in the usual order."""
    by_name: dict[CostPart, list[Part]] = {}
    for part in parts:
        if part.money is not None:
            by_name.setdefault(part.name, []).append(part)
    return [_summed(by_name[name]) for name in COST_PARTS if name in by_name]


def _summed(parts: Sequence[Part]) -> Part:
    first = parts[0]
    if len(parts) == 1 or first.money is None:
        return first
    mid = sum((p.money.mid for p in parts if p.money), Decimal(0))
    draws = np.sum([p.draws for p in parts], axis=0)
    money = money_sum(mid, draws, first.money.currency)
    methods = {p.method for p in parts}
    method = first.method if len(methods) == 1 else ""
    return Part(first.name, money, draws, first.adds, method, f"{len(parts)} incidents")


_Spent = tuple[Decimal, Decimal, Decimal]  # hours of all people: low, middle, high


def _spent(incident: Incident, end: datetime) -> tuple[int, _Spent | None, Basis, str]:
    """(people, hours of all of them, method, in words what that rests on)."""
    said, length = incident.response, _hours(end - incident.started_at)
    if said is not None and said.hours is not None:
        half = Decimal(1).scaleb(int(said.hours.as_tuple().exponent)) / 2
        low, high = max(said.hours - half, Decimal(0)), said.hours + half
        hours = (said.people * low, said.people * said.hours, said.people * high)
        words = f"{_people(said.people)}, {said.hours:f} h each, as people say"
        return said.people, hours, "people", f"{words} (known to half of the last digit)"
    if said is not None:
        all_of_it = said.people * length
        words = f"{_people(said.people)}, as people say, from its start to its end"
        return said.people, (all_of_it, all_of_it, all_of_it), "people", words
    since: dict[str, datetime] = {}
    for responder in (r for e in incident.episodes for r in e.responders):
        since[responder.person] = min(responder.since, since.get(responder.person, end))
    if not since:
        return 0, None, "", "nobody has said who worked on it: `toll incident edit --people`"
    low = sum((_hours(end - at) for at in since.values()), Decimal(0))
    mid = len(since) * _hours(end - min(since.values()))
    high = len(since) * max(length, _hours(end - min(since.values())))
    words = (
        f"{_people(len(since))} whom the pager names, from the first acknowledgement to the end; "
        "at least each from when it named them, at most all from the start"
    )
    return len(since), (low, mid, high), "pager", words


def _hours(span: timedelta) -> Decimal:
    return max(Decimal(span // timedelta(milliseconds=1)) / 1000 / HOUR, Decimal(0))


def _people(count: int) -> str:
    return "one person" if count == 1 else f"{count} people"
