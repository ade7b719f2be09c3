"""One stream's counts in bins, read in pieces and kept up to date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from enrich.model import Measure
from impact.model import FloatArray, TimeArray
from impact.money import MeanAmounts, mean_amounts
from impact.ports import VolumeReader, Volumes
from impact.times import epoch_seconds
from impact.watermark import Watermark, bin_sums, fill_bins

AMOUNTS_EVERY = timedelta(days=1)


class History:
    """Counts of one stream and its statuses in bins from `first` (epoch seconds) on."""

    def __init__(self, measure: Measure, start: datetime, step: timedelta) -> None:
        self.width = int(step.total_seconds())
        self.first = self._bin_start(start)
        self.counts: FloatArray = np.zeros(0)
        self.amounts: MeanAmounts | None = None
        self._stream, self._ok = measure.stream, measure.ok
        self._by_amount = measure.value is not None and measure.value.basis == "amount"
        self._read_to: datetime | None = None
        self._whole: Volumes | None = None  # the first read, until amounts were taken from it
        self._amounts_at: datetime | None = None

    def roll(self, start: datetime) -> None:
        """Forget bins before `start`; an earlier start than before begins anew."""
        first = self._bin_start(start)
        if first < self.first:
            self.first, self.counts, self._read_to = first, np.zeros(0), None
        elif first > self.first:
            self.counts = self.counts[(first - self.first) // self.width :]
            self.first = first

    def read(self, reader: VolumeReader, now: datetime, overlap: timedelta) -> None:
        """Replace the bins of the last `overlap` and add the new ones."""
        origin = datetime.fromtimestamp(self.first, UTC)
        start = origin if self._read_to is None else max(self._read_to - overlap, origin)
        begin = self._bin_start(start)
        volumes = reader.volumes(self._stream, self._ok, datetime.fromtimestamp(begin, UTC), now)
        size = max(-(-(int(now.timestamp()) - begin) // self.width), 0)
        fresh = bin_sums(volumes.times, volumes.count, begin, self.width, size)
        self.counts = np.concatenate([self.counts[: (begin - self.first) // self.width], fresh])
        if self._by_amount and self._read_to is None:
            self._whole = volumes
        self._read_to = now

    def refresh_amounts(self, reader: VolumeReader, now: datetime, timezone: str) -> None:
        """Mean amounts over the whole history, once a day."""
        if not self._by_amount:
            return
        if self._amounts_at is not None and now - self._amounts_at < AMOUNTS_EVERY:
            return
        start = datetime.fromtimestamp(self.first, UTC)
        volumes = self._whole or reader.volumes(self._stream, self._ok, start, now)
        self.amounts = mean_amounts(volumes, timezone)
        self._amounts_at, self._whole = now, None

    def complete(self, mark: Watermark) -> int:
        """How many bins lie below the watermark."""
        return max(int((mark.until.timestamp() - self.first) // self.width), 0)

    def filled(self, mark: Watermark) -> tuple[TimeArray, FloatArray]:
        """All bins; NaN where not measured."""
        starts = self.first + self.width * np.arange(len(self.counts), dtype=np.int64)
        return starts.astype("datetime64[s]"), fill_bins(starts, self.counts, self.width, mark)

    def at(self, times: TimeArray, mark: Watermark) -> FloatArray:
        """The bins that start at `times`; NaN where not measured."""
        starts = epoch_seconds(times)
        index = (starts - self.first) // self.width
        inside = (index >= 0) & (index < len(self.counts))
        counts = np.full(len(starts), np.nan)
        counts[inside] = self.counts[index[inside]]
        return fill_bins(starts, counts, self.width, mark)

    def _bin_start(self, moment: datetime) -> int:
        return int(moment.timestamp()) // self.width * self.width
