"""What would have happened? The answer for one measure and one effect window.

flow: gross = expected - actual in the window, recovered = the surplus after it until the end of the
data, lost = gross - recovered, lost_forecast = gross minus all that comes back in the end. load:
excess = actual - expected over the window and its tail. `prepare` learns the history once; with it,
the answer is a matter of milliseconds.
"""

from __future__ import annotations

from datetime import datetime

from impact import series
from impact.answer import answer
from impact.baseline import Baseline, prepare, prepared
from impact.calendar import Holidays
from impact.model import Estimate, FloatArray, Kind, TimeArray


def estimate(
    times: TimeArray,
    values: FloatArray,
    *,
    start: datetime,
    end: datetime,
    kind: Kind = "flow",
    timezone: str = "UTC",
    holidays: Holidays = None,
    known_incidents: series.Windows = (),
    as_of: datetime | None = None,
    level: float = 0.90,
    baseline: Baseline | None = None,
) -> Estimate:
    """What the window [start, end) cost, as known at `as_of`.

    times: (T,) datetime64[s] UTC, starts of regular bins; values: (T,) volume, NaN = no data.
    With a `baseline`, timezone, holidays and known incidents are those it was prepared with.
    """
    if kind not in ("flow", "load"):
        raise ValueError(f"kind: {kind!r} is neither flow nor load")
    if not 0 < level < 1:
        raise ValueError("level: must lie between 0 and 1")
    window = series.window(start, end)
    data = series.until(series.regular(times, values), as_of)
    if baseline is None:
        known = series.windows(known_incidents)
        baseline = prepared(data, timezone, holidays, known, window)
    return answer(baseline, data, window, kind, level, baseline.prior(kind))


__all__ = ["estimate", "prepare"]
