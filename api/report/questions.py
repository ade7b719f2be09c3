"""Open questions: what the numbers do not hold yet, and what nobody has told Toll. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from api import words
from api.report import model, sentences
from api.report.gather import Facts
from enrich.model import BusinessMap


def questions(report: model.WeeklyReport, facts: Facts) -> list[str]:
    """Every one, the most important first."""
    return [*_of_the_week(report, facts), *_of_the_data(facts), *_of_the_map(facts)]


def _of_the_week(report: model.WeeklyReport, facts: Facts) -> Iterator[str]:
    live = [c for c in report.cases if c.cost_is == "forecast"]
    if live:
        many = "numbers are" if len(live) > 1 else "number is"
        yield f"{_names(live)}: the {many} still a forecast and will settle within days."
    unknown = [c for c in report.cases if c.kind == "business" and c.felt]
    if unknown:
        yield (
            f"{_names(unknown)}, and no system reported a fault. What was it, and which alarm "
            "would have seen it?"
        )
    for sum_ in report.apart:
        yield (
            f"Another {words.money(sum_)} is in no sum, because the company's map has no rate for "
            f"{sum_.currency}."
        )
    guessed = {
        i.measure_id for case in facts.this_week for i in case.impacts if i.method != "measured"
    }
    if guessed:
        names = _measures(sorted(guessed), facts.loaded.map)
        yield f"{names} could not be measured in every incident: what would it take?"


def _of_the_data(facts: Facts) -> Iterator[str]:
    silent = [s.measure for s in facts.view.silences]
    if silent:
        names = _measures([m.id for m in silent], facts.loaded.map)
        yield f"{names}: nothing has arrived lately. Is the feed silent, or has business stopped?"
    gaps = facts.coverage
    if without := [*gaps.processes_without_measures, *gaps.processes_without_volume]:
        yield f"{_titles(without, facts)}: nothing is counted, so no outage of it has a price."
    missing = [m for m in gaps.measures_without_data if m.partition("/")[0] not in without]
    if missing:
        yield f"{_measures(missing, facts.loaded.map)}: no data have ever arrived."
    if gaps.measures_without_value:
        names = _measures(gaps.measures_without_value, facts.loaded.map)
        yield f"{names}: counted, but nobody has said what one is worth."
    if facts.unread:
        yield (
            f"{words.counted(facts.unread, 'message')} from the company's systems could not "
            "be read, and their content is missing here."
        )


def _of_the_map(facts: Facts) -> Iterator[str]:
    if facts.unmatched:
        yield (
            f"{words.counted(facts.unmatched, 'alarm')} of the week could not be assigned to "
            "anything the company has put on its map."
        )
    for gap in facts.gaps[:2]:
        process = sentences.titled(gap.process, facts.loaded.map)
        times = sentences.times(len(gap.evidence))
        if not gap.node:
            yield f"{process} fell {times} while nothing on the map was in trouble. Why?"
            continue
        node = sentences.titled(gap.node, facts.loaded.map)
        if gap.kind == "fell_unpredicted":
            yield (
                f"{process} fell {times} while {node} was in trouble, though the map says it can "
                "do without. Is the map right?"
            )
        else:
            yield (
                f"{process} went on {times} while {node} was in trouble, though the map says it "
                "cannot do without. Is there a fallback?"
            )
    if owners := facts.coverage.processes_without_owner:
        yield f"{_titles(owners, facts)}: nobody is named as owner."


def _names(cases: Sequence[model.Case]) -> str:
    return sentences.listed(sentences.distinct([case.name for case in cases]))


def _titles(names: Sequence[str], facts: Facts) -> str:
    return sentences.listed([facts.loaded.map.title(name) for name in dict.fromkeys(names)])


def _measures(ids: Sequence[str], business_map: BusinessMap) -> str:
    """Measures with the process they belong to."""
    found = [
        (m.called, business_map.title(m.process)) for i in ids if (m := business_map.measure(i))
    ]
    return sentences.listed([f"{measure} ({process})" for measure, process in found])
