"""A measure's baseline: learned once by `prepare`, then asked many times.

It knows what is usual (`impact.usual`), answers for windows of the data it was prepared on, and has
learned from the measure's past incidents how much comes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np

from impact import catchup, series
from impact.answer import SETTLED_S, SETTLING_S, answer, draw
from impact.calendar import DAY, Holidays, zone_of
from impact.model import Estimate, FloatArray, Kind, TimeArray
from impact.usual import Usual, learn

LEARN_FROM = 2  # latest known incidents whose recovery is looked at
LEAST_HISTORY_S = 7 * DAY  # before them


@dataclass(frozen=True)
class Baseline(Usual):
    """What is usual, with answers: prepare once, estimate many times."""

    def estimate(
        self,
        start: datetime,
        end: datetime,
        kind: Kind = "flow",
        as_of: datetime | None = None,
        level: float = 0.90,
    ) -> Estimate:
        """What the window [start, end) of the data it was prepared on cost."""
        window = series.window(start, end)
        data = series.until(self.series, as_of)
        return answer(self, data, window, kind, level, self.prior(kind))

    def prior(self, kind: Kind) -> catchup.Prior:
        """What to think, beforehand, of what comes back or of the tail."""
        return self._recovery if kind == "flow" else catchup.LOAD

    @cached_property
    def _recovery(self) -> catchup.Prior:
        """How much of a loss comes back, learned from the latest known incidents."""
        usable = [w for w in self.masked if w[0] > self.series.first + LEAST_HISTORY_S]
        closed = {w: self.closed_after(w[1]) for w in usable}
        settled = [w for w in usable if w[1] + closed[w] + SETTLED_S <= self.series.end]
        shares = []
        for window in settled[-LEARN_FROM:]:
            data = self.series.until(int(window[1] + closed[window] + SETTLING_S))
            draws = draw(self, data, window, "flow", catchup.FLOW)
            gross, recovered = draws["gross"], draws["recovered"]
            if np.quantile(gross, 0.05) > 0:
                shares.append(float(np.clip(recovered.mean() / gross.mean(), 0.0, 1.0)))
        return catchup.FLOW.learn(np.array(shares)) if shares else catchup.FLOW


def prepare(
    times: TimeArray,
    values: FloatArray,
    *,
    timezone: str = "UTC",
    holidays: Holidays = None,
    known_incidents: series.Windows = (),
    as_of: datetime | None = None,
) -> Baseline:
    """Learn what is usual; earlier incidents and their catch-up are left out of the history."""
    data = series.until(series.regular(times, values), as_of)
    return prepared(data, timezone, holidays, series.windows(known_incidents))


def prepared(
    data: series.Series,
    timezone: str,
    holidays: Holidays,
    known: tuple[series.Window, ...],
    current: series.Window | None = None,
) -> Baseline:
    """`prepare` for checked input; the `current` window is left out of the history, too."""
    masked = known if current is None else (*known, current)
    learned = learn(data, zone_of(timezone), holidays, masked)
    return Baseline(**{**vars(learned), "masked": known})
