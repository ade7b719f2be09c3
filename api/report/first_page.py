"""The report's first page: all that somebody with one minute needs. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from api import words
from api.http.schemas import Sum
from api.report import pictures, sentences
from api.report.blocks import (
    Block,
    Bullets,
    Column,
    Figure,
    Figures,
    Heading,
    Item,
    Pair,
    Ranked,
    Table,
    Text,
    Tone,
)
from api.report.model import ProcessWeek, Provider, Volume, WeeklyReport
from api.report.week import Week

QUESTIONS = 4  # on the first page; the others stand at the end
_PROVIDERS = 3
_NEAR = 3


def title(report: WeeklyReport) -> str:
    """What the report is called."""
    return f"{report.company}: what outages cost" if report.company else "What outages cost"


def subtitle(report: WeeklyReport) -> str:
    """Which week, and as of when."""
    week = Week.parse(report.week)
    first, last = week.monday, week.sunday
    month = "" if first.month == last.month else f" {first:%B}"
    year = "" if first.year == last.year else f" {first.year}"
    at = report.issued_at.astimezone(ZoneInfo(report.timezone))
    issued = "as known" if report.provisional else "issued"
    return (
        f"Week {week.number}, {first.day}{month}{year} to {last.day} {last:%B %Y}, "
        f"{issued} {at:%a} {at.day} {at:%b %Y %H:%M} ({report.timezone})"
    )


def first_page(report: WeeklyReport) -> Iterator[Block]:
    """The blocks of the first page."""
    if report.provisional:
        why = report.waits_for or "this week is not over, or nothing is known of it yet"
        yield Text(f"Provisional: {why}. It has not been issued.", "warning")
    if report.simulated:
        what = "All of this is" if report.simulated == "all" else "Some of what is counted here is"
        yield Text(f"{what} simulated: a made-up shop, to try Toll out.", "warning")
    yield Text(report.lead, "lead")
    yield Figures(tuple(_figures(report)))
    if (trend := pictures.trend(report.trend, report.currency)) is not None:
        yield trend
    if report.biggest:
        yield from _biggest(report)
    elif report.has_data:
        yield Heading("What the business carried")
        yield carried(report)
        yield from _at_stake(report)
    yield Pair(tuple(_providers(report)), tuple(_seen(report)))
    yield Pair(tuple(_better(report)), tuple(_questions(report)))


def _figures(report: WeeklyReport) -> Iterator[Figure]:
    if report.cost is not None:
        tone: Tone = "loss" if report.cost.low > 0 else "plain"
        nothing = report.cost.low == report.cost.mid == report.cost.high == 0
        ends = "nothing was lost" if nothing else words.money_range(report.cost)
        yield Figure("Outages cost", words.money(report.cost), ends, tone)
    else:
        yield Figure("Outages", f"{len(report.outages)}", sentences.unpriced(report.apart))
    if report.change is not None and report.cost_before is not None:
        change, before = report.change, words.money(report.cost_before)
        if sentences.is_clear(change):
            more = change.mid > 0
            sign = "+" if more else "−"
            value = f"{sign} {words.amount(abs(change.mid), change.currency)}"
            note = f"{_ends(change)}; last week {before}"
            told: Tone = "loss" if more else "gain"
            yield Figure("Against last week", value, note, told)
        else:
            same = change.low == change.high == 0
            value = "No change" if same else "No clear change"
            last = before if same else f"{before}; {words.money_range(report.cost_before)}"
            yield Figure("Against last week", value, f"last week {last}")
    known = [week for week in report.trend[:-1] if week.cost is not None]
    if report.usual is not None:
        usual = words.amount(report.usual, report.currency)
        of = f"mean of {words.counted(len(known), 'week')} before"
        yield Figure("A usual week", usual, of)
    blind = report.perception
    cost = f"cost {words.money(blind.blind_cost)}" if blind.blind_cost else "no alarm, yet trouble"
    yield Figure(
        "Trouble nobody saw",
        sentences.spell(blind.blind_minutes),
        cost if blind.blind_minutes else _all_seen(report),
    )


def _at_stake(report: WeeklyReport) -> Iterator[Block]:
    """Of a week that lost nothing: what could have been lost."""
    if (hours := hours_table(report)) is not None:
        yield Heading("What an hour would have cost")
        yield hours
    if report.near_misses:
        yield Heading("Near misses")
        found = [f"{miss.name}: {miss.when}." for miss in report.near_misses[:_NEAR]]
        if (more := len(report.near_misses) - _NEAR) > 0:
            found.append(f"{words.counted(more, 'more')} on the next pages.")
        yield Bullets(tuple(found))


def hours_table(report: WeeklyReport) -> Table | None:
    """What an hour wholly without each process costs at its busiest; None where none is priced."""
    rows = [
        (p.title, p.hour.when, words.money(p.hour.cost), words.money_range(p.hour.cost))
        for p in report.processes
        if p.hour is not None
    ]
    columns = (
        Column("Process"),
        Column("Busiest"),
        Column("An hour", right=True),
        Column("Range", right=True),
    )
    return Table(columns, tuple(rows)) if rows else None


def _ends(change: Sum) -> str:
    """The range of a certain change, as much as the sign before its middle says."""
    return words.money_range(change if change.mid > 0 else sentences.turned(change))


def _all_seen(report: WeeklyReport) -> str:
    return "alarms saw all there was" if report.perception.both_minutes else "there was no trouble"


def _biggest(report: WeeklyReport) -> Iterator[Block]:
    cases = {case.id: case for case in report.cases}
    found = [cases[name] for name in report.biggest]
    yield Heading("The three biggest" if len(found) == 3 else "The biggest")
    yield Ranked(
        tuple(
            Item(
                case.name,
                words.money(case.cost) if case.cost else "no price",
                words.money_range(case.cost) if case.cost else "",
                f"{case.when}. {case.cause}",
            )
            for case in found
        )
    )


def carried(report: WeeklyReport) -> Block:
    """What every process carried, beside what is usual."""
    rows = [
        (
            process.title if number == 0 else "",
            volume.title,
            f"{volume.came:,}",
            against(volume),
            value_of(process, report) if number == 0 else "",
        )
        for process in report.processes
        for number, volume in enumerate(process.volumes)
    ]
    columns = (
        Column("Process"),
        Column("Counted"),
        Column("This week", right=True),
        Column("Against usual", right=True),
        Column("Taken in", right=True),
    )
    return Table(columns, tuple(rows)) if rows else Text("Nothing was counted.")


def against(volume: Volume) -> str:
    """This week against the weeks before: + 3 %."""
    if not volume.usual:
        return "–"
    return sentences.change(volume.came / volume.usual - 1.0)


def value_of(process: ProcessWeek, report: WeeklyReport) -> str:
    """What a process took in."""
    return "–" if process.value is None else sentences.whole(process.value, report.currency)


def _providers(report: WeeklyReport) -> Iterator[Block]:
    yield Heading("What providers cost us")
    if not report.providers:
        yield Text("No outside company was the cause of an outage.")
        return
    shown = [_provider(p) for p in report.providers[:_PROVIDERS]]
    if more := len(report.providers) - _PROVIDERS:
        shown += [f"{words.counted(more, 'other')} cost less."] if more > 0 else []
    yield Bullets(tuple(shown))


def _provider(provider: Provider) -> str:
    times = words.counted(provider.incidents, "outage")
    cost = sentences.plain_sum(provider.cost) if provider.cost else "no price"
    said = f"{provider.title}: {cost} in {times}"
    if provider.promised is not None:
        promise = f"{provider.promised:g} %"
        said += f"; up {100 * provider.available:.2f} % of the time, {promise} promised"
    if provider.fee is not None:
        said += f"; it is paid {words.money(provider.fee)} a week"
    return f"{said}."


def _seen(report: WeeklyReport) -> Iterator[Block]:
    """The perception gap in sentences."""
    yield Heading("What alarms showed, and what was")
    seen, said = report.perception, []
    if not report.processes:
        yield Text("No business process is described yet.")
        return
    if seen.blind_minutes:
        cost = f", which cost {sentences.plain_sum(seen.blind_cost)}" if seen.blind_cost else ""
        said.append(
            f"Without any alarm, business was in trouble for "
            f"{sentences.spell(seen.blind_minutes)}{cost}."
        )
    if seen.both_minutes:
        cost = f", which cost {sentences.plain_sum(seen.both_cost)}" if seen.both_cost else ""
        said.append(
            f"Alarms and business agreed on trouble for {sentences.spell(seen.both_minutes)}{cost}."
        )
    if seen.false_minutes:
        said.append(
            f"Alarms sounded for {sentences.spell(seen.false_minutes)} in which no trouble of the "
            "business could be made out."
        )
    if not said:
        said.append("Alarms and business agreed: neither was in trouble.")
    yield Bullets(tuple(said))


def _better(report: WeeklyReport) -> Iterator[Block]:
    yield Heading("What got better")
    if report.better:
        yield Bullets(tuple(report.better))
    else:
        yield Text("Nothing that the numbers bear out.")


def _questions(report: WeeklyReport) -> Iterator[Block]:
    yield Heading("Open questions")
    if not report.questions:
        yield Text("None.")
        return
    yield Bullets(tuple(report.questions[:QUESTIONS]))
    if (more := len(report.questions) - QUESTIONS) > 0:
        yield Text(f"{words.counted(more, 'more question')} at the end.", "quiet")
