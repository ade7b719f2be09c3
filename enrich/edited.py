"""Edits applied to incidents: what people say takes the place of what the signals say.

A pure function of all incidents as the signals make them and of all edits, worked out anew at every
look. So the order in which signals arrive does not matter, and no later signal undoes an edit:

- An edit holds on to the episode that gave its incident the id. Whatever incident has that episode
  now is the one that is meant; an edit whose episode is not known yet waits.
- *Merged* incidents are one as long as the edit stands, under the id and the title of the one that
  the others were merged into. What joins one of them joins them all.
- *Split* off episodes are an incident of their own. Of what Toll hears of later, the same
  fingerprint, pager incident or node as theirs goes with them, unless it has stayed behind too.
- After a corrected *end* nothing can join: what starts more than `TAIL` later is another incident,
  though the signals never cleared in between.
- A named *cause* that no signal speaks of, and an added process, count as hit for the whole window
  as badly as the worst signal says, so that the reach and the shares of overlapping incidents
  follow. Such episodes have the source `PEOPLE`.
- A *dismissed* incident is gone: kept, to be read, and part of no number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from enrich.correlate import Builder, first_heard, incident_id
from enrich.edits import (
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
    in_order,
    standing,
)
from enrich.grouping import grouped, identities
from enrich.incident import PEOPLE, Episode, Incident, IncidentKind
from enrich.life import TAIL, state_at, window

Span = tuple[datetime, datetime | None]


class Edited(NamedTuple):
    """Incidents by id: those that are, and those that people took back or made part of others."""

    incidents: dict[str, Incident]
    gone: dict[str, Incident]


def edited(
    incidents: Mapping[str, Incident],
    edits: Sequence[Edit],
    build: Callable[[str], Builder],
) -> Edited:
    """The incidents with all edits taken into them. build: the builder for a version of the map."""
    if not edits:
        return Edited(dict(incidents), {})
    return _Desk(incidents, build).take(edits)


@dataclass(slots=True)
class _Piece:
    """What an incident is made of: episodes, or pieces that were incidents before a merge."""

    own: list[Episode] = field(default_factory=list)
    business: Span | None = None  # of a business-first incident, which has no episodes
    parts: list[_Piece] = field(default_factory=list)
    start: datetime | None = None  # as corrected
    end: datetime | None = None
    goes_on: bool = False  # corrected: it has not ended

    @property
    def episodes(self) -> list[Episode]:
        return self.own + [e for part in self.parts for e in part.episodes]

    def span(self, now: datetime) -> Span:
        spans = [part.span(now) for part in self.parts]
        if self.own:
            spans.append(window(self.own, now))
        if self.business:
            spans.append(self.business)
        ends = [end for _, end in spans if end is not None]
        start = self.start or min(start for start, _ in spans)
        end = self.end or (max(ends) if len(ends) == len(spans) else None)
        return start, None if self.goes_on or end is None else max(start, end)

    def without(self, off: Container[str]) -> _Piece | None:
        own = [e for e in self.own if e.id not in off]
        parts = [p for part in self.parts if (p := part.without(off)) is not None]
        if not own and not parts and not self.business:
            return None
        return replace(self, own=own, parts=parts)


@dataclass(slots=True)
class _Draft:
    """An incident while edits are taken into it."""

    id: str
    kind: IncidentKind
    builder: Builder
    base: Incident | None  # as the signals make it; None: people made it
    piece: _Piece
    root: str = ""
    title: str = ""
    added: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    dismissed: bool = False
    response: Response | None = None
    edits: list[str] = field(default_factory=list)


class _Desk:
    """Takes edits one by one into drafts of the incidents they speak of."""

    def __init__(self, incidents: Mapping[str, Incident], build: Callable[[str], Builder]) -> None:
        self._incidents, self._build = incidents, build
        self._drafts: dict[str, _Draft] = {}
        self._merged: dict[str, str] = {}  # id -> the id it is a part of
        self._anchors: dict[str, str] | None = None  # id from an episode -> id of its incident

    def take(self, edits: Sequence[Edit]) -> Edited:
        chosen = standing(edits)
        last_end = {e.incident: e.id for e in chosen if isinstance(e.action, End)}
        stands = {e.id for e in chosen}
        for edit in in_order(edits):
            draft = self._find(edit.incident)
            if draft is None:
                continue
            draft.edits.append(edit.id)
            superseded = isinstance(edit.action, End) and last_end.get(edit.incident) != edit.id
            if edit.id in stands and not superseded:
                self._apply(edit, draft)
        return self._finished()

    def _apply(self, edit: Edit, draft: _Draft) -> None:
        match edit.action:
            case Start(at):
                draft.piece.start = at
            case End(at):
                draft.piece.end, draft.piece.goes_on = at, at is None
                if at is not None:
                    self._cut(draft, at, edit)
            case Cause(node):
                draft.root = node
            case Title(text):
                draft.title = text
            case Reach(add, remove):
                draft.removed = (draft.removed | set(remove)) - set(add)
                draft.added = (draft.added - set(remove)) | set(add)
            case Merge(into):
                self._merge(draft, self._find(into))
            case Split(episodes):
                self._split(draft, episodes, edit)
            case Dismiss():
                draft.dismissed = True
            case Response():
                draft.response = edit.action
            case Undo():
                raise AssertionError("an undo never stands")

    def _find(self, name: str) -> _Draft | None:
        """The draft of the incident that is called so, or was."""
        name = self._whole(name)
        if name not in self._drafts and name not in self._incidents:
            known = self._anchor(name)
            if known is None:
                return None
            name = self._whole(known)
        if name not in self._drafts:
            self._drafts[name] = self._draft(self._incidents[name])
        return self._drafts[name]

    def _anchor(self, name: str) -> str | None:
        if self._anchors is None:
            self._anchors = {
                incident_id(e): i.id for i in self._incidents.values() for e in i.episodes
            }
        return self._anchors.get(name)

    def _draft(self, base: Incident) -> _Draft:
        business = None if base.episodes else (base.started_at, base.ended_at)
        piece = _Piece(list(base.episodes), business)
        return _Draft(base.id, base.kind, self._build(base.map_version), base, piece)

    def _merge(self, part: _Draft, whole: _Draft | None) -> None:
        if whole is None or whole is part:
            return
        whole.piece = _Piece(parts=[whole.piece, part.piece])  # each with its own corrections
        whole.added |= part.added
        kept = {r.process for r in whole.base.reached} if whole.base else set()
        whole.removed |= part.removed - kept
        whole.kind = part.kind if whole.kind == "business" else whole.kind
        whole.response = whole.response or part.response
        whole.edits += part.edits
        self._merged[part.id] = whole.id

    def _split(self, draft: _Draft, named: Iterable[str], edit: Edit) -> None:
        episodes = draft.piece.episodes
        off = {e.id for e in episodes if e.id in set(named)}
        off |= _followers(episodes, off, edit.made_at)
        self._part(draft, off, edit)

    def _cut(self, draft: _Draft, end: datetime, edit: Edit) -> None:
        late = [e for e in draft.piece.episodes if e.started_at > end + TAIL]
        for group in grouped(late, draft.builder.graph):
            self._part(draft, {e.id for e in group}, edit)

    def _part(self, draft: _Draft, off: set[str], edit: Edit) -> None:
        """Make an incident of its own of some episodes of a draft; some must stay behind."""
        episodes = [e for e in draft.piece.episodes if e.id in off]
        if not episodes or len(episodes) == len(draft.piece.episodes):
            return
        left = draft.piece.without(off)
        assert left is not None
        draft.piece = left
        name = _part_id(edit, first_heard(episodes))
        self._drafts[name] = _Draft(
            name, draft.kind, draft.builder, None, _Piece(episodes), edits=[edit.id]
        )

    def _finished(self) -> Edited:
        found = {name: i for name, i in self._incidents.items() if name not in self._drafts}
        gone: dict[str, Incident] = {}
        for name, draft in self._drafts.items():
            incident = _built(draft)
            if name in self._merged:
                gone[name] = replace(draft.base or incident, merged_into=self._whole(name))
            elif draft.dismissed:
                gone[name] = replace(incident, dismissed=True)
            else:
                found[name] = incident
        return Edited(found, gone)

    def _whole(self, name: str) -> str:
        """The incident that this one has become a part of; itself where it has not."""
        while name in self._merged:
            name = self._merged[name]
        return name


def _followers(episodes: Sequence[Episode], off: set[str], split_at: datetime) -> set[str]:
    """Of what Toll heard of after a split, what goes with the episodes that were split off."""
    known = [e for e in episodes if e.id in off or (e.heard_at or e.started_at) <= split_at]
    theirs = {key for e in known if e.id in off for key in identities(e)}
    stayed = {key for e in known if e.id not in off for key in identities(e)}
    their_nodes = {node for e in known if e.id in off for node in e.nodes}
    stayed_nodes = {node for e in known if e.id not in off for node in e.nodes}
    mine, on_mine = theirs - stayed, their_nodes - stayed_nodes
    judged = {e.id for e in known}
    return {
        e.id
        for e in episodes
        if e.id not in judged
        and (
            not mine.isdisjoint(identities(e))
            or (stayed.isdisjoint(identities(e)) and bool(e.nodes) and on_mine.issuperset(e.nodes))
        )
    }


def _part_id(edit: Edit, first: Episode) -> str:
    """The id of what an edit cut off: the same on every replay, and nobody else's."""
    digest = hashlib.sha256(f"{edit.id}\0{first.id}".encode()).hexdigest()[:10]
    return f"{first.started_at:%Y%m%d}-{digest}"


