"""A measure's volumes on a regular grid, checked once, where everything else can rely on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from impact.calendar import DAY, HOUR, IntArray
from impact.model import FloatArray, TimeArray

Windows = Iterable[tuple[datetime, datetime]]
Window = tuple[float, float]  # epoch seconds


@dataclass(frozen=True)
class Series:
    """Volumes per bin. Bin i is [first + i step, first + (i + 1) step) in epoch seconds."""

    first: int
    step: int
    values: FloatArray  # (T,), NaN where nothing was measured

    @property
    def end(self) -> int:
        """End of the last bin, epoch seconds."""
        return self.first + self.step * len(self.values)

    @property
    def times(self) -> TimeArray:
        """(T,) starts of the bins, datetime64[s]."""
        return self.starts.astype("datetime64[s]")

    @property
    def starts(self) -> IntArray:
        """(T,) starts of the bins, epoch seconds."""
        out: IntArray = self.first + self.step * np.arange(len(self.values), dtype=np.int64)
        return out

    def until(self, second: int) -> Series:
        """Without the bins that are not over at a moment."""
        return Series(
            self.first, self.step, self.values[: max(0, (second - self.first) // self.step)]
        )


def regular(times: TimeArray, values: FloatArray) -> Series:
    """Volumes at any ascending times as bins of one length; bins left out are unknown (NaN)."""
    seconds = np.asarray(times).astype("datetime64[s]").astype(np.int64)
    volumes = np.asarray(values, dtype=float)
    if seconds.ndim != 1 or volumes.shape != seconds.shape:
        raise ValueError("values: must be one number per time")
    if len(seconds) < 2:
        raise ValueError("times: at least two bins are needed")
    gaps = np.diff(seconds)
    if (gaps <= 0).any():
        raise ValueError("times: must ascend, without repeats")
    step = int(gaps.min())
    if (gaps % step).any():
        raise ValueError("times: must be starts of bins of one length")
    if step > DAY:
        raise ValueError("times: bins of more than a day say nothing about hours")
    if not np.isfinite(volumes).any():
        raise ValueError("values: nothing was measured (all NaN)")
    if (volumes[np.isfinite(volumes)] < 0).any():
        raise ValueError("values: volumes cannot be negative")
    if len(gaps) and int(gaps.max()) == step:
        return Series(int(seconds[0]), step, np.where(np.isfinite(volumes), volumes, np.nan))
    grid = np.full(int((seconds[-1] - seconds[0]) // step) + 1, np.nan)
    grid[(seconds - seconds[0]) // step] = volumes
    return Series(int(seconds[0]), step, np.where(np.isfinite(grid), grid, np.nan))


def windows(given: Windows) -> tuple[Window, ...]:
    """Earlier incidents in epoch seconds, in order; those that took no time hide nothing."""
    name = "known_incidents"
    found = ((epoch(a, name), epoch(b, name)) for a, b in given)
    return tuple(sorted((a, b) for a, b in found if b > a))


def window(start: datetime, end: datetime) -> Window:
    """A window in epoch seconds, or a ValueError naming the argument."""
    a, b = epoch(start, "start"), epoch(end, "end")
    if b <= a:
        raise ValueError("end: must be after start")
    return a, b


def until(series: Series, as_of: datetime | None) -> Series:
    """Only the bins that were over at a moment."""
    if as_of is None:
        return series
    seen = series.until(int(epoch(as_of, "as_of")))
    if not len(seen.values):
        raise ValueError("as_of: lies before the data")
    return seen


def masked(
    series: Series, given: Iterable[Window], settling_s: int, limit: int | None = None
) -> FloatArray:
    """The values, NaN in windows and while they settle; bins from `limit` on are left alone."""
    values = series.values.copy()
    for start, end in given:
        a = max(0, int((start - series.first) // series.step))
        b = max(0, int(-(-(end + settling_s - series.first) // series.step)))
        values[a : b if limit is None else min(b, limit)] = np.nan
    return values


def epoch(moment: datetime, name: str) -> float:
    """Epoch seconds of a moment with a zone, or a ValueError naming the argument."""
    if moment.tzinfo is None:
        raise ValueError(f"{name}: needs a time zone")
    return moment.timestamp()


def moment(second: float) -> datetime:
    """The UTC moment of epoch seconds."""
    return datetime.fromtimestamp(second, UTC)


def coarse_step(step: int) -> int:
    """Length of the bins the usual week is learned on: an hour, or the series' own if longer."""
    return max(step, HOUR) if step >= HOUR or HOUR % step == 0 else step * -(-HOUR // step)
