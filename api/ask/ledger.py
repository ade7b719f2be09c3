"""The trust ledger as it is shown: how far live numbers can be trusted, in figures and words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np

from api.assess.bars import KeptBars, kept_bars
from api.http import schemas
from api.http.present import present_range
from api.run.wiring import Parts
from enrich.model import BusinessMap, Measure
from impact.calendar import HOUR
from impact.trust import FEW, Pair, Trust, ledger, pairs
from impact.vigil import LEAST_SHARE, WINDOWS_S
from store.rows import EARLIEST, LATEST


def read_ledger(
    parts: Parts,
    process: str = "",
    measure: str = "",
    start: datetime | None = None,
    end: datetime | None = None,
) -> tuple[list[Pair], list[schemas.TrustLine]]:
    """Every comparable pair of incidents begun in [start, end), and the ledger made of them."""
    said = parts.store.trust.said(process, measure, start or EARLIEST, end or LATEST)
    found = pairs(said)
    return found, [present_line(line, parts.map.map) for line in ledger(found)]


def present_line(line: Trust, business_map: BusinessMap) -> schemas.TrustLine:
    """One line with its titles and its sentence."""
    measure = business_map.measure(f"{line.process}/{line.measure}")
    return schemas.TrustLine(
        process=line.process,
        process_title=business_map.title(line.process),
        measure=line.measure,
        measure_title=measure.called if measure else line.measure,
        part=line.part,
        age=line.age,
        incidents=line.pairs,
        replayed=line.replayed,
        enough=line.enough,
        median_error=_rounded(line.median_error),
        mean_error=_rounded(line.mean_error),
        error_units=round(line.error_units, 2),
        inside=line.inside,
        coverage=schemas.Share(
            low=round(line.inside_low, 4),
            mid=round(line.coverage, 4),
            high=round(line.inside_high, 4),
        ),
        width=_rounded(line.width),
        restated=line.restated,
        restated_by=_rounded(line.restated_by),
        says=sentence(line),
    )


def present_pair(pair: Pair) -> schemas.TrustPair:
    """One comparison with its moments."""
    return schemas.TrustPair(
        incident=pair.incident,
        process=pair.process,
        measure=pair.measure,
        part=pair.part,
        age=pair.age,
        said_at=pair.said_at,
        live=present_range(pair.live),
        final_at=pair.final_at,
        final=present_range(pair.final),
        restated_at=pair.restated_at,
        restated=None if pair.restated is None else present_range(pair.restated),
        inside=pair.inside,
        replayed=pair.replayed,
    )


def sentence(line: Trust) -> str:
    """What a line means, for whoever signs the budget."""
    said = [f"{line.inside} of {line.pairs} came out inside the range that was given"]
    if line.median_error is None:
        said.append("none was clearly different from zero")
    elif abs(line.median_error) < 0.005:
        said.append("the middle was right on")
    else:
        way = "too high" if line.median_error > 0 else "too low"
        said.append(f"the middle was {abs(line.median_error):.0%} {way}")
    if not line.enough:
        said.append(f"too few to tell (fewer than {FEW})")
    elif line.inside_high < 0.9:
        said.append("ranges were too narrow: nine of ten should hold")
    elif line.inside_low > 0.9:
        said.append("ranges were wider than they need be")
    return "; ".join(said)


def business_first(parts: Parts, hours: Mapping[str, float]) -> schemas.BusinessFirst | None:
    """The bars of incidents without a signal; None before they were learned.

    hours: units of a usual hour, of the measures that have a usual week.
    """
    kept = kept_bars(parts.store)
    if kept is None:
        return None
    vigil = kept.vigil
    watched = [m for m in parts.map.map.measures() if m.id in vigil.bars]
    return schemas.BusinessFirst(
        learned_at=kept.learned_at,
        factor=round(vigil.factor, 3),
        weeks=round(vigil.weeks, 1),
        would_have_opened=vigil.opened,
        at_most=vigil.allowed,
        measures=[_bar(m, kept, hours.get(m.id)) for m in watched],
        says=_promise(kept),
    )


def _bar(measure: Measure, kept: KeptBars, hour: float | None) -> schemas.Bar:
    """What must be missing for an hour of the usual volume."""
    vigil = kept.vigil
    bars = vigil.bars[measure.id]
    needs = None
    if hour:
        usual = np.array([hour])
        depth = float(bars[WINDOWS_S.index(HOUR)] * vigil.noises[measure.id].relative_sd(usual)[0])
        needs = np.expm1(depth) if measure.kind == "load" else -np.expm1(-depth)
        needs = max(float(needs), LEAST_SHARE)
    return schemas.Bar(
        process=measure.process,
        measure=measure.name,
        title=measure.called,
        kind=measure.kind,
        hour_needs=None if needs is None else round(min(needs, 99.0), 3),
        bars={str(window): round(float(b), 2) for window, b in zip(WINDOWS_S, bars, strict=True)},
    )


def _promise(kept: KeptBars) -> str:
    vigil = kept.vigil
    if vigil.weeks < 3.0:
        return (
            f"only {vigil.weeks:.0f} weeks of history to learn from: "
            "incidents without a signal are opened late rather than wrongly"
        )
    times = "once" if vigil.opened == 1 else f"{vigil.opened} times"
    return (
        f"would have opened {times} in the last {vigil.weeks:.0f} weeks without a signal, "
        "over all measures (promised: at most once a week)"
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
