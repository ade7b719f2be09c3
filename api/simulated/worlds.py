"""How often the simulator's truth lies in Toll's 90 % range, over many small simulated worlds.

Each world is priced the way a tick prices it: from alerts that come two minutes late, through the
sequential test that finds the effect window, to `lost` once everything has settled. Delayed orders
come from warehouses of their own (`api.simulated.waits`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from api.demo import Run, WaitRun, seeded_runs, seeded_waits
from api.simulated.tick import priced
from api.simulated.waits import SETTLED, cleared, delayed
from enrich.model import Measure, Process, Value
from impact.model import MeasureImpact
from impact.ports import Cohort, LateHistory, StreamState, Volumes
from impact.times import as_datetime, utc64

_PAYMENTS = Measure("checkout", "payments", "flow", "payments", value=Value("amount"))
_CHECKOUT = Process("checkout", "Checkout", measures=(_PAYMENTS,))


@dataclass(slots=True)
class _Tally:
    runs: int = 0
    inside: int = 0
    placebos: int = 0
    placebos_inside: int = 0
    error: float = 0.0
    truth: float = 0.0

    def add(self, low: float, mid: float, high: float, truth: float, *, placebo: bool) -> None:
        held = low <= truth <= high
        self.runs += 1
        self.inside += held
        self.placebos += placebo
        self.placebos_inside += held and placebo
        self.error += abs(mid - truth)
        self.truth += abs(truth)


@dataclass(slots=True)
class Calibration:
    """The result; `share` of the worlds whose truth lay in the range, 0 to 1, per quantity."""

    seed: int
    tallies: dict[str, _Tally] = field(default_factory=dict)
    unpriced: int = 0

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "seed": self.seed,
            "unpriced": self.unpriced,
            "quantities": {
                name: {
                    "runs": t.runs,
                    "share_inside": round(t.inside / t.runs, 4),
                    "placebos": t.placebos,
                    "placebos_inside": t.placebos_inside,
                    "mean_error_of_truth": round(t.error / t.truth, 4) if t.truth else None,
                }
                for name, t in self.tallies.items()
            },
        }

    def lines(self) -> list[str]:
        """For people."""
        found = [
            f"{name:<22} truth in the 90 % range in {t.inside} of {t.runs} worlds "
            f"({t.inside / t.runs:.1%}); of {t.placebos} placebos in {t.placebos_inside}; "
            f"errors are {t.error / t.truth:.0%} of the truth"
            for name, t in self.tallies.items()
        ]
        return [*found, f"{self.unpriced} worlds without a number, seed {self.seed}"]


def calibrate(runs: int, seed: int, advance: Callable[[float], None]) -> Calibration:
    """Price `runs` worlds of each sort, when their alerts clear and when all has settled."""
    result = Calibration(seed)
    for number, run in enumerate(seeded_runs(runs, seed), 1):
        _payments(result, run)
        advance(number / runs / 2)
    for number, wait in enumerate(seeded_waits(runs, seed), 1):
        _orders(result, wait)
        advance(0.5 + number / runs / 2)
    return result


def _payments(result: Calibration, run: Run) -> None:
    live = _price(run, as_datetime(run.signal[1]) + timedelta(minutes=5))
    final = _price(run, as_datetime(run.times[-1]) + timedelta(minutes=1))
    if live is None or final is None:
        result.unpriced += 1
        return
    _add(result, "live: gross so far", live, "gross", run.gross, run)
    _add(result, "live: lost, forecast", live, "lost", run.lost, run)
    _add(result, "final: lost", final, "lost", run.lost, run)
    _add_money(result, "final: lost, money", final, run.lost_money, run)


def _orders(result: Calibration, run: WaitRun) -> None:
    ages = (
        ("live: delayed, forecast", timedelta(minutes=1)),
        ("1 h after: delayed", timedelta(hours=1)),
        ("final: delayed", SETTLED),
    )
    for name, after in ages:
        found = delayed(run, cleared(run) + after)
        if found is None:
            result.unpriced += 1
            return
        tally = result.tallies.setdefault(name, _Tally())
        tally.add(found.low, found.mid, found.high, run.late, placebo=run.placebo)


def _add(
    result: Calibration, name: str, impact: MeasureImpact, part: str, truth: float, run: Run
) -> None:
    found = impact.units[part]
    tally = result.tallies.setdefault(name, _Tally())
    tally.add(found.low, found.mid, found.high, truth, placebo=run.placebo)


def _add_money(
    result: Calibration, name: str, impact: MeasureImpact, truth: float, run: Run
) -> None:
    found = impact.money["lost"]
    tally = result.tallies.setdefault(name, _Tally())
    ends = float(found.low), float(found.mid), float(found.high)
    tally.add(*ends, truth, placebo=run.placebo)


def _price(run: Run, now: datetime) -> MeasureImpact | None:
    start, end = run.signal
    outage = "provider", as_datetime(start), as_datetime(end)
    past = tuple((as_datetime(a), as_datetime(b)) for a, b in run.past)
    return priced(_World(run, now), _CHECKOUT, outage, now, past)


class _World:
    """A reader of one simulated world, as if it were `now` there."""

    def __init__(self, run: Run, now: datetime) -> None:
        self._run, self._now = run, now

    def volumes(
        self, _stream: str, _statuses: Sequence[str], start: datetime, end: datetime, /
    ) -> Volumes:
        times, run = self._run.times, self._run
        low, high = np.searchsorted(times, [utc64(start), utc64(min(end, self._now))])
        seen = slice(low, high)
        return Volumes(times[seen], run.count[seen], {"EUR": run.amount[seen]})

    def stream_states(self) -> Mapping[str, StreamState]:
        first, now = as_datetime(self._run.times[0]), self._now
        return {"payments": StreamState("payments", first, now, now, 0.0, now, now)}

    def cohort(self, *_: object) -> Cohort:
        raise NotImplementedError("the simulated worlds have no orders")

    def late_history(self, *_: object) -> LateHistory:
        raise NotImplementedError("the simulated worlds have no orders")

    def failed_keys(self, *_: object) -> tuple[None, None]:
        return None, None
