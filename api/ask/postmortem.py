"""A postmortem in Markdown: what an incident did, why, what the numbers rest on, what is open.

Written for people, who go on from it in their own words. Pure but for the pictures handed in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from api import words
from api.ask.timeline import Entry, Kind
from api.http import schemas

_LINE: Mapping[Kind, str] = {
    "signal": "signal",
    "cleared": "cleared",
    "change": "change",
    "maintenance": "maintenance",
    "remark": "remark",
    "state": "Toll",
    "estimate": "estimate",
    "edit": "corrected",
    "note": "note",
}
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")


@dataclass(frozen=True, slots=True)
class Picture:
    """The chart of one measure; `source` is what stands in the link."""

    process: str
    measure: str
    about: str  # what it shows, for those who cannot see it
    source: str


@dataclass(frozen=True, slots=True)
class Postmortem:
    """What it is written from."""

    incident: schemas.Incident
    timeline: Sequence[Entry]
    pictures: Sequence[Picture]
    timezone: str
    now: datetime

    def markdown(self) -> str:
        """The whole text."""
        parts = [
            *self._head(),
            *self._cost(),
            *self._why(),
            *self._happened(),
            *self._rests_on(),
            *self._corrected(),
            "## Open questions",
            "\n".join(f"- {question}" for question in self._open()) or "None that Toll can see.",
        ]
        return "\n\n".join(parts) + "\n"

    def _head(self) -> Iterator[str]:
        one = self.incident
        yield f"# {plain(one.title)}"
        ended = self._at(one.ended_at) if one.ended_at else "still going on"
        lasted = words.age(one.started_at, one.ended_at)
        reached = ", ".join(plain(r.title) for r in one.reached) or "no process, by the map"
        rows = [
            f"**{self._cost_in_words()}**",
            "",
            f"- **When:** {self._at(one.started_at)} to {ended} ({lasted}), {self.timezone}",
            f"- **Hit:** {reached}",
            f"- **Cause:** {plain(one.root_title) or 'no signal explains it'}",
            f"- **Incident:** `{one.id}`, {one.kind}, {one.state}, as known {self._at(self.now)}",
        ]
        if one.red_since:
            early = words.lasted(one.started_at - one.red_since)
            rows.append(f"- **Before any signal:** the business was short {early} earlier")
        if one.gone:
            said = f"it is a part of `{one.merged_into}`" if one.merged_into else "it was none"
            rows.append(f"- **Not counted:** {said}")
        yield "\n".join(rows)

    def _cost_in_words(self) -> str:
        one = self.incident
        if one.cost is None:
            return plain(one.summary)
        ends = words.money_range(one.cost)
        is_ = "will come to about" if one.cost_is == "forecast" else "cost"
        return f"It {is_} {words.money(one.cost)} ({ends}, nine times out of ten)."

    def _cost(self) -> Iterator[str]:
        yield "## What it did"
        yield from self._parts()
        for impact in self.incident.impacts:
            name = f"{plain(impact.process_title)}: {plain(impact.measure_title)}"
            yield f"### {name}\n\n{plain(words.sentence(impact))}."
            rows = [
                (words.words(part), *(words.units(v) for v in (r.low, r.mid, r.high)))
                for part, r in impact.units.items()
            ]
            rows += [
                (
                    f"{words.words(part)}, {m.currency}",
                    *_ends(m),
                )
                for part, m in impact.money.items()
            ]
            if rows:
                yield _table(("", "low", "middle", "high"), rows)
            for picture in self.pictures:
                if (picture.process, picture.measure) == (impact.process, impact.measure):
                    yield f"![{plain(picture.about)}]({picture.source})"
        if not self.incident.impacts:
            yield f"{self.incident.summary.capitalize()}."

    def _parts(self) -> Iterator[str]:
        if self.incident.parts:
            head = ("part", "low", "middle", "high", "rests on")
            rows = [
                (
                    plain(part.title) + ("" if part.added or not part.money else ", not added"),
                    *(_ends(part.money) if part.money else ("–", "–", "–")),
                    plain(part.rests_on),
                )
                for part in self.incident.parts
            ]
            currency = next((p.money.currency for p in self.incident.parts if p.money), "")
            yield f"What the cost is the sum of{f', in {currency}' if currency else ''}:"
            yield _table(head, rows)

    def _why(self) -> Iterator[str]:
        one = self.incident
        yield f"## Why\n\n{plain(one.explanation)}."
        if one.trigger:
            yield (
                f"Likely trigger: {plain(one.trigger.summary)} on {plain(one.trigger.node)}, "
                f"{self._at(one.trigger.at)}"
                f" ({words.lasted(one.started_at - one.trigger.at)} before)."
                f"{_link(one.trigger.url)}"
            )
        if one.causes:
            rows = [(str(n), plain(c.title), plain(c.reason)) for n, c in enumerate(one.causes, 1)]
            yield "Nodes that fired, the likeliest cause first:"
            yield _table(("", "node", "why it stands there"), rows)

    def _happened(self) -> Iterator[str]:
        yield f"## What happened\n\nTimes are {self.timezone}."
        rows = []
        for entry in self.timeline:
            who = f"{plain(entry.who)}: " if entry.who else ""
            why = f" ({plain(entry.why)})" if entry.why else ""
            node = f" on {plain(entry.node)}" if entry.node and entry.kind != "cleared" else ""
            text = f"{who}{plain(entry.text)}{node}{why}{_link(entry.url)}"
            rows.append((self._at(entry.at, seconds=True), _LINE[entry.kind], text))
        yield _table(("when", "what", ""), rows)

    def _rests_on(self) -> Iterator[str]:
        yield "## What the numbers rest on"
        lines = [
            "Ranges hold the truth nine times out of ten. Each compares what came with what would "
            "have come without the incident, learned from the measure's own history.",
            "",
        ]
        for impact in self.incident.impacts:
            told = [
                f"{words.words(impact.method)}, {impact.state}",
                f"data until {self._at(impact.data_until)}",
            ]
            if days := impact.inputs.get("history_days"):
                told.append(f"{days:.0f} days of history")
            if impact.evidence.failed_keys is not None:
                told.append(f"{impact.evidence.failed_keys:,} keys failed and never succeeded")
            if impact.evidence.customers is not None:
                told.append(f"{impact.evidence.customers:,} customers hit")
            if impact.share < words.WHOLE:
                told.append(f"{impact.share:.0%} of a shortfall that incidents share")
            name = f"{plain(impact.process_title)}: {plain(impact.measure_title)}"
            lines.append(f"- **{name}:** {', '.join(told)}")
            lines += [f"  - {plain(warning)}" for warning in impact.warnings]
        yield "\n".join(lines)

    def _corrected(self) -> Iterator[str]:
        edits = [entry for entry in self.timeline if entry.kind == "edit"]
        if edits:
            rows = [(self._at(e.at), plain(e.who), plain(e.text), plain(e.why)) for e in edits]
            yield "## What people corrected"
            yield _table(("when", "who", "what", "why"), rows)

    def _open(self) -> Iterator[str]:
        """What Toll cannot know, asked of those who can."""
        one = self.incident
        if one.ended_at is None:
            yield "It is still going on: everything here will change."
        elif one.cost_is == "forecast":
            yield "The cost is a forecast: some of what is missing may still come back."
        if not one.root:
            yield "No signal explains it. What was it, and which alert would have seen it?"
        elif one.trigger is None and one.kind == "outage":
            yield f"What set {plain(one.root_title)} off? No change is known in the hour before."
        if len(one.causes) > 1 and one.causes[0].explains < len(one.causes) - 1:
            yield "The map does not explain all nodes that fired by one cause. Does a need miss?"
        if one.red_since:
            yield "The business fell before the first signal. Which alert would have seen it?"
        if any(e.text.startswith("nothing more was heard of") for e in self.timeline):
            yield "Some signals were never resolved. Are their ends right?"
        named = {impact.process for impact in one.impacts}
        for reached in one.reached:
            if reached.process not in named:
                yield f"{plain(reached.title)} was reached and has no number: what did it lose?"
        for impact in one.impacts:
            if impact.method != "measured":
                name = f"{plain(impact.process_title)}: {plain(impact.measure_title)}"
                yield f"{name} is {words.words(impact.method)}: can it be measured?"
            elif impact.red is False and impact.inputs.get("ever_red", 1.0) == 0.0:
                name = plain(impact.measure_title)
                yield f"The map says that {name} is hit, its numbers do not. Is the map right?"

    def _at(self, moment: datetime, *, seconds: bool = False) -> str:
        local = moment.astimezone(ZoneInfo(self.timezone))
        return local.strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def plain(text: str) -> str:
    """Somebody's text as Markdown shows it: as it was written, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.replace("->", "→").split()))


def _link(url: str) -> str:
    return f" [more](<{url}>)" if re.fullmatch(r"https?://[^\s<>]+", url) else ""


def _ends(sum_: schemas.Sum) -> list[str]:
    return [words.exact(v, sum_.currency) for v in (sum_.low, sum_.mid, sum_.high)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
