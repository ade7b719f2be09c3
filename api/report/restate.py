"""What has changed since the last report: what it said, what is known now, and why. Pure.

Each report carries a ledger of what it says of every incident of its fourteen weeks; the next one
holds what is known then against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from api.http.present import present_total
from api.http.schemas import Sum
from api.report import model, sentences
from api.report.gather import Facts
from api.report.week import Week
from enrich.edits import Cause, Dismiss, End, Merge, Reach, Response, Split, Start
from impact.weekly import Case

_SMALL = Decimal("0.01")  # of what was said: less is no news


def ledger(facts: Facts) -> list[model.LedgerLine]:
    """What is said of each incident that the report knows."""
    return [
        _line(case, week, facts) for week, cases in sorted(facts.cases.items()) for case in cases
    ]


def _line(case: Case, week: Week, facts: Facts) -> model.LedgerLine:
    total = facts.book.cost([case])
    return model.LedgerLine(
        incident=case.incident.id,
        week=week.name,
        name=sentences.name_of(case, facts.loaded.map, facts.edits),
        cost=present_total(total),
        forecast=case.live,
        edits=sorted(case.incident.edits),
        map_version=case.incident.map_version,
        planned=case.planned,
    )


def restatements(facts: Facts, lines: Sequence[model.LedgerLine]) -> model.Restatements | None:
    """Incidents of earlier weeks whose cost is another now; None without an earlier report.

    lines: the ledger of what is known now.
    """
    last = facts.last
    if last is None:
        return None
    said = {line.incident: line for line in last.ledger}
    first = min(facts.cases, default=facts.week)
    shown_before = [w.week for w in last.trend if w.week >= first.name] or [last.week]
    known = {line.incident: line for line in lines if shown_before[0] <= line.week <= last.week}
    found, small = [], 0
    for name in said.keys() | known.keys():
        before, now = said.get(name), known.get(name)
        if now is None and (before is None or name not in facts.gone):
            continue  # it began before what this report looks at
        if _same(before, now):
            continue
        if before is not None and now is not None and _close(before.cost, now.cost):
            small += 1
            continue
        line = now or before
        assert line is not None
        found.append(
            model.Restated(
                incident=name,
                week=line.week,
                name=line.name,
                before=before.cost if before is not None else None,
                now=now.cost if now is not None else None,
                why=_why(before, now, facts),
            )
        )
    found.sort(key=lambda r: (-abs(_mid(r.now) - _mid(r.before)), r.incident))
    return model.Restatements(
        since=last.week,
        cases=found,
        sum_before=sum((_mid(r.before) for r in found), Decimal(0)),
        sum_now=sum((_mid(r.now) for r in found), Decimal(0)),
        small=small,
    )


def _mid(cost: Sum | None) -> Decimal:
    return cost.mid if cost is not None else Decimal(0)


def _same(before: model.LedgerLine | None, now: model.LedgerLine | None) -> bool:
    return (before.cost if before else None) == (now.cost if now else None)


def _close(before: Sum | None, now: Sum | None) -> bool:
    if before is None or now is None or before.currency != now.currency:
        return False
    return all(
        abs(a - b) <= _SMALL * max(abs(before.mid), abs(now.mid))
        for a, b in ((before.mid, now.mid), (before.low, now.low), (before.high, now.high))
    )


def _why(before: model.LedgerLine | None, now: model.LedgerLine | None, facts: Facts) -> str:
    """The reasons that can be told, the plainest first."""
    if now is None:
        return _gone(before, facts)
    if before is None:
        return "It became known only after that report."
    reasons = []
    if fresh := set(now.edits) - set(before.edits):
        reasons.append(_corrected(now.incident, fresh, facts))
    if set(before.edits) - set(now.edits):
        reasons.append("A correction was taken back.")
    if before.forecast and not now.forecast:
        reasons.append("It was a forecast then and has settled.")
    elif before.forecast:
        reasons.append("It was a forecast then, and still is one.")
    if before.map_version != now.map_version:
        reasons.append("The map of the company has changed.")
    return " ".join(reasons) or "Data that arrived later changed it."


def _gone(before: model.LedgerLine | None, facts: Facts) -> str:
    incident = facts.gone.get(before.incident) if before is not None else None
    if incident is not None and incident.dismissed:
        return "Somebody found that it was no incident."
    if incident is not None and incident.merged_into:
        return "It turned out to be part of another incident, which counts it now."
    return "What reported it took it back."


def _corrected(incident: str, fresh: set[str], facts: Facts) -> str:
    """What people corrected, and why in their own words."""
    edits = [e for e in facts.edits.get(incident, ()) if e.id in fresh]
    kinds = {
        Start: "when it began",
        End: "when it ended",
        Cause: "its cause",
        Reach: "whom it hit",
        Merge: "what belongs to it",
        Split: "what belongs to it",
        Dismiss: "whether it was one",
        Response: "who worked on it",
    }
    what = list(dict.fromkeys(kinds[type(e.action)] for e in edits if type(e.action) in kinds))
    reasons = "; ".join(f"“{e.why.rstrip('.')}”" for e in edits if e.why)
    said = f"Somebody corrected {sentences.listed(what) or 'it'}"
    return f"{said}: {reasons}." if reasons else f"{said}."
