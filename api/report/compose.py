"""From what is known of a week to what its report says. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from importlib.metadata import version
from typing import Literal

import numpy as np

from api import words
from api.ask.simulated import is_all_simulated
from api.http.present import present_part, present_sum, present_total
from api.http.schemas import Sum, Units
from api.report import model, sentences
from api.report.better import better
from api.report.gather import TREND, Facts
from api.report.method import METHOD
from api.report.questions import questions
from api.report.restate import ledger, restatements
from impact.cost import measured_parts
from impact.model import DRAWS, MoneyRange
from impact.money import round_money
from impact.perception import Part
from impact.perception import Perception as Seen
from impact.running import cost_over
from impact.totals import money_sum
from impact.weekly import Book, Case, dearest, difference, grouped, units

BIGGEST = 3


def compose(facts: Facts) -> model.WeeklyReport:
    """The report of a week."""
    book, business_map = facts.book, facts.loaded.map
    outages = facts.outages(facts.week)
    planned = [c for c in facts.this_week if c.planned]
    before = facts.outages(facts.week.back(1))
    known_before = bool(before) or (
        facts.known_since is not None and facts.known_since < facts.start
    )
    whole, earlier = book.cost(outages), book.cost(before)
    cost, cost_before = _cost(outages, facts), _cost(before, facts)
    cases = [_case(c, facts) for c in dearest(facts.this_week, book)]
    trend, said = _trend(facts), ledger(facts)
    has_data = any(facts.carried.units.values())
    report = model.WeeklyReport(
        week=facts.week.name,
        starts_at=facts.start,
        ends_at=facts.end,
        issued_at=facts.now,
        provisional=facts.now < facts.end
        or not (has_data or facts.this_week)
        or bool(facts.waits_for),
        waits_for=facts.waits_for,
        timezone=business_map.timezone,
        company=business_map.company,
        currency=business_map.currency,
        toll=version("toll"),
        subject="",
        lead="",
        has_data=has_data,
        simulated=_simulated(facts),
        cost=cost if has_data or outages else None,
        cost_before=cost_before if known_before else None,
        change=present_sum(difference(whole, earlier))
        if known_before and cost and cost_before
        else None,
        usual=_usual(trend[:-1], book),
        beside=present_total(book.beside(outages)),
        planned=present_total(book.cost(planned)),
        apart=[present_sum(s) for s in book.apart(facts.this_week)],
        units=_units(outages, facts),
        trend=trend,
        biggest=[c.id for c in cases if c.felt and c.kind != "maintenance"][:BIGGEST],
        cases=cases,
        processes=[_process(name, outages, before, facts) for name in business_map.processes],
        providers=_providers(outages, facts),
        perception=_perception(facts),
        better=[],
        questions=[],
        near_misses=[
            model.NearMiss(name=c.name, when=c.when)
            for c in cases
            if not c.felt and c.kind != "maintenance"
        ],
        single_points=[
            model.SinglePoint(
                node=risk.node,
                title=business_map.title(risk.node),
                processes=[business_map.title(p) for p in risk.processes],
                hour=None if risk.hour is None else present_sum(risk.hour),
            )
            for risk in facts.risks
        ],
        restatements=restatements(facts, said),
        method=list(METHOD),
        ledger=said,
    )
    lead = _lead(report)
    return report.model_copy(
        update={
            "subject": f"{business_map.company}, week {facts.week.number}: {_subject(report)}",
            "lead": lead,
            "better": better(report, facts),
            "questions": questions(report, facts),
        }
    )


def _simulated(facts: Facts) -> Literal["", "some", "all"]:
    if is_all_simulated(facts.loaded.map, facts.simulated):
        return "all"
    counted = {measure.stream for measure in facts.loaded.map.measures()}
    return "some" if counted & facts.simulated else ""


def _cost(cases: Sequence[Case], facts: Facts) -> Sum | None:
    """What incidents cost together; None where they have a price, but no rate to write it with."""
    total = facts.book.cost(cases)
    if total.count or facts.book.apart(cases):
        return present_total(total)
    return _nothing(facts)


def _nothing(facts: Facts) -> Sum | None:
    """No incident cost anything: zero where there is something priced to lose."""
    book = facts.book
    zero = Decimal(0)
    return present_sum(MoneyRange(zero, zero, zero, book.currency)) if book.carriers else None


def _subject(report: model.WeeklyReport) -> str:
    so_far = " so far" if report.provisional else ""
    if not report.has_data and not report.cases:
        return "no data"
    if report.cost is not None and sentences.is_clear(report.cost):
        return f"outages cost about {words.money(report.cost)}{so_far}"
    if report.biggest and report.cost is None:
        return f"{words.counted(len(report.outages), 'outage')}{so_far}"
    if report.biggest:
        return f"{words.counted(len(report.biggest), 'outage')}, no clear loss of money{so_far}"
    return f"no outage hurt the business{so_far}"


def _lead(report: model.WeeklyReport) -> str:
    """The week in a sentence or two."""
    if not report.has_data and not report.cases:
        return (
            "Nothing is known of this week: no volumes of any business process have arrived, and "
            "no system reported a fault."
        )
    felt = report.outages
    units = [u.says for u in report.units if u.units.low > 0]
    also = f" {sentences.listed(units)}." if units else ""
    hurt = words.counted(len(felt), "outage")
    if report.cost is not None and sentences.is_clear(report.cost):
        verb = "have cost" if report.provisional else "cost"
        return f"{sentences.upper(hurt)} {verb} about {sentences.plain_sum(report.cost)}.{also}"
    if felt and report.cost is None:
        unknown = f"what that cost is not known in {report.currency}"
        return f"{sentences.upper(hurt)} hurt the business; {unknown}.{also}"
    if felt:
        return f"{sentences.upper(hurt)} hurt the business, without a clear loss of money.{also}"
    missed = words.counted(len(report.near_misses), "fault") if report.near_misses else ""
    near = f" {sentences.upper(missed)} stayed without effect on it." if missed else ""
    return f"No outage hurt the business{' so far' if report.provisional else ''}.{near}"


def _case(case: Case, facts: Facts) -> model.Case:
    incident, business_map = case.incident, facts.loaded.map
    total = facts.book.cost([case])
    parts = (*measured_parts(case.impacts, business_map), *case.beside)
    return model.Case(
        id=incident.id,
        kind=incident.kind,
        name=sentences.name_of(case, business_map, facts.edits),
        when=sentences.when(incident, facts.zone, facts.now),
        cause=sentences.cause(case, business_map),
        started_at=incident.started_at,
        ended_at=incident.ended_at,
        root=incident.root,
        provider=sentences.is_provider(incident.root, business_map),
        felt=case.felt,
        cost=present_total(total),
        cost_is="" if not total.count else "forecast" if case.live else "final",
        parts=[present_part(p) for p in parts if p.money or p.hours],
        units=_units([case], facts),
        processes=sentences.hit_by(case),
    )


def _units(cases: Sequence[Case], facts: Facts) -> list[model.UnitsLine]:
    """In the order of the map; measures that it no longer has are in no list."""
    found, business_map = units(cases), facts.loaded.map
    return [
        sentences.units_line(m.id, found[m.id], business_map)
        for m in business_map.measures()
        if m.id in found
    ]


def _trend(facts: Facts) -> list[model.TrendWeek]:
    """Thirteen weeks and this one, oldest first."""
    found = []
    for back in range(TREND, -1, -1):
        week = facts.week.back(back)
        outages = facts.outages(week)
        known = facts.known_since is not None and facts.known_since < week.bounds(facts.zone)[1]
        cost = _cost(outages, facts) if known else present_total(facts.book.cost(outages))
        found.append(
            model.TrendWeek(week=week.name, cost=cost, incidents=sum(c.felt for c in outages))
        )
    return found


def _usual(trend: Sequence[model.TrendWeek], book: Book) -> Decimal | None:
    known = [week.cost.mid for week in trend if week.cost is not None]
    if not known:
        return None
    return round_money(sum(known, Decimal(0)) / len(known), book.currency)


def _process(
    name: str, outages: Sequence[Case], before: Sequence[Case], facts: Facts
) -> model.ProcessWeek:
    process, book = facts.loaded.map.processes[name], facts.book
    hour = facts.view.hours.get(name)
    worth = None if hour is None else hour.worth(hour.peak)
    seen = next((s for s in facts.seen.processes if s.name == name), None)
    values = [v for c in facts.before if (v := c.value.get(name)) is not None]
    usual = sum(values, Decimal(0)) / len(values) if values else None
    mine = [c for c in outages if any(i.process == name for i in c.impacts)]
    value = facts.carried.value.get(name)
    return model.ProcessWeek(
        process=name,
        title=process.title,
        cost=present_total(book.by_process(outages, name)),
        cost_before=present_total(book.by_process(before, name)),
        incidents=sum(name in sentences.hit_by(c) and c.felt for c in mine),
        units=[u for u in _units(outages, facts) if u.process == name],
        volumes=[volume for m in process.measures if (volume := _volume(m.id, facts)) is not None],
        value=None if value is None else round_money(value, book.currency),
        value_usual=None if usual is None else round_money(usual, book.currency),
        delivered=present_share(seen),
        hour=model.Hour(cost=present_sum(worth), when=words.slot(hour.peak.hour))
        if hour is not None and worth is not None
        else None,
        minutes={str(part): n for part, n in seen.minutes.items()} if seen is not None else {},
        blind=_part_sum(seen, "only_business_red"),
    )


def present_share(seen: Seen | None) -> Units | None:
    """The share of the expected value that was delivered."""
    if seen is None or seen.delivered is None:
        return None
    found = seen.delivered
    return Units(low=round(found.low, 5), mid=round(found.mid, 5), high=round(found.high, 5))


def _part_sum(seen: Seen | None, part: Part) -> Sum | None:
    found = seen.money.get(part) if seen is not None else None
    return present_sum(found) if found is not None else None


def _volume(measure_id: str, facts: Facts) -> model.Volume | None:
    measure, came = facts.loaded.map.measure(measure_id), facts.carried.units.get(measure_id)
    if measure is None or came is None:
        return None
    earlier = [n for c in facts.before if (n := c.units.get(measure_id)) is not None]
    return model.Volume(
        measure=measure.name,
        title=measure.called,
        kind=measure.kind,
        came=came,
        usual=round(sum(earlier) / len(earlier), 1) if earlier else None,
        weeks=len(earlier),
    )


def _providers(outages: Sequence[Case], facts: Facts) -> list[model.Provider]:
    """Outside companies that were the cause of something, the dearest first."""
    business_map, book = facts.loaded.map, facts.book
    by_root = grouped(outages, lambda case: case.incident.root)
    seen = {node.name: node for node in facts.seen.nodes}
    found = []
    for name, cases in by_root.items():
        node = business_map.nodes.get(name)
        if node is None or node.layer != "provider":
            continue
        fee = None
        if node.cost is not None:
            currency = node.cost.money.currency
            each = round_money(cost_over(node.cost, timedelta(weeks=1)), currency)
            fee = present_sum(MoneyRange(each, each, each, currency))
        found.append(
            model.Provider(
                node=name,
                title=node.title,
                incidents=len(cases),
                cost=present_total(book.cost(cases)),
                available=round(seen[name].own, 5) if name in seen else 1.0,
                promised=node.sla,
                fee=fee,
            )
        )
    return sorted(found, key=lambda p: -(p.cost.mid if p.cost else Decimal(0)))


def _perception(facts: Facts) -> model.Perception:
    seen = facts.seen.processes

    def minutes(part: Part) -> int:
        return sum(s.minutes.get(part, 0) for s in seen)

    return model.Perception(
        blind_minutes=minutes("only_business_red"),
        blind_cost=_summed(facts, "only_business_red"),
        false_minutes=minutes("only_tools_red"),
        both_minutes=minutes("both_red"),
        both_cost=_summed(facts, "both_red"),
        unknown_minutes=minutes("cannot_tell"),
    )


def _summed(facts: Facts, part: Part) -> Sum | None:
    """A part's money over all processes, draw by draw."""
    found = [s for s in facts.seen.processes if part in s.money]
    if not found:
        return None
    mid = sum((s.money[part].mid for s in found), Decimal(0))
    draws = sum((s.draws[part] for s in found), np.zeros(DRAWS))
    return present_sum(money_sum(mid, draws, facts.book.currency))
