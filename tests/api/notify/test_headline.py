"""The weekly report where only lines can be shown: its first page in numbers."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from api.notify.headline import foreword, headline_of
from api.notify.messages import Lines, as_cloudevent, as_html, as_slack, as_teams, as_text, lines
from api.notify.telling import Telling
from api.report.blocks import Table, Text
from api.report.model import Case, Perception, ProcessWeek, WeeklyReport
from tests.api.notify.notes import NOON, euros_sum, told
from tests.api.notify.test_messages import TEXT_BLOCK


def weekly_report(**more: Any) -> WeeklyReport:
    """A week with one outage of EUR 10,900, after one of EUR 8,000."""
    lived: dict[str, Any] = {
        "started_at": NOON,
        "ended_at": NOON,
        "root": "stripe",
        "provider": True,
    }
    case = Case(
        id="i1",
        kind="outage",
        name="Stripe failed",
        when="Tue 10 Nov, 10:02 to 10:48 (46 min)",
        cause="Stripe, an outside company, failed and hurt Web checkout by way of Payment.",
        felt=True,
        cost=euros_sum("7600.00", "10900.00", "15400.00"),
        cost_is="final",
        units=[],
        processes=["checkout"],
        **lived,
    )
    checkout = ProcessWeek(
        process="checkout",
        title="Web checkout",
        cost=case.cost,
        cost_before=None,
        incidents=1,
        units=[],
        volumes=[],
        value=None,
        value_usual=None,
        delivered=None,
        hour=None,
        minutes={},
        blind=None,
    )
    given: dict[str, Any] = {
        "week": "2026-W46",
        "starts_at": NOON,
        "ends_at": NOON,
        "issued_at": NOON,
        "provisional": False,
        "timezone": "Europe/Berlin",
        "company": "Example Shop",
        "currency": "EUR",
        "toll": "1",
        "subject": "Example Shop, week 46: outages cost about EUR 10,900",
        "lead": "1 outage cost about EUR 10,900 (7,600 to 15,400).",
        "has_data": True,
        "cost": case.cost,
        "cost_before": euros_sum("7000.00", "8000.00", "9000.00"),
        "change": euros_sum("100.00", "2900.00", "6000.00"),
        "usual": Decimal(2620),
        "planned": None,
        "apart": [],
        "units": [],
        "trend": [],
        "biggest": ["i1"],
        "cases": [case],
        "processes": [checkout],
        "providers": [],
        "perception": Perception(
            blind_minutes=106,
            blind_cost=euros_sum("1280", "3283", "5755"),
            false_minutes=0,
            both_minutes=0,
            both_cost=None,
            unknown_minutes=0,
        ),
        "better": ["Customer support lost EUR 843 less than the week before."],
        "questions": ["What was it?", "Which alarm would have seen it?", "And then?"],
        "near_misses": [],
        "single_points": [],
        "restatements": None,
        "method": [],
        "ledger": [],
    }
    return WeeklyReport(**(given | more))


def weekly_told(**more: Any) -> Telling:
    """The note of that week, to somebody who hears of the checkout."""
    report = weekly_report(**more)
    return told(
        kind="weekly",
        incident="",
        title=report.subject,
        week=report.week,
        headline=headline_of(report, ("checkout",)),
        path="v1/reports/weekly/2026-W46.html",
    )


def note(**more: Any) -> Lines:
    return lines(weekly_told(**more), "https://toll.example.com", "sales")


def test_the_key_numbers_stand_in_the_message_itself():
    said = note()
    assert said.lead == "1 outage cost about EUR 10,900 (7,600 to 15,400)."
    assert said.facts[0] == ("Web checkout", "EUR 10,900 (7,600 to 15,400)")
    assert dict(said.facts) == {
        "Outages cost in all": "EUR 10,900 (7,600 to 15,400)",
        "Against last week": "EUR 2,900 (100 to 6,000) more; last week EUR 8,000 (7,000 to 9,000)",
        "A usual week": "EUR 2,620",
        "Trouble nobody saw": "1 h 46 min, which cost EUR 3,283",
        "Web checkout": "EUR 10,900 (7,600 to 15,400)",
    }
    assert [heading for heading, _ in said.items] == [
        "1 · Stripe failed: EUR 10,900 (7,600 to 15,400)",
        "What got better",
        "Open questions",
    ]
    assert said.items[2][1] == "What was it? Which alarm would have seen it?"
    assert said.link == "https://toll.example.com/v1/reports/weekly/2026-W46.html"


@pytest.mark.parametrize("write", [as_slack, as_teams, as_text, as_html])
def test_every_way_of_writing_has_them(write):
    written = write(note())
    text = written if isinstance(written, str) else json.dumps(written, ensure_ascii=False)
    for number in (
        "EUR 10,900 (7,600 to 15,400)",
        "EUR 2,900 (100 to 6,000) more",
        "Stripe failed",
        "46 min",
    ):
        assert number in text.replace("\\\\", "")


def test_the_card_keeps_to_the_schema_of_adaptive_cards():
    card = as_teams(note())["attachments"][0]["content"]
    blocks = [part for part in card["body"] if part["type"] == "TextBlock"]
    assert {part["type"] for part in card["body"]} == {"TextBlock", "FactSet"}
    assert {part.get("spacing", "Default") for part in blocks} <= {"Default", "None", "Medium"}
    for part in blocks:
        assert part.keys() <= TEXT_BLOCK | {"separator", "spacing"}


def test_a_change_that_is_not_certain_is_none():
    last = "last week EUR 8,000 (7,000 to 9,000)"
    unclear = note(change=euros_sum("-100", "2900", "6000"))
    assert dict(unclear.facts)["Against last week"] == f"no clear change; {last}"
    better = note(change=euros_sum("-6000", "-2900", "-100"))
    assert dict(better.facts)["Against last week"] == f"EUR 2,900 (100 to 6,000) less; {last}"


def test_a_week_with_nothing_lost_and_nothing_known_says_so():
    nothing = euros_sum("0", "0", "0")
    quiet = note(
        lead="No outage hurt the business.",
        cost=nothing,
        cost_before=None,
        change=None,
        usual=None,
        biggest=[],
        cases=[],
        processes=[],
        perception=Perception(
            blind_minutes=0,
            blind_cost=nothing,
            false_minutes=0,
            both_minutes=0,
            both_cost=None,
            unknown_minutes=0,
        ),
        better=[],
        questions=[],
    )
    assert dict(quiet.facts) == {"Outages cost": "EUR 0", "Trouble nobody saw": "none"}
    assert quiet.items == ()
    unpriced = note(cost=None, cost_before=None, change=None, usual=None)
    assert dict(unpriced.facts)["Outages in all"] == "1; nothing that is counted has a price"
    francs = euros_sum("1.00", "2.00", "3.00").model_copy(update={"currency": "CHF"})
    apart = note(cost=None, cost_before=None, change=None, usual=None, apart=[francs])
    assert dict(apart.facts)["Outages in all"] == "1; no rate for their price"


def test_above_the_company_s_report_stand_the_reader_s_processes():
    found = headline_of(weekly_report(), ("checkout",))
    table, whose = foreword(found, "Example Shop")
    assert isinstance(table, Table) and isinstance(whose, Text)
    assert table.rows == (("Web checkout", "1", "EUR 10,900", "7,600 to 15,400"),)
    assert "the report of all of Example Shop" in whose.text
    # A process that came onto the map after the report was issued is not in it.
    assert list(foreword(headline_of(weekly_report(), ("gifts",)), "Example Shop")) == [whose]


def test_a_program_gets_the_numbers_as_numbers():
    event = as_cloudevent(weekly_told(), "k", note())
    found = event["data"]["headline"]
    assert found["cost"]["mid"] == "10900.00" and found["outages"] == 1
    assert found["biggest"][0]["name"] == "Stripe failed"
    assert [p["process"] for p in found["processes"]] == ["checkout"]


def test_a_message_holds_what_chat_takes_however_long_the_names():
    long = "<x> *y* " * 400
    cases = [weekly_report().cases[0].model_copy(update={"name": long, "cause": long})]
    written = note(cases=cases, better=[long], questions=[long, long])
    for block in as_slack(written)["blocks"]:
        assert len(block.get("text", {}).get("text", "")) <= 3000
    assert len(json.dumps(as_teams(written), ensure_ascii=False).encode()) <= 28_000
