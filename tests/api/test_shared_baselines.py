"""One set of baselines in a process, whoever asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from api.ask.outlook import Outlook
from api.assess.assessor import Assessor
from api.assess.shared_baselines import TICKS, SharedBaselines
from api.run.runtime import Runtime
from impact.baselines import FILLED_EVERY
from tests.api.app import payment, priced
from tests.store.rows import NOON, later

pytestmark = pytest.mark.engine


@pytest.fixture
def counted(shop, monkeypatch):
    """The shop's parts, and how often the store was asked for minutes and for estimates."""
    asked = {"volumes": 0, "latest": 0, "issued": 0}
    store = shop.toll.parts.store
    for owner, name in (
        (store, "volumes"),
        (store.estimates, "latest"),
        (store.estimates, "issued"),
    ):
        _count(monkeypatch, type(owner), name, asked)
    return shop, asked


def _count(monkeypatch, kind, name, asked):
    real = getattr(kind, name)

    def counting(*args, **named):
        asked[name] += 1
        return real(*args, **named)

    monkeypatch.setattr(kind, name, counting)


def test_what_a_tick_has_learned_is_what_http_answers_from(counted):
    shop, asked = counted
    parts = shop.toll.parts
    shared = SharedBaselines(parts.map.map, parts.store)
    Assessor(parts, now=lambda: shop.now, shared=shared).tick()
    asked.update(volumes=0, latest=0, issued=0)
    view = Outlook(parts, shared).refresh(shop.now)
    assert view.measures["checkout/payments"].week is not None
    assert asked == {"volumes": 0, "latest": 0, "issued": 0}


def test_without_an_active_assessor_it_keeps_itself_fresh_and_reads_only_new_estimates(counted):
    shop, asked = counted
    parts = shop.toll.parts
    shared = SharedBaselines(parts.map.map, parts.store)
    shared.ticked(shop.now - 2 * TICKS, {})  # it was active once
    outlook = Outlook(parts, shared)
    for minutes in (0, 1, 2):
        outlook.refresh(shop.now + timedelta(minutes=minutes))
    assert asked["latest"] == 1 and asked["issued"] == 2
    assert asked["volumes"] > 0


def test_what_incidents_took_is_left_out_of_the_history_also_when_it_comes_later(toll):
    parts = toll.parts
    shared = SharedBaselines(parts.map.map, parts.store)
    with shared.lock:
        assert shared._known(NOON) == {}
        over = priced("a", NOON, effect=(later(-120), later(-60)))
        parts.store.estimates.insert([over], 1)
        assert shared._known(later(1)) == {"checkout/payments": (over.effect,)}


def test_all_of_a_process_in_one_set(toll):
    runtime = Runtime(toll.parts, ingest=False, assess=True, serve=True)
    assert runtime.assessor is not None and runtime.outlook is not None
    assert runtime.assessor._shared is runtime.outlook._shared


def test_history_that_is_imported_while_toll_runs_is_learned_within_minutes(toll):
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    outlook = Outlook(toll.parts, SharedBaselines(toll.parts.map.map, toll.parts.store))

    def load(days: range) -> None:
        hours = [now - timedelta(days=d, hours=h) for d in days for h in range(24)]
        toll.post([payment(n, at, id=f"{at}") for n, at in enumerate(hours)], history=True)
        toll.ingest()

    def mean() -> float | None:
        week = outlook.refresh(now).measures["checkout/payments"].week
        return None if week is None else sum(hour.mid for hour in week) / len(week)

    load(range(50, 56))
    early = mean()  # six days, and nothing since
    load(range(50))
    assert mean() == early
    now += 2 * FILLED_EVERY
    late = mean()
    assert late is not None and late == pytest.approx(1.0, rel=0.2)
