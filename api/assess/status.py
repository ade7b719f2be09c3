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
class MeasureCost:
    """What open incidents cost one measure together, the middle."""

    units: float = 0.0
    money: Decimal | None = None
    currency: str = ""
    per_minute: Decimal = Decimal(0)
    units_per_minute: float = 0.0
    # Before anything comes back: what is missing of a flow; of other kinds it is what they come to.
    units_so_far: float = 0.0
    money_so_far: Decimal | None = None


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
                cost.money = (cost.money or Decimal(0)) + impact.money[priced].mid
                so_far = impact.money[_so_far(priced, impact.money)].mid
                cost.money_so_far = (cost.money_so_far or Decimal(0)) + so_far
                cost.currency = impact.money[priced].currency
            cost.per_minute += impact.per_minute_money or Decimal(0)
            cost.units_per_minute += impact.per_minute_units or 0.0
        return found


def _so_far(name: str, parts: Mapping[str, object]) -> str:
    return "gross" if name == "lost" and "gross" in parts else name
