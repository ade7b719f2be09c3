"""What past incidents would have cost had something been otherwise: measured loss, scaled.

An incident's measured share of a measure is scaled by what the map predicts of it in two worlds:

    L_i = sum over stretches of the effect windows of  usual volume x phi_i(incidents in effect)
    kept_i = L'_i / L_i          with L' the same sum in the supposed world

phi is the Shapley value of the predicted severities (`impact.attribute`), as it was when the loss
was shared. In the supposed world the map has other needs, nodes have not failed, incidents are
absent, or effects end earlier; in either, an incident keeps its worst severity while none of its
signals fires. Signals that only show what a cause beneath did follow that cause
(`enrich.symptoms`). A world like the real one scales by exactly one, an absent incident by exactly
zero.

**Incidents at one time.** What one of them sheds another may take on: with Stripe and the database
down together, a second Stripe changes whose loss it is, not how much. What the others take on is
taken from what was shed, draw by draw, so that the saving of all of them is the total's:
M (1 - v'(N) / v(N)). A world in which more would have failed scales what was measured upwards.

**Range.** The measurement's own draws, times a guess of how far the map's word can be trusted: the
share that is shed is multiplied by twice a Beta(4, 4), never beyond all of it. The guess is shared
by all incidents of a measure, since the map is wrong of all of them in the same way. An incident
that is absent needs no map: its share is saved as it was measured.

Assumes that what is left takes over at once and can carry everything, that the loss lies over the
effect as the usual volume does, and that delays and extra calls shrink as severity does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np
from scipy.special import betaincinv

from enrich.graph import Graph
from enrich.incident import Incident
from enrich.model import Measure
from enrich.severity import MOMENTS, Predictor
from enrich.symptoms import otherwise
from impact.assess_flow import chained
from impact.assess_measured import MODEL_WEIGHT
from impact.attribute import NOTHING, shapley
from impact.games import Severities, game, predicted_by, told_apart
from impact.model import DRAWS, FloatArray, MeasureImpact, MoneyRange
from impact.money import decimal, hours_of_week, rounded
from impact.totals import MONEY, cost_name, draws_of, generator, quantile_range

SavedUnit: TypeAlias = Literal["lost", "excess", "delayed", "delay_hours"]
SAVED_UNITS: tuple[SavedUnit, ...] = ("lost", "excess", "delayed", "delay_hours")
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class World:
    """Incidents on a map: as they were, or as they would have been.

    incidents: by id, those that there are. shorter: by id, how much earlier their effects end.
    """

    graph: Graph
    incidents: Mapping[str, Incident]
    shorter: Mapping[str, timedelta] = field(default_factory=dict)


@dataclass(frozen=True)
class Saving:
    """What one incident's part in one measure would have been less by."""

    impact: MeasureImpact  # as it was
    saved: MeasureImpact  # units, money and draws of what is saved; negative: it would cost more
    kept: float  # of what the map predicts: 0 all is saved, 1 nothing
    weighed: bool  # False: the map predicts nothing of it, so that a changed map says nothing


@dataclass
class _Part:
    """One impact in both worlds, with its integrals."""

    impact: MeasureImpact
    incident: Incident
    start: datetime
    end: datetime
    other: Incident | None  # in the supposed world
    until: datetime  # its end there
    before: float = 0.0  # L
    after: float = 0.0  # L'
    window: list[float] = field(default_factory=lambda: [0.0, 0.0])  # volume in both effects


def savings(
    impacts: Iterable[MeasureImpact],
    real: World,
    other: World,
    measures: Mapping[str, Measure],
    usual: Mapping[str, FloatArray],
) -> list[Saving]:
    """One for each impact of an incident of `real` that has a number, in the order given.

    measures: by id, as on the real map. usual: by measure id, (168,) units by local hour of week.
    """
    by_measure: dict[str, list[_Part]] = {}
    order: dict[tuple[str, str], int] = {}  # incident, measure -> place
    for impact in impacts:
        incident, name = real.incidents.get(impact.incident), impact.measure_id
        if incident is None or name not in measures or not _names(impact):
            continue
        order[impact.incident, name] = len(order)
        by_measure.setdefault(name, []).append(_part(impact, incident, other))
    predict = [_Shares(real), _Shares(other)]
    timezone = real.graph.map.timezone
    found: list[Saving] = []
    for name, parts in by_measure.items():
        for group in _groups(parts):
            volumes = _stretches(group, usual.get(name), timezone)
            _integrate(group, measures[name], volumes, predict)
            found += _scaled(group, name)
    found.sort(key=lambda s: order[s.impact.incident, s.impact.measure_id])
    return found


