"""What each incident truly cost: the world as it is, less the same world without that incident.

Both worlds use the same random numbers, so the difference is exact, not an estimate: no baseline,
no noise. For each incident only what differs is kept. `gross` is the shortfall of successful
payments while the cause lasts, `recovered` the surplus after it, `lost_for_good` what never comes
back: carts expire after 48 hours, so it is known once that has passed (and to the simulator at
once).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np

from api.demo.cohorts import CURRENCIES
from api.demo.incidents import Incident
from api.demo.moments import DAY_MS, HOUR_MS, NEVER, Bools, Ints, moment_of, ms_of
from api.demo.shoppers import DECLINED_BY_BANK, FAILED, OK
from api.demo.world import (
    CALLS,
    CANCELLED,
    ORDERS,
    PAYMENTS,
    PLACED,
    PROMISE_MS,
    SHIPPED,
    Events,
    Orders,
    World,
)

HORIZON_MS = 72 * HOUR_MS  # after an incident's end, by which its last trace has gone
PARTS = 16  # more than attempts or repeated calls there are

Money = Mapping[str, Decimal]  # by currency


@dataclass(frozen=True)
class IncidentTruth:
    """The truth about one incident as of a moment. Signed: an incident may spare something.

    Payments are successful ones. `lost_for_good` and its money look ahead; all else is as of
    `as_of`. Orders are late beyond the promise of four hours; `cohort_*` count only the orders
    that were open or placed while signals fired.
    """

    incident: Incident
    as_of: datetime
    gross: int
    recovered: int
    lost_for_good: int
    gross_money: Money
    recovered_money: Money
    lost_money: Money
    failed_keys: int  # carts that failed during the incident and have not been paid by now
    excess_calls: int
    late_orders: int
    delay_hours: float
    waiting_orders: int
    cohort_late_orders: int
    cohort_delay_hours: float


@dataclass(frozen=True)
class Difference:
    """Signed events: +1 for those only the world without the incident has, -1 the other way."""

    at: Ints
    sign: Ints
    cents: Ints
    currency: Ints

    def count(self, low_ms: int, high_ms: int) -> int:
        """Signed number of events in [low, high)."""
        return int(self.sign[self._inside(low_ms, high_ms)].sum())

    def money(self, low_ms: int, high_ms: int) -> dict[str, Decimal]:
        """Signed sums in [low, high) by currency, exact; currencies without any are left out."""
        inside = self._inside(low_ms, high_ms)
        sums = {}
        for code, name in enumerate(CURRENCIES):
            mine = inside & (self.currency == code)
            if mine.any():
                cents = int((self.sign[mine] * self.cents[mine]).sum())
                sums[name] = Decimal(cents).scaleb(-2)
        return sums

    def _inside(self, low_ms: int, high_ms: int) -> Bools:
        inside: Bools = (self.at >= low_ms) & (self.at < high_ms)
        return inside


@dataclass(frozen=True)
class Waits:
    """Orders of one world that fared otherwise than in the other; `ended`: shipped or cancelled."""

    key: Ints
    placed: Ints
    ended: Ints

    def late_ms(self, moment_ms: int) -> Ints:
        """How long each was beyond the promise by a moment; 0 or less: not late."""
        waited: Ints = np.minimum(self.ended, moment_ms) - self.placed - PROMISE_MS
        return waited

    def waiting(self, moment_ms: int) -> int:
        """How many had been placed and not shipped."""
        return int(((self.placed <= moment_ms) & (self.ended > moment_ms)).sum())

    def open_in(self, low_ms: int, high_ms: int) -> Ints:
        """The keys that were open or placed in [low, high)."""
        found: Ints = self.key[(self.placed < high_ms) & (self.ended > low_ms)]
        return found


@dataclass(frozen=True)
class _Traces:
    """All that one incident changed."""

    payments: Difference
    calls: Difference
    with_it: Waits
    without: Waits
    failed_first: Ints  # per cart that failed in the incident: when
    failed_paid: Ints  # and when it was paid, NEVER if it was not


class Truth:
    """What the incidents of a world truly cost, at any moment.

    `schedule(until)` lets the incidents be known up to a moment before the world is asked for it.
    """

    def __init__(self, world: World, schedule: Callable[[datetime], object]) -> None:
        self._world = world
        self._schedule = schedule
        self._traces: dict[str, _Traces] = {}

    def at(self, moment: datetime) -> tuple[IncidentTruth, ...]:
        """Every incident whose business effect has started, oldest first, as of a moment."""
        self._schedule(moment)
        started = [i for i in self._world.incidents if i.start_ms <= ms_of(moment)]
        return tuple(self.of(incident, moment) for incident in started)

    def of(self, incident: Incident, moment: datetime) -> IncidentTruth:
        """One incident as of a moment."""
        traces, now = self._trace(incident), ms_of(moment)
        start, end = incident.start_ms, incident.end_ms
        middle = min(now, end)
        late, hours = _lateness(traces, now, None)
        window = (incident.firing_ms, incident.cleared_ms)
        cohort_late, cohort_hours = _lateness(traces, now, window)
        payments = traces.payments
        return IncidentTruth(
            incident=incident,
            as_of=moment,
            gross=payments.count(start, middle),
            recovered=-payments.count(middle, now),
            lost_for_good=payments.count(start, int(NEVER)),
            gross_money=payments.money(start, middle),
            recovered_money={c: -m for c, m in payments.money(middle, now).items()},
            lost_money=payments.money(start, int(NEVER)),
            failed_keys=int(((traces.failed_first < now) & (traces.failed_paid >= now)).sum()),
            excess_calls=-traces.calls.count(start, now),
            late_orders=late,
            delay_hours=hours,
            waiting_orders=traces.with_it.waiting(now) - traces.without.waiting(now),
            cohort_late_orders=cohort_late,
            cohort_delay_hours=cohort_hours,
        )

    def final(self, incident: Incident) -> IncidentTruth:
        """One incident when its last trace has gone."""
        return self.of(incident, moment_of(incident.end_ms + HORIZON_MS))

    def _trace(self, incident: Incident) -> _Traces:
        if incident.id not in self._traces:
            until = incident.end_ms + HORIZON_MS
            self._schedule(moment_of(until))
            self._traces[incident.id] = _Pair(self._world, incident, until).traces()
        return self._traces[incident.id]


class _Pair:
    """The world with an incident, and without it, from the day of its start to its last trace."""

    def __init__(self, world: World, incident: Incident, until_ms: int) -> None:
        self.incident = incident
        day = incident.start_ms // DAY_MS
        others = tuple(i for i in world.incidents if i != incident)
        branches = [world.branch(day, world.incidents), world.branch(day, others)]
        self.open = branches[0].opening.orders  # placed before both begin, the same in both
        span = (day * DAY_MS, (until_ms // DAY_MS + 1) * DAY_MS)
        self.with_it, self.without = (branch.between(*span) for branch in branches)

    def traces(self) -> _Traces:
        """Keep only what differs."""
        with_it, without = _orders_that_differ(
            _waits(self.open, self.with_it), _waits(self.open, self.without)
        )
        first, paid = self._failed()
        return _Traces(
            self._difference(PAYMENTS), self._difference(CALLS), with_it, without, first, paid
        )

    def _difference(self, stream: int) -> Difference:
        sides = []
        for events in (self.without, self.with_it):
            sides.append(events[(events["stream"] == stream) & (events["status"] == OK)])
        extra, fewer = _differing(_identity(sides[0]), sides[0], _identity(sides[1]), sides[1])
        both = np.concatenate([extra, fewer])
        sign = np.repeat(np.array([1, -1]), [len(extra), len(fewer)])
        return Difference(both["at"], sign, both["cents"], both["currency"])

    def _failed(self) -> tuple[Ints, Ints]:
        events = self.with_it[self.with_it["stream"] == PAYMENTS]
        inside = (events["at"] >= self.incident.start_ms) & (events["at"] < self.incident.end_ms)
        failed = events[
            inside & ((events["status"] == FAILED) | (events["status"] == DECLINED_BY_BANK))
        ]
        key, first = np.unique(failed["key"], return_index=True)  # events ascend in time
        ok = events[events["status"] == OK]
        ok = ok[np.argsort(ok["key"], kind="stable")]
        place = np.searchsorted(ok["key"], key)
        found = np.append(ok["key"], -1)[place] == key
        return failed["at"][first], np.where(found, np.append(ok["at"], NEVER)[place], NEVER)


def _identity(events: Events) -> Ints:
    """One number per payment attempt or call; a cart is paid once, whichever attempt it took."""
    part = np.where(events["stream"] == PAYMENTS, 0, events["part"])
    identity: Ints = events["key"] * PARTS + part
    return identity


def _differing(left_id: Ints, left: Events, right_id: Ints, right: Events) -> tuple[Events, Events]:
    """The rows of each side that the other has not, or has at another time."""
    _, in_left, in_right = np.intersect1d(left_id, right_id, True, return_indices=True)
    same = left["at"][in_left] == right["at"][in_right]
    keep_left, keep_right = np.ones(len(left), bool), np.ones(len(right), bool)
    keep_left[in_left[same]] = False
    keep_right[in_right[same]] = False
    return left[keep_left], right[keep_right]


def _waits(open_before: Orders, events: Events) -> Waits:
    """When each order was placed and when its waiting ended, by key."""
    orders = events[events["stream"] == ORDERS]
    placed = orders[orders["status"] == PLACED]
    ended = orders[(orders["status"] == SHIPPED) | (orders["status"] == CANCELLED)]
    # An order open at the start may have its own `placed` still to come: it is then in both.
    key, first = np.unique(np.concatenate([open_before["key"], placed["key"]]), return_index=True)
    placed_ms = np.concatenate([open_before["placed"], placed["at"]])[first]
    ended = ended[np.argsort(ended["key"], kind="stable")]
    place = np.searchsorted(ended["key"], key)
    found = np.append(ended["key"], -1)[place] == key
    return Waits(key, placed_ms, np.where(found, np.append(ended["at"], NEVER)[place], NEVER))


def _orders_that_differ(one: Waits, other: Waits) -> tuple[Waits, Waits]:
    _, in_one, in_other = np.intersect1d(one.key, other.key, True, return_indices=True)
    same = (one.placed[in_one] == other.placed[in_other]) & (
        one.ended[in_one] == other.ended[in_other]
    )
    sides = []
    for waits, rows in ((one, in_one[same]), (other, in_other[same])):
        keep = np.ones(len(waits.key), bool)
        keep[rows] = False
        sides.append(Waits(waits.key[keep], waits.placed[keep], waits.ended[keep]))
    return sides[0], sides[1]


def _lateness(traces: _Traces, now_ms: int, cohort: tuple[int, int] | None) -> tuple[int, float]:
    """(late orders, hours of delay) with the incident, less without it."""
    keys = None if cohort is None else traces.with_it.open_in(*cohort)
    late, hours = 0, 0.0
    for waits, sign in ((traces.with_it, 1), (traces.without, -1)):
        beyond = waits.late_ms(now_ms)
        if keys is not None:
            beyond = beyond[np.isin(waits.key, keys)]
        late += sign * int((beyond > 0).sum())
        hours += sign * float(np.maximum(beyond, 0).sum()) / HOUR_MS
    return late, hours
