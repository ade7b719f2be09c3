"""One course of events: the shop under a given set of incidents, day by day.

Days are simulated in order, because orders wait in queues and shoppers come back the next day; what
a day hands to the next is a `Carry`. Two worlds that differ in an incident share everything drawn
by chance (`cohorts`), so their difference is what the incident did.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.demo.cohorts import CUSTOMERS, Cohort, Cohorts, mean_order_work
from api.demo.demand import home_shape
from api.demo.incidents import Incident, failing_share
from api.demo.moments import DAY_MINUTES, DAY_MS, MINUTE_MS, NEVER, Ints
from api.demo.shoppers import FAILED, OK, Attempts, attempts
from api.demo.warehouse import AHEAD_DAYS, capacity, dispatch, prepared_ms

STREAMS = ("payments", "carts", "orders", "calls")
PAYMENTS, CARTS, ORDERS, CALLS = range(4)
STATUSES = ("ok", "failed", "declined", "opened", "placed", "shipped", "delivered", "cancelled")
OPENED, PLACED, SHIPPED, DELIVERED, CANCELLED = range(3, 8)
PROMISE_MS = 4 * 60 * MINUTE_MS  # from placed to shipped, as the example map says
BASE_CALLS_PER_CART = 0.05
CALL_NAMESPACE = 10**13  # calls have no cart of their own: their keys start at a multiple of this

# One row per event. `part`: the attempt, or the how-manieth call; `cents` is -1 without an amount.
EVENT = np.dtype(
    [
        ("at", "i8"),
        ("stream", "i1"),
        ("key", "i8"),
        ("part", "i2"),
        ("status", "i1"),
        ("cents", "i8"),
        ("currency", "i1"),
        ("customer", "i4"),
        ("channel", "i1"),
    ]
)
# An order on its way to the dispatch desk.
ORDER = np.dtype(
    [
        ("key", "i8"),
        ("placed", "i8"),
        ("desk", "i8"),
        ("work", "f8"),
        ("cancels", "i8"),
        ("transit", "i8"),
        ("customer", "i4"),
        ("calls", "i1"),  # how often the customer calls if it is late
        ("lag", "i8"),
        ("gap", "i8"),
    ]
)
Events = NDArray[Any]  # of dtype EVENT
Orders = NDArray[Any]  # of dtype ORDER


@dataclass(frozen=True)
class Carry:
    """What one day leaves to the next: events to come, orders to come to the desk, work waiting."""

    events: Events
    orders: Orders
    backlog: float


EMPTY = Carry(np.zeros(0, EVENT), np.zeros(0, ORDER), 0.0)


class World:
    """The events of every day from `first_day` on, given which incidents happen.

    Keeps the events of the last days it simulated, and the carry into the days where an incident
    starts, from where `without` branches off.
    """

    KEPT_DAYS = 8

    def __init__(
        self,
        cohorts: Cohorts,
        first_day: int,
        incidents: tuple[Incident, ...],
        carry: Carry = EMPTY,
    ) -> None:
        self.cohorts = cohorts
        self.first_day = first_day
        self.incidents = incidents
        self.opening = carry
        self._next_day = first_day
        self._carry = carry
        self._days: dict[int, Events] = {}
        self._carries = {first_day: carry}

    def day(self, day: int) -> Events:
        """All events of one UTC day, ascending in time; empty before the first day."""
        if day < self.first_day:
            return np.zeros(0, EVENT)
        if day < self._next_day and day not in self._days:
            self._rewind(day)
        while self._next_day <= day:
            self._advance()
        return self._days[day]

    def between(self, from_ms: int, to_ms: int) -> Events:
        """The events in [from_ms, to_ms), ascending in time."""
        parts = []
        for day in range(from_ms // DAY_MS, -(-to_ms // DAY_MS)):
            events = self.day(day)
            low, high = np.searchsorted(events["at"], [from_ms, to_ms])
            parts.append(events[low:high])
        return np.concatenate(parts) if parts else np.zeros(0, EVENT)

    def branch(self, day: int, incidents: tuple[Incident, ...]) -> World:
        """The world that shares this one's past up to a UTC day and has these incidents then."""
        day = max(day, self.first_day)
        if day not in self._carries:
            self.day(day - 1)
            if self._next_day != day:
                self._rewind(day)
            self._carries[day] = self._carry
        return World(self.cohorts, day, incidents, self._carries[day])

    def extend(self, incidents: tuple[Incident, ...]) -> None:
        """Let further incidents happen; they must start on a day not simulated yet."""
        if any(incident.start_ms < self._next_day * DAY_MS for incident in incidents):
            raise ValueError("an incident would change days that have been simulated")
        self.incidents += incidents

    def _rewind(self, day: int) -> None:
        """Simulate again from the last kept carry, up to but not including `day`."""
        start = max(kept for kept in self._carries if kept <= day)
        self._next_day, self._carry = start, self._carries[start]
        while self._next_day < day:
            self._advance()

    def _advance(self) -> None:
        day = self._next_day
        if any(incident.start_ms // DAY_MS == day for incident in self.incidents):
            self._carries.setdefault(day, self._carry)
        near = tuple(
            incident
            for incident in self.incidents
            if incident.end_ms > day * DAY_MS
            and incident.start_ms < (day + 1 + AHEAD_DAYS) * DAY_MS
        )
        events, self._carry = simulate_day(self.cohorts, day, near, self._carry)
        self._days.pop(day, None)  # simulated again: it is now the latest
        self._days[day] = events
        while len(self._days) > self.KEPT_DAYS:
            self._days.pop(next(iter(self._days)))  # the one simulated longest ago
        self._next_day = day + 1


def simulate_day(
    cohorts: Cohorts, day: int, incidents: tuple[Incident, ...], carry: Carry
) -> tuple[Events, Carry]:
    """(events of the day, what it leaves to the next), given what the day before left."""
    cohort = cohorts.of(day)
    paying = np.flatnonzero(cohort.pays)
    tried = _payments(cohort, paying, incidents)
    paid = tried.outcome == OK
    placed = _orders(cohort, tried.cart[paid], tried.at_ms[paid])
    orders = np.concatenate([carry.orders, placed])
    today = orders["desk"] < (day + 1) * DAY_MS
    work_per_min = mean_order_work(cohorts.demand.mean)
    capacities = np.concatenate(
        [capacity(d, work_per_min, incidents) for d in range(day, day + 1 + AHEAD_DAYS)]
    )
    desk = orders[today]
    desk = desk[np.lexsort((desk["key"], desk["desk"]))]
    left_ms, backlog = dispatch(day, desk["desk"], desk["work"], capacities, carry.backlog)
    events = np.concatenate(
        [
            carry.events,
            _cart_events(cohort),
            _payment_events(cohort, tried),
            _placed_events(cohort, tried.cart[paid], placed),
            _order_events(desk, left_ms),
            _calls_about_payments(cohort, tried),
            _calls_about_orders(desk, left_ms),
            _other_calls(cohorts, day, incidents),
        ]
    )
    events = events[np.lexsort((events["part"], events["key"], events["stream"], events["at"]))]
    cut = int(np.searchsorted(events["at"], (day + 1) * DAY_MS))
    return events[:cut], Carry(events[cut:], orders[~today], backlog)


def _payments(cohort: Cohort, paying: Ints, incidents: tuple[Incident, ...]) -> Attempts:
    """The attempts of the carts that reach the till; `cart` is the index in the cohort."""
    draws = replace(
        cohort.till,
        fail=cohort.till.fail[:, paying],
        decline=cohort.till.decline[:, paying],
        decide=cohort.till.decide[:, paying],
        wait=cohort.till.wait[:, paying],
    )
    tried = attempts(cohort.till_ms[paying], draws, lambda at: failing_share(incidents, at))
    return replace(tried, cart=paying[tried.cart])


def _orders(cohort: Cohort, cart: Ints, paid_ms: Ints) -> Orders:
    """Orders of paid carts that ship from the warehouse."""
    ships = cohort.order.ships[cart]
    cart, paid_ms = cart[ships], paid_ms[ships]
    orders = np.zeros(len(cart), ORDER)
    placed = paid_ms + 1500  # a moment after the payment
    after = cohort.order.cancels_ms[cart]
    orders["key"] = cohort.key[cart]
    orders["placed"] = placed
    orders["desk"] = placed + prepared_ms(cohort.order.prepare[cart])
    orders["work"] = cohort.order.work[cart]
    orders["cancels"] = np.where(after < NEVER, placed + after, NEVER)
    orders["transit"] = cohort.order.transit_ms[cart]
    orders["customer"] = cohort.customer[cart]
    orders["calls"] = cohort.call.times[cart] * cohort.call.about_order[cart]
    orders["lag"] = cohort.call.lag_ms[cart]
    orders["gap"] = cohort.call.gap_ms[cart]
    return orders


def _events(stream: int, at: Ints, key: Ints, status: Ints | int, customer: Ints) -> Events:
    events = np.zeros(len(at), EVENT)
    events["stream"], events["at"], events["key"] = stream, at, key
    events["status"], events["customer"], events["cents"] = status, customer, -1
    return events


def _cart_events(cohort: Cohort) -> Events:
    events = _events(CARTS, cohort.opened_ms, cohort.key, OPENED, cohort.customer)
    events["channel"] = cohort.channel
    return events


def _payment_events(cohort: Cohort, tried: Attempts) -> Events:
    cart = tried.cart
    events = _events(PAYMENTS, tried.at_ms, cohort.key[cart], tried.outcome, cohort.customer[cart])
    events["part"], events["channel"] = tried.number, cohort.channel[cart]
    events["cents"], events["currency"] = cohort.cents[cart], cohort.currency[cart]
    return events


def _placed_events(cohort: Cohort, cart: Ints, orders: Orders) -> Events:
    cart = cart[cohort.order.ships[cart]]
    events = _events(ORDERS, orders["placed"], orders["key"], PLACED, orders["customer"])
    events["cents"], events["currency"] = cohort.cents[cart], cohort.currency[cart]
    return events


def _order_events(desk: Orders, left_ms: Ints) -> Events:
    """Shipped and delivered, or cancelled by the customer before the desk was done."""
    gone = desk["cancels"] < left_ms
    kept, lost = desk[~gone], desk[gone]
    left = left_ms[~gone]
    return np.concatenate(
        [
            _events(ORDERS, left, kept["key"], SHIPPED, kept["customer"]),
            _events(ORDERS, left + kept["transit"], kept["key"], DELIVERED, kept["customer"]),
            _events(ORDERS, lost["cancels"], lost["key"], CANCELLED, lost["customer"]),
        ]
    )


def _calls_about_payments(cohort: Cohort, tried: Attempts) -> Events:
    """Some of those whose payment failed call a while later, whether or not it worked then."""
    failed = np.flatnonzero(tried.outcome == FAILED)
    cart, first = np.unique(tried.cart[failed], return_index=True)  # attempts come in rounds
    calls = cohort.call.about_payment[cart]
    cart, at = cart[calls], tried.at_ms[failed[first[calls]]]
    return _repeated(
        at + cohort.call.lag_ms[cart],
        CALL_NAMESPACE + cohort.key[cart],
        cohort.call.times[cart],
        cohort.call.gap_ms[cart],
        cohort.customer[cart],
    )


def _calls_about_orders(desk: Orders, left_ms: Ints) -> Events:
    """Some of those whose order is late call a while after the promise has passed."""
    due = desk["placed"] + PROMISE_MS
    late = np.minimum(left_ms, desk["cancels"]) > due
    asks = desk[late & (desk["calls"] > 0)]
    at = asks["placed"] + PROMISE_MS + asks["lag"]
    key = 2 * CALL_NAMESPACE + asks["key"]
    return _repeated(at, key, asks["calls"].astype(np.int64), asks["gap"], asks["customer"])


def _other_calls(cohorts: Cohorts, day: int, incidents: tuple[Incident, ...]) -> Events:
    """Calls about anything else, and the waves of calls that start on this day."""
    seed, mean = cohorts.demand.seed, cohorts.demand.mean
    rng = np.random.default_rng([seed, 0xCA11, day])
    per_minute = rng.poisson(mean * BASE_CALLS_PER_CART * home_shape(day))
    minute = day * DAY_MINUTES + np.repeat(np.arange(DAY_MINUTES), per_minute)
    waves = [_calls(rng, minute, 3 * CALL_NAMESPACE + day * 1_000_000)]
    for incident in incidents:
        if incident.kind == "call_spike" and incident.start_ms // DAY_MS == day:
            own = np.random.default_rng([seed, 0x59, incident.start_ms // MINUTE_MS])
            first = incident.start_ms // MINUTE_MS
            span = np.arange(first, -(-incident.end_ms // MINUTE_MS))
            wave = np.repeat(span, own.poisson(incident.severity, len(span)))
            waves.append(_calls(own, wave, 4 * CALL_NAMESPACE + first * 100_000))
    return np.concatenate(waves)


def _calls(rng: np.random.Generator, minute: Ints, first_key: int) -> Events:
    n = len(minute)
    return _repeated(
        minute * MINUTE_MS + rng.integers(0, MINUTE_MS, n),
        first_key + np.arange(n, dtype=np.int64),
        np.minimum(rng.zipf(2.9, n), 6),
        rng.integers(4 * MINUTE_MS, 35 * MINUTE_MS, n),
        rng.integers(0, CUSTOMERS, n),
    )


def _repeated(at: Ints, key: Ints, times: Ints, gap: Ints, customer: Ints) -> Events:
    """Calls, each repeated `times` times every `gap`; `part` counts them from 1."""
    row = np.repeat(np.arange(len(at)), times)
    part = np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times)
    calls = _events(CALLS, at[row] + part * gap[row], key[row], OK, customer[row])
    calls["part"] = part + 1
    return calls
