"""The weekly report's first page in a few lines, for where only lines can be shown. Pure.

Chat takes no pages and no pictures: what somebody with ten seconds wants to know stands in the
message itself, and the report is a link away. The numbers are those of the report as issued.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import BaseModel, Field

from api import words
from api.http.schemas import Amount, Sum
from api.report import sentences
from api.report.blocks import Block, Column, Table, Text
from api.report.model import WeeklyReport

QUESTIONS = 2


class Biggest(BaseModel):
    """One of the three dearest incidents of the week."""

    incident: str
    name: str = Field(examples=["Stripe failed"])
    when: str = Field(examples=["Tue 10 Nov, 10:02 to 10:48 (46 min)"])
    cause: str = Field(description="The cause in one sentence.")
    cost: Sum | None


class ProcessLine(BaseModel):
    """What outages cost one process in the week."""

    process: str
    title: str
    cost: Sum | None
    outages: int


class Headline(BaseModel):
    """What the first page of a weekly report says in numbers."""

    lead: str = Field(description="The week in one or two sentences.")
    cost: Sum | None = Field(description="What outages cost; null: nothing is priced.")
    apart: list[Sum] = Field(description="What has no rate to the report's currency, in no sum.")
    outages: int
    before: Sum | None = Field(description="Of the week before.")
    change: Sum | None = Field(description="Against the week before, draw by draw.")
    usual: Amount | None = Field(description="Mean of the thirteen weeks before, where known.")
    unseen_minutes: int = Field(description="Business in trouble, and no alarm.")
    unseen_cost: Sum | None
    biggest: list[Biggest]
    processes: list[ProcessLine] = Field(description="Those that the subscriber hears of.")
    better: list[str]
    questions: list[str] = Field(description="The first open ones.")


def headline_of(report: WeeklyReport, processes: Sequence[str] = ()) -> Headline:
    """The headline of a report. processes: those that somebody wants to hear of; () means all."""
    cases = {case.id: case for case in report.cases}
    wanted = [p for p in report.processes if p.process in processes]
    return Headline(
        lead=report.lead,
        cost=report.cost,
        apart=report.apart,
        outages=len(report.outages),
        before=report.cost_before,
        change=report.change,
        usual=report.usual,
        unseen_minutes=report.perception.blind_minutes,
        unseen_cost=report.perception.blind_cost,
        biggest=[
            Biggest(incident=c.id, name=c.name, when=c.when, cause=c.cause, cost=c.cost)
            for c in (cases[name] for name in report.biggest)
        ],
        processes=[
            ProcessLine(process=p.process, title=p.title, cost=p.cost, outages=p.incidents)
            for p in wanted
        ],
        better=report.better,
        questions=report.questions[:QUESTIONS],
    )


def figures(found: Headline) -> Iterator[tuple[str, str]]:
    """(what, how much) of the key numbers: of the reader's own processes, then as the first page.

    The first page is the whole company's, which is said where it stands beneath some processes.
    """
    for line in found.processes:
        yield line.title, sentences.plain_sum(line.cost) if line.cost else _times(line.outages)
    whole = " in all" if found.processes else ""
    if found.cost is not None:
        yield f"Outages cost{whole}", sentences.plain_sum(found.cost)
    else:
        yield f"Outages{whole}", f"{found.outages}; {sentences.unpriced(found.apart)}"
    if found.before is not None and found.change is not None:
        yield "Against last week", _against(found.change, found.before)
    if found.usual is not None and found.cost is not None:
        yield "A usual week", words.amount(found.usual, found.cost.currency)
    unseen = sentences.spell(found.unseen_minutes) if found.unseen_minutes else "none"
    cost = f", which cost {words.money(found.unseen_cost)}" if found.unseen_cost else ""
    yield "Trouble nobody saw", unseen + (cost if found.unseen_minutes else "")


def foreword(found: Headline, company: str) -> Iterator[Block]:
    """What stands above the report in a mail to somebody who hears of some processes alone."""
    if found.processes:
        rows = [
            (
                line.title,
                f"{line.outages:,}",
                words.money(line.cost) if line.cost else "–",
                words.money_range(line.cost) if line.cost else "–",
            )
            for line in found.processes
        ]
        titles = ("Outages", "Cost", "Range")
        columns = (Column("Your processes"), *(Column(title, right=True) for title in titles))
        yield Table(columns, tuple(rows))
    yield Text(
        f"What follows, and its PDF, is the report of all of {company}: "
        "the same for everybody who gets it.",
        "quiet",
    )


def _against(change: Sum, before: Sum) -> str:
    """More or less, with its range where it is certain; else that it is not."""
    last = f"last week {sentences.plain_sum(before)}"
    if not sentences.is_clear(change):
        return f"no clear change; {last}"
    if change.mid > 0:
        return f"{sentences.plain_sum(change)} more; {last}"
    return f"{sentences.plain_sum(sentences.turned(change))} less; {last}"


def _times(outages: int) -> str:
    return words.counted(outages, "outage") if outages else "no outage"


def items(found: Headline) -> Iterator[tuple[str, str]]:
    """(heading, text) of what is worth a paragraph: the biggest, what got better, questions."""
    # No "1.", of which Markdown would make a list.
    for place, one in enumerate(found.biggest, 1):
        cost = sentences.plain_sum(one.cost) if one.cost else "no price"
        yield f"{place} · {one.name}: {cost}", f"{one.when}. {one.cause}"
    if found.better:
        yield "What got better", " ".join(found.better)
    if found.questions:
        yield "Open questions", " ".join(found.questions)
