"""How well the live forecast of delayed units holds: `python -m tests.bench.lead_time [WORLDS]`.

So many worlds of each kind of incident, promises in turn, looked at while it burns and afterwards.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from impact.lead_time import delays
from tests.impact.orders import AGES, KINDS, PROMISES, looks


@dataclass(frozen=True)
class Look:
    kind: str
    promise: str
    age: str
    truth: float
    low: float
    mid: float
    high: float
    cohort: int
    seconds: float
    early: bool
    seed: int


def look(kind: str, promise: str, seed: int, ages: Iterable[str] = AGES) -> list[Look]:
    found = []
    for age, (world, as_of) in looks(kind, promise, seed).items():
        if age not in ages:
            continue
        cohort, past, window = world.question(as_of)
        begun = time.perf_counter()
        rng = np.random.default_rng(seed)
        said = delays(cohort, past, window, timezone="Europe/Berlin", rng=rng)
        took = time.perf_counter() - begun
        early = any("too early" in w for w in said.warnings)
        ends = said.delayed.low, said.delayed.mid, said.delayed.high
        found.append(Look(kind, promise, age, world.truth(), *ends, said.cohort, took, early, seed))
    return found


def line(name: str, seen: list[Look]) -> str:
    truth = np.array([s.truth for s in seen])
    error = np.array([s.mid for s in seen]) - truth
    cohort = np.array([s.cohort for s in seen])
    inside = np.mean([s.low <= s.truth <= s.high for s in seen])
    width = np.median([(s.high - s.low) / s.cohort for s in seen])
    total = truth.sum()
    bias = f"{error.sum() / total:+.2f}" if total > 0.02 * cohort.sum() else "-"
    wape = f"{np.abs(error).sum() / total:.2f}" if total > 0.02 * cohort.sum() else "-"
    of_cohort = f"{np.mean(error / cohort):+.3f}"
    return (
        f"| {name} | {len(seen)} | {np.mean(truth / cohort):.2f} | {bias} | {wape} | {of_cohort} "
        f"| {width:.2f} | {inside:.2f} |"
    )


def table(seen: list[Look]) -> list[str]:
    head = "looks | truth, of cohort | bias | wape | bias, of cohort | width, of cohort | coverage"
    rows = [f"| age | {head} |", "|---|---|---|---|---|---|---|---|"]
    rows += [line(age, [s for s in seen if s.age == age]) for age in AGES]
    for name, values in (("kind", KINDS), ("promise", PROMISES)):
        rows += ["", f"| {name} | {head} |", "|---|---|---|---|---|---|---|---|"]
        rows += [
            line(v, some) for v in values if (some := [s for s in seen if getattr(s, name) == v])
        ]
    return rows


def main() -> None:
    worlds = int(sys.argv[1]) if len(sys.argv) > 1 else 24
    seen = []
    for kind in KINDS:
        for seed in range(worlds):
            seen += look(kind, PROMISES[seed % len(PROMISES)], seed)
    print("\n".join(table(seen)))
    seconds = [s.seconds for s in seen]
    print(f"\n{np.mean(seconds):.2f} s per look, at most {max(seconds):.2f}")


if __name__ == "__main__":
    main()
