"""What people ask to be changed of an incident: checked against what is known, and kept.

All that is wrong with a request is said at once, and nothing of it is kept then. The assessor takes
edits into incidents at its next tick; until then they are *pending*.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Lock

from pydantic import BaseModel, ConfigDict, Field

from api.ask.reading import version
from api.http.problems import ListedError
from api.http.schemas import EditMade, Moment
from api.run.wiring import Parts
from api.setup.tokens import LOCAL, Caller
from enrich.edits import (
    Action,
    Cause,
    Dismiss,
    Edit,
    End,
    Merge,
    Reach,
    Response,
    Split,
    Start,
    Title,
    Undo,
    standing,
)
from enrich.incident import PEOPLE, Incident
from enrich.suggest import did_you_mean
from ingest.errors import BusyError, NotFoundError
from store.incidents import IncidentVersion

_writing = Lock()  # two requests of one process do not pass the check of the version together


class IncidentEdit(BaseModel):
    """What is to be changed; what is left out stays."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    why: str = Field(min_length=1, max_length=2000, description="The reason; kept with the edit.")
    by: str = Field("", max_length=200, description="Who says so; needed without tokens.")
    version: int | None = Field(
        None, description="The `version` that was read; 409 if somebody has edited it since."
    )
    start: Moment | None = Field(None, description="When it began.")
    end: Moment | None = Field(None, description="When it ended; null: it is still going on.")
    cause: str | None = Field(None, description="The node that is the root cause.")
    reach_add: list[str] = Field([], description="Processes that it hit as well.")
    reach_remove: list[str] = Field([], description="Processes that it did not hit.")
    title: str | None = Field(None, min_length=1, max_length=300, description="What to call it.")
    merge_into: str | None = Field(None, description="The incident that it is a part of.")
    split: list[str] = Field(
        [], description="Signals (ids, see its timeline) that are an incident of their own."
    )
    not_an_incident: bool = Field(False, description="Take it out of all lists and totals.")
    people: int | None = Field(None, ge=0, le=10_000, description="How many people worked on it.")
    hours: Decimal | None = Field(
        None,
        gt=0,
        le=10_000,
        decimal_places=4,
        description="How long each of them; without it, as long as it lasted.",
    )
    undo: list[str] = Field([], description="Edits (ids) that are not to stand.")


class EditsTaken(BaseModel):
    """What was kept. The numbers follow within one tick of the assessor."""

    incident: str
    version: int = Field(description="The version from now on.")
    edits: list[EditMade] = Field(description="All its edits, oldest first.")


def edit(
    parts: Parts, incident_id: str, asked: IncidentEdit, caller: Caller, now: datetime
) -> list[Edit]:
    """Keep what is asked for; gives all edits of the incident, the new ones among them.

    `NotFoundError` for an unknown incident, `BusyError` where somebody was faster, `ListedError`
    with every mistake.
    """
    with _writing:
        known = version(parts, incident_id)
        before = parts.store.edits.find(incident_id)
        if asked.version is not None and asked.version != len(before):
            raise BusyError(
                f"somebody has edited {incident_id} since version {asked.version} (it is at "
                f"{len(before)} now): read it again, then send the edit with that version"
            )
        who = _who(asked.by, caller)
        actions = list(_actions(asked))
        wrong = [*([] if who else [_NOBODY]), *_mistakes(parts, known, before, asked, now)]
        if not actions:
            wrong.append(("", "nothing is to be changed: name a field"))
        if wrong:
            said = "; ".join(what for _, what in wrong)
            raise ListedError(said, [{"where": where, "what": what} for where, what in wrong])
        made_at = _next_moment(now, before)
        made = [
            Edit(uuid.uuid4().hex[:10], incident_id, made_at + n * _STEP, who, asked.why, action)
            for n, action in enumerate(actions)
        ]
        parts.store.edits.insert(made)
        return [*before, *made]


_Mistake = tuple[str, str]  # field, what is wrong
_NOBODY: _Mistake = ("by", "say who you are: without tokens nobody can tell")
_STEP = timedelta(milliseconds=1)  # edits are ordered by their moments


