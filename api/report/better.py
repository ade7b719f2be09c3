"""What got better: only what the numbers bear out, range against range. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from api.http.present import present_sum
from api.http.schemas import Sum
from api.report import model, sentences
from api.report.gather import Facts
from impact.weekly import difference

MOST = 3


def better(report: model.WeeklyReport, facts: Facts) -> list[str]:
    """At most three improvements, the most telling first; none is an answer, too."""
    if not report.has_data or report.provisional:
        return []
    return list(_found(report, facts))[:MOST]


def _found(report: model.WeeklyReport, facts: Facts) -> Iterator[str]:
    if report.change is not None and report.change.high < 0:
        less = _less(report.change)
        yield f"Outages cost {less} less than the week before."
    yield from _processes(report, facts)
    yield from _quiet(report, facts)
    yield from _blind(report, facts)


def _processes(report: model.WeeklyReport, facts: Facts) -> Iterator[str]:
    """Processes that lost less than the week before, for certain."""
    now, before = facts.outages(facts.week), facts.outages(facts.week.back(1))
    for line in report.processes:
        earlier = facts.book.by_process(before, line.process)
        change = difference(facts.book.by_process(now, line.process), earlier)
        if (
            earlier.count
            and earlier.money.low > 0
            and change.high < 0
            and len(report.processes) > 1
        ):
            less = _less(present_sum(change))
            yield f"{line.title} lost {less} less than the week before."


def _less(change: Sum) -> str:
    """How much less, with its range."""
    return sentences.plain_sum(sentences.turned(change))


def _quiet(report: model.WeeklyReport, facts: Facts) -> Iterator[str]:
    """Causes of the last four weeks that caused nothing this time."""
    roots = {c.incident.root for c in facts.this_week if c.felt}
    times: dict[str, int] = {}
    for back in range(1, 5):
        for case in facts.outages(facts.week.back(back)):
            if case.felt and case.incident.root:
                times[case.incident.root] = times.get(case.incident.root, 0) + 1
    for root, count in sorted(times.items(), key=lambda item: -item[1]):
        if root not in roots and count > 1 and root in facts.loaded.map.nodes:
            title = facts.loaded.map.title(root)
            yield f"{title} hurt nobody, after {count} times in the four weeks before."


def _blind(report: model.WeeklyReport, facts: Facts) -> Iterator[str]:
    last = facts.last
    if last is None or last.week != facts.week.back(1).name:
        return
    now, before = report.perception.blind_minutes, last.perception.blind_minutes
    if before >= 30 and now <= before // 2:
        yield (
            f"The business was in trouble unnoticed for {sentences.spell(now)}, "
            f"after {sentences.spell(before)} the week before."
        )
