"""What follows the first page: processes, incidents, changes, risks, method. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from zoneinfo import ZoneInfo

from api import words
from api.report import sentences
from api.report.blocks import Block, Bullets, Column, Heading, Picture, Table, Text
from api.report.first_page import QUESTIONS, against, hours_table
from api.report.model import Case, ProcessWeek, WeeklyReport
from api.report.week import Week

DETAILED = 20  # incidents with a section of their own; the others are rows of a table
_NEAR = 12


def sections(report: WeeklyReport, shown: Mapping[str, tuple[Picture, ...]]) -> Iterator[Block]:
    """The blocks after the first page. shown: pictures by incident."""
    if report.processes:
        yield Heading("Process by process")
        yield from _sums(report)
        for process in report.processes:
            yield from _process(process, report)
    yield from _incidents(report, shown)
    yield from _planned(report)
    yield from _near_misses(report)
    yield from _changes(report)
    yield from _risks(report)
    if rest := report.questions[QUESTIONS:]:
        yield Heading("More open questions")
        yield Bullets(tuple(rest))
    yield Heading("How this is counted")
    for paragraph in report.method:
        yield Text(paragraph)


def _sums(report: WeeklyReport) -> Iterator[Block]:
    """What each process lost; they add up to the whole."""
    rows = [
        (p.title, f"{p.incidents}", *_cost(p))
        for p in report.processes
        if p.cost is not None or p.volumes
    ]
    if report.beside is not None:
        sums = (words.money(report.beside), words.money_range(report.beside))
        rows.append(("People's time and service credits", "", *sums))
    if len(rows) > 1 and report.cost is not None:
        total = (words.money(report.cost), words.money_range(report.cost))
        rows.append(("All together", f"{len(report.outages)}", *total))
        columns = (
            Column("Process"),
            Column("Outages", right=True),
            Column("Cost", right=True),
            Column("Range", right=True),
        )
        yield Table(columns, tuple(rows), total=True)


def _cost(process: ProcessWeek) -> tuple[str, str]:
    """The middle and the range; a dash where no incident touched anything that has a price."""
    if process.cost is None:
        return "–", "–"
    return words.money(process.cost), words.money_range(process.cost)


def _process(process: ProcessWeek, report: WeeklyReport) -> Iterator[Block]:
    yield Heading(process.title, 2)
    yield Text(_fate(process, report.currency))
    if process.units:
        yield Bullets(tuple(u.says for u in process.units))
    if process.volumes:
        usual = max(v.weeks for v in process.volumes)
        before = f"Mean of {words.counted(usual, 'week')} before" if usual else "Usual"
        rows = [
            (v.title, f"{v.came:,}", "–" if v.usual is None else f"{v.usual:,.0f}", against(v))
            for v in process.volumes
        ]
        if process.value is not None:
            usual_value = process.value_usual
            rows.append(
                (
                    "Taken in",
                    sentences.whole(process.value, report.currency),
                    "–" if usual_value is None else sentences.whole(usual_value, report.currency),
                    "–"
                    if not usual_value
                    else sentences.change(float(process.value / usual_value) - 1.0),
                )
            )
        columns = (
            Column("Carried"),
            Column("This week", right=True),
            Column(before, right=True),
            Column("Change", right=True),
        )
        yield Table(columns, tuple(rows))
    elif report.has_data:
        yield Text("Nothing is counted of it that reaches back through the week.", "quiet")


def _fate(process: ProcessWeek, currency: str) -> str:
    """How a process fared, in sentences."""
    said = []
    times = words.counted(process.incidents, "outage")
    if process.incidents and process.cost is not None and sentences.is_clear(process.cost):
        said.append(f"{sentences.upper(times)} cost it {sentences.plain_sum(process.cost)}.")
    elif process.incidents and process.cost is None:
        said.append(f"{sentences.upper(times)} hurt it; what that cost is not known in {currency}.")
    elif process.incidents:
        said.append(f"{sentences.upper(times)} hurt it, without a clear loss of money.")
    else:
        said.append("No outage hurt it.")
    if process.cost_before is not None and process.cost_before.low > 0:
        said.append(f"The week before cost {sentences.plain_sum(process.cost_before)}.")
    if process.delivered is not None:
        said.append(f"It delivered {100 * process.delivered.mid:.1f} % of the expected value.")
    blind = process.minutes.get("only_business_red", 0)
    trouble = blind + process.minutes.get("both_red", 0)
    if trouble:
        unseen = f", {sentences.spell(blind)} of it without any alarm" if blind else ""
        said.append(f"It was in trouble for {sentences.spell(trouble)}{unseen}.")
    if process.hour is not None:
        hour = words.money(process.hour.cost)
        said.append(f"An hour without it costs up to {hour} ({process.hour.when}).")
    return " ".join(said)


def _incidents(report: WeeklyReport, shown: Mapping[str, tuple[Picture, ...]]) -> Iterator[Block]:
    cases = [c for c in report.cases if c.kind != "maintenance" and (c.felt or _costs(c))]
    if not cases:
        return
    yield Heading("Incident by incident")
    for case in cases[:DETAILED]:
        yield from _case(case, shown.get(case.id, ()), ZoneInfo(report.timezone))
    if rest := cases[DETAILED:]:
        yield Heading("The others", 2)
        yield _rows(rest)


def _costs(case: Case) -> bool:
    return case.cost is not None and sentences.is_clear(case.cost)


def _case(case: Case, pictures: tuple[Picture, ...], zone: ZoneInfo) -> Iterator[Block]:
    yield Heading(f"{case.name}, {sentences.began(case.started_at, zone)}", 2)
    forecast = ", which is still a forecast" if case.cost_is == "forecast" else ""
    cost = f" It cost {sentences.plain_sum(case.cost)}{forecast}." if case.cost else ""
    yield Text(f"{case.when}.{cost}")
    yield Text(case.cause)
    if case.units:
        yield Bullets(tuple(u.says for u in case.units))
    yield from _parts(case)
    for picture in pictures:
        yield Text(picture.text, "quiet", keep=True)
        yield replace(picture, text="")


def _parts(case: Case) -> Iterator[Block]:
    """What the cost is the sum of, where that is more than one thing."""
    if len(case.parts) < 2:
        return
    rows = [
        (
            part.title + ("" if part.added else ", not added"),
            words.money(part.money) if part.money else f"{words.units_range(part.hours)} h",
            words.money_range(part.money) if part.money else "–",
        )
        for part in case.parts
    ]
    columns = (Column("Part of the cost"), Column("Cost", right=True), Column("Range", right=True))
    yield Table(columns, tuple(rows))


def _rows(cases: list[Case]) -> Block:
    rows = [
        (
            case.name,
            case.when,
            words.money(case.cost) if case.cost else "–",
            words.money_range(case.cost) if case.cost else "–",
        )
        for case in cases
    ]
    columns = (
        Column("What"),
        Column("When"),
        Column("Cost", right=True),
        Column("Range", right=True),
    )
    return Table(columns, tuple(rows))


def _planned(report: WeeklyReport) -> Iterator[Block]:
    cases = [c for c in report.cases if c.kind == "maintenance"]
    if cases:
        yield Heading("Planned maintenance")
        if report.planned is not None:
            cost = sentences.plain_sum(report.planned)
            yield Text(f"It cost {cost}, which is in no other sum.")
        yield _rows(cases)


def _near_misses(report: WeeklyReport) -> Iterator[Block]:
    if report.near_misses:
        yield Heading("Near misses")
        yield Text("Systems reported these faults, and the business did not suffer measurably.")
        found = [f"{miss.name}: {miss.when}." for miss in report.near_misses[:_NEAR]]
        if (more := len(report.near_misses) - _NEAR) > 0:
            found.append(f"{words.counted(more, 'other')} of the same kind.")
        yield Bullets(tuple(found))


def _changes(report: WeeklyReport) -> Iterator[Block]:
    found = report.restatements
    yield Heading("Changes since the last report")
    if found is None:
        yield Text("This is the first report.")
        return
    since = f"the report of week {Week.parse(found.since).number}"
    few = sentences.upper(words.counted(found.small, "other number" if found.cases else "number"))
    small = f" {few} changed by less than 1 %." if found.small else ""
    if not found.cases:
        yield Text(f"What {since} said still stands.{small}")
        return
    yield Text(f"What {since} said, what is known now, and why it is another number.{small}")
    rows = [
        (
            f"{r.name} (week {Week.parse(r.week).number})",
            words.money(r.before) if r.before else "not counted",
            words.money(r.now) if r.now else "not counted",
            r.why,
        )
        for r in found.cases
    ]
    if len(rows) > 1:
        before, now = (words.amount(s, report.currency) for s in (found.sum_before, found.sum_now))
        rows.append(("Together", before, now, ""))
    columns = (
        Column("Incident"),
        Column("Said then", right=True),
        Column("Known now", right=True),
        Column("Why"),
    )
    yield Table(columns, tuple(rows), total=len(rows) > 1)


def _risks(report: WeeklyReport) -> Iterator[Block]:
    hours = hours_table(report)
    if hours is None and not report.single_points:
        return
    yield Heading("What would hurt most")
    if hours is not None:
        yield Text("An hour wholly without a process, at its busiest:", keep=True)
        yield hours
    if report.single_points:
        alone = "Each of these alone, if it failed, takes at least half of a process with it:"
        yield Text(alone, keep=True)
        points = [
            (s.title, sentences.listed(s.processes), words.money(s.hour) if s.hour else "–")
            for s in report.single_points
        ]
        columns = (Column("What"), Column("Stops"), Column("An hour", right=True))
        yield Table(columns, tuple(points))
