"""How often would the business alone open an incident, and how soon when it should?

    python -m tests.bench.business_first [FOLDER]

FOLDER (default ../shared/accuracy) holds `series.parquet`. All its series are taken as the measures
of one company and watched for 26 weeks, as if each week were the present: the bars are learned
anew from the thirteen weeks before (`impact.vigil`), then the week is watched bin by bin with the
rule that the assessor uses. Nothing is known of what happened in these series, so every incident
counts as false. Into each week of each measure a total and a half outage of twelve hours (of a
load: twice and half as much again) are written, to see when they would have been found.

Prints a table and writes it into docs/accuracy.md between its markers.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy starts

import numpy as np
import polars as pl

from impact.calendar import HOUR, WEEK
from impact.cusum import JOIN, THRESHOLD, Watched, red_intervals
from impact.estimate import prepare
from impact.model import FloatArray, Kind, TimeArray
from impact.shortfall import BEFORE, LOOK_BACK, RECENT
from impact.spread import rolling_level
from impact.vigil import History, Noise, Vigil, calibrate, depths, look_back

ROOT = Path(__file__).parents[2]
DEFAULT = ROOT.parent / "shared" / "accuracy"
PAGE = ROOT / "docs" / "accuracy.md"
BEGIN, END = "<!-- business-first table: begin -->", "<!-- business-first table: end -->"
WATCHED_WEEKS, TEACHING_WEEKS = 26, 13
OUTAGE_S = 12 * HOUR
HOLIDAYS = {  # as the company's map would say
    "America/New_York": "US",
    "America/Chicago": "US",
    "Australia/Melbourne": "AU-VIC",
    "Europe/London": "GB-ENG",
}


@dataclass(frozen=True)
class Series:
    """One measure of the company."""

    name: str
    times: TimeArray
    values: FloatArray
    step_s: int
    timezone: str
    kind: Kind

    @property
    def holidays(self) -> str | None:
        return HOLIDAYS.get(self.timezone)


@dataclass
class Watch:
    """One week of one measure, with the days before it: what is counted beside what is usual."""

    series: Series
    noise: Noise
    usual: FloatArray
    actual: FloatArray
    times: TimeArray
    first: int  # bin at which the week begins


@dataclass
class Result:
    """Incidents by measure, and hours until each written outage was found (inf: never)."""

    opened: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    hours: dict[tuple[Kind, float], list[float]] = field(default_factory=lambda: defaultdict(list))
    factors: list[float] = field(default_factory=list)
    promised: list[float] = field(default_factory=list)


def read(folder: Path) -> list[Series]:
    """Every series of the benchmark."""
    frame = pl.read_parquet(folder / "series.parquet")
    found = []
    for (name,), part in frame.partition_by("series_id", as_dict=True).items():
        row = part.row(0, named=True)
        times = part["ts"].dt.replace_time_zone(None).to_numpy().astype("datetime64[s]")
        values = part["value"].to_numpy().astype(np.float64)
        step, zone, kind = row["resolution_s"], row["timezone"], row["kind"]
        found.append(Series(str(name), times, values, step, zone, kind))
    return found


def teach(series: Series, back: int) -> tuple[History, Watch] | None:
    """What the weeks before the `back`-th week from the end teach, and that week."""
    per_week = WEEK // series.step_s
    begin = len(series.values) - back * per_week
    older = slice(max(0, begin - TEACHING_WEEKS * per_week), begin)
    if begin < 3 * per_week:
        return None
    known = {"timezone": series.timezone, "holidays": series.holidays}
    history = look_back(series.times[older], series.values[older], kind=series.kind, **known)  # type: ignore[arg-type]
    if history is None:
        return None
    baseline = prepare(series.times[older], series.values[older], **known)  # type: ignore[arg-type]
    lead = int((LOOK_BACK + BEFORE).total_seconds()) // series.step_s
    seen = slice(begin - lead, begin + per_week)
    times = series.times[seen]
    usual = baseline.usual(times.astype(np.int64))[0]
    return history, Watch(series, history.noise, usual, series.values[seen], times, lead)


def alarms(watch: Watch, vigil: Vigil, actual: FloatArray) -> list[int]:
    """Bins at whose end the rule would have opened an incident, from the first of the week on."""
    series, step_s = watch.series, watch.series.step_s
    found = depths(actual, watch.usual, step_s, watch.noise, series.kind)
    beyond = vigil.beyond(series.name, found)
    level = rolling_level(actual, np.nan_to_num(watch.usual), watch.noise.phi, step_s)
    expected = watch.usual * level
    sigma = expected * watch.noise.relative_sd(np.maximum(expected, 1e-9))
    back = int(LOOK_BACK.total_seconds()) // step_s
    deep = np.flatnonzero(beyond > 1.0)
    opened: list[int] = []
    last_end: np.datetime64 | None = None
    for end in deep[deep >= watch.first]:
        part = slice(end + 1 - back, end + 1)
        reds = red_intervals(
            Watched(watch.times[part], actual[part], expected[part], sigma[part], series.kind),
            threshold=THRESHOLD,
        )
        red = reds[-1] if reds else None
        now = watch.times[end] + np.timedelta64(step_s, "s")
        if red is None or (red.end is not None and _moment(red.end) < now - _np(RECENT)):
            continue
        start = _moment(red.start)
        if last_end is None or start > last_end + _np(JOIN):
            opened.append(int(end))
        last_end = now
    return opened


def with_outage(watch: Watch, left: float, rng: np.random.Generator) -> tuple[int, FloatArray]:
    """(first bin, counts) with an outage at an hour that matters, random but repeatable."""
    length = OUTAGE_S // watch.series.step_s
    busy = np.nan_to_num(watch.usual) >= 0.6 * np.nanmean(watch.usual)
    begin = int(rng.choice(np.flatnonzero(busy[watch.first : -length]))) + watch.first
    counts = watch.actual[: begin + length].copy()
    counts[begin:] = np.round(counts[begin:] * left)
    return begin, counts


def measure(every: list[Series]) -> Result:
    """All weeks of all measures."""
    result, rng = Result(), np.random.default_rng(1)
    for back in range(WATCHED_WEEKS, 0, -1):
        taught = {s.name: pair for s in every if (pair := teach(s, back)) is not None}
        vigil = calibrate({name: history for name, (history, _) in taught.items()})
        result.factors.append(vigil.factor)
        result.promised.append(vigil.opened / vigil.weeks)
        for name, (_, watch) in taught.items():
            result.opened[name].append(len(alarms(watch, vigil, watch.actual)))
            for left in (0.0, 0.5) if watch.series.kind == "flow" else (2.0, 1.5):
                begin, counts = with_outage(watch, left, rng)
                cut = Watch(
                    watch.series,
                    watch.noise,
                    watch.usual[: len(counts)],
                    counts,
                    watch.times[: len(counts)],
                    begin,
                )
                first = next(iter(alarms(cut, vigil, counts)), None)
                hours = (
                    np.inf if first is None else (first + 1 - begin) * watch.series.step_s / HOUR
                )
                result.hours[watch.series.kind, left].append(hours)
    return result


def report(result: Result, measures: int) -> str:
    """The table as Markdown."""
    rates: Mapping[str, float] = {n: float(np.mean(o)) for n, o in result.opened.items()}
    total = sum(rates.values())
    quiet = sum(1 for rate in rates.values() if rate == 0.0)
    out = [
        f"{measures} real measures of one company, {WATCHED_WEEKS} weeks: "
        f"**{total:.2f} business-first incidents a week** over all of them "
        f"(what the backtest of before had seen at these bars: {np.mean(result.promised):.2f}); "
        f"{quiet} measures opened none.",
        "",
        "| written into the series, 12 h long | outages | found at all | within 1 h | within 2 h |"
        " within 4 h | hours until found, of those found |",
        "|---|---|---|---|---|---|---|",
    ]
    names: dict[tuple[Kind, float], str] = {
        ("flow", 0.0): "flow: nothing comes",
        ("flow", 0.5): "flow: half comes",
        ("load", 2.0): "load: twice as much",
        ("load", 1.5): "load: half as much again",
    }
    for key, name in names.items():
        hours = np.array(result.hours[key])
        found = hours[np.isfinite(hours)]
        cells = [f"{np.mean(hours <= h):.0%}" for h in (OUTAGE_S / HOUR, 1, 2, 4)]
        middle = f"{np.median(found):.1f}" if len(found) else "-"
        out.append(f"| {name} | {len(hours)} | {' | '.join(cells)} | {middle} |")
    return "\n".join(out)


def _moment(at: datetime) -> np.datetime64:
    return np.datetime64(at.replace(tzinfo=None), "s")


def _np(span: timedelta) -> np.timedelta64:
    return np.timedelta64(int(span.total_seconds()), "s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?", default=DEFAULT)
    folder = parser.parse_args().folder.resolve()
    if not (folder / "series.parquet").exists():
        parser.error(f"no benchmark in {folder}: give the folder that holds series.parquet")
    every = read(folder)
    text = report(measure(every), len(every))
    sys.stdout.write(text + "\n")
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    main()
