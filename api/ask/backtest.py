"""`toll trust --backtest`: the scores of the benchmark on the company's own measures.

The histories are asked for over HTTP (or from the embedded store, by the same routes); everything
after that happens in the process of the command, so that the assessor does not notice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from api.client import Client, part
from impact.backtest import Outcome, Past, cases, run
from impact.scores import Scores, score
from ingest.errors import InputError, NotFoundError

HISTORY = timedelta(days=91)
STEP_S = 300
LEAST_DAYS = 14.0  # of data; with less there is no room for a window with history before it


@dataclass(frozen=True)
class Pasts:
    """What is tested, by `process/measure`, and what is not and why."""

    measures: Mapping[str, Past]
    left_out: Mapping[str, str]


@dataclass(frozen=True)
class MeasureScores:
    """The scores of one measure, or of all."""

    name: str
    live: Scores
    final: Scores


@dataclass(frozen=True)
class Backtest:
    """The result; the last of `lines` is all measures together where there are several."""

    seed: int
    lines: tuple[MeasureScores, ...]
    forecast: Scores
    left_out: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "seed": self.seed,
            "measures": [asdict(line) for line in self.lines],
            "forecast": asdict(self.forecast),
            "left_out": dict(self.left_out),
        }


def fetch(client: Client, process: str | None, measure: str | None) -> Pasts:
    """The histories of the measures asked for; `InputError` where there is none to test."""
    map_ = client.get("/v1/map")
    processes = client.get("/v1/processes")
    if process is not None and process not in {p["process"] for p in processes}:
        raise NotFoundError(f"no process '{process}' on the map")
    known = _known(client)
    found: dict[str, Past] = {}
    left_out: dict[str, str] = {}
    for owner in processes:
        for one in owner["measures"]:
            if process not in (None, owner["process"]) or measure not in (None, one["measure"]):
                continue
            name = f"{owner['process']}/{one['measure']}"
            if one["kind"] not in ("flow", "load"):
                left_out[name] = "a lead time is counted, not estimated"
                continue
            path = f"/v1/processes/{part(owner['process'])}/measures/{part(one['measure'])}/minutes"
            past = _past(client, path, one["kind"], map_, known.get(name, []))
            if isinstance(past, str):
                left_out[name] = past
            else:
                found[name] = past
    if not found:
        why = "; ".join(f"{name}: {text}" for name, text in left_out.items())
        raise InputError(f"nothing to test ({why or 'no such measure'})")
    return Pasts(found, left_out)


def run_backtest(pasts: Pasts, count: int, seed: int, advance: Callable[[float], None]) -> Backtest:
    """`count` cases on each measure."""
    outcomes: dict[str, list[Outcome]] = {}
    done, all_ = 0, count * len(pasts.measures)
    for number, (name, past) in enumerate(pasts.measures.items()):
        own: list[Outcome] = []
        for case in cases(past, count, seed + number):
            own.append(run(past, case))
            done += 1
            advance(done / all_)
        done = count * (number + 1)
        outcomes[name] = own
    left_out = dict(pasts.left_out)
    left_out |= {name: "no room for an incident" for name, own in outcomes.items() if not own}
    tested = {name: own for name, own in outcomes.items() if own}
    lines = [_scores(name, own) for name, own in tested.items()]
    every = [outcome for own in tested.values() for outcome in own]
    if len(lines) > 1:
        lines.append(_scores("all", every))
    forecasts = [o.forecast for o in every if o.forecast is not None and o.scenario != "placebo"]
    return Backtest(seed, tuple(lines), score(forecasts), left_out)


def _scores(name: str, found: list[Outcome]) -> MeasureScores:
    return MeasureScores(name, score([o.live for o in found]), score([o.final for o in found]))


def _past(
    client: Client,
    path: str,
    kind: Any,
    map_: Mapping[str, Any],
    known: list[tuple[datetime, datetime]],
) -> Past | str:
    """The history of one measure in bins of five minutes, or why there is none."""
    now = datetime.now(UTC)
    window = {"from": _text(now - HISTORY), "to": _text(now)}
    try:
        bins = client.get(path, step=STEP_S, **window)
    except NotFoundError as error:
        return str(error)
    starts = [np.datetime64(t.removesuffix("Z")[:19], "s") for t in bins["times"]]
    values = np.array([np.nan if v is None else v for v in bins["actual"]], dtype=np.float64)
    seen = np.flatnonzero(np.isfinite(values))
    if len(seen) * STEP_S < LEAST_DAYS * 86400:
        return f"less than {LEAST_DAYS:.0f} days of data"
    inside = slice(int(seen[0]), int(seen[-1]) + 1)
    times = np.array(starts, dtype="datetime64[s]")[inside]
    holidays = map_["holidays"] or None
    return Past(times, values[inside], kind, map_["timezone"], holidays, tuple(sorted(known)))


def _known(client: Client) -> dict[str, list[tuple[datetime, datetime]]]:
    """By measure, the effects of the incidents of the history: nothing is written near them."""
    start = datetime.now(UTC) - HISTORY
    found: dict[str, list[tuple[datetime, datetime]]] = {}
    for incident in client.get("/v1/incidents", start=_text(start), limit=1000):
        for impact in incident["impacts"]:
            begun = datetime.fromisoformat(impact["effect_from"])
            until = impact["effect_until"]
            over = datetime.fromisoformat(until) if until else datetime.now(UTC)
            if over > begun:
                name = f"{impact['process']}/{impact['measure']}"
                found.setdefault(name, []).append((begun, over))
    return found


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
