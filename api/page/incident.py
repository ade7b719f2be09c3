"""One incident: what it costs and why, what happened, what the numbers rest on, and corrections."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse

from api import words
from api.ask import editing, reading
from api.ask.one_more_hour import one_more_hour
from api.ask.shortfall_pictures import story
from api.ask.timeline import Entry, timeline
from api.charts.shortfall import shortfall
from api.http import schemas
from api.http.auth import Administering, Reading
from api.http.bodies import read_body
from api.http.problems import ListedError
from api.http.state import State, state_of
from api.page.edit_form import EditForm, read_form
from api.page.figures import Wanted
from api.page.now import hit
from api.page.owners import owners
from api.page.render import render
from api.setup.tokens import LOCAL, Caller
from enrich.model import BusinessMap
from ingest.errors import BusyError, NotFoundError

AsOf = Annotated[schemas.Moment | None, Query()]

router = APIRouter(include_in_schema=False)

_NEWS = frozenset({"state", "edit", "estimate"})  # moments at which something else was known
_CHOICES = 60  # of such moments: the newest, and the first
_OTHERS = 30  # incidents to be a part of


@dataclass(frozen=True)
class Overlap:
    """Another incident that takes a share of the same shortfall."""

    incident: str
    title: str
    share: float


@router.get("/incidents/{incident_id}", response_class=HTMLResponse)
def incident(
    request: Request, caller: Reading, incident_id: str, as_of: AsOf = None, done: str = ""
) -> HTMLResponse:
    """One incident, as known now or at a moment."""
    return _page(state_of(request), caller, incident_id, as_of=as_of, done=bool(done))


@router.post("/incidents/{incident_id}", response_class=HTMLResponse)
async def correct(request: Request, caller: Administering, incident_id: str) -> Response:
    """Keep what the form asks for; the page again, with what is wrong, where it cannot be."""
    state = state_of(request)
    body = await read_body(request, state.body_limit)
    return await run_in_threadpool(_correct, state, caller, incident_id, body)


def _correct(state: State, caller: Caller, incident_id: str, body: bytes) -> Response:
    form = EditForm()
    try:
        form = read_form(body)
        asked = form.asked(ZoneInfo(state.parts.map.map.timezone))
        editing.edit(state.parts, incident_id, asked, caller, datetime.now(UTC))
    except ListedError as error:
        return _page(state, caller, incident_id, form=form.refused(error.errors), status=422)
    except BusyError:
        taken = [{"where": "", "what": "somebody else has corrected it meanwhile: see below, "
                  "then send this again"}]  # fmt: skip
        return _page(state, caller, incident_id, form=form.refused(taken), status=409)
    # Relative, so that it stays behind a token in the path.
    return RedirectResponse(f"{quote(incident_id)}?done=yes#corrections", status_code=303)


def _page(
    state: State,
    caller: Caller,
    incident_id: str,
    *,
    as_of: datetime | None = None,
    done: bool = False,
    form: EditForm | None = None,
    status: int = 200,
) -> HTMLResponse:
    parts, business_map = state.parts, state.parts.map.map
    found = reading.incident(parts, incident_id, as_of)
    happened = timeline(parts, incident_id, as_of)
    more = one_more_hour(found, state.outlook(), datetime.now(UTC)) if as_of is None else None
    editable = as_of is None and caller.may("admin")
    page = render(
        state,
        "incident.html",
        root="../",
        incident=found,
        happened=happened,
        moments=_moments(happened if as_of is None else timeline(parts, incident_id)),
        as_of=as_of,
        query="" if as_of is None else f"as_of={quote(_written(as_of))}",
        more=more,
        owners=owners(found, business_map),
        hit=hit(found),
        titles=business_map.title,
        rests_on=rests_on,
        overlaps=_overlaps(state, found, as_of),
        done=done,
        editable=editable,
        may_edit=caller.may("admin"),
        nameless=caller is LOCAL,
        form=form or EditForm(),
        others=_others(state, found) if editable else [],
        nodes=_nodes(business_map),
        processes=business_map.processes.values(),
    )
    page.status_code = status
    return page


@router.get("/incidents/{incident_id}/figures/{process}/{measure}.{form}")
def figure(
    request: Request,
    _: Reading,
    wanted: Wanted,
    incident_id: str,
    process: str,
    measure: str,
    as_of: AsOf = None,
) -> Response:
    """What one measure did: expected beside actual, its effect and its settling shaded."""
    state = state_of(request)
    found = reading.incident(state.parts, incident_id, as_of)
    named = [i for i in found.impacts if (i.process, i.measure) == (process, measure)]
    what = story(named[0], state.parts.map.map, state.outlook()) if named else None
    if what is None:
        raise NotFoundError(f"no picture of {process}/{measure} in incident '{incident_id}'")
    return wanted.answer(lambda theme, width: shortfall(what, theme, width), what)


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _moments(happened: list[Entry]) -> list[tuple[str, datetime, str]]:
    """When something else became known, newest first: value, moment, words."""
    known: dict[datetime, str] = {}
    for entry in happened:
        if entry.kind in _NEWS and entry.known_at is not None:
            known.setdefault(entry.known_at, entry.text)
    newest = sorted(known, reverse=True)
    chosen = newest if len(newest) <= _CHOICES else [*newest[: _CHOICES - 1], newest[-1]]
    return [(_written(moment), moment, known[moment]) for moment in chosen]


def _overlaps(
    state: State, found: schemas.Incident, as_of: datetime | None
) -> dict[str, list[Overlap]]:
    """By measure, who else takes a share of its shortfall at the same time."""
    shared = {f"{i.process}/{i.measure}": i for i in found.impacts if i.share < words.WHOLE}
    if not shared:
        return {}
    start = min(i.effect_from for i in shared.values())
    end = max(i.effect_until or i.data_until for i in shared.values())
    others = reading.incidents(state.parts, start=start, end=end, as_of=as_of)
    overlaps: dict[str, list[Overlap]] = {name: [] for name in shared}
    for other in others:
        for impact in other.impacts:
            mine = shared.get(f"{impact.process}/{impact.measure}")
            if mine is None or other.id == found.id:
                continue
            begun = impact.effect_from < (mine.effect_until or mine.data_until)
            lasting = (impact.effect_until or impact.data_until) > mine.effect_from
            if begun and lasting:
                overlaps[f"{impact.process}/{impact.measure}"].append(
                    Overlap(other.id, other.title, impact.share)
                )
    return overlaps


def _others(state: State, found: schemas.Incident) -> list[tuple[str, datetime, str]]:
    """Incidents of which this one may be a part: id, when, and what it is called."""
    known = [v.incident for v in state.parts.store.incidents.find()[:_OTHERS]]
    return [(i.id, i.started_at, i.title) for i in known if i.id != found.id]


def rests_on(impact: schemas.Impact) -> list[str]:
    """What one number rests on, line by line, beside its method, window and evidence."""
    said = []
    for name, value in impact.inputs.items():
        if name == "history_days":
            said.append(f"Expected from {words.units(value)} days of its own history")
        elif name in _SHARES:
            said.append(f"{_SHARES[name]} {value:.0%}".replace("%", " %"))
        elif name == "ever_red":
            said.append(_RED[value > 0.0])
        elif name in _COUNTS:
            said.append(f"{_COUNTS[name]}: {words.units(value)}")
        else:
            said.append(f"{words.words(name).capitalize()}: {value:.4g}")
    return said


_COUNTS = {
    "bins": "Bins of time with data in the effect window",
    "concurrent": "Incidents that bear on it at the same time, this one among them",
    "cohort": "Units that were open or placed meanwhile",
    "placed": "Of these, placed meanwhile",
    "weeks": "Weeks that the usual share of late ones was learned from",
}
_SHARES = {
    "predicted_severity": "By the map and the signals it should lose",
    "measured_severity": "By what came it was off by",
    "unexplained": "Of the shortfall no incident explains",
}
_RED = {
    True: "The test found it off: more than chance would do",
    False: "The test did not find it off for certain: the range says how little is known",
}


def _nodes(business_map: BusinessMap) -> list[tuple[str, str]]:
    return sorted(
        ((node.name, f"{node.title} ({node.layer})") for node in business_map.nodes.values()),
        key=lambda pair: pair[1].lower(),
    )