def supposed_world(
    real: World,
    other: Graph,
    *,
    not_failed: frozenset[str] = frozenset(),
    gone: frozenset[str] = frozenset(),
    shorter: Mapping[str, timedelta] = MappingProxyType({}),
) -> World:
    """The real world on another graph, without nodes that had not failed, or whole incidents."""
    left = {
        name: incident
        for name, was in real.incidents.items()
        if name not in gone
        and (incident := otherwise(was, real.graph, other, not_failed)) is not None
    }
    return World(other, left, shorter)


def trusted(share: float, seed: str) -> FloatArray:
    """(DRAWS,) of a share, 0 to 1, of which the map says that it is saved."""
    if share <= 0.0:
        return np.zeros(DRAWS)
    uniform = generator(f"{seed}|what-if").random(DRAWS)
    factor = 2.0 * betaincinv(MODEL_WEIGHT, MODEL_WEIGHT, uniform)
    drawn: FloatArray = np.minimum(share * factor, 1.0)
    return drawn


def _part(impact: MeasureImpact, incident: Incident, other: World) -> _Part:
    start, known = impact.known_effect
    end = max(known, start + _MINUTE)
    until = max(end - other.shorter.get(incident.id, timedelta(0)), start)
    return _Part(impact, incident, start, end, other.incidents.get(incident.id), until)


def _groups(parts: Sequence[_Part]) -> list[list[_Part]]:
    """Those whose effects overlap, directly or through others."""
    return chained(sorted(parts, key=lambda p: p.start), lambda p: (p.start, p.end))


class _Shares:
    """phi of the incidents in effect, in one world."""

    def __init__(self, world: World) -> None:
        incidents = list(world.incidents.values())
        self._severities: Severities = predicted_by(Predictor(world.graph, incidents))

    def of(
        self, measure: Measure, incidents: Sequence[Incident], when: datetime
    ) -> Mapping[str, float]:
        """By incident; of a crowd the least severe get nothing, as when they were priced."""
        if not incidents:
            return {}
        chosen = [incidents[i] for i in told_apart(self._severities, measure, incidents, when)]
        phi = shapley(game(self._severities, measure, chosen, when))
        return {i.id: max(float(p), 0.0) for i, p in zip(chosen, phi, strict=True)}


def _integrate(
    group: Sequence[_Part],
    measure: Measure,
    volumes: Sequence[tuple[datetime, float]],
    predict: Sequence[_Shares],
) -> None:
    """L, L' and the volume of the effect windows, for each part of a group."""
    for begin, volume in volumes:
        was = [p for p in group if p.start <= begin < p.end]
        rest = [p for p in group if p.other is not None and p.start <= begin < p.until]
        real = predict[0].of(measure, [p.incident for p in was], begin)
        supposed = predict[1].of(measure, [p.other for p in rest if p.other], begin)
        for part in was:
            part.before += volume * real.get(part.incident.id, 0.0)
            part.window[0] += volume
        for part in rest:
            part.after += volume * supposed.get(part.incident.id, 0.0)
            part.window[1] += volume


def _stretches(
    group: Sequence[_Part], week: FloatArray | None, timezone: str
) -> list[tuple[datetime, float]]:
    """Stretches in which nothing begins or ends, with the usual volume in each.

    Of more than MOMENTS comings and goings of signals as many are looked at, evenly.
    """
    first, last = min(p.start for p in group), max(p.end for p in group)
    bounds = {t for p in group for t in (p.start, p.end, p.until)}
    turns = {
        t
        for p in group
        for incident in (p.incident, p.other)
        if incident is not None
        for e in incident.episodes
        for t in (e.started_at, e.ended_at)
        if t is not None and first < t < last
    }
    if len(turns) > MOMENTS:
        every = np.linspace(0, len(turns) - 1, MOMENTS).astype(int)
        turns = set(np.array(sorted(turns), dtype=object)[every])
    edges = sorted(bounds | turns)
    return list(zip(edges[:-1], _volumes(edges, week, timezone), strict=True))


