"""What is kept between ticks: each measure's history in bins, and what was learned from it.

Up to 13 weeks of minutes are read once per measure and put in bins (five minutes; one minute while
there are few measures); from then on a tick reads the last hours only, and an hourly refresh the
last days, because late events change minutes that were read before. Learning (`impact.prepare`) is
repeated hourly, or when the incidents that must be left out of the history change.

Measures with the same stream and statuses share one history, and one baseline if the same incidents
are left out of it. The cache belongs to one assessor; it is not safe to share between threads.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np

from enrich.model import BusinessMap, Measure
from impact.baseline import Baseline, prepare
from impact.effect import Watched, calibrate_threshold, excursions
from impact.model import FloatArray, TimeArray
from impact.money import MeanAmounts, mean_amounts
from impact.ports import VolumeReader, Volumes
from impact.watermark import Watermark, bin_sums, fill_bins

T = TypeVar("T")
Windows: TypeAlias = tuple[tuple[datetime, datetime], ...]

HISTORY = timedelta(weeks=13)
MIN_HISTORY_DAYS = 7.0  # with less, an hour of the week has never been seen
FEW_MEASURES = 100  # up to so many, bins of one minute fit into memory
TICK_OVERLAP = timedelta(hours=3)  # re-read on every tick: events that came late
REFRESH_OVERLAP = timedelta(days=3)  # re-read on every refresh
REFRESH_EVERY = timedelta(hours=1)
AMOUNTS_EVERY = timedelta(days=1)
DISPERSION_WEEKS = 6.0  # of the newest history, from which spread and thresholds are taken
AHEAD = timedelta(hours=2)  # of now, for which the usual volume is worked out at once
LEVEL_HOURS = 6  # before a window: how the day is going
DAY_SPREAD = 0.1  # days differ by so much, whatever the history shows


@dataclass(frozen=True)
class Learned:
    """What one measure usually does. `phi`, `spread`: var(count) = phi E + (spread E)^2 per bin."""

    baseline: Baseline
    phi: float
    spread: float
    peaks: FloatArray  # of the test on normal history, for its threshold
    weeks: float  # behind `peaks`
    week: FloatArray  # (168,) usual units per local hour of the week
    amounts: MeanAmounts | None

    def threshold(self, measures: int = 1) -> float:
        """h of the red test: one false alarm a week over `measures` measures together."""
        return calibrate_threshold(self.peaks, self.weeks, measures)


class Baselines:
    """The cache. `refresh` what is due, then ask; asking never reads more than a tick's worth."""

    def __init__(
        self, business_map: BusinessMap, reader: VolumeReader, *, step: timedelta | None = None
    ) -> None:
        counted = [m for m in business_map.measures() if m.kind in ("flow", "load")]
        few = len(counted) <= FEW_MEASURES
        self.map = business_map
        self.step = step or timedelta(minutes=1 if few else 5)
        self._reader = reader
        self._measures = counted
        self._histories: dict[_Key, _History] = {}
        self._learned: dict[tuple[_Key, Windows], Learned | None] = {}
        self._known: dict[str, Windows] = {}
        self._learned_at: dict[tuple[_Key, Windows], datetime] = {}
        self._expected: dict[tuple[_Key, Windows], tuple[int, FloatArray]] = {}
        self._kept: dict[Hashable, tuple[Hashable, Any]] = {}
        self._kept_before: dict[Hashable, tuple[Hashable, Any]] = {}

    def refresh(
        self, now: datetime, marks: Mapping[str, Watermark], known: Mapping[str, Windows]
    ) -> int:
        """Read and learn what is due; returns how many baselines were learned anew.

        marks: by stream. known: by measure id, the windows of earlier incidents on it.
        """
        learned = 0
        used: set[tuple[_Key, Windows]] = set()
        for measure in self._measures:
            mark = marks.get(measure.stream)
            if mark is None:
                continue
            key = (_key(measure), known.get(measure.id, ()))
            self._known[measure.id] = key[1]
            used.add(key)
            at = self._learned_at.get(key)
            if at is None or now - at >= REFRESH_EVERY:
                self._learned[key] = self._learn(measure, key[1], mark, now)
                self._learned_at[key] = now
                self._expected.pop(key, None)
                learned += 1
        for gone in self._learned.keys() - used:
            del self._learned[gone], self._learned_at[gone]
        return learned

    def learned(self, measure: Measure) -> Learned | None:
        """What the measure usually does; None without enough history."""
        return self._learned.get((_key(measure), self._known.get(measure.id, ())))

    def update(self, now: datetime) -> None:
        """Read the newest minutes of every history; called once per tick."""
        self._kept_before, self._kept = self._kept, {}
        for history in self._histories.values():
            history.read(self._reader, now, TICK_OVERLAP)

    def series(self, measure: Measure, mark: Watermark) -> tuple[TimeArray, FloatArray]:
        """The whole history in bins up to the watermark: what `impact.estimate` takes."""
        history = self._histories[_key(measure)]
        times, values = history.filled(mark)
        size = history.complete(mark)
        return times[:size], values[:size]

    def seen_until(self, measure: Measure, mark: Watermark) -> datetime:
        """The end of the last bin that is complete."""
        history = self._histories[_key(measure)]
        return datetime.fromtimestamp(history.first + history.width * history.complete(mark), UTC)

    def kept(self, key: Hashable, state: Hashable, compute: Callable[[], T]) -> T:
        """What the last tick computed for `key`, if in the same `state`; else computed anew."""
        found = self._kept.get(key) or self._kept_before.get(key)
        if found is None or found[0] != state:
            found = (state, compute())
        self._kept[key] = found
        value: T = found[1]
        return value

    def state(self, measure: Measure, mark: Watermark) -> Hashable:
        """Changes whenever the measure's data, its watermark in bins, or its baseline do."""
        history = self._histories[_key(measure)]
        learned_at = self._learned_at.get((_key(measure), self._known.get(measure.id, ())))
        size = history.complete(mark)
        newest = history.counts[max(size - REFRESH_OVERLAP // self.step, 0) : size]
        return history.first, size, hash(newest.tobytes()), learned_at

    def first(self, measure: Measure) -> datetime:
        """Where the measure's history begins."""
        return datetime.fromtimestamp(self._histories[_key(measure)].first, UTC)

    def watched(
        self, measure: Measure, start: datetime, end: datetime, mark: Watermark
    ) -> Watched | None:
        """The measure beside its baseline in [start, end), at the level of the hours before it."""
        learned = self.learned(measure)
        if learned is None:
            return None
        times, expected = self._usual(measure, start - timedelta(hours=LEVEL_HOURS), end, learned)
        actual = self._histories[_key(measure)].at(times, mark)
        before = times < np.datetime64(start.astimezone(UTC).replace(tzinfo=None), "s")
        expected = expected * _level(actual[before], expected[before], learned)
        sigma = np.sqrt(learned.phi * expected + (learned.spread * expected) ** 2)
        return Watched(times, actual, expected, sigma, _sign(measure))

    def _usual(
        self, measure: Measure, start: datetime, end: datetime, learned: Learned
    ) -> tuple[TimeArray, FloatArray]:
        """The baseline's bins from start to end, cut out of a longer stretch that is kept."""
        key = (_key(measure), self._known.get(measure.id, ()))
        width = int(self.step.total_seconds())
        first = int(start.timestamp()) // width * width
        stop = -(-int(end.timestamp()) // width) * width
        kept = self._expected.get(key)
        if kept is None or first < kept[0] or stop > kept[0] + width * len(kept[1]):
            low, high = first, stop + int(AHEAD.total_seconds())
            if kept is not None:
                low, high = min(low, kept[0]), max(high, kept[0] + width * len(kept[1]))
            moments = (datetime.fromtimestamp(t, UTC) for t in (low, high))
            kept = self._expected[key] = (low, learned.baseline.expected(*moments)[1])
        begin = (first - kept[0]) // width
        expected = kept[1][begin : begin + (stop - first) // width]
        starts = first + width * np.arange(len(expected), dtype=np.int64)
        return starts.astype("datetime64[s]"), expected

    def _learn(
        self, measure: Measure, known: Windows, mark: Watermark, now: datetime
    ) -> Learned | None:
        history = self._histories.get(_key(measure))
        first = max(now - HISTORY, mark.since)
        if history is None:
            history = _History(measure, first, self.step)
            self._histories[_key(measure)] = history
        history.roll(first)
        history.read(self._reader, now, REFRESH_OVERLAP)
        history.refresh_amounts(self._reader, now, self.map.timezone)
        times, values = history.filled(mark)
        if np.isfinite(values).sum() * self.step < timedelta(days=MIN_HISTORY_DAYS):
            return None
        if not np.nansum(values) > 0.0:
            return None
        baseline = prepare(
            times,
            values,
            timezone=self.map.timezone,
            holidays=self.map.holidays or None,
            known_incidents=known,
        )
        return _describe(baseline, measure, history.amounts)


_Key: TypeAlias = tuple[str, tuple[str, ...]]


def _key(measure: Measure) -> _Key:
    return measure.stream, measure.ok


class _History:
    """Counts of one stream and its statuses in bins from `first` (epoch seconds) on."""

    def __init__(self, measure: Measure, start: datetime, step: timedelta) -> None:
        self.width = int(step.total_seconds())
        self.first = self._bin_start(start)
        self.counts: FloatArray = np.zeros(0)
        self.amounts: MeanAmounts | None = None
        self._stream, self._ok = measure.stream, measure.ok
        self._by_amount = measure.value is not None and measure.value.basis == "amount"
        self._read_to: datetime | None = None
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

    _whole: Volumes | None = None  # the first read, until the amounts have been taken from it

    def complete(self, mark: Watermark) -> int:
        """How many bins lie below the watermark."""
        return max(int((mark.until.timestamp() - self.first) // self.width), 0)

    def filled(self, mark: Watermark) -> tuple[TimeArray, FloatArray]:
        """All bins; NaN where not measured."""
        starts = self.first + self.width * np.arange(len(self.counts), dtype=np.int64)
        return starts.astype("datetime64[s]"), fill_bins(starts, self.counts, self.width, mark)

    def at(self, times: TimeArray, mark: Watermark) -> FloatArray:
        """The bins that start at `times`; NaN where not measured."""
        starts = times.astype("datetime64[s]").astype(np.int64)
        index = (starts - self.first) // self.width
        inside = (index >= 0) & (index < len(self.counts))
        counts = np.full(len(starts), np.nan)
        counts[inside] = self.counts[index[inside]]
        return fill_bins(starts, counts, self.width, mark)

    def _bin_start(self, moment: datetime) -> int:
        return int(moment.timestamp()) // self.width * self.width


def _describe(baseline: Baseline, measure: Measure, amounts: MeanAmounts | None) -> Learned:
    """The spread of single bins and the peaks of the red test on the newest normal weeks."""
    series = baseline.series
    size = min(len(series.values), int(DISPERSION_WEEKS * 7 * 86400 // series.step))
    starts = series.starts[-size:]
    actual, (expected, _) = series.values[-size:].copy(), baseline.usual(starts)
    for begin, end in baseline.masked:
        actual[(starts >= begin) & (starts < end)] = np.nan
    phi, spread = dispersion(actual, expected)
    sigma = np.sqrt(phi * expected + (spread * expected) ** 2)
    times = starts.astype("datetime64[s]")
    watched = Watched(times, actual, expected, sigma, _sign(measure))
    weeks = max(float(np.isfinite(actual).sum()) * series.step / (7 * 86400), 1e-6)
    return Learned(
        baseline, phi, spread, excursions(watched), weeks, baseline.normal_week(), amounts
    )


def dispersion(actual: FloatArray, expected: FloatArray) -> tuple[float, float]:
    """(phi, spread) with var(actual) = phi E + (spread E)^2, phi >= 1, robust against outages.

    Medians of squared deviations over thirds by size of E; 0.4549 is the median of a chi-square
    with one degree of freedom. Quiet bins settle phi, busy ones the spread.
    """
    fit = np.isfinite(actual) & (expected > 1.0)
    if fit.sum() < 30:
        return 1.0, 0.0
    size, ratio = expected[fit], (actual[fit] - expected[fit]) ** 2 / expected[fit]
    order = np.argsort(size, kind="stable")
    parts = [part for part in np.array_split(order, 3) if len(part)]
    phis = [float(np.median(ratio[part])) / 0.4549 for part in parts]
    phi = max(min(phis), 1.0)
    spreads = [
        max(p - phi, 0.0) / float(np.median(size[part]))
        for p, part in zip(phis, parts, strict=True)
    ]
    return phi, float(np.sqrt(max(spreads)))


def _sign(measure: Measure) -> Literal["flow", "load"]:
    return "load" if measure.kind == "load" else "flow"


def _level(actual: FloatArray, expected: FloatArray, learned: Learned) -> float:
    """How the hours before went against the baseline, trusted as far as their noise allows.

    The median over the hours, so that an hour of another outage does not become the new normal.
    """
    seen = np.isfinite(actual) & (expected > 0.0)
    if not seen.any():
        return 1.0
    parts = np.array_split(np.flatnonzero(seen), LEVEL_HOURS)
    ratios = [actual[part].sum() / expected[part].sum() for part in parts if len(part)]
    variance = max(learned.spread, DAY_SPREAD) ** 2
    trust = variance / (variance + learned.phi / float(expected[seen].sum()))
    return float(np.clip(1.0 + trust * (float(np.median(ratios)) - 1.0), 0.5, 2.0))
