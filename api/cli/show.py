"""What commands print for people: tables that fit 80 columns, plain where the output is piped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from api import words
from api.cli.output import Output
from api.cli.spark import against, in_bins

if TYPE_CHECKING:  # models are dear to import: `toll --help` does without
    from api.ask.silent import Silent
    from api.http import schemas

_WIDTH = 80
# Why an hour of an outage has no price, which is not to say that it costs nothing.
NO_HOUR = "nothing that it stops carries money by the hour, or it has no usual week yet"
_SMALL = 8  # characters of a picture in a table

# (process, measure) -> what was and what was to be expected, bin by bin
Lines: TypeAlias = Mapping[tuple[str, str], tuple[Sequence[float | None], Sequence[float]]]
NO_LINES: Lines = MappingProxyType({})


def console() -> Console:
    """Standard output; colours only on a terminal, and never narrower than a table needs."""
    plain = Output(highlight=False, markup=False)
    return plain if plain.is_terminal else Output(highlight=False, markup=False, width=_WIDTH)


def burning(
    found: Sequence[schemas.Incident], out: Console, now: datetime, lines: Lines | None = NO_LINES
) -> None:
    """Open incidents, the dearest first, with what their measures did in the last hours.

    lines: None for no more than what each is called and costs.
    """
    if not found:
        out.print("Nothing is burning.", style="green")
    for one in sorted(found, key=lambda i: -(i.per_minute or 0)):
        if lines is not None:
            out.print()
        out.print(Text(f"{one.title}  [{one.state}]", style="bold red"))
        for line in _cost_lines(one):
            indented(out, line, 2)
        if lines is None:
            continue
        age = words.age(one.started_at, now)
        indented(out, one.explanation, 2, "dim")
        indented(out, f"since {_time(one.started_at)} UTC ({age}), id {one.id}", 2, "dim")
        for impact in one.impacts:
            said = f"{impact.process_title}: {words.sentence(impact)}"
            indented(out, said, 4, mark="- ")
            if (impact.process, impact.measure) in lines:
                sparks(out, *lines[impact.process, impact.measure], by=4, kind=impact.kind)
            for warning in impact.warnings:
                if warning not in said:
                    indented(out, warning, 4, "yellow")


def silent(found: Sequence[Silent], out: Console, *, brief: bool = False) -> None:
    """Measures without data, in both readings; in brief, which they are."""
    for one in found:
        if not brief:
            out.print()
        out.print(Text(one.headline, style="bold yellow"))
        if brief:
            continue
        age = words.age(one.since, one.as_of)
        indented(out, f"no data after {_time(one.since)} UTC ({age})", 2)
        indented(out, one.stakes, 2)
        indented(out, one.evidence, 2, "dim")


def processes(found: Sequence[dict[str, Any]], out: Console, lines: Lines = NO_LINES) -> None:
    """Every measure: the last hour, the usual hour, what an hour of outage costs."""

    from api.http import schemas

    table = new_table("Process", "Measure", "4 hours", "1 hour", "Usual", "Without it")
    for number in (3, 4, 5):
        table.columns[number].justify = "right"
    remarks = []
    for process in found:
        hour = process["hour_now"]
        cost = words.money(schemas.Sum.model_validate(hour)) + "/h" if hour else "–"
        for number, measure in enumerate(process["measures"]):
            usual = measure["expected"] and schemas.Units.model_validate(measure["expected"])
            line = lines.get((process["process"], measure["measure"]))
            table.add_row(
                process["title"] if number == 0 else "",
                measure["title"],
                _small(line, out, measure["kind"]) if line else "",
                words.count(measure["actual"]),
                words.units_range(usual) if usual else "–",
                cost if number == 0 else "",
            )
            if not usual and measure["why"]:
                remarks.append(f"{measure['title']}: {measure['why']}")
    out.print()
    out.print(table)
    for remark in remarks:
        indented(out, remark, 0, "dim")


def sparks(
    out: Console,
    actual: Sequence[float | None],
    expected: Sequence[float],
    by: int,
    kind: str = "flow",
) -> None:
    """Two lines to one scale: what was to be expected, and what was."""
    usual, was = against(actual, expected, out, kind)
    for label, line in (("usual", usual), ("was", was)):
        out.print(Text.assemble(" " * by, (f"{label:<6}", "dim"), line), overflow="crop")


def _small(line: tuple[Sequence[float | None], Sequence[float]], out: Console, kind: str) -> Text:
    """Actual against expected in a few characters, for a table."""
    actual, expected = in_bins(line[0], _SMALL), in_bins(line[1], _SMALL)
    return against(actual, [e or 0.0 for e in expected], out, kind)[1]


def incidents(found: Sequence[schemas.Incident]) -> None:
    """One line an incident."""
    out = console()
    if not found:
        out.print("No incident yet.")
        return
    for one in found:
        lasted = words.age(one.started_at, one.ended_at)
        cost = (
            f"{words.money(one.cost)} ({words.money_range(one.cost)})" if one.cost else one.summary
        )
        when = f"{one.id}  {_time(one.started_at)}  {lasted:<11}  "
        if len(when) + len(cost) > out.width:  # a number that cannot be given says why
            out.print(Text(when.rstrip()))
            indented(out, cost, 4, "bold")
        else:
            out.print(Text.assemble(when, (cost, "bold")))
        indented(out, one.title, 4, "dim")


def cost_parts(parts: Sequence[schemas.CostPart], out: Console) -> None:
    """What a cost is the sum of, each part with what it rests on."""
    for part in parts:
        said = f"{part.title}: "
        if part.money:
            said += f"{words.money(part.money)} ({words.money_range(part.money)})"
            said += "" if part.added else ", not added"
        elif part.hours:
            said += f"{words.units_range(part.hours)} h"
        else:
            said += "not known"
        indented(out, said, 2)
        indented(out, part.rests_on, 4, "dim")


def impact(found: schemas.Incident) -> None:
    """One incident with all its numbers."""
    out = console()
    out.print(Text(f"{found.title}  [{found.state}]", style="bold"))
    out.print(f"{found.explanation}")
    ended = _time(found.ended_at) if found.ended_at else "now"
    out.print(
        f"{_time(found.started_at)} to {ended} UTC, {words.counted(found.signals, 'signal')}",
        style="dim",
    )
    if found.trigger:
        out.print(f"likely trigger: {found.trigger.summary} at {_time(found.trigger.at)}")
    for line in _cost_lines(found):
        out.print(line, style="bold")
    cost_parts(found.parts, out)
    for one in found.impacts:
        out.print()
        out.print(f"{one.process_title}: {one.measure_title}", style="bold")
        indented(out, words.sentence(one), 2)
        table = new_table("", "Low", "Middle", "High", numbers_from=1)
        for name, units in one.units.items():
            row = (words.units(v) for v in (units.low, units.mid, units.high))
            table.add_row(words.words(name), *row)
        for name, sum_ in one.money.items():
            ends = (words.amount(v, sum_.currency) for v in (sum_.low, sum_.mid, sum_.high))
            table.add_row(f"{words.words(name)}, money", *ends)
        if table.row_count:
            out.print(Padding(table, (0, 0, 0, 2)))
        indented(out, _rests_on(one), 2, "dim")
        for warning in one.warnings:
            indented(out, warning, 2, "yellow")


def reach(found: dict[str, Any]) -> None:
    """Whom a node reaches, in sentences, and what that costs."""

    from api.http import schemas

    out = console()
    for line in found["words"]:
        out.print(line)
    cost = found["cost_of_an_hour"]
    for name in ("now", "peak", "tonight"):
        hour = cost[name]
        if hour["cost"] is None:
            continue
        sum_ = schemas.Sum.model_validate(hour["cost"])
        out.print(
            f"An hour without it {name if name != 'peak' else 'at the peak'} ({hour['hour']}): "
            f"{words.money(sum_)} ({words.money_range(sum_)})"
        )
    if cost["peak"]["cost"] is None:
        out.print(f"An hour without it has no price: {NO_HOUR}.")
    for left_out in cost["not_counted"]:
        out.print(f"not counted: {left_out}", style="dim")


def coverage(found: dict[str, Any]) -> None:
    """Every gap, in words."""
    out = console()
    if found["streams"]:
        table = new_table("Stream", "From", "To", "Events", "Statuses")
        for stream in found["streams"]:
            first, last = stream["first_minute"], stream["last_minute"]
            events, statuses = words.count(stream["events"]), ", ".join(stream["statuses"])
            table.add_row(stream["stream"], minute(first), minute(last), events, statuses)
        out.print(table)
    gaps = {
        "processes without measures": found["processes_without_measures"],
        "processes without data": found["processes_without_volume"],
        "measures without data": found["measures_without_data"],
        "measures without a value": found["measures_without_value"],
        "services that no process needs": found["services_without_process"],
        "other nodes that no process needs": found["orphans"],
        "streams that no measure reads": found["streams_without_measure"],
        "processes without an owner": found["processes_without_owner"],
        "owners whom nobody can reach": [o["owner"] for o in found["stale_owners"]],
    }
    for name, gap in gaps.items():
        if gap:
            out.print(f"{name}: {', '.join(gap)}")
    for signals in found["unmatched_signals"]:
        labels = ", ".join(f"{k}={v}" for k, v in signals["labels"].items()) or "without labels"
        like = f", perhaps on {signals['node']}" if signals["node"] else ""
        verb = "matches" if signals["count"] == 1 else "match"
        out.print(f"{words.counted(signals['count'], 'signal')} {verb} no node: {labels}")
        if signals["match"]:
            indented(out, f"{signals['match']}{like}", 4, "dim")
    for mistake in found["map_refused"]:
        out.print(f"the changed map is refused: {mistake}", style="bold red")
    for reason, count in found["dead_letters"].items():
        out.print(f"{words.counted(count, 'dead letter')}: {reason}")
    others = ("unmatched_signals", "dead_letters", "map_refused")
    if not any(gaps.values()) and not any(found[name] for name in others):
        out.print("No gaps: every process has data, every signal a node.", style="green")


def dead_letters(found: Sequence[dict[str, Any]]) -> None:
    """One line each."""
    out = console()
    if not found:
        out.print("No dead letters.", style="green")
        return
    table = new_table("Place", "Reason", "What was found")
    for one in found:
        place = f"{one['topic']}/{one['partition']}/{one['offset']}/{one['line']}"
        table.add_row(place, one["reason"], one["detail"])
    out.print(table)


def indented(out: Console, text: str, by: int, style: str = "", mark: str = "") -> None:
    """A paragraph whose every line is indented; `mark` stands before its first line."""
    shown = Text(mark + text, style=style)
    lines = shown.wrap(out, max(20, out.width - by))
    for number, line in enumerate(lines):
        line.rstrip()
        lead = by - len(mark) if number == 0 else by
        out.print(Text(" " * lead) + line)


def new_table(*columns: str, numbers_from: int | None = None) -> Table:
    """An empty table without lines; columns from `numbers_from` on are numbers."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        right = numbers_from is not None and number >= numbers_from
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    return table