def _next_moment(now: datetime, before: Sequence[Edit]) -> datetime:
    """Later than all edits there are, whatever the clock says."""
    moment = now.replace(microsecond=now.microsecond // 1000 * 1000)
    return max([moment, *(edit.made_at + _STEP for edit in before)])


def _who(by: str, caller: Caller) -> str:
    if caller is LOCAL:
        return by
    return f"{by} ({caller.name})" if by else caller.name


def _actions(asked: IncidentEdit) -> Iterator[Action]:
    yield from map(Undo, asked.undo)
    if asked.start is not None:
        yield Start(asked.start)
    if "end" in asked.model_fields_set:
        yield End(asked.end)
    if asked.cause is not None:
        yield Cause(asked.cause)
    if asked.reach_add or asked.reach_remove:
        yield Reach(tuple(asked.reach_add), tuple(asked.reach_remove))
    if asked.title is not None:
        yield Title(re.sub(r"\s+", " ", asked.title))
    if asked.split:
        yield Split(tuple(asked.split))
    if asked.people is not None:
        yield Response(asked.people, asked.hours)
    if asked.not_an_incident:
        yield Dismiss()
    if asked.merge_into is not None:
        yield Merge(asked.merge_into)


def _mistakes(
    parts: Parts,
    known: IncidentVersion,
    before: Sequence[Edit],
    asked: IncidentEdit,
    now: datetime,
) -> Iterator[_Mistake]:
    incident = known.incident
    changes = asked.model_fields_set - {"why", "by", "version", "undo"}
    if known.gone and changes:
        where = f"it is a part of {incident.merged_into}: edit that one"
        undo = "it is gone; undo the edit that took it back first"
        yield "", where if incident.merged_into else undo
        return
    yield from _wrong_times(incident, asked, now)
    yield from _wrong_names(parts, incident, asked)
    if asked.hours is not None and asked.people is None:
        yield "hours", "say of how many people, too"
    if asked.merge_into is not None:
        yield from _wrong_merge(parts, incident, asked.merge_into)
    if asked.split:
        yield from _wrong_split(incident, asked.split)
    stands = {edit.id for edit in before} - _undone(before)
    for name in asked.undo:
        if name not in stands:
            yield "undo", f"no edit '{name}' of {incident.id} that stands"


def _undone(before: Sequence[Edit]) -> set[str]:
    stands = {e.id for e in standing(before)}
    undos = {e.action.edit for e in before if isinstance(e.action, Undo)}
    return {e.id for e in before if e.id in undos and e.id not in stands}


def _wrong_times(incident: Incident, asked: IncidentEdit, now: datetime) -> Iterator[_Mistake]:
    for name in ("start", "end"):
        at = getattr(asked, name)
        if at is not None and at > now:
            yield name, f"{name}: {at.isoformat()} lies in the future"
    start = asked.start or incident.started_at
    end = asked.end if "end" in asked.model_fields_set else incident.ended_at
    if end is not None and end <= start:
        yield "end" if asked.end else "start", "it must end after it began"


def _wrong_names(parts: Parts, incident: Incident, asked: IncidentEdit) -> Iterator[_Mistake]:
    business_map = parts.map.map
    if asked.cause is not None and asked.cause not in business_map.nodes:
        hint = did_you_mean(asked.cause, business_map.nodes)
        yield "cause", f"no node '{asked.cause}' on the map{hint}"
    for name in asked.reach_add:
        if name not in business_map.processes:
            hint = did_you_mean(name, business_map.processes)
            yield "reach_add", f"no process '{name}' on the map{hint}"
    reached = {r.process for r in incident.reached}
    for name in asked.reach_remove:
        if name not in reached:
            yield "reach_remove", f"it does not reach '{name}'"
    for name in sorted(set(asked.reach_add) & set(asked.reach_remove)):
        yield "reach_add", f"'{name}' can be added or removed, not both"


def _wrong_merge(parts: Parts, incident: Incident, into: str) -> Iterator[_Mistake]:
    if into == incident.id:
        yield "merge_into", "it cannot be a part of itself"
        return
    try:
        other = version(parts, into)
    except NotFoundError as error:
        yield "merge_into", str(error)
        return
    if other.gone:
        yield (
            "merge_into",
            f"{into} is gone"
            + (
                f": it is a part of {other.incident.merged_into}"
                if other.incident.merged_into
                else ""
            ),
        )


def _wrong_split(incident: Incident, named: Sequence[str]) -> Iterator[_Mistake]:
    there = {e.id for e in incident.episodes if e.source != PEOPLE}
    for name in named:
        if name not in there:
            yield "split", f"no signal '{name}' in it; its timeline lists them"
    if there and there <= set(named):
        yield "split", "one signal at least must stay"
