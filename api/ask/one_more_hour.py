"""What an incident will come to if it lasts one more hour. Pure but for the outlook it asks.

Of flows, the usual volume of the coming hour times how badly the process is hit now, times what a
unit is worth (`impact.cost_now`); of that the share stays lost that is forecast to stay lost of
what is missing already. Of all else (calls), as much a minute as now, as unsure a minute as so far:
a middle near nothing does not tell how wide that is. The range of the hour doubts how badly each
process is hit; it is added to that of the forecast end by end, since both lean on the same
baseline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from api.ask.outlook import Outlook, View
from api.http import schemas
from enrich.model import PART_OF_KIND
from impact.money import round_money

HOUR = timedelta(hours=1)
_LEAST = timedelta(minutes=5)  # what lasted shorter tells as much of an hour as that


@dataclass(frozen=True)
class OneMoreHour:
    """What the hour adds, what it all comes to then, and how that was made."""

    more: schemas.Sum
    total: schemas.Sum
    how: str


def one_more_hour(
    incident: schemas.Incident, outlook: Outlook, now: datetime
) -> OneMoreHour | None:
    """The forecast for an open incident with a price; None for any other."""
    if incident.state != "open" or incident.cost is None:
        return None
    hit, measured = hit_now(incident, outlook.view())
    hour = outlook.outage(incident.id, hit, (now, now + HOUR)).money
    stays = _stays(incident)
    currency = incident.cost.currency
    rates = [r for i in incident.impacts if (r := _rate(i, currency)) is not None]
    ends = {
        end: round_money(
            getattr(hour, end) * stays + sum((r[end] for r in rates), Decimal(0)), currency
        )
        for end in ("low", "mid", "high")
    }
    more = schemas.Sum(**ends, currency=currency)
    if more.mid == 0:
        return None
    total = schemas.Sum(
        **{end: getattr(incident.cost, end) + value for end, value in ends.items()},
        currency=currency,
    )
    return OneMoreHour(more, total, _how(hit, measured, stays, bool(rates), outlook.view()))


def hit_now(incident: schemas.Incident, view: View) -> tuple[dict[str, float], bool]:
    """By process how badly it is hit, 0 to 1: as measured where it is, else as the map says.

    And whether any of it was measured.
    """
    hit = {r.process: r.severity for r in incident.reached}
    measured = False
    for impact in incident.impacts:
        seen = view.measures.get(f"{impact.process}/{impact.measure}")
        usual = seen.expected if seen else None
        rate = impact.per_minute.units
        priced = seen is not None and seen.measure.priced and impact.kind == "flow"
        if priced and impact.method == "measured" and rate is not None and usual and usual.mid > 0:
            hit[impact.process] = min(1.0, max(0.0, rate * 60.0 / usual.mid))
            measured = True
    return hit, measured


def _stays(incident: schemas.Incident) -> Decimal:
    """The share of what is missing that stays lost, 0 to 1."""
    if incident.cost_so_far is None or incident.cost is None:
        return Decimal(1)
    of_measures = set(PART_OF_KIND.values())
    beside = sum(
        (p.money.mid for p in incident.parts if p.added and p.money and p.part not in of_measures),
        Decimal(0),
    )
    so_far, cost = incident.cost_so_far.mid - beside, incident.cost.mid - beside
    return min(Decimal(1), max(Decimal(0), cost / so_far)) if so_far > 0 else Decimal(1)


def _rate(impact: schemas.Impact, currency: str) -> Mapping[str, Decimal] | None:
    """An hour of what is no flow, as it comes now, with its own range."""
    each = impact.per_minute.money
    so_far = impact.money.get(impact.cost)
    if impact.kind == "flow" or not each or so_far is None or so_far.currency != currency:
        return None
    mid = each * 60
    until = impact.effect_until or impact.data_until
    longer = Decimal(HOUR / max(until - impact.effect_from, _LEAST))  # than what was seen
    return {
        "low": mid - (so_far.mid - so_far.low) * longer,
        "mid": mid,
        "high": mid + (so_far.high - so_far.mid) * longer,
    }


def _how(hit: Mapping[str, float], measured: bool, stays: Decimal, others: bool, view: View) -> str:
    titles = {m.measure.process for m in view.measures.values()}
    badly = ", ".join(f"{severity:.0%}" for name, severity in hit.items() if name in titles)
    said = (
        f"usual volume of the coming hour, hit as badly as {'now' if measured else 'the map says'}"
        f" ({badly})"
    )
    if stays < 1:
        said += f", of which {stays:.0%} stays lost"
    if others:
        said += "; calls and delays at the present rate"
    return said
