"""The words of notes, in each way of writing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.notify.messages import as_cloudevent, as_html, as_slack, as_teams, as_text, lines
from tests.api.notify.notes import NOON, euros_sum, outgoing, told

ANY = st.text(max_size=4000)
BEFORE = euros_sum("9000.00", "12300.00", "15000.00")


def subject(**more) -> str:
    return outgoing(**more).lines.subject


def test_the_subject_says_it_all():
    assert subject() == "Web checkout: an outage costs more than EUR 10,000"
    assert subject(processes=["Web checkout", "Support"]).startswith("Web checkout and Support: ")
    assert subject(processes=["A", "B", "C"]).startswith("A and 2 more: ")
    assert subject(kind="final") == "Web checkout: the outage is over and cost EUR 10,900"
    assert (
        subject(kind="restated", before=BEFORE)
        == "Web checkout: the outage cost EUR 10,900, not EUR 12,300"
    )
    assert subject(kind="taken_back", before=BEFORE) == "Web checkout: no outage after all"
    assert subject(kind="test") == "A test note from Toll, Example Shop"
    assert subject(simulated=True).startswith("[simulated] ")


def test_a_number_never_stands_without_its_range():
    text = as_text(outgoing().lines)
    assert "EUR 10,900 in all, between 7,600 and 15,400 (nine times in ten)" in text
    zero = as_text(outgoing(kind="final", cost=euros_sum("-300", "4300", "9000")).lines)
    assert "between -300 and 9,000 (nine times in ten, which includes zero)" in zero


def test_hours_are_the_subscriber_s():
    assert "Sun 22 Nov 12:34 CET" in as_text(outgoing().lines)
    assert "Sun 22 Nov 06:34 EST" in as_text(outgoing(zone="America/New_York").lines)


@pytest.mark.parametrize("kind", ["over", "final", "restated", "taken_back", "weekly", "test"])
def test_every_kind_can_be_written_every_way(kind):
    facts = told(kind=kind, ended_at=NOON, before=BEFORE, week="2026-W46")
    note = lines(facts, "https://toll.example.com", "sales")
    html = as_html(note)
    assert note.subject in as_text(note) or note.lead in as_text(note)
    assert html.count("<html") == 1 and "<script" not in html and "src=" not in html
    assert as_cloudevent(facts, "k", note)["type"] == f"dev.toll.note.{kind}.v1"


def test_what_an_alert_says_is_text_everywhere():
    evil = '<img src=x onerror="alert(1)"> *bold* <!channel> [link](http://evil.example)'
    note = outgoing(title=evil, effects=[evil], cause=evil).lines
    assert "<img" not in as_html(note) and "&lt;img" in as_html(note)
    slack = str(as_slack(note))
    assert "<!channel>" not in slack and "<img" not in slack and "*bold*" not in slack
    teams = str(as_teams(note))
    assert "[link](" not in teams


@given(ANY, ANY, st.lists(ANY, max_size=40))
def test_slack_s_limits_hold_whatever_alerts_say(title, cause, effects):
    body = as_slack(outgoing(title=title, cause=cause, effects=effects, processes=[title]).lines)
    assert len(body["blocks"]) <= 50
    for block in body["blocks"]:
        assert block.keys() <= {"type", "text", "fields", "elements"}
        if block["type"] == "header":
            assert block["text"]["type"] == "plain_text" and 0 < len(block["text"]["text"]) <= 150
        elif "text" in block:
            assert block["text"]["type"] == "mrkdwn" and 0 < len(block["text"]["text"]) <= 3000
        for part in [*block.get("fields", ()), *block.get("elements", ())]:
            assert part["type"] == "mrkdwn" and 0 < len(part["text"]) <= 2000
        assert len(block.get("fields", ())) <= 10


TEXT_BLOCK = {"type", "text", "size", "weight", "color", "wrap", "isSubtle"}  # of the card's schema


def test_the_card_has_what_the_schema_of_adaptive_cards_knows():
    body = as_teams(outgoing().lines)
    assert body.keys() == {"type", "attachments"} and body["type"] == "message"
    [attachment] = body["attachments"]
    card = attachment["content"]
    assert card["type"] == "AdaptiveCard" and card["version"] == "1.4"
    assert card.keys() == {"$schema", "type", "version", "msteams", "body", "actions"}
    for part in card["body"]:
        if part["type"] == "FactSet":
            assert all(fact.keys() == {"title", "value"} for fact in part["facts"])
        else:
            assert part["type"] == "TextBlock" and part.keys() <= TEXT_BLOCK
            assert part.get("size", "Default") in {"Default", "Small", "Medium", "Large"}
            assert part.get("color", "Default") in {"Default", "Attention"}
    [action] = card["actions"]
    assert action == {
        "type": "Action.OpenUrl",
        "title": "The incident, live",
        "url": "https://toll.example.com/incidents/20261122-5b1c2d3e4f",
    }


@given(ANY, st.lists(ANY, max_size=40))
def test_a_card_stays_below_what_teams_takes(title, effects):
    note = outgoing(title=title, effects=effects, cause=title).lines
    assert len(json.dumps(as_teams(note), ensure_ascii=False).encode()) <= 28_000
