"""What a simulated shop sends is never taken for business, wherever it sends it to."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from api.ask.simulated import is_all_simulated, simulated_streams
from api.demo.world import STREAMS
from api.notify.dispatcher import Dispatcher
from api.notify.subscribers import Weekly
from api.report.issue import issue_report
from api.report.week import Week
from api.simulated.drive import declaration
from tests.api.notify.notes import MINUTE, NOON, incident, subscriber
from tests.api.notify.test_teller import Office
from tests.api.report.facts import OVER, the_week

pytestmark = pytest.mark.engine


def declare(toll, first: datetime = NOON - timedelta(days=30), until: datetime = NOON, **more):
    toll.http.post("/v1/signals/generic", json=[declaration(first, until, "now") | more])
    toll.ingest()


def business(*measures: str):
    return replace(incident(kind="business", root=""), measures=measures)


def test_the_shop_names_every_stream_of_its_map(toll):
    assert not simulated_streams(toll.parts, NOON, NOON + MINUTE)
    declare(toll)
    assert simulated_streams(toll.parts, NOON, NOON + MINUTE) == set(STREAMS)
    assert is_all_simulated(toll.parts.map.map, set(STREAMS))
    assert not simulated_streams(toll.parts, NOON + timedelta(days=1), NOON + timedelta(days=2))


def test_nobody_else_s_word_makes_data_simulated(toll):
    declare(toll, source="monitoring")
    assert not simulated_streams(toll.parts, NOON, NOON + MINUTE)


def test_a_shortfall_of_simulated_streams_wakes_nobody_but_who_asked_for_it(toll):
    declare(toll)
    office = Office(toll, subscriber(), subscriber("erp", simulated=True))
    assert office.costs(12_000, incident=business("checkout/payments")) == ["over:10000"]
    [(who, _, note)] = office.notes
    assert who == "erp" and note.simulated


def test_a_shortfall_of_other_streams_is_real(toll):
    declare(toll, labels={"simulated_streams": "calls"})
    office = Office(toll, subscriber())
    assert office.costs(12_000, incident=business("checkout/payments")) == ["over:10000"]


def test_the_signal_is_no_gap_of_the_map_and_opens_nothing(toll):
    declare(toll)
    assert toll.ask("/v1/coverage")["unmatched_signals"] == []
    toll.assess(NOON)
    assert toll.ask("/v1/incidents") == []


def test_a_report_of_simulated_data_says_so_first(toll):
    the_week(toll)
    declare(toll, until=OVER)
    report = issue_report(toll.parts, Week(2026, 46), OVER)
    assert report.facts.simulated == "all"
    head = report.text.partition("outages cost about")[0]
    assert "All of this is simulated" in head


def test_the_weekly_report_of_simulated_data_goes_to_who_asked_for_it(make_post):
    weekly = Weekly(6, 12, 0, "UTC")
    board = subscriber("board", above=None, weekly=weekly)
    post = make_post(board, replace(board, name="tester", simulated=True))
    zone = ZoneInfo(post.toll.parts.map.map.timezone)
    declare(post.toll, until=Week.last_over(NOON, zone).bounds(zone)[1])
    dispatcher: Dispatcher = post.another(reports=lambda *_: None)
    dispatcher._take_up()
    dispatcher._queue_reports(NOON, post.generation)
    assert list(post.states()) == [f"tester weekly:{Week.last_over(NOON, zone).name}"]
