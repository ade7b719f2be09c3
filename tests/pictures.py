"""The pictures of docs/accuracy.md: `python -m tests.pictures` draws them anew (`make pictures`).

Each shows one kind of case on a series that is simulated here, so that the truth is known: it
stands beneath the estimate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from api.charts.draw import to_svg
from api.charts.shortfall import shortfall
from api.charts.story import Shortfall
from impact import estimate
from impact.calendar import holiday_days, local_time
from impact.model import FloatArray

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
ZONE = ZoneInfo("Europe/Berlin")
STEP = 300
DAYS = 63


@dataclass(frozen=True)
class Case:
    """What happens in a simulated series: moments are local times of Berlin."""

    start: str
    end: str
    kind: Literal["flow", "load"] = "flow"
    unit: str = "payments"
    level: float = 40.0  # units per five minutes, the mean of a week
    left: float = 0.0  # of what is usual, in the window
    added: float = 0.0  # units per five minutes of load, in the window
    back: float = 0.0  # of what was lost
    fading: float = 60.0  # minutes, of catch-up and tail
    earlier: tuple[tuple[str, str], ...] = ()  # outages of weeks before
    known: bool = True  # whether the estimator is told of these
    holidays: str | None = None
    days: int = DAYS  # of history
    after: timedelta = field(default=timedelta(hours=16))  # what is known of the time after


CASES: Mapping[str, Case] = {
    "total_outage": Case("2026-05-12T10:05", "2026-05-12T11:35"),
    "partial_outage": Case("2026-05-12T16:00", "2026-05-12T19:10", left=0.65),
    "catch_up": Case("2026-05-12T09:50", "2026-05-12T11:50", back=0.7, fading=90),
    "while_it_burns": Case("2026-05-12T18:20", "2026-05-12T19:05", left=0.3, after=timedelta()),
    "call_spike": Case(
        "2026-05-12T10:00", "2026-05-12T11:10", "load", "calls", level=9.0, added=16.0, fading=45
    ),
    "placebo": Case("2026-05-12T14:00", "2026-05-12T16:00", left=1.0),
    "dirty_history": Case(
        "2026-05-12T10:00",
        "2026-05-12T12:00",
        left=0.2,
        earlier=(
            ("2026-05-05T09:30", "2026-05-05T12:30"),
            ("2026-04-28T10:00", "2026-04-28T14:00"),
            ("2026-04-14T08:00", "2026-04-14T13:00"),
        ),
        known=False,
    ),
    "odd_day": Case("2026-05-14T10:00", "2026-05-14T12:00", holidays="DE"),  # Ascension Day
    "clock_change": Case("2026-10-25T01:20", "2026-10-25T04:10", left=0.1, level=60.0),
    "little_history": Case("2026-05-12T10:00", "2026-05-12T11:30", days=5),
}


def story(case: Case, seed: int) -> Shortfall:
    """The series with its incident, the estimate of it, and the truth."""
    rng = np.random.default_rng(seed)
    start, end = _at(case.start), _at(case.end)
    until = end + case.after
    first = start - timedelta(days=case.days)
    times = np.arange(_stamp(first), _stamp(until), np.timedelta64(STEP, "s"))
    seconds = times.astype("datetime64[s]").astype(np.int64)
    mean = case.level * _usual(seconds, case.holidays) * _drift(len(times), rng)
    for a, b in case.earlier:
        mean[_inside(seconds, _at(a), _at(b))] *= 0.1
    normal = rng.poisson(mean).astype(float)
    values = normal.copy()
    window = _inside(seconds, start, end)
    if case.kind == "flow":
        values[window] = rng.binomial(normal[window].astype(int), case.left)
    else:
        values[window] += rng.poisson(case.added, int(window.sum()))
    truth = abs(float((normal - values).sum()))
    after = np.flatnonzero(seconds >= end.timestamp())
    fading = np.exp(-np.arange(len(after)) * STEP / 60 / case.fading)
    tail = rng.poisson((case.back * truth if case.kind == "flow" else 0.0) * _share(fading))
    if case.kind == "load":
        tail = rng.poisson(case.added * 0.6 * fading)
    values[after] += tail
    truth += float(tail.sum()) * (1 if case.kind == "load" else -1)
    known = [(_at(a), _at(b)) for a, b in case.earlier] if case.known else []
    found = estimate(
        times.astype("datetime64[s]"),
        values,
        start=start,
        end=end,
        kind=case.kind,
        timezone=ZONE.key,
        holidays=case.holidays,
        known_incidents=known,
    )
    what = Shortfall.of(found, STEP, (start, end), case.unit, ZONE.key)
    word = "lost" if case.kind == "flow" else "extra"
    return replace(what, remark=f"in truth {truth:,.0f} {word} (simulated)")


def draw(folder: Path = FOLDER, to: Callable[[dict[str, object]], str] = to_svg) -> None:
    """Every picture, as SVG."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, case) in enumerate(CASES.items()):
        drawn = to(shortfall(story(case, seed=number + 11)))
        (folder / f"{name}.svg").write_text(drawn, "utf-8")


def _usual(seconds: np.typing.NDArray[np.int64], holidays: str | None) -> FloatArray:
    """The shape of a shop's week, of mean about one; holidays go like Sundays."""
    local = local_time(seconds, ZONE)
    hour = (local.second % 86400) / 3600
    days = local.second // 86400
    off = holiday_days(holidays, int(local.day[0]), int(local.day[-1]))
    days = np.where(np.isin(local.day, off), 6, days)
    morning, evening, sunday = _hump(hour, 11, 2.6), _hump(hour, 19.5, 2.2), _hump(hour, 17, 3.5)
    shape = np.where(days == 6, 1.1 * sunday, morning + 1.25 * evening) + 0.12
    out: FloatArray = 2.0 * shape * np.array([1.0, 0.95, 1.0, 1.05, 1.2, 1.1, 0.8])[days]
    return out


def _hump(hour: FloatArray, top: float, width: float) -> FloatArray:
    away = (hour - top + 12) % 24 - 12
    out: FloatArray = np.exp(-0.5 * (away / width) ** 2)
    return out


def _drift(size: int, rng: np.random.Generator) -> FloatArray:
    """How the level strays: by a few per cent, over hours and over days."""
    out = np.zeros(size)
    for hours, spread in ((4.0, 0.05), (60.0, 0.06)):
        keep = np.exp(-STEP / 3600 / hours)
        noise = rng.normal(0.0, spread * np.sqrt(1 - keep**2), size)
        level = rng.normal(0.0, spread)
        for i in range(size):
            level = keep * level + noise[i]
            out[i] += level
    return np.exp(out)


def _share(weights: FloatArray) -> FloatArray:
    return weights / weights.sum() if len(weights) else weights


def _inside(
    seconds: np.typing.NDArray[np.int64], start: datetime, end: datetime
) -> np.typing.NDArray[np.bool_]:
    return (seconds >= start.timestamp()) & (seconds < end.timestamp())


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


def _stamp(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "s")


if __name__ == "__main__":
    draw()
