"""From what the rooms know to what HTTP says. Pure."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace
from decimal import Decimal
from typing import Literal

import numpy as np

from api.http import schemas
from api.words import PART_TITLES, edit_in_words, sentence
from enrich.edits import Edit, action_name, in_order, standing
from enrich.incident import PEOPLE, Incident
from enrich.model import PART_OF_KIND, BusinessMap
from impact.assess import measures_of
from impact.cost import Part, measured_parts, plus
from impact.model import MeasureImpact, MoneyRange, Range
from impact.totals import MONEY, Total, cost_name, total_money

_NOTHING = 1e-3  # units: of less, the draws as they are stored tell no worth


def present_incident(
    incident: Incident,
    impacts: Sequence[MeasureImpact],
    business_map: BusinessMap,
    *,
    edits: Sequence[Edit] = (),
    gone: bool = False,
    beside: Sequence[Part] = (),
) -> schemas.Incident:
    """An incident with what it costs. The impacts carry their draws, since sums need them.

    beside: the parts of its cost that no measure carries.
    """
    carriers = business_map.carriers()
    whole = plus(total_money(impacts, carriers, business_map.currency), beside)
    so_far = plus(total_money(map(_gross, impacts), carriers, business_map.currency), beside)
    shown = [present_impact(impact, business_map) for impact in impacts]
    return schemas.Incident(
        id=incident.id,
        kind=incident.kind,
        state=incident.state,
        title=incident.title,
        started_at=incident.started_at,
        ended_at=incident.ended_at,
        root=incident.root,
        root_title=business_map.title(incident.root),
        explanation=incident.explanation,
        signals=sum(e.source != PEOPLE for e in incident.episodes),
        reached=[
            schemas.ReachedProcess(
                process=r.process,
                title=business_map.title(r.process),
                severity=round(r.severity, 4),
                path=list(r.path),
            )
            for r in incident.reached
        ],
        trigger=schemas.ChangeNote(
            at=incident.trigger.at,
            node=incident.trigger.node,
            summary=incident.trigger.summary,
            url=incident.trigger.url,
        )
        if incident.trigger
        else None,
        causes=[
            schemas.Cause(
                node=c.node,
                title=business_map.title(c.node),
                since=c.started_at,
                explains=len(c.explains),
                reason=c.reason,
            )
            for c in incident.causes
        ],
        red_since=incident.red_since,
        version=len(edits),
        pending=sum(edit.id not in incident.edits for edit in edits),
        edits=present_edits(edits),
        gone=_gone(incident) if gone else "",
        merged_into=incident.merged_into,
        cost=present_total(whole),
        cost_is=_cost_is(incident, impacts) if whole.count else "",
        cost_so_far=present_total(so_far),
        parts=[present_part(p) for p in (*measured_parts(impacts, business_map), *beside)],
        per_minute=_burn(impacts, carriers, business_map.currency),
        summary="; ".join(map(sentence, shown)) or _without_numbers(incident, business_map),
        impacts=shown,
    )


def _without_numbers(incident: Incident, business_map: BusinessMap) -> str:
    """Why an incident has no numbers: an import is priced bit by bit, the newest first."""
    if measures_of(incident, business_map):
        return "not priced yet"
    return "reaches no measured process"


def present_edits(edits: Sequence[Edit]) -> list[schemas.EditMade]:
    """Edits of one incident, oldest first."""
    stands = {edit.id for edit in standing(edits)}
    return [
        schemas.EditMade(
            id=edit.id,
            incident=edit.incident,
            made_at=edit.made_at,
            who=edit.who,
            why=edit.why,
            action=action_name(edit.action),
            says=edit_in_words(edit.action),
            stands=edit.id in stands,
        )
        for edit in in_order(edits)
    ]


def _gone(incident: Incident) -> Literal["merged", "not_an_incident", "taken_back"]:
    if incident.dismissed:
        return "not_an_incident"
    return "merged" if incident.merged_into else "taken_back"


def present_impact(impact: MeasureImpact, business_map: BusinessMap) -> schemas.Impact:
    """One impact."""
    measure = business_map.measure(impact.measure_id)
    return schemas.Impact(
        incident=impact.incident,
        process=impact.process,
        process_title=business_map.title(impact.process),
        measure=impact.measure,
        measure_title=measure.called if measure else impact.measure,
        kind=impact.kind,
        state=impact.state,
        as_of=impact.as_of,
        method=impact.method,
        units={name: present_range(r) for name, r in impact.units.items()},
        lost_is=impact.lost_is,
        money={name: present_sum(m) for name, m in impact.money.items()},
        cost=cost_name(impact) or "",
        part=PART_OF_KIND[impact.kind],
        per_minute=schemas.Rate(
            units=None if impact.per_minute_units is None else round(impact.per_minute_units, 2),
            money=impact.per_minute_money,
        ),
        data_until=impact.data_until,
        effect_from=impact.effect[0],
        effect_until=impact.effect[1],
        red=impact.red,
        share=round(impact.share, 4),
        evidence=schemas.Evidence(
            failed_keys=impact.evidence.get("failed_keys"),
            customers=impact.evidence.get("customers"),
        ),
        inputs={name: round(value, 4) for name, value in impact.inputs.items()},
        warnings=list(impact.warnings),
    )


def present_part(part: Part) -> schemas.CostPart:
    """One part of what an incident costs."""
    return schemas.CostPart(
        part=part.name,
        title=PART_TITLES[part.name],
        money=present_sum(part.money) if part.money else None,
        hours=present_range(part.hours) if part.hours else None,
        added=part.adds and part.money is not None,
        method=part.method,
        rests_on=part.rests_on,
        inputs=dict(part.inputs),
    )


def present_range(range_: Range) -> schemas.Units:
    """A range of units, to two digits: finer than any range."""
    return schemas.Units(
        low=_hundredth(range_.low), mid=_hundredth(range_.mid), high=_hundredth(range_.high)
    )


def _hundredth(number: float) -> float:
    return round(number, 2) + 0.0  # nothing has no sign


def present_sum(money: MoneyRange) -> schemas.Sum:
    """A range of money."""
    return schemas.Sum(low=money.low, mid=money.mid, high=money.high, currency=money.currency)


def _gross(impact: MeasureImpact) -> MeasureImpact:
    """The impact with its cost before anything comes back.

    Money is drawn for the cost alone. Draw for draw it is units x worth of a unit, so that the
    gross units of each draw have their money too.
    """
    name = cost_name(impact)
    if name != "lost" or "gross" not in impact.money:
        return impact
    money, draws = impact.money["gross"], {}
    if {"gross", "lost", MONEY + name} <= impact.draws.keys():
        gross, lost, worth = (np.array(impact.draws[n]) for n in ("gross", "lost", MONEY + name))
        usual = float(money.mid) / (impact.units["gross"].mid or 1.0)
        each = np.divide(worth, lost, out=np.full_like(lost, usual), where=np.abs(lost) > _NOTHING)
        draws = {MONEY + name: tuple((gross * each).tolist())}
    return replace(impact, money={name: money}, draws=draws)


def present_total(total: Total) -> schemas.Sum | None:
    """A sum; None where nothing could be added."""
    return present_sum(total.money) if total.count else None


def _cost_is(incident: Incident, impacts: Sequence[MeasureImpact]) -> Literal["forecast", "final"]:
    live = any(i.state == "live" for i in impacts)
    return "forecast" if live or (not impacts and incident.ended_at is None) else "final"


def _burn(impacts: Sequence[MeasureImpact], carriers: Set[str], currency: str) -> Decimal | None:
    """What a minute costs, of what has a rate: like `total_money`, no other currency is added."""
    rates = [
        i.per_minute_money
        for i in impacts
        if i.per_minute_money is not None
        and i.measure_id in carriers
        and (name := cost_name(i)) is not None
        and i.money[name].currency == currency
    ]
    return sum(rates, Decimal(0)) if rates else None