def _volumes(edges: Sequence[datetime], week: FloatArray | None, timezone: str) -> list[float]:
    """Usual volume between neighbouring edges; mere minutes where nothing is known to be usual."""
    seconds = np.array([e.astimezone(UTC).timestamp() for e in edges])
    minutes = np.arange(seconds[0] // 60, seconds[-1] // 60 + 1) * 60
    rate = np.ones(len(minutes))
    if week is not None and week.max() > 0.0:
        usual = week[hours_of_week(minutes.astype("datetime64[s]"), timezone)]
        rate = usual + 1e-6 * week.max()  # an hour that has nothing is still time
    total = np.concatenate([[0.0], np.cumsum(rate)])
    at = np.interp(seconds, np.append(minutes, minutes[-1] + 60), total)
    return [float(v) for v in np.diff(at)]


def _scaled(group: Sequence[_Part], name: str) -> list[Saving]:
    """What each part of a group sheds or takes on."""
    weighed = [p.before > NOTHING for p in group]
    kept = np.array([_kept(p, w) for p, w in zip(group, weighed, strict=True)])
    before = np.array([p.before for p in group])
    shed = np.maximum(before - [p.after for p in group], 0.0) * weighed
    more = np.maximum([p.after for p in group] - before, 0.0)
    passed_on = min(1.0, more.sum() / shed.sum()) if shed.sum() > NOTHING else 0.0
    own = max(0.0, more.sum() - shed.sum()) / more.sum() if more.sum() > NOTHING else 0.0

    share = np.zeros((len(group), 1 + DRAWS))  # of its own loss that each sheds; the middle first
    for i, part in enumerate(group):
        if kept[i] < 1.0:
            absent = part.other is None
            drawn = np.ones(DRAWS) if absent else trusted(float(1.0 - kept[i]), name)
            share[i] = np.concatenate([[1.0 - kept[i]], drawn])
        elif weighed[i]:
            share[i] = -own * (kept[i] - 1.0)
    takes = more / more.sum() if more.sum() > NOTHING else np.zeros(len(group))
    passing = [passed_on if w and k < 1.0 else 0.0 for w, k in zip(weighed, kept, strict=True)]
    parts = [_amounts(p.impact) for p in group]
    found = []
    for i, part in enumerate(group):
        amounts = {key: share[i] * values for key, values in parts[i].items()}
        if takes[i] > 0.0:
            for j, gives in enumerate(passing):
                for key in amounts.keys() & parts[j].keys() if gives else ():
                    amounts[key] = amounts[key] - takes[i] * gives * share[j] * parts[j][key]
        saved = _with_amounts(part.impact, amounts)
        found.append(Saving(part.impact, saved, float(kept[i]), weighed[i]))
    return found


def _kept(part: _Part, weighed: bool) -> float:
    """L' / L; where the map predicts nothing of the incident, by how long it would have lasted."""
    if part.other is None:
        return 0.0
    if weighed:
        same = abs(part.after - part.before) <= NOTHING * part.before
        return 1.0 if same else part.after / part.before
    return part.window[1] / part.window[0] if part.window[0] > 0.0 else 1.0


def _names(impact: MeasureImpact) -> list[str]:
    return [name for name in SAVED_UNITS if name in impact.units]


def _amounts(impact: MeasureImpact) -> dict[str, FloatArray]:
    """(1 + DRAWS,) by name of the units, and `money:` of the cost: the middle, then the draws."""
    found: dict[str, FloatArray] = {}
    for name in _names(impact):
        found[name] = _with_middle(impact, name, impact.units[name].mid)
    cost = cost_name(impact)
    if cost is not None:
        found[MONEY + cost] = _with_middle(impact, MONEY + cost, float(impact.money[cost].mid))
    return found


def _with_middle(impact: MeasureImpact, name: str, mid: float) -> FloatArray:
    return np.concatenate([[mid], draws_of(impact, name, mid)])


def _with_amounts(impact: MeasureImpact, amounts: Mapping[str, FloatArray]) -> MeasureImpact:
    """The record of the saving, of the same shape as that of the loss."""
    units, money = {}, {}
    for name, values in amounts.items():
        found = quantile_range(float(values[0]), values[1:])
        if not name.startswith(MONEY):
            units[name] = found
            continue
        cost = name.removeprefix(MONEY)
        low, mid, high = (decimal(x) for x in (found.low, found.mid, found.high))
        money[cost] = rounded(MoneyRange(low, mid, high, impact.money[cost].currency))
    return replace(
        impact,
        method="modelled",
        units=units,
        money=money,
        per_minute_units=None,
        per_minute_money=None,
        draws={name: tuple(values[1:].tolist()) for name, values in amounts.items()},
        warnings=(),
    )
