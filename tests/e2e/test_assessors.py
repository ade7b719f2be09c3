"""Two assessors on a real Kafka: one is active, whatever becomes of it, and nothing is double."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kafka import KafkaAdminClient  # type: ignore[import-untyped]
from kafka.errors import CoordinatorNotAvailableError  # type: ignore[import-untyped]

from ingest.events import Signal
from ingest.kafka import KafkaLog
from store.store import Store
from tests.clickhouse_engine import Engine
from tests.e2e.assessing import OPTIONS, WAIT_S, Member, Site, members

pytestmark = [
    pytest.mark.engine,
    pytest.mark.kafka,
    pytest.mark.network,
    pytest.mark.slow,
    pytest.mark.timeout(300),
]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def store(engine: Engine) -> Store:
    return Store(engine.migrated("http"))


@pytest.fixture
def site(tmp_path: Path, engine: Engine, store: Store, kafka_broker, kafka_topic) -> Site:
    url = engine.front().url(store.database.name)
    found = Site(tmp_path, kafka_broker.bootstrap, url, f"{kafka_topic()}.")
    with closing(KafkaLog(found.kafka, options=OPTIONS)) as log:
        log.ensure_topics({found.settings().assess_topic: 1})
    return found


def alert(store: Store, provider: str, minutes_ago: float) -> None:
    now = datetime.now(UTC)
    began = now - minutes_ago * MINUTE
    label = {"provider": provider} if provider == "stripe" else {"service": provider}
    store.insert_signals(
        [
            Signal(
                f"{provider}-{began}", "monitoring", "alert", "firing", "critical", label,
                "down", f"{provider}-{began}", began, received_at=now,
            )
        ]
    )  # fmt: skip


def members_of(admin: KafkaAdminClient, group: str) -> int | None:
    """How many members the group has, the dead ones that it waits for included; None: it moves."""
    try:
        found = admin.describe_groups([group])[group]
    except CoordinatorNotAvailableError:  # nobody has asked for one yet
        return 0
    return len(found["members"]) if found["group_state"] in ("Stable", "Empty", "Dead") else None


@contextmanager
def pair(site: Site) -> Iterator[list[Member]]:
    """Two members, and no others, in a group that moves its partition no more."""
    group = site.settings().group("assess")
    with closing(KafkaAdminClient(bootstrap_servers=site.kafka)) as admin:
        until(lambda: members_of(admin, group) == 0)  # those that an earlier test has killed
        with members(site, 2) as both:
            until(lambda: members_of(admin, group) == 2)
            for member in both:
                member.idle()  # what was heard so far is of no account
            yield both


def active_of(both: list[Member]) -> tuple[Member, Member]:
    """(the active one, the other): the first to tick thrice in a row.

    One that lost the partition a moment ago may still end the tick that it was in.
    """
    deadline = time.monotonic() + WAIT_S
    last, run = both[0], 0
    while time.monotonic() < deadline:
        for one in both:
            if not one.idle():
                last, run = one, run + 1 if one is last else 1
        if run >= 3:
            return last, both[0] if last is both[1] else both[1]
        time.sleep(0.05)
    raise TimeoutError("nobody assesses")


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def told(site: Site) -> list[str]:
    return site.delivered.read_text().split() if site.delivered.exists() else []


def test_one_of_two_is_active_and_the_other_takes_over_when_it_is_killed(store, site):
    alert(store, "stripe", 30)
    with pair(site) as both:
        active, other = active_of(both)
        active.ticks(3)
        assert other.idle()  # while the other has ticked three times
        first = store.incidents.generation()
        active.send(signal.SIGKILL)
        alert(store, "warehouse", 3)
        other.ticks(3)
        until(lambda: len(store.incidents.find()) == 2)
        assert store.incidents.generation() > first
        other.ticks(2)
        found = [v.incident.id for v in store.incidents.find(gone=True)]
        assert len(found) == len(set(found)) == 2
        until(lambda: sorted(told(site)) == sorted(found))  # each told once
        assert len(store.outbox.find("sent")) == 2


def test_one_that_wakes_up_after_it_was_replaced_changes_nothing(store, site):
    alert(store, "stripe", 30)
    with pair(site) as both:
        active, other = active_of(both)
        active.ticks(2)
        active.send(signal.SIGSTOP)
        other.ticks(2)
        alert(store, "warehouse", 3)
        until(lambda: len(store.incidents.find()) == 2)
        before = {v.incident.id: v.incident for v in store.incidents.find()}
        active.send(signal.SIGCONT)
        active.ticks(1)  # the one that it slept through
        one, _ = active_of(both)  # the group may have given the partition to either
        one.ticks(3)
        after = store.incidents.find(gone=True)
        assert {v.incident.id: v.incident for v in after} == before
        assert sorted(told(site)) == sorted(before)