def _built(draft: _Draft) -> Incident:
    episodes, base = draft.piece.episodes, draft.base
    span = draft.piece.span(draft.builder.now)
    said = _said(draft, episodes, span)
    if episodes or said:
        found = draft.builder.incident(
            draft.kind, [*episodes, *said], root=_known_root(draft), span=span
        )
    else:
        assert base is not None  # only the business shows it, and nobody named a cause
        state = state_at(span[1], draft.builder.now)
        found = replace(base, started_at=span[0], ended_at=span[1], state=state)
    business = base is not None and base.kind == "business"
    reached = tuple(r for r in found.reached if r.process not in draft.removed)
    return replace(
        found,
        id=draft.id,
        title=draft.title or found.title or (base.title if base else ""),
        reached=reached,
        measures=base.measures if base else (),
        unedited=base if business else None,
        edits=tuple(dict.fromkeys(draft.edits)),
        response=draft.response,
    )


def _known_root(draft: _Draft) -> str:
    return draft.root if draft.root in draft.builder.graph else ""


def _said(draft: _Draft, episodes: Sequence[Episode], span: Span) -> list[Episode]:
    """What people say of nodes and processes, as episodes that last as long as the incident."""
    graph = draft.builder.graph
    firing = {node for e in episodes for node in e.nodes}
    hit = [p for p in graph.map.processes if p in draft.added]
    root = _known_root(draft)
    if root and root not in firing:
        hit.append(root)
    if hit and not episodes and draft.base is not None:  # the business's own processes stay hit
        hit += [m.partition("/")[0] for m in draft.base.measures]
    worst = min((e.availability for e in episodes), default=0.0)
    return [
        Episode(
            id=f"{draft.id}:{name}",
            source=PEOPLE,
            fingerprint=f"{PEOPLE}:{name}",
            kind="outage",
            severity="critical",
            labels={},
            summary="",
            started_at=span[0],
            ended_at=span[1],
            availability=worst,
            nodes=(name,),
        )
        for name in dict.fromkeys(hit)
    ]
