"""What is usual, while it is still being learned: nobody waits, and nothing is made up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread

import pytest

from api.ask.outlook import LEARNING, Learning, Outlook, View
from api.assess.shared_baselines import SharedBaselines, Snapshot
from impact.baselines import Baselines
from impact.watermark import Watermark
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


def test_what_is_learned_anew_is_learned_beside_what_is_known(shop):
    """Relearning holds the lock as long as it likes; whoever asks has the last answer."""
    measure = shop.toll.parts.map.map.measure(PAYMENTS)
    parts = shop.toll.parts
    shared = SharedBaselines(parts.map.map, parts.store)
    outlook = Outlook(parts, shared)
    known = outlook.refresh(shop.now - timedelta(days=1))  # older than any view may grow
    outlook._kept = True
    release, held = Event(), Event()

    def relearn() -> None:
        with shared.lock:
            shared.baselines._learned.clear()  # half-way
            held.set()
            assert release.wait(30)

    thread = Thread(target=relearn)
    thread.start()
    try:
        assert held.wait(30)
        assert outlook.view() is known
        assert outlook.refresh(shop.now).measures[PAYMENTS].week is not None  # the outlook's thread
        assert outlook.watched(measure, shop.began, shop.ended) is not None
        assert outlook.today(measure) is not None
        hour = outlook.without("stripe", shop.now)
        assert hour.worth(hour.peak) is not None
        assert outlook.average_hours(shop.now)["checkout"] > 0.0
    finally:
        release.set()
        thread.join()


def test_what_is_learned_already_is_shown(shop):
    """Two measures have a stream; the second is still being learned when somebody looks."""
    parts, seen = shop.toll.parts, list[View]()
    shared = SharedBaselines(parts.map.map, parts.store)
    outlook = Outlook(parts, shared)
    outlook._kept = True
    told = shared.baselines._told
    assert told is not None

    def look(marks: Mapping[str, Watermark]) -> None:
        told(marks)
        seen.append(outlook.view())

    shared.baselines._told = look
    assert outlook.view().learning == Learning(0, 3)
    view = outlook.refresh(shop.now)
    assert [v.learning for v in seen] == [Learning(3, 3)]  # of the three only one has data
    assert seen[0].measures[PAYMENTS].week is not None
    assert view.learning is None and not view.waiting("checkout")


def test_no_sum_is_made_of_some_of_its_parts(shop):
    parts = shop.toll.parts
    outlook = Outlook(parts, shared := SharedBaselines(parts.map.map, parts.store))
    outlook.refresh(shop.now)
    outlook._kept = True
    marks = shared.snapshot.marks
    shared.snapshot = Snapshot(Baselines(parts.map.map, parts.store), marks)  # none learned so far
    outlook._made = None
    view = outlook.view()
    assert view.waiting("checkout") and not view.waiting("fulfilment")
    assert view.measures[PAYMENTS].why == LEARNING
    assert view.hours["checkout"].worth(view.hours["checkout"].now) is None


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
        assert outlook.learning == outlook.view().learning == Learning(0, 3)
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
                assert "0 of 3 measures are learned" in answer.text, path
                assert "EUR 0" not in answer.text, path
        finally:
            state._outlook = before


def test_perception_says_what_is_still_being_learned_instead_of_that_it_cannot_tell(shop):
    state = shop.toll.state
    with learning(shop) as (outlook, _):
        before, state._outlook = state._outlook, outlook
        try:
            found = shop.toll.ask("/v1/perception")
            page = shop.toll.http.get("/perception").text
            assert shop.toll.http.get("/perception/strips.svg").status_code == 404
        finally:
            state._outlook = before
    assert found["learning"] == {"done": 0, "of": 3}
    assert all(p["learning"] for p in found["processes"])
    assert "Still being learned, and judged within seconds: Web checkout" in page
    assert "Its usual week is being learned" in page and "Cannot tell" not in page


def test_perception_says_why_it_cannot_tell(shop):
    checkout, fulfilment, support = shop.toll.ask("/v1/perception")["processes"]
    assert not checkout["learning"] and "Carts opened: no data yet" in checkout["blind"]
    [orders] = fulfilment["blind"]
    assert orders.endswith("judged order by order, and only where an incident reaches it")
    assert support["blind"] == ["Calls: no data yet"]
    assert orders in shop.toll.http.get("/perception").text
