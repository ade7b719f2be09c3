"""Queues notes about incidents: the part of a tick that `api.notify.rules` decides for.

What was said, and since when each is told, is read from the store when an assessor becomes active,
and when others are to be told; it is kept up from then on, since no other writes there. Numbers are
queued with the facts they came from, so that a note says what was known when it was due.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import cast

from api.ask.costing import beside
from api.ask.simulated import simulated_streams
from api.assess.pricing import is_withdrawn
from api.http.present import present_incident, present_sum
from api.http.schemas import Sum
from api.notify import rules
from api.notify.rules import TAKEN_BACK, Said
from api.notify.subscribers import Subscriber, Subscriptions
from api.notify.telling import Beside, Kind, Telling, of_incident
from api.run.wiring import Parts
from api.words import PART_TITLES
from enrich.incident import Incident
from impact.cost import plus
from impact.model import MeasureImpact
from impact.totals import total_money
from store.records import Note

_RIGHT_BEFORE = timedelta(milliseconds=1)  # as exact as the store is

Issued = Callable[[str], Sequence[MeasureImpact]]  # what was last issued for an incident


class Teller:
    """Decides at every tick of one generation which notes are due."""

    def __init__(self, parts: Parts, generation: int, *, simulated: bool = False) -> None:
        self._parts, self._generation, self._simulated = parts, generation, simulated
        self._map = parts.map.map
        self._carriers = self._map.carriers()
        # by incident and subscriber, oldest first, with the moment at which it was due
        self._said: dict[tuple[str, str], list[tuple[datetime, Said]]] = defaultdict(list)
        self._since: Mapping[str, datetime] = {}  # by subscriber: when they came
        # by incidents and moment: what was known of them right before it
        self._known: dict[tuple[tuple[str, ...], datetime], list[MeasureImpact]] = {}
        self._heirs: dict[str, str] = {}  # of incidents that are gone
        self._on_simulated: dict[str, bool] = {}  # of business-first incidents
        self._subscriptions: Subscriptions | None = None
        self._subscribers: list[Subscriber] = []

    def tell(self, incidents: Mapping[str, Incident], issued: Issued, now: datetime) -> list[Note]:
        """Queue what is due now, and give it. incidents: all there are, as of now."""
        self._take_up(now)
        if not self._subscribers:
            return []
        merged = self._merged(incidents)
        notes = []
        for incident in incidents.values():
            of = (incident.id, *merged.get(incident.id, ()))
            news = rules.is_news(incident, now)
            if news or any((name, s.name) in self._said for name in of for s in self._subscribers):
                notes += self._of_incident(incident, of, issued, now)
        for name in merged.get("", ()):
            notes += self._taken_back(name, now)
        self._parts.store.outbox.queue(notes)
        for note in notes:
            self._remember(note)
        return notes

    def _take_up(self, now: datetime) -> None:
        """Follow the subscriptions in force, and write down who came with them.

        Who is new here may be known to the store: told before, or seen by another assessor.
        """
        subscriptions = self._parts.subscriptions
        if self._subscriptions is subscriptions:
            return
        subscribers = [s for s in subscriptions.subscribers if s.above is not None]
        self._said.clear()
        self._known.clear()
        if subscribers:
            self._since = self._parts.store.subscribers.since([s.name for s in subscribers], now)
            for note in self._parts.store.outbox.find("pending", "sending", "sent", "given_up"):
                if note.incident:
                    self._remember(note)
        self._subscriptions, self._subscribers = subscriptions, subscribers

    def _of_incident(
        self, incident: Incident, of: Sequence[str], issued: Issued, now: datetime
    ) -> list[Note]:
        """The notes on one incident. of: its id, and those of the incidents merged into it."""
        impacts = [i for i in issued(incident.id) if not is_withdrawn(i)]
        notes = []
        for subscriber in self._subscribers:
            if not rules.wants(subscriber, incident, simulated=self._made_up(incident)):
                continue
            assert subscriber.above is not None
            heard = self._heard(of, subscriber)
            cost = self._cost(rules.counted(impacts, subscriber))
            news = rules.is_news(incident, now)
            rule = rules.rule_due(subscriber.above, cost, heard, news=news)
            if rule is not None and not heard:
                known = self._cost(self._before(incident, of, subscriber))
                rule = rules.rule_due(subscriber.above, cost, heard, news=news, known=known)
            if rule is not None:
                told = self._telling(rule, incident, subscriber, heard, now)
                if told is not None:
                    notes.append(self._note(incident.id, rule, subscriber, told))
        return notes

    def _cost(self, impacts: Sequence[MeasureImpact]) -> rules.Cost:
        return rules.cost_of(impacts, self._carriers, self._map.currency)

    def _before(
        self, incident: Incident, of: Sequence[str], subscriber: Subscriber
    ) -> Sequence[MeasureImpact]:
        """What a subscriber who came after an incident was over could have known of it then."""
        since = self._since[subscriber.name]
        key = (tuple(of), since)
        if key not in self._known:
            kept = self._parts.store.estimates.latest(of, as_of=since - _RIGHT_BEFORE)
            self._known[key] = [i for i in kept if not is_withdrawn(i)]
        then = rules.counted(self._known[key], subscriber)
        return rules.known_before(incident, then, since)

    def _telling(
        self,
        rule: str,
        incident: Incident,
        subscriber: Subscriber,
        heard: Sequence[Said],
        now: datetime,
    ) -> Telling | None:
        kept = self._parts.store.estimates.latest([incident.id], draws=True)
        impacts = rules.counted([i for i in kept if not is_withdrawn(i)], subscriber)
        costly = [i for i in impacts if i.units]
        found = present_incident(incident, costly, self._map)
        kind, _, number = rule.partition(":")
        if found.cost is None and kind == rules.OVER:
            return None  # what is in memory was not stored: the next tick says it
        told = of_incident(cast(Kind, kind), found, costly, now)
        beside, whole = self._beside(incident, costly, subscriber, now)
        processes = dict.fromkeys(i.process for i in costly)
        owners = [p.owner for n in processes if (p := self._map.processes.get(n)) and p.owner]
        level = Decimal(number) if kind == rules.OVER else None
        return told.model_copy(
            update={
                "company": self._map.company,
                "zone": subscriber.zone,
                "beside": beside,
                "whole": whole,
                "owners": list(dict.fromkeys(owners)),
                "level": level,
                "next_at": level * 2 if level is not None else None,
                "before": self._sum(heard[-1]) if heard else None,
                "simulated": self._made_up(incident),
            }
        )

    def _made_up(self, incident: Incident) -> bool:
        """Whether its data are simulated: by its signals, or by the streams that fell short."""
        if self._simulated or rules.is_simulated(incident):
            return True
        if incident.kind != "business":
            return False
        if incident.id not in self._on_simulated:
            known = (self._map.measure(name) for name in incident.measures)
            streams = {measure.stream for measure in known if measure is not None}
            end = incident.started_at + timedelta(minutes=1)
            found = simulated_streams(self._parts, incident.started_at, end)
            self._on_simulated[incident.id] = bool(streams) and streams <= found
        return self._on_simulated[incident.id]

    def _beside(
        self,
        incident: Incident,
        impacts: Sequence[MeasureImpact],
        subscriber: Subscriber,
        now: datetime,
    ) -> tuple[list[Beside], Sum | None]:
        """People's time and credits, which are of no one process, and the cost with them."""
        parts = beside(self._parts, [incident], now)[incident.id]
        added = [p for p in parts if p.adds and p.money and p.money.currency == self._map.currency]
        if not added:
            return [], None
        found = [
            Beside(title=PART_TITLES[p.name], money=present_sum(p.money)) for p in added if p.money
        ]
        if subscriber.processes:
            return found, None
        total = total_money(impacts, self._carriers, self._map.currency)
        return found, present_sum(plus(total, added).money)

    def _taken_back(self, name: str, now: datetime) -> list[Note]:
        """To everybody who was told of an incident that is none."""
        notes = []
        version = self._parts.store.incidents.get(name)
        for subscriber in self._subscribers:
            heard = self._heard([name], subscriber)
            if not heard or heard[-1].kind == TAKEN_BACK or version is None:
                continue
            told = Telling(
                kind="taken_back",
                company=self._map.company,
                zone=subscriber.zone,
                at=now,
                incident=name,
                title=version.incident.title,
                before=self._sum(heard[-1]),
                path=f"incidents/{name}",
            )
            times = sum(one.kind == TAKEN_BACK for one in heard)
            rule = f"{TAKEN_BACK}:{times + 1}"
            notes.append(self._note(name, rule, subscriber, told))
        return notes

    def _sum(self, said: Said) -> Sum:
        return Sum(low=said.low, mid=said.mid, high=said.high, currency=self._map.currency)

    def _note(self, incident: str, rule: str, subscriber: Subscriber, told: Telling) -> Note:
        payload = told.model_dump_json(exclude_none=True)
        return Note(incident, rule, subscriber.name, payload, told.at, self._generation)

    def _remember(self, note: Note) -> None:
        cost = Telling.model_validate_json(note.payload).cost
        zero = Decimal(0)
        ends = (cost.low, cost.mid, cost.high) if cost else (zero, zero, zero)
        self._said[note.incident, note.subscriber].append((note.created_at, Said(note.rule, *ends)))

    def _heard(self, of: Sequence[str], subscriber: Subscriber) -> list[Said]:
        """What a subscriber was told of these incidents, oldest first."""
        keys = [(name, subscriber.name) for name in of]
        found = [one for key in keys if key in self._said for one in self._said[key]]
        return [said for _, said in sorted(found, key=lambda one: one[0])]

    def _merged(self, incidents: Mapping[str, Incident]) -> dict[str, list[str]]:
        """Incidents that were told of and are gone, by the one that each is a part of now.

        Under "" those that are part of none.
        """
        found: dict[str, list[str]] = defaultdict(list)
        for name in {incident for incident, _ in self._said}:
            if name in incidents:
                self._heirs.pop(name, None)
                continue
            if self._heirs.get(name) not in incidents:
                self._heirs[name] = self._heir(name, incidents)
            found[self._heirs[name]].append(name)
        return found

    def _heir(self, name: str, incidents: Mapping[str, Incident]) -> str:
        seen: set[str] = set()
        while name and name not in incidents and name not in seen:
            seen.add(name)
            version = self._parts.store.incidents.get(name)
            name = version.incident.merged_into if version else ""
        return name if name in incidents else ""
