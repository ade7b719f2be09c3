"""From the facts of a note to words: one set of lines, written as text, HTML, Slack, Teams. Pure.

Slack: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks (header at most
150 characters, a section's text 3,000, ten fields of 2,000). Teams: the webhook of Workflows, which
takes a message with one Adaptive Card (https://adaptivecards.io/explorer), at most 28 KB.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from api import words
from api.http.schemas import Sum
from api.notify import headline
from api.notify.telling import Telling
from api.report import sentences

_HEADER, _FIELD = 150, 2000
_CARD = 12_000  # bytes of facts: of 28,000 for all, what cannot be over it with the rest
_AGAIN = "You may have this already: whether the first try arrived is not known."


@dataclass(frozen=True, slots=True)
class Lines:
    """A note in words, before any way of writing."""

    subject: str
    lead: str  # one or two sentences
    facts: tuple[tuple[str, str], ...]
    link: str  # of the page; "" without one
    link_says: str
    foot: str
    alarm: bool  # something is being lost
    items: tuple[tuple[str, str], ...] = ()  # what is worth a paragraph each: (heading, text)


def lines(told: Telling, address: str, subscriber: str, *, again: bool = False) -> Lines:
    """The words of a note to one subscriber. address: of Toll's pages, without a slash at the end.

    again: a try before this one may have arrived.
    """
    subject, lead = _said(told)
    if told.simulated:
        subject, lead = f"[simulated] {subject}", f"These data are simulated. {lead}"
    return Lines(
        subject=_one_line(subject),
        lead=f"{_AGAIN} {lead}" if again else lead,
        facts=tuple(_facts(told)),
        link=f"{address}/{told.path}" if told.path else "",
        link_says=_link_says(told),
        foot=_foot(told, subscriber),
        alarm=told.kind == "over",
        items=tuple(headline.items(told.headline)) if told.headline else (),
    )


def _said(told: Telling) -> tuple[str, str]:
    """(subject, the first sentences)."""
    who = _listed(told.processes) or told.company
    cost = words.money(told.cost) if told.cost else "nothing"
    match told.kind:
        case "over":
            assert told.level is not None and told.cost is not None
            passed = words.amount(told.level, told.cost.currency)
            how = "is forecast to cost" if told.forecast else "has cost"
            return (
                f"{who}: an outage costs more than {passed}",
                f"{told.title}. It {how} {cost}{_without(told)}, between {_ends(told.cost)}.",
            )
        case "final":
            return f"{who}: the outage is over and cost {cost}", f"{told.title}. {_final(told)}"
        case "restated":
            before = words.money(told.before) if told.before else "what was told"
            return (
                f"{who}: the outage cost {cost}, not {before}",
                f"{told.title}. More is known by now, or somebody corrected it. {_final(told)}",
            )
        case "taken_back":
            before = words.money(told.before) if told.before else "a cost"
            return (
                f"{who}: no outage after all",
                f"{told.title}. You were told of {before}. It has been found to be no incident, "
                "and is in no total any more.",
            )
        case "weekly":
            if told.headline is not None:
                return told.title, told.headline.lead
            return told.title, f"The weekly report of {told.company}, {told.week}."
        case "test":
            return (
                f"A test note from Toll, {told.company}",
                "If you can read this, notes reach you.",
            )


def _link_says(told: Telling) -> str:
    if told.kind == "weekly":
        return "The weekly report"
    return "The incident, live" if told.kind == "over" else "The incident"


def _final(told: Telling) -> str:
    if told.cost is None:
        return "No cost can be given."
    return f"It cost {words.money(told.cost)}{_without(told)}, between {_ends(told.cost)}."


def _without(told: Telling) -> str:
    """Whether the number is the whole cost."""
    return " without people's time and service credits" if told.beside else " in all"


def _ends(cost: Sum) -> str:
    low, high = (words.plain_amount(end, cost.currency) for end in (cost.low, cost.high))
    zero = ", which includes zero" if cost.low <= 0 <= cost.high else ""
    return f"{low} and {high} (nine times in ten{zero})"


def _facts(told: Telling) -> list[tuple[str, str]]:
    if told.headline is not None:
        return list(headline.figures(told.headline))
    zone = ZoneInfo(told.zone)
    found: list[tuple[str, str]] = []
    if told.started_at is not None:
        since = _clock(told.started_at, zone)
        if told.ended_at is None:
            found.append(("Since", f"{since}, {words.age(told.started_at, told.at)} so far"))
        else:
            until = _clock(told.ended_at, zone)
            lasted = words.age(told.started_at, told.ended_at)
            found.append(("Lasted", f"{since} to {until}, {lasted}"))
    if told.so_far is not None:
        so_far = sentences.plain_sum(told.so_far)
        found.append(("So far", f"{so_far}, before anything comes back"))
    if told.per_minute and told.cost is not None:
        each = words.amount(told.per_minute, told.cost.currency)
        found.append(("Each minute more", each))
    found += [("What", effect) for effect in told.effects]
    found += [
        (f"{part.title}, whole incident", sentences.plain_sum(part.money)) for part in told.beside
    ]
    if told.whole is not None:
        found.append(("In all, with that", sentences.plain_sum(told.whole)))
    if told.kind != "taken_back":
        found += [
            (name, text)
            for name, text in (
                ("Likely cause", told.cause.replace("->", "→")),
                ("Changed before", told.change),
                ("Customers hit", "" if told.customers is None else f"{told.customers:,}"),
                ("Owner", ", ".join(told.owners)),
            )
            if text
        ]
    return found


def _foot(told: Telling, subscriber: str) -> str:
    if told.kind == "over" and told.next_at is not None and told.cost is not None:
        following = words.amount(told.next_at, told.cost.currency)
        what = f"The next note comes at {following}, or when the number is final. "
    elif told.kind in ("final", "restated"):
        what = "Another note comes only if the number turns out beyond its range. "
    else:
        what = ""
    return f"{what}Toll sent this to '{subscriber}'; the settings of Toll say who is told what."


def _clock(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%a %d %b %H:%M %Z")


def _listed(names: Sequence[str]) -> str:
    if len(names) > 2:
        return f"{names[0]} and {len(names) - 1} more"
    return " and ".join(names)


def _one_line(text: str) -> str:
    """A subject cannot hold a line break, and what an alert says may."""
    return " ".join(text.split())


def as_text(note: Lines) -> str:
    """Plain text, lines as long as they are: every reader wraps them."""
    parts = [note.lead, "\n".join(f"{name}: {text}" for name, text in note.facts)]
    parts += [f"{heading}\n{text}" for heading, text in note.items]
    parts += [f"{note.link_says}: {note.link}"] if note.link else []
    return "\n\n".join(part for part in [*parts, f"-- \n{note.foot}"] if part) + "\n"


def as_html(note: Lines) -> str:
    """HTML that mail programs show: tables and inline styles, no script, nothing from elsewhere."""
    return str(_template().render(note=note))


@cache  # compiling takes longer than filling
def _template() -> Any:
    return Environment(
        loader=PackageLoader("api.notify"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("note.html")


def as_slack(note: Lines) -> dict[str, Any]:
    """The body for an incoming webhook of Slack; `text` is what notifications show."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(note.subject, _HEADER)}},
        {"type": "section", "text": {"type": "mrkdwn", "text": _mrkdwn(note.lead, 3000)}},
    ]
    fields = [
        {"type": "mrkdwn", "text": f"*{_mrkdwn(name, 100)}*\n{_mrkdwn(text, _FIELD - 200)}"}
        for name, text in note.facts
    ]
    blocks += [{"type": "section", "fields": fields[n : n + 10]} for n in range(0, len(fields), 10)]
    blocks += [{"type": "divider"}] if note.items else []
    blocks += [
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": f"*{_mrkdwn(heading, 300)}*\n{_mrkdwn(text, 2600)}"},
        }
        for heading, text in note.items
    ]
    if note.link:
        link = f"<{note.link}|{note.link_says}>"
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": link}})
    foot = {"type": "mrkdwn", "text": _mrkdwn(note.foot, _FIELD)}
    blocks.append({"type": "context", "elements": [foot]})
    return {"text": _mrkdwn(f"{note.subject}. {note.lead}", 3000), "blocks": blocks[:50]}


