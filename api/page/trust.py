"""The trust ledger: what was said while it burned, beside what it came to."""

from __future__ import annotations

from itertools import groupby
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from api import words
from api.charts.kept_word import MOST, Kept, kept_word
from api.http import schemas
from api.http.auth import Reading
from api.http.state import State, state_of
from api.page.figures import Wanted
from api.page.render import render
from api.routes.trust import get_trust
from impact.model import Range
from impact.trust import AGES, COMPARED
from ingest.errors import NotFoundError

router = APIRouter(include_in_schema=False)

_SHOWN = "cleared"  # the chart's: the first moment at which it was over
_PAIRS = 10_000


@router.get("/trust", response_class=HTMLResponse)
def trust(request: Request, caller: Reading) -> HTMLResponse:
    """Bias and coverage of every measure, in figures, words and a picture."""
    found = get_trust(request, caller, None, None, None, None, _PAIRS)
    lines = sorted(found.ledger, key=lambda x: (x.process, x.measure))
    charts = {(p.process, p.measure) for p in found.pairs if _charted(p)}
    order = {m.id: n for n, m in enumerate(state_of(request).parts.map.map.measures())}
    measures = [
        {
            "id": f"{process}/{name}",
            "lines": sorted(of, key=_place),
            "chart": (process, name) in charts,
        }
        for (process, name), of in groupby(lines, key=lambda x: (x.process, x.measure))
    ]
    return render(
        state_of(request),
        "trust.html",
        measures=sorted(measures, key=lambda m: order.get(str(m["id"]), len(order))),
        first=found.business_first,
        ages=words.AGE_WORDS,
        parts=words.PART_WORDS,
        pairs=len(found.pairs),
    )


@router.get("/trust/{process}/{measure}.{form}")
def chart(
    request: Request, caller: Reading, wanted: Wanted, process: str, measure: str
) -> Response:
    """What was said of each incident when its alerts had cleared, beside what it came to."""
    state = state_of(request)
    found = get_trust(request, caller, process, measure, None, None, _PAIRS)
    pairs = sorted((p for p in found.pairs if _charted(p)), key=lambda p: p.said_at)[-MOST:]
    if not pairs:
        raise NotFoundError(f"nothing of {process}/{measure} can be compared yet")
    told = _told(pairs, state)
    on_map = state.parts.map.map.measure(f"{process}/{measure}")
    unit = (on_map.called if on_map else measure).lower()
    return wanted.answer(lambda theme, width: kept_word(told, unit, theme, width), told, unit)


def _charted(pair: schemas.TrustPair) -> bool:
    """One number for each incident: the forecast, or what there is of it."""
    return pair.age == _SHOWN and pair.part in {parts[0] for parts in COMPARED.values()}


def _told(pairs: list[schemas.TrustPair], state: State) -> list[Kept]:
    zone = ZoneInfo(state.parts.map.map.timezone)
    told: list[Kept] = []
    for pair in pairs:
        local = pair.said_at.astimezone(zone)
        when = f"{local.day} {local:%b %H:%M}"
        live = Range(pair.live.low, pair.live.mid, pair.live.high)
        told.append(Kept(when, live, (pair.restated or pair.final).mid))
    return told


def _place(line: schemas.TrustLine) -> tuple[int, int]:
    return list(words.PART_WORDS).index(line.part), AGES.index(line.age)
