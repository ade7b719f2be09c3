"""The shapes of the numbers: ranges, estimates, and the impact on one measure of one incident.

Every estimate has low, mid, high (90 % unless said otherwise), signed, in units; money is Decimal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
TimeArray = NDArray[np.datetime64]

DRAWS = 200  # draws kept with every estimate, so that totals can add draws and not ends of ranges

Kind = Literal["flow", "load"]  # which way trouble shows: too little, or too much
EstimateState = Literal["live", "final", "restated"]
Method = Literal["measured", "modelled", "evidence_only"]


@dataclass(frozen=True, slots=True)
class Range:
    """A signed number with its range: low <= mid <= high."""

    low: float
    mid: float
    high: float

    def scaled(self, factor: float) -> Range:
        """The range times a factor; a negative factor swaps its ends."""
        ends = sorted((self.low * factor, self.high * factor))
        return Range(ends[0], self.mid * factor, ends[1])


@dataclass(frozen=True, slots=True)
class MoneyRange:
    """A signed sum of money with its range."""

    low: Decimal
    mid: Decimal
    high: Decimal
    currency: str


@dataclass(frozen=True)
class Estimate:
    """The answer of `impact.estimate`: units of one series over one effect window.

    flow: gross, recovered, lost, lost_forecast. load: excess. What does not apply is None.
    """

    kind: Kind
    state: Literal["live", "final"]
    gross: Range | None
    recovered: Range | None
    lost: Range | None  # as known at `as_of`: gross minus what has come back so far
    lost_forecast: Range | None  # what it will come to
    excess: Range | None  # load: the window and its tail
    draws: Mapping[str, FloatArray]  # by the names above, each of length DRAWS, seeded, signed
    times: TimeArray  # starts of the bins below, UTC, from some hours before the window
    actual: FloatArray
    expected: FloatArray
    expected_low: FloatArray
    expected_high: FloatArray
    settling: tuple[datetime, datetime] | None  # where recovery was looked for
    data_until: datetime
    level: float  # of the ranges, 0.90
    history_days: float
    method: Method
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class MeasureImpact:
    """What one incident did to one measure, as known at one moment: the record that is issued."""

    incident: str
    process: str
    measure: str
    kind: Literal["flow", "lead_time", "load"]
    state: EstimateState
    as_of: datetime
    method: Method
    units: Mapping[str, Range]  # flow: gross, recovered, lost; load: excess; ...
    money: Mapping[str, MoneyRange]  # the same names, where the measure has a value
    lost_is: Literal["forecast", "measured", ""]
    per_minute_units: float | None
    per_minute_money: Decimal | None
    data_until: datetime
    effect: tuple[datetime, datetime | None]  # the effect window; open while it lasts
    settling_until: datetime | None
    red: bool | None  # whether the measure is red now; None: cannot tell
    share: float  # of the measure's shortfall that is this incident's, 0 to 1
    evidence: Mapping[str, int | None]  # failed_keys, customers; None: not known
    inputs: Mapping[str, float]  # history_days, bins, ...
    draws: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def measure_id(self) -> str:
        """`process/measure`, as the map has it."""
        return f"{self.process}/{self.measure}"

    @property
    def known_effect(self) -> tuple[datetime, datetime]:
        """The effect window, as far as there are data where it lasts."""
        start, end = self.effect
        return start, end or max(self.data_until, start)
