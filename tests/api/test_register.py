"""Incidents from signals, from the business alone and from people, put together; over restarts."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from api.assess.register import Register
from enrich.edited import Edited
from enrich.edits import Action, Dismiss, Edit, Start, Title, Undo
from enrich.eras import Era
from enrich.incident import Incident
from impact.shortfall import Shortfall
from ingest.events import Signal
from store.incidents import IncidentVersion
from tests.api.app import Toll

pytestmark = pytest.mark.engine

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SHORT = Shortfall("checkout/payments", NOW - 80 * MINUTE, None, 1.5, 0.8)


class Assessing:
    """A register whose findings are stored as the assessor stores them."""

    def __init__(self, toll: Toll) -> None:
        loaded = toll.parts.map
        graphs = (loaded.graph, loaded.resolver)
        era = Era(NOW - timedelta(days=1), loaded.map.version, lambda: graphs)
        self._store, self._eras = toll.parts.store, [era]
        self.ticks = 0
        self.restart()

    def restart(self) -> None:
        self._register = Register(self._store, self._eras)

    def look(self, *shortfalls: Shortfall) -> Edited:
        self.ticks += 1
        now = NOW + self.ticks * timedelta(seconds=10)
        found = self._register.look(now, shortfalls)
        changed, gone = self._register.changed(found)
        self._store.incidents.insert(
            [IncidentVersion(i, now, 1) for i in changed]
            + [IncidentVersion(i, now, 1, gone=True) for i in gone]
        )
        return found

    def edit(self, incident: str, action: Action) -> str:
        number = uuid.uuid4().hex[:10]
        made_at = NOW + self.ticks * timedelta(seconds=10) + timedelta(seconds=1)
        self._store.edits.insert([Edit(number, incident, made_at, "on-call", "why", action)])
        return number

    def alert(self, started_at: datetime) -> None:
        signal = Signal(
            f"s{started_at}",
            "monitoring",
            "alert",
            "firing",
            "critical",
            {"provider": "stripe"},
            "Payment provider answers with errors",
            "stripe-errors",
            started_at,
            received_at=started_at,
        )
        self._store.insert_signals([signal])


@pytest.fixture
def assessing(toll: Toll) -> Assessing:
    return Assessing(toll)


def only(found: Edited) -> Incident:
    (incident,) = found.incidents.values()
    return incident


def test_a_signal_that_comes_late_takes_the_business_first_incident_in_with_its_start(assessing):
    alone = only(assessing.look(SHORT))
    assert (alone.kind, alone.started_at) == ("business", SHORT.start)
    assessing.alert(NOW - 15 * MINUTE)
    technical = only(found := assessing.look(SHORT))
    assert (technical.kind, technical.started_at) == ("outage", NOW - 15 * MINUTE)
    assert technical.red_since == SHORT.start
    assert found.gone[alone.id].merged_into == technical.id
    # the same after a restart, though nobody has looked at the business since
    assessing.restart()
    assert assessing.look(SHORT).incidents == found.incidents
    assert assessing.look().incidents == found.incidents


def test_where_the_signal_was_no_incident_the_business_is_one_again(assessing):
    alone = only(assessing.look(SHORT))
    assessing.alert(NOW - 15 * MINUTE)
    technical = only(assessing.look(SHORT))
    assessing.edit(technical.id, Dismiss())
    found = assessing.look(SHORT)
    assert only(found).id == alone.id
    assert found.gone.keys() == {technical.id}


def test_a_dismissed_shortfall_does_not_open_again_while_it_lasts(assessing):
    alone = only(assessing.look(SHORT))
    dismissed = assessing.edit(alone.id, Dismiss())
    assert assessing.look(SHORT).incidents == {}
    assessing.restart()
    assert assessing.look(SHORT).incidents == {}
    assessing.edit(alone.id, Undo(dismissed))
    assert only(assessing.look(SHORT)).id == alone.id


def test_a_corrected_one_goes_on_from_what_was_found(assessing):
    alone = only(assessing.look(SHORT))
    edit = assessing.edit(alone.id, Start(NOW - 100 * MINUTE))
    assessing.edit(alone.id, Title("Nobody can pay"))
    corrected = only(assessing.look(SHORT))
    assert (corrected.started_at, corrected.ended_at) == (NOW - 100 * MINUTE, None)
    assessing.restart()
    assert only(assessing.look(SHORT)) == corrected
    over = only(assessing.look())  # nothing is red any more: it ends by itself
    assert over.ended_at is not None and over.title == "Nobody can pay"
    assessing.restart()
    assessing.edit(alone.id, Undo(edit))
    assert only(assessing.look()).started_at == SHORT.start


def test_its_corrected_start_is_the_one_that_is_kept(assessing):
    alone = only(assessing.look(SHORT))
    assessing.edit(alone.id, Start(NOW - 100 * MINUTE))
    assessing.look(SHORT)
    assessing.alert(NOW - 15 * MINUTE)
    assert only(assessing.look(SHORT)).red_since == NOW - 100 * MINUTE
    assessing.restart()
    assert only(assessing.look(SHORT)).red_since == NOW - 100 * MINUTE


def test_what_has_not_changed_is_not_stored_again(assessing, toll):
    assessing.look(SHORT)
    assessing.alert(NOW - 15 * MINUTE)
    technical = only(assessing.look(SHORT))
    for _ in range(3):
        assessing.look(SHORT)
    assert len(toll.parts.store.incidents.life(technical.id)) == 1
