"""The trust ledger: what was said while it burned, beside what it came to.

Every live estimate is compared with the final value of the same thing, and only like with like. As
long as an outage goes on every number grows with it, and nobody forecasts how long it will last: a
live number is compared only where its window was that of the final answer, give or take little.
Then gross meets gross, and the forecasts of what will be lost or delayed meet what was. The excess
of a load goes on growing after its window: what is said of it is `so far`, and the ledger shows how
far off that is.

A final value is an estimate too, the best there will be. Its middle is taken as the truth: a range
given live should hold it nine times out of ten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

import numpy as np

from impact.model import MeasureImpact, Range
from impact.scores import inside_interval

Age: TypeAlias = Literal["first", "ten_minutes", "cleared", "hour_after"]
AGES: tuple[Age, ...] = ("first", "ten_minutes", "cleared", "hour_after")
TEN_MINUTES, HOUR_AFTER = timedelta(minutes=10), timedelta(hours=1)
FEW = 10  # pairs: of fewer nobody can tell whether nine out of ten hold
COMPARED: Mapping[str, tuple[str, ...]] = {
    "flow": ("lost", "gross"),
    "load": ("excess",),
    "lead_time": ("delayed",),
}
SAME_WINDOW = 0.15  # of its length, by which the ends of two windows may differ
SAME_AT_LEAST = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Said:
    """An estimate with its age, or as the first final or the newest one.

    replayed: worked out afterwards from what lay before its moment; nobody saw it live.
    """

    impact: MeasureImpact
    age: Age | Literal["final", "newest"]
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """One live number beside its final one. `restated`: what the final one was corrected to."""

    incident: str
    process: str
    measure: str
    part: str
    age: Age
    live: Range
    final: Range
    said_at: datetime
    final_at: datetime
    restated: Range | None = None
    restated_at: datetime | None = None
    replayed: bool = False

    @property
    def truth(self) -> float:
        """The newest settled middle."""
        return (self.restated or self.final).mid

    @property
    def clear(self) -> bool:
        """Whether the settled value is clearly not zero, so that a share of it means something."""
        settled = self.restated or self.final
        return settled.low > 0.0 or settled.high < 0.0

    @property
    def inside(self) -> bool:
        """Whether the live range holds the truth."""
        return self.live.low <= self.truth <= self.live.high


@dataclass(frozen=True, slots=True)
class Trust:
    """One line of the ledger: how far one number of one measure could be trusted at one age.

    Shares are of the settled value: 0.1 is ten percent too high. median_error, mean_error and
    width leave out what is not clearly different from zero; None where nothing is left.
    """

    process: str
    measure: str
    part: str
    age: Age
    pairs: int
    replayed: int
    restated: int
    median_error: float | None
    mean_error: float | None
    error_units: float  # mean of live - settled
    inside: int
    inside_low: float  # 90 % interval of the share inside
    inside_high: float
    width: float | None  # median width of the live range
    restated_by: float | None  # median of |restated - final|, where restated

    @property
    def enough(self) -> bool:
        """Whether there are pairs enough to tell."""
        return self.pairs >= FEW

    @property
    def coverage(self) -> float:
        """The share of settled values inside the live range."""
        return self.inside / self.pairs


def pairs(said: Iterable[Said]) -> list[Pair]:
    """Every live number that can be compared, in the order of incidents, measures and ages.

    What was replayed counts only for measures of incidents that were never priced live.
    """
    together: dict[tuple[str, str, str], list[Said]] = {}
    for one in said:
        impact = one.impact
        key = (impact.incident, impact.process, impact.measure)
        together.setdefault(key, []).append(one)
    found: list[Pair] = []
    for key in sorted(together):
        found += _of_one(together[key])
    return found


def ledger(found: Sequence[Pair]) -> list[Trust]:
    """Bias, coverage and width per measure, part and age, in the order of their names and ages."""
    lines: dict[tuple[str, str, str, int], list[Pair]] = {}
    for pair in found:
        key = (pair.process, pair.measure, pair.part, AGES.index(pair.age))
        lines.setdefault(key, []).append(pair)
    return [_line(lines[key]) for key in sorted(lines)]


def _of_one(said: Sequence[Said]) -> list[Pair]:
    finals = [s.impact for s in said if s.age == "final"]
    if not finals:
        return []
    newest = next((s.impact for s in said if s.age == "newest"), finals[0])
    live = [s for s in said if s.age in AGES]
    seen = [s for s in live if not s.replayed] or live
    found = []
    for one in sorted(seen, key=lambda s: AGES.index(s.age)):
        for part in COMPARED[one.impact.kind]:
            pair = _pair(one, finals[0], newest, part)
            if pair is not None:
                found.append(pair)
    return found


def _pair(one: Said, final: MeasureImpact, newest: MeasureImpact, part: str) -> Pair | None:
    live = one.impact
    if not all(part in i.units for i in (live, final, newest)):
        return None
    if not _same_window(live, newest):
        return None
    again = newest if newest.as_of > final.as_of else None
    return Pair(
        incident=live.incident,
        process=live.process,
        measure=live.measure,
        part=part,
        age=one.age,  # type: ignore[arg-type]  # `final` and `newest` do not come here
        live=live.units[part],
        final=final.units[part],
        said_at=live.as_of,
        final_at=final.as_of,
        restated=again.units[part] if again else None,
        restated_at=again.as_of if again else None,
        replayed=one.replayed,
    )


def _same_window(live: MeasureImpact, settled: MeasureImpact) -> bool:
    """Whether a live number covers what the final one does: so far, or closed, to its end."""
    (start, end), (other_start, other_end) = live.effect, settled.effect
    if other_end is None:
        return False
    end = live.data_until if end is None else min(end, live.data_until)
    room = max(SAME_WINDOW * (other_end - other_start), SAME_AT_LEAST)
    return abs(start - other_start) <= room and abs(end - other_end) <= room


def _line(found: Sequence[Pair]) -> Trust:
    first = found[0]
    clear = [p for p in found if p.clear]
    shares = [(p.live.mid - p.truth) / abs(p.truth) for p in clear]
    inside = sum(p.inside for p in found)
    low, high = inside_interval(inside, len(found))
    again = [p for p in found if p.restated is not None]
    moved = [
        abs(p.restated.mid - p.final.mid) / abs(p.final.mid)
        for p in again
        if p.restated is not None and p.clear and p.final.mid
    ]
    return Trust(
        process=first.process,
        measure=first.measure,
        part=first.part,
        age=first.age,
        pairs=len(found),
        replayed=sum(p.replayed for p in found),
        restated=len(again),
        median_error=_median(shares),
        mean_error=float(np.mean(shares)) if shares else None,
        error_units=float(np.mean([p.live.mid - p.truth for p in found])),
        inside=inside,
        inside_low=low,
        inside_high=high,
        width=_median([(p.live.high - p.live.low) / abs(p.truth) for p in clear]),
        restated_by=_median(moved),
    )


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None
