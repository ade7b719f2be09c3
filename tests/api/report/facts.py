"""Incidents with known draws, put into a store as the assessor would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from enrich.incident import Change, Episode, Incident, Reached
from impact.model import DRAWS, MeasureImpact, MoneyRange, Range
from store.incidents import IncidentVersion
from tests.api.app import Toll

MONDAY = datetime(2026, 11, 8, 23, tzinfo=UTC)  # of 2026-W46 in Berlin
OVER = MONDAY + timedelta(days=7, hours=6)
SPREAD = np.linspace(-1.0, 1.0, DRAWS)


def outage(
    name: str,
    day: int,
    *,
    root: str = "stripe",
    minutes: int = 46,
    path: tuple[str, ...] = ("stripe", "payment", "checkout"),
    **more: object,
) -> Incident:
    """An incident at 10:02 local on a day of the week, Monday is 0; negative: the week before."""
    start = MONDAY + timedelta(days=day, hours=10, minutes=2)
    end = start + timedelta(minutes=minutes)
    episode = Episode(
        id=f"e-{name}",
        source="monitoring",
        fingerprint=f"f-{name}",
        kind="alert",
        severity="critical",
        labels={"provider": root},
        summary=f"{root}_http_errors_high on node-17",
        started_at=start,
        ended_at=end,
        nodes=(root,),
    )
    found = Incident(
        id=name,
        kind="outage",
        state="settled",
        title=f"{root}: {root}_http_errors_high on node-17",
        started_at=start,
        ended_at=end,
        root=root,
        explanation=" -> ".join(path),
        episodes=(episode,),
        reached=(Reached(path[-1], 1.0, path),),
        map_version="map-1",
    )
    return replace(found, **more)  # type: ignore[arg-type]


def lost(
    incident: Incident,
    mid: float,
    half: float,
    *,
    each: str = "10.00",
    process: str = "checkout",
    measure: str = "payments",
    currency: str = "EUR",
    **more: object,
) -> MeasureImpact:
    """`mid` units lost, between mid - half and mid + half with even draws, each worth the same."""
    part = "excess" if measure == "calls" else "lost"
    worth = Decimal(each)
    drawn = mid + half * SPREAD
    ends = [mid - half, mid, mid + half]
    sums = [Decimal(str(x)) * worth for x in ends]
    money = MoneyRange(sums[0], sums[1], sums[2], currency)
    assert incident.ended_at is not None
    found = MeasureImpact(
        incident=incident.id,
        process=process,
        measure=measure,
        kind="load" if measure == "calls" else "flow",
        state="final",
        as_of=incident.ended_at + timedelta(hours=1),
        method="measured",
        units={part: Range(mid - half, mid, mid + half)},
        money={part: money},
        lost_is="measured",
        per_minute_units=None,
        per_minute_money=None,
        data_until=incident.ended_at,
        effect=(incident.started_at, incident.ended_at),
        settling_until=None,
        red=False,
        share=1.0,
        evidence={"failed_keys": None, "customers": None},
        inputs={"ever_red": 1.0, "history_days": 56.0},
        draws={part: tuple(drawn.tolist()), f"money:{part}": tuple((drawn * float(each)).tolist())},
    )
    return replace(found, **more)  # type: ignore[arg-type]


def told(
    toll: Toll,
    cases: Sequence[tuple[Incident, Sequence[MeasureImpact]]],
    known_at: datetime = OVER,
    *,
    gone: bool = False,
) -> None:
    """Put incidents and their numbers into the store."""
    versions = [IncidentVersion(i, known_at, 1, gone) for i, _ in cases]
    toll.parts.store.incidents.insert(versions)
    toll.parts.store.estimates.insert([m for _, impacts in cases for m in impacts], 1)


def the_week(toll: Toll) -> None:
    """Two incidents and a planned one in the week, one in the week before.

    Web checkout: 100 and 200 payments at 10.00; support: 40 calls at 6.50, 7 in a currency
    without a rate; the carts are the payments' money again.
    """
    first = outage("i-1", 1)
    second = outage(
        "i-2",
        3,
        root="database",
        path=("database", "payments-app", "payment", "checkout"),
        trigger=Change(MONDAY + timedelta(days=3, hours=9, minutes=50), "payments-app", "v2.3_rc1"),
    )
    planned = outage("i-3", 5, root="host-c", path=("host-c", "warehouse-app", "fulfilment"))
    planned = replace(planned, kind="maintenance")
    before = outage("i-0", -4)
    told(
        toll,
        [
            (
                first,
                [
                    lost(first, 100, 50),
                    lost(first, 140, 10, measure="carts"),
                    lost(first, 40, 0, each="6.50", process="support", measure="calls"),
                ],
            ),
            (
                second,
                [
                    lost(second, 200, 50),
                    lost(
                        second,
                        7,
                        0,
                        each="1.00",
                        process="support",
                        measure="calls",
                        currency="CHF",
                    ),
                ],
            ),
            (planned, [lost(planned, 5, 1)]),
            (before, [lost(before, 30, 5)]),
        ],
    )


def carried(toll: Toll, weeks: int = 5) -> None:
    """Payments and calls, so many an hour, of some weeks up to the end of the week."""
    hours = weeks * 168
    begin = MONDAY + timedelta(days=7) - timedelta(hours=hours)
    events = []
    for n in range(hours):
        at = (begin + timedelta(hours=n)).isoformat()
        last = n >= hours - 168
        pays = {"count": 66 if last else 60, "amount": "660.00" if last else "600.00"}
        events.append({"id": f"p{n}", "stream": "payments", "at": at, "currency": "EUR", **pays})
        events.append({"id": f"c{n}", "stream": "calls", "at": at, "count": 4})
    toll.post(events, history=True)
    toll.ingest()
