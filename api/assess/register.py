"""All incidents there are: from signals, from the business alone, as people have corrected them.

Three sources, always put together in the same way: what the signals make
(`api.assess.casebook`), what only the business shows (`api.assess.business_first`), and every edit
(`enrich.edited`) on top. The edits are applied anew at every look, so that no later signal undoes
what people have said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from api.assess.business_first import business_first, explained_by
from api.assess.casebook import Casebook
from enrich.correlate import Builder, successors
from enrich.edited import Edited, edited
from enrich.edits import Edit
from enrich.eras import Era, Graphs
from enrich.incident import Incident
from impact.shortfall import Shortfall
from store.incidents import IncidentVersion
from store.store import Store


class Register:
    """What the active assessor knows of incidents, from one look to the next."""

    def __init__(self, store: Store, eras: Sequence[Era]) -> None:
        self._edits, self._newest = store.edits, eras[-1].graph
        self._graphs = Graphs(eras)
        self._casebook = Casebook(store.signals, eras)
        kept = store.incidents.find(gone=True)
        self.stored = {v.incident.id: v.incident for v in kept if not v.gone}
        self.stored_gone = {v.incident.id: v.incident for v in kept if v.gone}
        # Signals can be read again; what only the business shows is known from here on alone.
        self._business = {i.id: i for i in map(_as_found, kept) if i is not None}

    def look(self, now: datetime, shortfalls: Sequence[Shortfall] | None) -> Edited:
        """All incidents as of now. shortfalls: None while nobody has looked at the business."""
        edits = self._edits.find()
        technical = self._casebook.update(now)
        build = self._builders(now) if edits else _nobody
        corrected = edited(technical, edits, build)
        alone = business_first(
            self._newest, self._business, shortfalls, corrected.incidents.values(), now
        )
        absorbed = self._absorbed(alone, now)
        self._business = {**absorbed, **alone}
        found = edited({**technical, **alone}, edits, build)
        return self._told_of(found, absorbed, corrected, edits, build)

    @property
    def short_since(self) -> dict[str, datetime]:
        """By measure, the start of the open business-first incident that it is short in.

        Also of those that people dismissed or merged: they go on for as long as the measure is red.
        """
        found: dict[str, datetime] = {}
        for incident in self._business.values():
            if incident.ended_at is None:
                for name in incident.measures:
                    found[name] = min(found.get(name, incident.started_at), incident.started_at)
        return found

    def changed(self, found: Edited) -> tuple[list[Incident], list[Incident]]:
        """(incidents to be stored, those to be stored as gone) since the last time of asking."""
        lost = [i for name, i in self.stored.items() if name not in found.incidents]
        lost = [i for i in lost if i.id not in found.gone]
        gone = dict(found.gone)
        if lost:
            heirs = successors(found.incidents.values())
            gone |= {i.id: replace(i, merged_into=heirs.get(i.id, "")) for i in lost}
        changed = [i for name, i in found.incidents.items() if self.stored.get(name) != i]
        taken_back = [i for name, i in gone.items() if self.stored_gone.get(name) != i]
        back = found.incidents.keys() & self.stored_gone.keys()
        self.stored = dict(found.incidents)
        kept = {k: v for k, v in self.stored_gone.items() if k not in back}
        self.stored_gone = kept | {i.id: i for i in taken_back}
        return changed, taken_back

    def _builders(self, now: datetime) -> Callable[[str], Builder]:
        made: dict[str, Builder] = {}
        changes = self._casebook.changes()

        def build(version: str) -> Builder:
            graph = self._graphs.get(version, self._newest)
            if version not in made:
                made[version] = Builder(changes, graph, now)
            return made[version]

        return build

    def _absorbed(self, alone: Mapping[str, Incident], now: datetime) -> dict[str, Incident]:
        """Business-first incidents that something technical explains; over, if not before, now."""
        return {
            name: incident if incident.ended_at else replace(incident, ended_at=now)
            for name, incident in self._business.items()
            if name not in alone
        }

    def _told_of(
        self,
        found: Edited,
        absorbed: Mapping[str, Incident],
        technical: Edited,
        edits: Sequence[Edit],
        build: Callable[[str], Builder],
    ) -> Edited:
        """Incidents that explain a business-first one keep its start; that one is part of them."""
        incidents, gone = dict(found.incidents), dict(found.gone)
        known = edited(absorbed, [e for e in edits if e.incident in absorbed], build)
        for incident in known.incidents.values():
            by = explained_by(incident, technical.incidents.values(), self._newest.map)
            whole = _whole(by.id, found) if by else None
            if whole is None:
                continue
            gone[incident.id] = replace(incident, merged_into=whole.id)
            earliest = min(incident.started_at, incidents[whole.id].red_since or whole.started_at)
            if earliest < whole.started_at:
                incidents[whole.id] = replace(incidents[whole.id], red_since=earliest)
        return Edited(incidents, gone | known.gone)


def _whole(name: str, found: Edited) -> Incident | None:
    """The incident of that name, or the one that it was merged into."""
    while name in found.gone:
        name = found.gone[name].merged_into
    return found.incidents.get(name)


def _as_found(version: IncidentVersion) -> Incident | None:
    """A business-first incident as it was before people or signals had a say in it."""
    incident = version.incident
    if incident.unedited is not None:
        return incident.unedited
    if incident.kind != "business" or (version.gone and not incident.merged_into):
        return None
    return replace(incident, merged_into="", dismissed=False)


def _nobody(version: str) -> Builder:
    raise AssertionError(f"nothing is edited, so nothing of map {version} is built")