def _cost_lines(one: schemas.Incident) -> list[str]:
    """What it has cost and costs a minute; below, what of it stays, as the page says it."""
    if one.cost is None:
        return [one.summary]
    parts = []
    if one.cost_so_far and one.state != "settled":
        parts.append(f"{words.money(one.cost_so_far)} so far")
    if one.per_minute:
        parts.append(f"{words.amount(one.per_minute, one.cost.currency)} a minute")
    said = f"{words.money(one.cost)} ({words.money_range(one.cost)})"
    if one.cost_is != "forecast":
        return [*([", ".join(parts)] if parts else []), f"cost {said}"]
    stays = "if it ended now, would stay lost" if one.state == "open" else "will stay lost"
    return [*([", ".join(parts)] if parts else []), f"{stays}: {said}"]


def _rests_on(one: schemas.Impact) -> str:
    parts = [one.state, words.words(one.method), f"data until {_time(one.data_until)} UTC"]
    if days := one.inputs.get("history_days"):
        parts.append(f"{days:.0f} days of history")
    if one.evidence.failed_keys is not None:
        parts.append(f"{one.evidence.failed_keys} keys failed and never succeeded")
    if one.evidence.customers is not None:
        parts.append(f"{one.evidence.customers} customers hit")
    return ", ".join(parts)


def minute(moment: str) -> str:
    """A moment of an answer, to the minute: 2026-11-22 10:15."""
    return moment[:16].replace("T", " ")


def span(found: Mapping[str, Any]) -> str:
    """The time that an answer is about."""
    return f"{minute(found['start'])} to {minute(found['end'])} UTC"


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
