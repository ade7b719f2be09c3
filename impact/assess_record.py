"""From a measurement to the record that is issued: money, evidence, warnings, draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Literal

import numpy as np

from enrich.incident import Incident
from enrich.model import BusinessMap, Measure
from impact.baselines import Learned
from impact.effect import SETTLING_MAX, EffectWindow
from impact.evidence import compare, usual_failures
from impact.model import FloatArray, MeasureImpact, Method, MoneyRange, Range, TimeArray
from impact.money import (
    HOURS_OF_WEEK,
    MissingRate,
    UnitValue,
    converted,
    decimal,
    hours_of_week,
    money_draws,
    money_range,
    round_money,
    unit_values,
)
from impact.ports import EvidenceReader
from impact.silence import Silence, clock
from impact.totals import MONEY, couple, day_seed, generator
from impact.watermark import Watermark

LEVEL = 0.90


@dataclass(frozen=True)
class Facts:
    """What the pricing of one incident on one measure starts from."""

    incident: Incident
    measure: Measure
    map: BusinessMap
    mark: Watermark
    learned: Learned | None
    silence: Silence | None = None  # of a feed whose newest data are missing

    @property
    def day(self) -> date:
        """The local day on which the incident began: its rates, and its baseline's error."""
        return self.map.day_of(self.incident.started_at)

    @property
    def own_seed(self) -> str:
        """The seed of what this impact shares with no other."""
        return f"{self.incident.id}|{self.measure.id}"


@dataclass(frozen=True)
class Draft:
    """A measurement before money. `cost` is the name among `units` that carries the cost.

    hours: (168,) how the units lie over the hours of the week. shared: the part of the variance
    that other estimates of the same measure and day have in common with this one.
    """

    window: EffectWindow
    method: Method
    units: Mapping[str, Range] = field(default_factory=dict)
    draws: Mapping[str, FloatArray] = field(default_factory=dict)
    cost: str = ""
    hours: FloatArray = field(default_factory=lambda: np.ones(HOURS_OF_WEEK))
    shared: float = 1.0
    burn: float | None = None
    share: float = 1.0
    state: Literal["live", "final"] = "live"
    data_until: datetime | None = None  # where it is not the watermark
    inputs: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Worth:
    money: Mapping[str, MoneyRange]
    draws: Mapping[str, FloatArray]
    per_unit: UnitValue | None
    warnings: tuple[str, ...]


def record(facts: Facts, draft: Draft, reader: EvidenceReader) -> MeasureImpact:
    """The record of one impact, priced."""
    draws = dict(draft.draws)
    if draft.cost in draws:
        seeds = (day_seed(facts.measure.id, facts.day), facts.own_seed)
        draws = couple(draws, draft.cost, seeds=seeds, shared=draft.shared)
    worth = _worth(facts, draft, draws)
    kind, window = facts.measure.kind, draft.window
    assert kind != "level"
    evidence = _evidence(facts, window, reader)
    disagree = _disagreement(facts, draft, evidence["failed_keys"], reader)
    lost_is: Literal["forecast", "measured", ""] = ""
    if kind == "flow" and "lost" in draft.units:
        lost_is = "measured" if draft.state == "final" else "forecast"
    return MeasureImpact(
        incident=facts.incident.id,
        process=facts.measure.process,
        measure=facts.measure.name,
        kind=kind,
        state=draft.state,
        as_of=facts.mark.as_of,
        method=draft.method,
        units=dict(draft.units),
        money=worth.money,
        lost_is=lost_is,
        per_minute_units=draft.burn,
        per_minute_money=_burn_money(draft.burn, worth.per_unit),
        data_until=draft.data_until or facts.mark.until,
        effect=(window.start, window.end),
        settling_until=window.settling_until,
        red=window.red,
        share=min(max(draft.share, 0.0), 1.0),
        evidence=evidence,
        inputs={**draft.inputs, "ever_red": float(window.ever_red)},
        draws={n: tuple(d.tolist()) for n, d in {**draws, **worth.draws}.items()},
        warnings=(*draft.warnings, *disagree, *_silence(facts, window), *worth.warnings),
    )


def hours_of(times: TimeArray, weights: FloatArray, timezone: str) -> FloatArray:
    """(168,) weights by local hour of the week."""
    hours = hours_of_week(times, timezone)
    return np.bincount(hours, weights=weights, minlength=HOURS_OF_WEEK).astype(np.float64)


def _worth(facts: Facts, draft: Draft, draws: Mapping[str, FloatArray]) -> _Worth:
    """Money of the names that carry it: the cost, and for a flow the gross beside it."""
    names = [n for n in dict.fromkeys(("gross", draft.cost)) if n in draft.units]
    amounts = facts.learned.amounts if facts.learned is not None else None
    values = unit_values(facts.measure, amounts, draft.hours)
    if not names or not values:
        return _Worth({}, {}, None, ())
    value = converted(values, facts.map.rates, facts.map.currency, facts.day)
    warnings: tuple[str, ...] = ()
    if isinstance(value, MissingRate):
        warnings = (str(value),)
        if len(values) > 1:  # a sum with a part missing would be a wrong sum
            return _Worth({}, {}, None, warnings)
        value = values[0]
    money, kept = {}, {}
    for name in names:
        drawn = money_draws(draws[name], value, generator(facts.own_seed + "|value"))
        money[name] = money_range(draft.units[name], drawn, value, LEVEL)
        if name == draft.cost:
            kept[MONEY + name] = drawn
    return _Worth(money, kept, value, warnings)


def _burn_money(burn: float | None, value: UnitValue | None) -> Decimal | None:
    if burn is None or value is None:
        return None
    return round_money(decimal(burn) * value.amount, value.currency)


def _evidence(facts: Facts, window: EffectWindow, reader: EvidenceReader) -> dict[str, int | None]:
    """Keys that failed and never succeeded by the end of settling, and their customers."""
    measure = facts.measure
    if measure.kind != "flow" or not measure.failed:
        return {"failed_keys": None, "customers": None}
    keys, customers = reader.failed_keys(measure, *_evidence_times(facts, window))
    return {"failed_keys": keys, "customers": customers}


def _evidence_times(facts: Facts, window: EffectWindow) -> tuple[datetime, datetime, datetime]:
    """Failed between the first two, without success before the third."""
    now = facts.mark.as_of
    end = window.end or now
    until = min(window.settling_until or end + SETTLING_MAX, now)
    return window.start, end, max(until, end)


def _disagreement(
    facts: Facts, draft: Draft, keys: int | None, reader: EvidenceReader
) -> tuple[str, ...]:
    """Where what was counted and what was measured do not go together, in words."""
    if draft.method != "measured":
        return ()
    times = _evidence_times(facts, draft.window)
    return compare(
        keys,
        draft.units,
        live=draft.state == "live",
        share=draft.share,
        usual=partial(usual_failures, partial(reader.failed_keys, facts.measure), *times),
    )


def _silence(facts: Facts, window: EffectWindow) -> tuple[str, ...]:
    """The second reading of a feed that says nothing: the number itself ends with the data.

    An effect that was over before the data end has nothing in doubt.
    """
    if window.end is not None and window.end <= facts.mark.until:
        return ()
    if facts.silence is not None:
        return (facts.silence.words,)
    if facts.mark.alive:
        return ()
    return (f"{facts.mark.reason}: no data after {clock(facts.mark.until)}",)
