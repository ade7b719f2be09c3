"""What the chart of a shortfall tells: its numbers, and its words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from api import words
from api.charts import clock
from api.charts.bins import Bins
from impact.model import Estimate, FloatArray, Range


@dataclass(frozen=True)
class Shortfall:
    """One incident on one measure."""

    bins: Bins
    kind: Literal["flow", "load"]
    window: tuple[datetime, datetime]  # the effect
    settling: tuple[datetime, datetime] | None
    counted: Range  # lost, or excess
    gross: Range | None
    recovered: Range | None
    live: bool
    level: float
    unit: str = "units"  # in the plural: payments
    timezone: str = "UTC"
    whose: str = ""  # zone to be named, where its days stand on UTC midnights
    remark: str = ""  # a line of its own beneath the others
    forecast: bool = False  # `counted` is what will stay lost, not what is lost so far

    @classmethod
    def of(
        cls,
        estimate: Estimate,
        step_s: int,
        window: tuple[datetime, datetime],
        unit: str = "units",
        timezone: str = "UTC",
    ) -> Shortfall:
        """The story of an estimate on bins of `step_s`."""
        counted = estimate.lost if estimate.kind == "flow" else estimate.excess
        if counted is None:
            raise ValueError("estimate: has no number to show")
        starts = estimate.times.astype("datetime64[s]").astype(np.float64)
        return cls(
            bins=Bins(
                np.append(starts, starts[-1] + step_s),
                estimate.actual,
                estimate.expected,
                estimate.expected_low,
                estimate.expected_high,
            ),
            kind=estimate.kind,
            window=window,
            settling=estimate.settling,
            counted=counted,
            gross=estimate.gross,
            recovered=estimate.recovered,
            live=estimate.state == "live",
            level=estimate.level,
            unit=unit,
            timezone=timezone,
        )

    @property
    def seconds(self) -> tuple[float, float]:
        """The effect window in epoch seconds."""
        return self.window[0].timestamp(), self.window[1].timestamp()

    @property
    def zone(self) -> ZoneInfo:
        """Whose hours the axis shows."""
        return ZoneInfo(self.timezone)

    @property
    def usual(self) -> float:
        """Units expected in the effect window, where there are data."""
        return self._inside(np.where(np.isfinite(self.bins.actual), self.bins.expected, 0.0))

    @property
    def came(self) -> float:
        """Units that came in the effect window; of bins that it cuts, as the estimate has it."""
        if self.gross is None:
            return self._inside(np.nan_to_num(self.bins.actual))
        return max(0.0, self.usual - self.gross.mid)

    def _inside(self, values: FloatArray) -> float:
        start, end = self.seconds
        edges = self.bins.edges
        share = np.minimum(edges[1:], end) - np.maximum(edges[:-1], start)
        return float((values * np.clip(share / self.bins.width_s, 0.0, 1.0)).sum())

    @property
    def back(self) -> float:
        """Units that came after the window, above what was expected: recovered, or the tail."""
        if self.kind == "flow":
            return self.recovered.mid if self.recovered else 0.0
        start, end = self.seconds
        edges = self.bins.edges
        inside = (edges[:-1] >= start) & (edges[1:] <= end)
        extra = np.nan_to_num(self.bins.actual - self.bins.expected)
        return self.counted.mid - float(extra[inside].sum())


def headline(what: Shortfall) -> str:
    """The number in words: 1,240 payments lost."""
    n, so_far = what.counted, " so far" if what.live else ""
    if n.low <= 0 <= n.high:
        return f"{'No clear loss of' if what.kind == 'flow' else 'No clear extra'} {what.unit}"
    count = f"{words.units(abs(n.mid))}"
    if what.kind == "load":
        return f"{count} {'extra' if n.mid > 0 else 'fewer'} {what.unit}{so_far}"
    if n.mid < 0:
        return f"{count} more {what.unit} than expected{so_far}"
    return f"{count} {what.unit} lost{', by forecast' if what.forecast else so_far}"


def told(what: Shortfall) -> list[str]:
    """The lines beneath the headline: the range, what it is part of, when."""
    n = what.counted
    ends = f"{100 * what.level:g} % range {words.units(n.low)} to {words.units(n.high)}"
    if n.low <= 0 <= n.high:
        name = "lost" if what.kind == "flow" else "extra"
        ends = f"{name} {words.units(n.mid)}, {ends}, includes zero"
    of = f"{words.units(what.usual)} expected in the window, {words.units(what.came)} came"
    if what.kind == "flow" and what.recovered and what.settling:
        of += f", {words.units(what.recovered.mid)} came back"
    lines = [ends, of, clock.span_text(*what.window, what.zone, what.whose)]
    return [*lines, what.remark] if what.remark else lines
