"""What is usual, while it is still being learned: nobody waits, and nothing is made up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread

import pytest

from api.ask.outlook import LEARNING, Outlook
from api.assess.shared_baselines import SharedBaselines
from tests.api.shop import Shop

pytestmark = pytest.mark.engine

PAYMENTS, HOUR = "checkout/payments", timedelta(hours=1)


class Held(SharedBaselines):
    """Baselines that take as long to learn as a test wants."""

    begun: Event
    may_go_on: Event

    def keep_fresh(self, now) -> None:
        self.begun.set()
        assert self.may_go_on.wait(30)
        super().keep_fresh(now)


@contextmanager
def learning(shop: Shop) -> Iterator[tuple[Outlook, Held]]:
    """An outlook whose thread learns, holding the lock all the while."""
    parts = shop.toll.parts
    shared = Held(parts.map.map, parts.store)
    shared.begun, shared.may_go_on = Event(), Event()
    outlook, stop = Outlook(parts, shared), Event()
    thread = Thread(target=outlook.run, args=(stop,))
    thread.start()
    try:
        assert shared.begun.wait(30)
        yield outlook, shared
    finally:
        shared.may_go_on.set()
        stop.set()
        thread.join()


def test_nobody_waits_for_what_is_learned(shop):
    measure = shop.toll.parts.map.map.measure(PAYMENTS)
    with learning(shop) as (outlook, _):
        assert outlook.learning and outlook.view().learning
        seen = outlook.view().measures[PAYMENTS]
        assert (seen.why, seen.expected, seen.week) == (LEARNING, None, None)
        hour = outlook.view().hours["checkout"]
        assert hour.worth(hour.now) is None  # not known, which is not zero
        stripe = outlook.without("stripe", shop.now)
        assert stripe.worth(stripe.peak) is None
        assert f"{PAYMENTS}: no baseline yet" in stripe.not_counted
        outage = outlook.outage("stripe", {"checkout": 1.0}, (shop.now, shop.now + HOUR))
        assert outage.worth is None
        assert outlook.watched(measure, shop.began, shop.ended) is None
        assert outlook.today(measure) is None


def test_what_is_kept_for_good_waits(shop):
    with learning(shop) as (outlook, shared):
        shared.may_go_on.set()
        view = outlook.learned()
        assert view.measures[PAYMENTS].week is not None
        assert not outlook.learning
        hour = outlook.view().hours["checkout"]
        assert hour.worth(hour.now) == hour.now.money


def test_pages_say_that_it_is_learning(shop):
    state = shop.toll.state
    with learning(shop) as (outlook, _):
        before, state._outlook = state._outlook, outlook
        try:
            for path in ("/", "/processes", "/processes/checkout", "/map", "/map/stripe",
                         "/perception", f"/incidents/{shop.incident}"):  # fmt: skip
                answer = shop.toll.http.get(path)
                assert answer.status_code == 200, path
                assert "it is learning the usual weeks" in answer.text, path
                assert "EUR 0" not in answer.text, path
        finally:
            state._outlook = before
