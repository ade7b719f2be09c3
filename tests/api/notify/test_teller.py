"""Which notes a tick queues, over a real store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from api.notify.messages import lines
from api.notify.subscribers import Subscriptions
from api.notify.teller import Teller
from api.notify.telling import Telling
from enrich.edits import Response
from enrich.incident import Incident
from impact.model import DRAWS, MeasureImpact
from store.incidents import IncidentVersion
from tests.api.app import euros, priced
from tests.api.notify.notes import MINUTE, NOON, episode, incident, subscriber

pytestmark = pytest.mark.engine

OVER = incident(ended_at=NOON - 10 * MINUTE)


class Office:
    """A teller, the incidents there are, and what was issued for them."""

    def __init__(self, toll, *subscribers) -> None:
        self.parts = toll.parts
        self.parts.subscriptions = Subscriptions(subscribers or (subscriber(),))
        self.now = NOON
        self.incidents: dict[str, Incident] = {}
        self.issued: dict[str, list[MeasureImpact]] = {}
        self.generation = self.parts.store.incidents.take_generation("test")
        self.restart()

    def restart(self, **more) -> None:
        self.teller = Teller(self.parts, self.generation, **more)

    def costs(self, mid: int, name: str = "i1", spread: int = 1000, **more) -> list[str]:
        """An incident that is priced so, a minute later; gives the rules that ask for notes.

        told: whether the tick comes as far as telling.
        """
        found, told = more.pop("incident", None) or incident(name), more.pop("told", True)
        money = {"lost": euros(str(mid - spread), str(mid), str(mid + spread))}
        self.now += MINUTE
        draws = {"money:lost": tuple(np.linspace(mid - spread, mid + spread, DRAWS).tolist())}
        impact = priced(name, self.now, **{"money": money, "draws": draws, **more})
        self.parts.store.estimates.insert([impact], self.generation)
        self.incidents[name], self.issued[name] = found, [impact]
        return self.tell() if told else []

    def follow(self, *subscribers) -> None:
        """The file names these from now on; the next tick takes it up."""
        self.parts.subscriptions = Subscriptions(subscribers)

    def told(self, to: str) -> list[str]:
        """The rules of the notes that the last tick queued for one subscriber."""
        return [rule for name, rule, _ in self.notes if name == to]

    def tell(self) -> list[str]:
        notes = self.teller.tell(self.incidents, lambda n: self.issued.get(n, []), self.now)
        self.notes = [(n.subscriber, n.rule, Telling.model_validate_json(n.payload)) for n in notes]
        return [note.rule for note in notes]

    def gone(self, name: str, **more) -> None:
        version = replace(self.incidents.pop(name), **more)
        self.parts.store.incidents.insert(
            [IncidentVersion(version, self.now, self.generation, gone=True)]
        )


@pytest.fixture
def office(toll):
    return Office(toll)


def test_the_note_has_what_was_known(office):
    assert office.costs(9_999) == []
    assert office.costs(12_000) == ["over:10000"]
    [(to, _, told)] = office.notes
    assert to == "sales" and told.cost is not None and told.cost.mid == Decimal(12_000)
    assert (told.level, told.next_at) == (Decimal(10_000), Decimal(20_000))
    assert told.processes == ["Web checkout"] and told.customers is None
    assert told.company == "Example Shop" and told.path == "incidents/i1"
    assert told.cause.startswith("Stripe (provider)") and told.forecast
    assert [n.rule for n in office.parts.store.outbox.find()] == ["over:10000"]


def test_restarts_and_failovers_say_nothing_twice(office):
    assert office.costs(12_000) == ["over:10000"]
    for _ in range(3):
        office.generation = office.parts.store.incidents.take_generation("another")
        office.restart()
        assert office.costs(13_000) == []
    assert office.costs(21_000) == ["over:20000"]
    office.restart()
    assert office.costs(18_000, state="final") == ["final"]
    office.restart()
    assert office.costs(18_500, state="restated") == []
    assert office.costs(25_000, state="restated") == ["restated:1"]
    [(_, _, told)] = office.notes
    assert told.before is not None and told.before.mid == Decimal(18_000)
    office.restart()
    assert office.costs(25_000, state="restated") == []


def test_merged_incidents_are_one_for_who_was_told(office):
    assert office.costs(12_000, "i1") == ["over:10000"]
    office.gone("i1", merged_into="i2")
    assert office.costs(15_000, "i2") == []
    assert office.costs(30_000, "i2") == ["over:20000"]
    assert office.tell() == []


def test_what_was_no_incident_is_taken_back(office):
    office.costs(12_000)
    office.gone("i1", dismissed=True)
    assert office.tell() == ["taken_back:1"]
    [(_, _, told)] = office.notes
    assert told.before is not None and told.before.mid == Decimal(12_000)
    assert office.tell() == []
    office.restart()
    assert office.tell() == []


def test_history_that_is_imported_tells_nobody(office):
    long_over = incident(ended_at=NOON - timedelta(days=30))
    assert office.costs(90_000, state="final", incident=long_over) == []
    yesterday = incident("i2", ended_at=NOON - timedelta(days=1))
    assert office.costs(90_000, "i2", state="final", incident=yesterday) == ["final"]


def test_maintenance_simulated_data_and_silent_feeds_tell_nobody(office):
    assert office.costs(90_000, "m", incident=incident("m", kind="maintenance")) == []
    made_up = incident("s", episodes=(episode("simulator"),))
    assert office.costs(90_000, "s", incident=made_up) == []
    assert office.costs(90_000, "f", method="modelled") == []
    office.restart(simulated=True)
    assert office.costs(90_000, "d") == []
    assert office.parts.store.outbox.find() == []


def test_each_subscriber_hears_of_its_own(toll):
    office = Office(
        toll,
        subscriber("sales", processes=("checkout",)),
        subscriber("support", processes=("support",)),
        subscriber("cheap", above=Decimal(100)),
        subscriber("board", above=None),
    )
    office.costs(12_000)
    assert [(to, rule) for to, rule, _ in office.notes] == [
        ("sales", "over:10000"),
        ("cheap", "over:6400"),
    ]


def test_without_subscribers_nothing_is_read(office, monkeypatch):
    office.parts.subscriptions = Subscriptions()
    monkeypatch.setattr(office.parts.store.outbox, "find", None)
    office.restart()
    assert office.costs(90_000) == []


def test_who_is_added_while_it_runs_hears_once_of_what_burns(office):
    office.costs(12_000)
    office.follow(subscriber(), subscriber("desk"))
    office.costs(13_000)
    assert [(to, rule) for to, rule, _ in office.notes] == [
        ("desk", "over:10000"),
    ]
    office.restart()
    assert office.costs(14_000) == []


def test_who_is_added_hears_nothing_of_what_was_final_before(office):
    assert office.costs(30_000, state="final", incident=OVER) == ["final"]
    office.follow(subscriber(), subscriber("desk"))
    office.now += 5 * MINUTE
    assert office.tell() == []
    office.costs(60_000, state="restated", incident=OVER)
    assert office.told("sales") == ["restated:1"] and office.told("desk") == []
    office.gone("i1", dismissed=True)
    office.tell()
    assert office.told("sales") == ["taken_back:1"] and office.told("desk") == []


def test_of_what_is_over_only_what_becomes_known_later_is_told(office):
    """Its forecast had passed the amount before they came: the next double is new, and the end."""
    past = {"incident": OVER, "effect": (NOON - 60 * MINUTE, NOON - 10 * MINUTE)}
    assert office.costs(12_000, **past) == ["over:10000"]
    office.follow(subscriber(), subscriber("desk"))
    office.now += MINUTE
    assert office.tell() == []
    office.costs(19_000, **past)
    assert office.told("desk") == []
    office.costs(21_000, **past)
    assert office.told("desk") == ["over:20000"]
    office.costs(21_000, **past, state="final")
    assert office.told("desk") == ["final"]


def test_the_final_number_of_what_was_settling_is_told(office):
    past = {"incident": OVER, "effect": (NOON - 60 * MINUTE, NOON - 10 * MINUTE)}
    office.costs(9_000, **past)
    office.follow(subscriber(), subscriber("desk"))
    office.now += MINUTE
    assert office.tell() == []
    office.costs(11_000, **past, state="final")
    assert office.told("desk") == ["final"]


def test_what_still_costs_though_its_alarms_are_quiet_is_told(office):
    assert office.costs(12_000, incident=OVER) == ["over:10000"]  # its effect lasts
    office.follow(subscriber(), subscriber("desk"))
    office.now += MINUTE
    assert office.tell() == ["over:10000"]


def test_what_is_learned_of_the_past_after_somebody_came_is_told(office):
    office.tell()
    assert office.costs(30_000, state="final", incident=OVER) == ["final"]


def test_restarts_and_failovers_make_nobody_new(office):
    office.follow(subscriber(), subscriber("desk"))
    assert office.tell() == []  # whoever was active then may have died right after
    office.now += MINUTE
    office.costs(30_000, state="final", incident=OVER, told=False)
    office.generation = office.parts.store.incidents.take_generation("another")
    office.restart()
    office.now += MINUTE
    office.tell()
    assert office.told("sales") == office.told("desk") == ["final"]


def test_an_assessor_that_sees_the_file_later_makes_nobody_newer(office):
    """The one that was active before it had seen the file, and the number became final since."""
    old, new = office.parts.subscriptions, (subscriber(), subscriber("desk"))
    office.follow(*new)
    office.tell()
    office.parts.subscriptions = old
    office.restart()
    office.costs(30_000, state="final", incident=OVER)
    assert office.told("desk") == []
    office.follow(*new)
    office.now += MINUTE
    office.tell()
    assert office.told("desk") == ["final"]


def test_another_amount_makes_nobody_new(office):
    office.tell()
    office.costs(30_000, state="final", incident=OVER, told=False)
    office.follow(subscriber(above=Decimal(20_000)))
    assert office.tell() == ["final"]


def test_who_had_the_weekly_report_alone_is_new_to_notes(office):
    office.follow(subscriber(), subscriber("board", above=None))
    office.costs(30_000, state="final", incident=OVER)
    office.follow(subscriber(), subscriber("board"))
    office.now += MINUTE
    assert office.tell() == []


def test_people_s_time_stands_beside_what_was_lost_and_in_the_sum_of_both(office):
    office.costs(12_000, incident=incident(response=Response(4, Decimal(2))))
    [(_, rule, note)] = office.notes
    assert rule == "over:10000" and note.cost is not None and note.cost.mid == 12_000
    [beside] = note.beside
    assert (beside.title, beside.money.mid) == ("People's time", 4 * 2 * 85)
    assert note.whole is not None and note.whole.mid == 12_680
    said = lines(note, "https://toll.example.com", "sales")
    assert "without people's time and service credits" in said.lead
    facts = dict(said.facts)
    assert facts["People's time, whole incident"].startswith("EUR 680 (")
    assert facts["In all, with that"].startswith("EUR 12,680 (")


def test_who_hears_of_some_processes_gets_no_sum_that_is_of_all(toll):
    office = Office(toll, subscriber(processes=("checkout",)))
    office.costs(12_000, incident=incident(response=Response(4, Decimal(2))))
    [(_, _, note)] = office.notes
    assert note.beside and note.whole is None


def test_without_anything_beside_it_the_number_is_the_whole(office):
    office.costs(12_000)
    [(_, _, note)] = office.notes
    assert note.beside == [] and note.whole is None
    assert " in all, between " in lines(note, "", "sales").lead