def _mrkdwn(text: str, most: int) -> str:
    """Text in which nothing is a link, a mention or a mark: Slack wants three signs escaped.

    What would make a word bold or struck out gets a sign of no width before it.
    """
    cut = _cut(text, most // 2)
    escaped = cut.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([*_~`])", "\u200b\\1", escaped)


def as_teams(note: Lines) -> dict[str, Any]:
    """The body for a webhook of Teams' Workflows: one message with one Adaptive Card."""
    body: list[dict[str, Any]] = [
        {
            "type": "TextBlock",
            "text": _markdown(note.subject),
            "size": "Large",
            "weight": "Bolder",
            "color": "Attention" if note.alarm else "Default",
            "wrap": True,
        },
        {"type": "TextBlock", "text": _markdown(note.lead), "wrap": True},
    ]
    facts = [{"title": name, "value": _markdown(text)} for name, text in note.facts]
    while len(json.dumps(facts, ensure_ascii=False).encode()) > _CARD:
        facts.pop()
    if facts:
        body.append({"type": "FactSet", "facts": facts})
    for heading, text in note.items:
        body += [
            {
                "type": "TextBlock",
                "text": _markdown(heading),
                "weight": "Bolder",
                "wrap": True,
                "separator": True,
                "spacing": "Medium",
            },
            {"type": "TextBlock", "text": _markdown(text), "wrap": True, "spacing": "None"},
        ]
    body.append(
        {
            "type": "TextBlock",
            "text": _markdown(note.foot),
            "size": "Small",
            "isSubtle": True,
            "wrap": True,
        }
    )
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
    }
    if note.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": note.link_says, "url": note.link}]
    kind = "application/vnd.microsoft.card.adaptive"
    return {
        "type": "message",
        "attachments": [{"contentType": kind, "contentUrl": None, "content": card}],
    }


def _markdown(text: str) -> str:
    """Text for a card, in which a few signs of Markdown would make links, lists or emphasis."""
    return re.sub(r"([\\*_\[\]`])", r"\\\1", _cut(text, 800))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def as_cloudevent(told: Telling, key: str, note: Lines) -> dict[str, Any]:
    """The body for a generic webhook: a CloudEvent whose id is the note's, at every attempt.

    `data` has the facts, and the words beside them.
    """
    facts = told.model_dump(mode="json", exclude={"path", "zone"}, exclude_none=True)
    return {
        "specversion": "1.0",
        "id": key,
        "source": "toll",
        "type": f"dev.toll.note.{told.kind}.v1",
        "subject": told.incident or told.week or "test",
        "time": told.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": {**facts, "subject": note.subject, "text": note.lead, "url": note.link},
    }
