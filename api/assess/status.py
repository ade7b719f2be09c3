"""What the assessor of this process knows now: for metrics and readiness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from enrich.incident import Incident
from enrich.model import HEADLINE
from impact.model import MeasureImpact
from impact.silence import Silence
from impact.totals import cost_name

BACKLOG = "assess_backlog"  # the fact of the store that is not 0 while incidents are to be priced


@dataclass(slots=True)
class MeasureSum:
    """Money in one currency: two incidents' differ where only the day of one has a rate."""

    money: Decimal = Decimal(0)
    money_so_far: Decimal = Decimal(0)
    per_minute: Decimal = Decimal(0)


@dataclass(slots=True)
class MeasureCost:
    """What open incidents cost one measure together, the middle. sums: by currency.

    So far is before anything comes back: missing of a flow; of other kinds what they come to.
    """

    units: float = 0.0
    units_per_minute: float = 0.0
    units_so_far: float = 0.0
    sums: dict[str, MeasureSum] = field(default_factory=dict)


@dataclass(slots=True)
class AssessStatus:
    """Written by the assessor's thread as a whole new list each tick, read by any."""

    active: bool = False
    generation: int | None = None  # of the active assessor that this is
    ticks: int = 0
    last_tick_s: float = 0.0
    last_tick: datetime | None = None
    backlog: int = 0  # incidents still to be priced
    burning: list[Incident] = field(default_factory=list)  # open or recovering
    impacts: list[MeasureImpact] = field(default_factory=list)  # of those
    silences: list[Silence] = field(default_factory=list)  # feed silent or business stopped

    def costs(self) -> dict[tuple[str, str], MeasureCost]:
        """Per (process, measure), the sum over what burns; what was planned is no alarm."""
        found: dict[tuple[str, str], MeasureCost] = {}
        planned = {incident.id for incident in self.burning if incident.kind == "maintenance"}
        for impact in self.impacts:
            if impact.incident in planned:
                continue
            cost = found.setdefault((impact.process, impact.measure), MeasureCost())
            name = HEADLINE[impact.kind]
            if name in impact.units:
                cost.units += impact.units[name].mid
                cost.units_so_far += impact.units[_so_far(name, impact.units)].mid
            priced = cost_name(impact)
            if priced is not None:
                own = cost.sums.setdefault(impact.money[priced].currency, MeasureSum())
                own.money += impact.money[priced].mid
                own.money_so_far += impact.money[_so_far(priced, impact.money)].mid
                own.per_minute += impact.per_minute_money or Decimal(0)
            cost.units_per_minute += impact.per_minute_units or 0.0
        return found


def _so_far(name: str, parts: Mapping[str, object]) -> str:
    return "gross" if name == "lost" and "gross" in parts else name
