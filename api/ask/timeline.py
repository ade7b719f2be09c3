"""What happened in an incident, and what was known of it when: signals, changes, edits, numbers.

An entry has two times: when it happened (`at`) and, where Toll was told of it afterwards, when it
was known. Estimates are issued every ten seconds while something burns; shown are the first, those
that say something else (by a tenth of the middle, or another state), and the last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal, get_args

from pydantic import BaseModel, Field

from api import words
from api.ask.reading import version
from api.assess.pricing import is_withdrawn
from api.http import schemas
from api.http.present import present_impact
from api.run.wiring import Parts
from enrich.correlate import beside
from enrich.edits import Edit, in_order
from enrich.episodes import DEFAULT_EXPIRIES, episodes
from enrich.incident import PEOPLE, Episode, Incident
from enrich.model import HEADLINE, BusinessMap
from enrich.rootcause import TRIGGER_WINDOW
from impact.model import MeasureImpact
from store.incidents import Stage
from store.records import Note, NoteState
from store.rows import LATEST

Kind = Literal["signal", "cleared", "change", "maintenance", "remark", "state", "estimate", "edit",
               "note"]  # fmt: skip
_NEWS = 0.1  # of the middle: so much more or less is worth a line


class Entry(BaseModel):
    """One thing that happened."""

    at: schemas.Utc = Field(description="When it happened.")
    known_at: schemas.Utc | None = Field(description="When Toll knew; null: not known.")
    kind: Kind
    text: str = Field(description="In words.", examples=["Payment provider answers with errors"])
    node: str = Field(description="Of a signal or change: where; else empty.")
    signal: str = Field(
        description="Of a signal: its id, by which it can be split off; else empty."
    )
    who: str = Field(description="Of an edit or note: by whom, or to whom; else empty.")
    why: str = Field(description="Of an edit: the reason; else empty.")
    url: str


def timeline(parts: Parts, incident_id: str, as_of: datetime | None = None) -> list[Entry]:
    """Everything of one incident that was known at `as_of`, in the order in which it happened."""
    store, until = parts.store, as_of or LATEST
    incident = version(parts, incident_id, as_of).incident
    edits = _edits(parts, incident, until)
    notes = store.outbox.find(*get_args(NoteState), incident=incident_id)
    entries = [
        *_signals(incident),
        *_beside(parts, incident, until),
        *_life(store.incidents.life(incident_id, as_of=until)),
        *_estimates(parts, incident_id, until),
        *(_edit(edit) for edit in edits),
        *(_note(note) for note in notes if note.created_at <= until),
    ]
    return sorted(entries, key=lambda e: (e.at, e.known_at or e.at, e.kind, e.text))


def _entry(
    at: datetime, kind: Kind, text: str, known_at: datetime | None = None, **more: str
) -> Entry:
    given = {"node": "", "signal": "", "who": "", "why": "", "url": "", **more}
    return Entry(at=at, known_at=known_at, kind=kind, text=text, **given)


def _signals(incident: Incident) -> Iterator[Entry]:
    for episode in incident.episodes:
        if episode.source == PEOPLE:
            continue
        yield _of(episode, "signal")
        if episode.ended_at is not None:
            said = "nothing more was heard of" if episode.stale else "cleared"
            yield _entry(
                episode.ended_at,
                "cleared",
                f"{said}: {episode.summary or episode.fingerprint}",
                node=", ".join(episode.nodes),
                signal=episode.id,
            )


def _of(episode: Episode, kind: Kind) -> Entry:
    level = f" ({episode.severity})" if kind == "signal" else ""
    return _entry(
        episode.started_at,
        kind,
        f"{episode.summary or episode.fingerprint}{level}",
        episode.heard_at,
        node=", ".join(episode.nodes),
        signal=episode.id if kind == "signal" else "",
        url=episode.url,
    )


def _beside(parts: Parts, incident: Incident, until: datetime) -> list[Entry]:
    """Changes, remarks and maintenance near it, from an hour before."""
    end = min(incident.ended_at or until, until) + timedelta(milliseconds=1)
    found = parts.store.signals.between(incident.started_at - TRIGGER_WINDOW, end)
    told = [s for s in found if s.received_at is None or s.received_at <= until]
    read = episodes(told, parts.map.resolver, DEFAULT_EXPIRIES, end)
    near = beside(incident, read, parts.map.graph)
    return [_of(e, _beside_kind(e)) for e in near if e.started_at <= until]


def _beside_kind(episode: Episode) -> Kind:
    if episode.kind == "change":
        return "change"
    return "maintenance" if episode.kind == "maintenance" else "remark"


def _life(stages: Sequence[Stage]) -> Iterator[Entry]:
    """When Toll opened it, saw it over, settled it, took it back."""
    said = {
        "open": "incident open",
        "recovering": "signals cleared, recovering",
        "settled": "settled",
    }
    before: str | None = None
    for stage in stages:
        now = "gone" if stage.gone else stage.state
        if now != before:
            text = "in no list and no total any more" if stage.gone else said[stage.state]
            yield _entry(stage.known_at, "state", f"{text}: {stage.title}", stage.known_at)
        before = now


def _estimates(parts: Parts, incident_id: str, until: datetime) -> list[Entry]:
    """What was said of each measure, where it was news."""
    issued: dict[tuple[str, str], list[MeasureImpact]] = defaultdict(list)
    for one in parts.store.estimates.history(incident_id):
        if one.impact.as_of <= until:
            issued[one.impact.process, one.impact.measure].append(one.impact)
    return [_estimate(impact, parts.map.map) for of in issued.values() for impact in _news(of)]


def _news(impacts: Sequence[MeasureImpact]) -> list[MeasureImpact]:
    told = [impacts[0]]
    for impact in impacts[1:]:
        if impact.state != told[-1].state or _differs(told[-1], impact):
            told.append(impact)
    return told if told[-1] is impacts[-1] else [*told, impacts[-1]]


def _differs(one: MeasureImpact, other: MeasureImpact) -> bool:
    name = HEADLINE[one.kind]
    a, b = one.units.get(name), other.units.get(name)
    if a is None or b is None:
        return a is not b
    return abs(b.mid - a.mid) > max(_NEWS * abs(a.mid), 1.0)


def _estimate(impact: MeasureImpact, business_map: BusinessMap) -> Entry:
    shown = present_impact(impact, business_map)
    if is_withdrawn(impact):
        said = f"{shown.measure_title}: {impact.warnings[0]}"
    else:
        said = words.sentence(shown)
    text = f"{shown.process_title}: {said} ({impact.state})"
    return _entry(impact.as_of, "estimate", text, impact.as_of)


def _edits(parts: Parts, incident: Incident, until: datetime) -> list[Edit]:
    """Its edits, and those of the incidents that are a part of it now."""
    found = parts.store.edits.find(as_of=until)
    return [e for e in in_order(found) if e.incident == incident.id or e.id in incident.edits]


def _edit(edit: Edit) -> Entry:
    return _entry(
        edit.made_at,
        "edit",
        words.edit_in_words(edit.action),
        edit.made_at,
        who=edit.who,
        why=edit.why,
    )


def _note(note: Note) -> Entry:
    said = {"sent": "sent", "given_up": "could not be sent"}.get(note.state, "to be sent")
    return _entry(
        note.changed_at or note.created_at,
        "note",
        f"note '{note.rule}' {said}",
        note.created_at,
        who=note.subscriber,
    )
