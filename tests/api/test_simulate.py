"""The simulated shop as a sender: to a Toll elsewhere, over HTTP, and again where it left off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from api.client import Client
from api.simulated.drive import HttpSender, Kept, Simulation, demo_map, go_on, keep, take_up
from ingest.events import SIMULATED_LABEL
from tests.api.app import SHOP, alert, ndjson, payment

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Notes:
    """A sender that only keeps what it is given."""

    def __init__(self):
        self.sent, self.told = [], []

    def business(self, ndjson, *, history):
        self.sent.append((ndjson.count(b"\n") + 1, history))
        return self.sent[-1][0]

    def signals(self, found, /):
        self.told.extend(found)

    def close(self):
        pass


class OneTurn:
    """A stop signal that is given when the simulation would wait."""

    def __init__(self):
        self.over = False

    def is_set(self):
        return self.over

    def wait(self, _):
        self.over = True


def test_its_map_is_the_example_beside_the_sources():
    assert demo_map() == SHOP


def test_it_is_always_the_same_shop_that_sends(tmp_path):
    first = go_on(tmp_path / "demo", NOW)
    assert first.told_until is None
    assert go_on(tmp_path / "demo", NOW + timedelta(days=40)) == first


def test_a_demo_of_its_own_begins_anew_where_its_history_was_cut_off(tmp_path):
    kept = go_on(tmp_path, NOW)
    assert take_up(tmp_path, NOW, fresh=False) != kept


def test_days_it_slept_through_are_sent_as_history(tmp_path):
    now = datetime.now(UTC)
    kept = Kept(7, now - timedelta(days=3), now - timedelta(hours=30))
    keep(tmp_path, kept)
    notes = Notes()
    Simulation(notes, kept, tmp_path, lambda _: None).run(OneTurn())  # type: ignore[arg-type]  # all it asks of an event
    assert [history for _, history in notes.sent] == [True, True]  # a day, and the rest
    assert all(count > 100 for count, _ in notes.sent)
    reached = go_on(tmp_path, now).told_until
    assert reached is not None and reached >= now


def test_it_says_once_an_hour_that_what_it_sends_is_simulated(tmp_path):
    now = datetime.now(UTC)
    kept = Kept(7, now - timedelta(days=3), now - timedelta(minutes=2))
    notes = Notes()
    shop = Simulation(notes, kept, tmp_path, lambda _: None)
    shop.run(OneTurn())  # type: ignore[arg-type]  # all it asks of an event
    shop.run(OneTurn())  # type: ignore[arg-type]  # the same
    said = [s for s in notes.told if s["labels"].get(SIMULATED_LABEL)]
    assert 1 <= len(said) <= 2  # two where the hour has just struck
    assert said[0]["labels"][SIMULATED_LABEL] == "payments carts orders calls"


@pytest.mark.engine
def test_bodies_are_cut_between_lines(toll, monkeypatch):
    monkeypatch.setattr("api.simulated.drive._BODY_BYTES", 400)
    sender = HttpSender(Client("http://localhost", toll.http.send))
    assert sender.business(ndjson([payment(n) for n in range(7)]), history=True) == 7
    sender.signals([alert(NOW)])
    assert len(toll.lines()) == 7
    assert len(toll.lines(toll.parts.settings.signals_topic)) == 1
