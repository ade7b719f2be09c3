"""When a note is due: pure decisions over what is known of an incident and what was said of it.

A note is asked for by a *rule*, and (incident, rule, subscriber) is its identity in the outbox, so
a rule that asks twice is one note. Of one incident and subscriber these ask:

- `over:A` when the cost has passed A: the threshold, then its doubles. What counts is the middle of
  the forecast, of measured data alone; a cost that jumps over several of them is told once.
- `final` when it is over and nothing of the cost is forecast any more: for those who were told, and
  for those whose threshold only the final number passed, while that is news.
- `restated:N` when a final number comes out beyond the range that was last told as final.
- `taken_back:N` when what was told turns out to be no incident.

Who is new hears of what goes on, and of what becomes known after they came. Of an incident that was
over by then this is a final number that was none yet, or a level that its forecast had not passed.

What was said is read from the outbox, so that a restart or another assessor goes on where this one
stopped. Of an incident that was merged into another, what was said counts for the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from api.notify.subscribers import Subscriber
from enrich.incident import Incident
from impact.model import MeasureImpact
from impact.totals import cost_name
from ingest.events import SIMULATOR

NEWS = timedelta(days=7)  # over for longer, an incident that nobody was told of is history
OVER, FINAL, RESTATED, TAKEN_BACK = "over", "final", "restated", "taken_back"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one incident costs one subscriber's processes, in the company's currency."""

    mid: Decimal
    final: bool  # nothing of it is forecast any more


NOTHING = Cost(Decimal(0), final=False)


@dataclass(frozen=True, slots=True)
class Said:
    """What a note said: its rule, and the range it gave."""

    rule: str
    low: Decimal
    mid: Decimal
    high: Decimal

    @property
    def kind(self) -> str:
        """The rule without its number."""
        return self.rule.partition(":")[0]

    @property
    def level(self) -> Decimal:
        """The amount that was passed; 0 of other rules."""
        kind, _, amount = self.rule.partition(":")
        return Decimal(amount) if kind == OVER else Decimal(0)


def rule_due(
    above: Decimal,
    cost: Cost,
    said: Sequence[Said],
    *,
    news: bool = True,
    known: Cost = NOTHING,
) -> str | None:
    """The rule that asks for a note now, None where nothing new is to be said.

    said: of this incident and subscriber, oldest first. news: it goes on, or was over lately.
    known: what had been known of it when the subscriber came, if it was over by then.
    """
    ends = [one for one in said if one.kind in (FINAL, RESTATED)]
    if ends:
        outside = not ends[-1].low <= cost.mid <= ends[-1].high
        return f"{RESTATED}:{len(ends)}" if cost.final and outside else None
    if not said and (known.final or not (news and cost.mid >= above)):
        return None
    if cost.final:
        return FINAL
    level, before = passed(above, cost.mid), passed(above, known.mid)
    return f"{OVER}:{level:f}" if level > max([before, *(s.level for s in said)]) else None


def passed(above: Decimal, mid: Decimal) -> Decimal:
    """The highest of `above` and its doubles that a cost has reached; 0 below all of them."""
    if mid < above:
        return Decimal(0)
    level = above
    while level * 2 <= mid:
        level *= 2
    return level


def counted(impacts: Iterable[MeasureImpact], subscriber: Subscriber) -> list[MeasureImpact]:
    """The impacts whose money decides about notes to a subscriber: measured, of its processes.

    A feed that says nothing is priced from the map alone (`modelled`), and whether anything was
    lost then nobody knows: that is shown on the page, and wakes nobody.
    """
    return [i for i in impacts if i.method != "modelled" and subscriber.hears_of(i.process)]


def cost_of(impacts: Sequence[MeasureImpact], carriers: Iterable[str], currency: str) -> Cost:
    """The middle of the sum; a sum that could not be converted is not in it."""
    ids, mid = set(carriers), Decimal(0)
    for impact in impacts:
        name = cost_name(impact)
        if name is not None and impact.measure_id in ids:
            money = impact.money[name]
            mid += money.mid if money.currency == currency else 0
    return Cost(mid, bool(impacts) and all(i.state != "live" for i in impacts))


def wants(subscriber: Subscriber, incident: Incident, *, simulated: bool = False) -> bool:
    """Whether a subscriber hears of incidents of this sort at all."""
    made_up = simulated or is_simulated(incident)
    return (
        subscriber.above is not None
        and (subscriber.simulated or not made_up)
        and (subscriber.maintenance or incident.kind != "maintenance")
    )


def is_simulated(incident: Incident) -> bool:
    """Whether the simulated shop's signals are among those of an incident."""
    return any(episode.source == SIMULATOR for episode in incident.episodes)


def is_news(incident: Incident, now: datetime) -> bool:
    """Whether it goes on, or was over so lately that a first note is not about history."""
    return incident.ended_at is None or incident.ended_at > now - NEWS


def known_before(
    incident: Incident, then: Sequence[MeasureImpact], since: datetime
) -> Sequence[MeasureImpact]:
    """What is no news to whoever came at `since`: nothing of an incident that went on then.

    then: its impacts as known at that moment. Alarms may be quiet while a measure is red still.
    """
    over = incident.ended_at is not None and incident.ended_at <= since
    lasts = any(i.state == "live" and i.effect[1] is None for i in then)
    return then if over and not lasts else ()
