"""What is kept between ticks: each measure's history in bins, and what was learned from it.

Up to 13 weeks of minutes are read once per measure and put in bins (five minutes; one minute while
there are few measures); from then on a tick reads the last hours only, and an hourly refresh the
last days, because late events change minutes that were read before. Learning (`impact.prepare`) is
repeated hourly, or when the incidents that must be left out of the history change.

Measures with the same stream and statuses share one history, and one baseline if the same incidents
are left out of it. It is for one thread at a time: who shares it holds a lock. Who only reads asks
`frozen` baselines, which nobody changes, and waits for nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence, Set
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias, TypeVar

import numpy as np

from enrich.model import BusinessMap, Measure
from impact.baseline import Baseline
from impact.cusum import Watched, calibrate_threshold
from impact.estimate import prepare
from impact.history import History
from impact.model import FloatArray, Kind, Range, TimeArray
from impact.money import MeanAmounts
from impact.ports import VolumeReader
from impact.spread import Spread, level_before, measure_spread, rolling_level
from impact.times import utc64
from impact.watermark import Watermark

T = TypeVar("T")
Windows: TypeAlias = tuple[tuple[datetime, datetime], ...]

HISTORY = timedelta(weeks=13)
MIN_HISTORY_DAYS = 7.0  # with less, an hour of the week has never been seen
FEW_MEASURES = 100  # up to so many, bins of one minute fit into memory
TICK_OVERLAP = timedelta(hours=3)  # re-read on every tick: events that came late
REFRESH_OVERLAP = timedelta(days=3)  # re-read on every refresh
REFRESH_EVERY = timedelta(hours=1)
FILLED_IN = 720  # minutes of history that came later: from so many on, learning does not wait
FILLED_EVERY = timedelta(minutes=2)  # while history is still being loaded
REFRESH_AT_ONCE = 50  # baselines a tick learns anew because they are old
AT_ONCE = 70  # estimates a tick makes anew: when new bins come, the next ticks do the rest
SPREAD_EVERY = timedelta(days=1)
BACKTEST = timedelta(weeks=4)  # of the newest history; a third of it at most
FALSE_AROUND_SIGNALS = 4.0  # a week
MEMORY = timedelta(hours=24)  # before a stretch whose level is followed
AHEAD = timedelta(hours=2)  # of now, for which the usual volume is worked out at once
LEVEL_HOURS = 6  # before a window: how the day is going
RANGE_SD = 1.6449  # standard deviations to each end of a 90 % range


@dataclass(frozen=True)
class Learned:
    """What one measure usually does, and how far single bins stray from it."""

    baseline: Baseline
    bins: Spread
    week: FloatArray  # (168,) usual units per local hour of the week
    amounts: MeanAmounts | None

    @property
    def normal_week(self) -> tuple[Range, ...]:
        """(168,) usual units per local hour of the week; a bin's spread is taken as the hour's."""
        sd = RANGE_SD * self.bins.sigma(self.week)
        ends = zip(np.maximum(self.week - sd, 0.0), self.week, self.week + sd, strict=True)
        return tuple(Range(float(low), float(mid), float(high)) for low, mid, high in ends)

    @property
    def felt(self) -> float:
        """h of the red test around a signal, where being wrong now and then costs little."""
        return calibrate_threshold(self.bins.peaks, self.bins.weeks, 1, FALSE_AROUND_SIGNALS)


class Baselines:
    """The cache. `refresh` what is due, then ask; asking never reads more than a tick's worth."""

    def __init__(
        self,
        business_map: BusinessMap,
        reader: VolumeReader,
        *,
        step: timedelta | None = None,
        told: Callable[[Mapping[str, Watermark]], None] | None = None,
    ) -> None:
        """told: called after each baseline that was learned for the first time, with the marks."""
        counted = [m for m in business_map.measures() if m.kind in ("flow", "load")]
        few = len(counted) <= FEW_MEASURES
        self.map = business_map
        self.step = step or timedelta(minutes=1 if few else 5)
        self._reader = reader
        self._measures = counted
        self._histories: dict[_Key, History] = {}
        self._learned: dict[tuple[_Key, Windows], Learned | None] = {}
        self._known: dict[str, Windows] = {}
        self._learned_at: dict[tuple[_Key, Windows], datetime] = {}
        self._filled: dict[str, int] = {}  # by stream, since it was learned
        self._spreads: dict[tuple[_Key, Windows], tuple[datetime, Spread]] = {}
        self._expected: dict[tuple[_Key, Windows], tuple[int, FloatArray]] = {}
        self._kept: dict[Hashable, tuple[Hashable, Any]] = {}
        self._kept_before: dict[Hashable, tuple[Hashable, Any]] = {}
        self._left = AT_ONCE
        self._told = told

    def frozen(self) -> Baselines:
        """As they are now, for many threads to read: what is learned later changes nothing of it.

        Arrays are shared: none is ever changed in place.
        """
        found = copy(self)
        found._histories = {key: copy(history) for key, history in self._histories.items()}
        found._learned, found._learned_at = dict(self._learned), dict(self._learned_at)
        found._known, found._expected = dict(self._known), dict(self._expected)
        found._spreads, found._filled, found._kept, found._kept_before = {}, {}, {}, {}
        found._told = None
        return found

    def refresh(
        self, now: datetime, marks: Mapping[str, Watermark], known: Mapping[str, Windows]
    ) -> int:
        """Read and learn what is due; returns how many baselines were learned anew.

        marks: by stream. known: by measure id, the windows of earlier incidents on it.
        """
        due: dict[tuple[_Key, Windows], Measure] = {}
        for measure in self._measures:
            if measure.stream in marks:
                self._known[measure.id] = known.get(measure.id, ())
                key = self._learned_key(measure)
                if key not in due or _by_amount(measure):
                    due[key] = measure
        self._forget_gone(due.keys(), now)
        new = [key for key in due if key not in self._learned_at]
        old = [key for key, at in self._learned_at.items() if now - at >= self._lasts(due[key])]
        old.sort(key=lambda key: self._learned_at[key])
        self._forget_filled([(key, due[key].stream) for key in old[:REFRESH_AT_ONCE]])
        for n, key in enumerate((*new, *old[:REFRESH_AT_ONCE])):
            self._learned[key] = self._learn(due[key], key[1], marks[due[key].stream], now)
            self._learned_at[key] = now
            self._expected.pop(key, None)
            if self._told is not None and n < len(new):
                self._told(marks)
        waiting = {due[key].stream for key in old[REFRESH_AT_ONCE:]}
        for stream in {due[key].stream for key in old} - waiting:
            self._filled.pop(stream, None)
        return len(new) + len(old[:REFRESH_AT_ONCE])

    def filled_in(self, stream: str, minutes: int) -> None:
        """So many minutes of a stream's history were counted anew: an import, late events."""
        self._filled[stream] = self._filled.get(stream, 0) + minutes

    def _much_filled(self, stream: str) -> bool:
        return self._filled.get(stream, 0) >= FILLED_IN

    def _lasts(self, measure: Measure) -> timedelta:
        return FILLED_EVERY if self._much_filled(measure.stream) else REFRESH_EVERY

    def _forget_gone(self, due: Set[tuple[_Key, Windows]], now: datetime) -> None:
        """What no measure has any more: an open incident changes its windows every hour."""
        for gone in self._learned_at.keys() - due:
            del self._learned[gone], self._learned_at[gone]
            self._expected.pop(gone, None)
        old = [key for key, (at, _) in self._spreads.items() if now - at >= SPREAD_EVERY]
        for key in old:
            if key not in due:
                del self._spreads[key]

    def _forget_filled(self, keys: Sequence[tuple[tuple[_Key, Windows], str]]) -> None:
        """Of streams whose past was filled in, everything is read and tried anew."""
        for key, stream in keys:
            if self._much_filled(stream):
                self._histories.pop(key[0], None)
                self._spreads.pop(key, None)
                self._spreads.pop((key[0], ()), None)

    def learned(self, measure: Measure) -> Learned | None:
        """What the measure usually does; None without enough history."""
        return self._learned.get(self._learned_key(measure))

    def looked_at(self, measure: Measure) -> bool:
        """Whether its history was read, even where nothing could be learned from it."""
        return self._learned_key(measure) in self._learned_at

    def update(self, now: datetime) -> None:
        """Read the newest minutes of every history; called once per tick."""
        self._kept_before, self._kept = self._kept, {}
        self._left = AT_ONCE
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

    def kept(
        self, key: Hashable, state: Hashable, compute: Callable[[], T], *, waits: int = 0
    ) -> T:
        """What the last tick computed for `key`, if in the same `state`; else computed anew.

        waits: where not 0, the weight of an answer: an older one will do once this tick has
        computed answers of weight AT_ONCE anew.
        """
        found = self._kept.get(key) or self._kept_before.get(key)
        if found is None or (found[0] != state and not (waits and self._left <= 0)):
            found = (state, compute())
            self._left -= waits
        self._kept[key] = found
        value: T = found[1]
        return value

    def state(self, measure: Measure, mark: Watermark) -> Hashable:
        """Changes whenever the measure's data, its watermark in bins, or its baseline do."""
        history = self._histories[_key(measure)]
        learned_at = self._learned_at.get(self._learned_key(measure))
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
        before = times < utc64(start)
        phi = learned.bins.phi
        expected = expected * level_before(actual[before], expected[before], phi, LEVEL_HOURS)
        return Watched(times, actual, expected, learned.bins.sigma(expected), kind_of(measure))

    def followed(
        self, measure: Measure, start: datetime, end: datetime, mark: Watermark
    ) -> Watched | None:
        """The same with the level carried on all along, to see a sudden change at any moment."""
        learned = self.learned(measure)
        if learned is None:
            return None
        times, usual = self._usual(measure, start - MEMORY, end, learned)
        actual = self._histories[_key(measure)].at(times, mark)
        level = rolling_level(actual, usual, learned.bins.phi, int(self.step.total_seconds()))
        kept = times >= utc64(start)
        expected = (usual * level)[kept]
        sigma = learned.bins.sigma(expected)
        return Watched(times[kept], actual[kept], expected, sigma, kind_of(measure))

    def _learned_key(self, measure: Measure) -> tuple[_Key, Windows]:
        return _key(measure), self._known.get(measure.id, ())

    def _usual(
        self, measure: Measure, start: datetime, end: datetime, learned: Learned
    ) -> tuple[TimeArray, FloatArray]:
        """The baseline's bins from start to end, cut out of a longer stretch that is kept."""
        key = self._learned_key(measure)
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
            history = History(measure, first, self.step)
            self._histories[_key(measure)] = history
        history.roll(first)
        history.read(self._reader, now, REFRESH_OVERLAP)
        history.refresh_amounts(self._reader, now, self.map.timezone)
        times, values = history.filled(mark)
        if np.isfinite(values).sum() * self.step < timedelta(days=MIN_HISTORY_DAYS):
            return None
        if not np.nansum(values) > 0.0:
            return None
        baseline = self._prepare(times, values, known)
        spread = self._spread(measure, baseline, known, now)
        return Learned(baseline, spread, baseline.normal_week(), history.amounts)

    def _prepare(self, times: TimeArray, values: FloatArray, known: Windows) -> Baseline:
        zone, holidays = self.map.timezone, self.map.holidays or None
        return prepare(times, values, timezone=zone, holidays=holidays, known_incidents=known)

    def _spread(
        self, measure: Measure, baseline: Baseline, known: Windows, now: datetime
    ) -> Spread:
        """By backtest, once a day: what the older weeks expected of the newer ones."""
        key = self._learned_key(measure)
        kept = self._spreads.get(key) or self._spreads.get((key[0], ()))
        if kept is not None and now - kept[0] < SPREAD_EVERY:
            return kept[1]
        data = baseline.series
        size = min(BACKTEST // self.step, len(data.values) // 3)
        try:
            older = self._prepare(data.times[:-size], data.values[:-size], known)
        except ValueError:  # nothing was measured in the older part: judge by hindsight instead
            older = baseline
        starts, actual = data.starts[-size:], data.values[-size:].copy()
        for begin, end in baseline.masked:
            actual[(starts >= begin) & (starts < end)] = np.nan
        expected = older.usual(starts)[0]
        times = starts.astype("datetime64[s]")
        nothing = np.zeros(size)
        spread = measure_spread(Watched(times, actual, expected, nothing, kind_of(measure)))
        self._spreads[key] = now, spread
        return spread


_Key: TypeAlias = tuple[str, tuple[str, ...], str]


def _key(measure: Measure) -> _Key:
    return measure.stream, measure.ok, measure.kind


def _by_amount(measure: Measure) -> bool:
    return measure.value is not None and measure.value.basis == "amount"


def kind_of(measure: Measure) -> Kind:
    """How a counted measure is judged."""
    return "load" if measure.kind == "load" else "flow"
