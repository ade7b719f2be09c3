"""Races and outages: whatever is away, nothing is lost, nothing counts twice, and it goes on."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace

import pytest

from api.run.runtime import Runtime
from api.setup.mapfiles import read_map
from api.setup.settings import Settings, read_settings
from ingest.confluent import ConfluentLog
from ingest.embedded import EmbeddedLog
from ingest.errors import UnavailableError
from ingest.kafka import KafkaLog
from ingest.log import Log
from store.clickhouse import open_server
from store.store import Store
from tests.api.app import SHOP
from tests.clickhouse_engine import Engine
from tests.clickhouse_front import Front
from tests.contract.logs import OPTIONS, EmbeddedPlace
from tests.e2e.ingesting import CONFIG, Refusing, holds_some, running, wait
from tests.e2e.oracle import BUSINESS, SIGNALS, Sent, Shop, expected, found

pytestmark = [
    pytest.mark.engine,
    pytest.mark.network,
    # kafka-python leaves sockets of refused connections to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]
LOGS = ["embedded"] + [
    pytest.param(client, marks=[pytest.mark.kafka, pytest.mark.slow], id=client.__name__)
    for client in (KafkaLog, ConfluentLog)
]


@pytest.fixture(autouse=True)
def _collect_sockets(caplog) -> Iterator[None]:
    yield
    caplog.get_records("call").clear()  # they hold on to errors, and those to sockets
    gc.collect()  # while the warning above is ignored


@pytest.fixture(params=LOGS)
def log(request, tmp_path) -> Iterator[Log]:
    if request.param == "embedded":
        with closing(EmbeddedLog(tmp_path / "toll.log")) as log:
            yield log
        return
    with closing(
        KafkaLog(request.getfixturevalue("kafka_broker").bootstrap, options=OPTIONS)
    ) as log:
        yield log


@pytest.fixture
def topics(kafka_topic) -> tuple[str, str]:
    return kafka_topic(), kafka_topic()


def send(log: Log, topic: str, events: list[Sent]) -> None:
    with closing(log.producer()) as producer:
        for event in events:
            producer.send([event.message(topic)])


def wait_for_totals(store: Store, sent: list[Sent]) -> None:
    """Wait until as much is counted as is expected, and compare."""
    totals = expected(sent)
    wait(lambda: found(store) == totals)


# races and restarts


def test_two_that_race_on_the_same_minutes_end_with_the_same_totals(
    log, topics, store, engine: Engine
):
    log.ensure_topics(dict.fromkeys(topics, 2))
    shop, url = Shop(1), engine.front().url(store.database.name)
    with closing(Store(open_server(url))) as one, closing(Store(open_server(url))) as two:
        with running(log, one, two, topics=topics) as members:
            wait(lambda: all(member.consumer.holds for member in members))
            for _ in range(4):
                send(log, topics[0], shop.send(25))
            wait_for_totals(store, shop.sent)
        assert all(member.stats.events for member in members)
    assert found(store) == expected(shop.sent)


def test_members_that_come_and_go_change_no_total(log, topics, store):
    log.ensure_topics(dict.fromkeys(topics, 2))
    shop = Shop(2)
    with running(log, store, topics=topics):
        for _ in range(3):
            send(log, topics[0], shop.send(10))
            with running(log, store, topics=topics) as other:
                wait(partial(holds_some, other.consumer))
                send(log, topics[0], shop.send(10))
        wait_for_totals(store, shop.sent)


def test_corrections_and_repeats_across_restarts(log, topics, store):
    log.ensure_topics(dict.fromkeys(topics, 2))
    first = [Sent(f"e{n}", cents=100 * n, currency="EUR") for n in range(9)]
    corrected = [replace(event, status="failed", cents=1) for event in first[:3]]
    sent: list[Sent] = []
    for more in (first, first, corrected, [*corrected, *first[3:]]):
        send(log, topics[0], more)
        sent += more
        with running(log, store, topics=topics):
            wait_for_totals(store, sent)
    counts, sums = found(store)
    assert counts == {("payments", "ok", "02 12:00"): 6, ("payments", "failed", "02 12:00"): 3}
    assert sums["payments", "failed", "02 12:00", "EUR"] == "0.03"


# the store is away


@pytest.mark.kafka
@pytest.mark.slow
def test_the_store_down_for_longer_than_the_poll_limit(kafka_broker, topics, store, engine, caplog):
    limit_s = 2.0
    options = replace(OPTIONS, session_timeout_s=2, max_poll_interval_s=limit_s)
    shop, front = Shop(3), Front(engine.folder)
    server = Store(open_server(front.url(store.database.name), timeout_s=5))
    with closing(server), closing(KafkaLog(kafka_broker.bootstrap, options=options)) as log:
        log.ensure_topics(dict.fromkeys(topics, 2))
        with running(log, server, topics=topics) as member:
            send(log, topics[0], shop.send(10))
            wait_for_totals(store, shop.sent)
            front.close()
            try:
                member.consumer.assignments.clear()
                send(log, topics[0], shop.send(10))
                wait(lambda: member.consumer.paused and member.stats.failing_since is not None)
                polls, since = member.consumer.polls, time.monotonic()
                wait(lambda: time.monotonic() - since > 1.5 * limit_s)
                assert member.consumer.polls - polls >= 10
                assert member.consumer.paused
            finally:
                front = Front(engine.folder, front.port)
            wait_for_totals(store, shop.sent)
            wait(lambda: member.stats.failing_since is None and not member.consumer.paused)
            assert len(member.consumer.assignments) == 1
            lines = [r.getMessage() for r in caplog.records if "ingest waits" in r.getMessage()]
            assert len(lines) == member.stats.failures
            assert all("\n" not in said and "nothing is lost" in said for said in lines)
        front.close()


def settings(folder: Path) -> Settings:
    return read_settings({"TOLL_DATA": str(folder)})


def test_a_store_that_refuses_for_a_while_is_told_of_and_waited_for(tmp_path, store, caplog):
    shop, sink = Shop(4), Refusing(store)
    with closing(EmbeddedLog(tmp_path / "toll.log")) as log:
        log.ensure_topics({BUSINESS: 2, SIGNALS: 2})
        parts = SimpleNamespace(
            settings=settings(tmp_path), config=CONFIG, map=read_map(SHOP), log=log, store=sink
        )
        caplog.set_level(logging.INFO, "ingest.consumer")
        with Runtime(parts, ingest=True, assess=False) as runtime:  # type: ignore[arg-type]
            send(log, BUSINESS, shop.send(5))
            wait_for_totals(store, shop.sent)
            sink.refuses = True
            send(log, BUSINESS, shop.send(5))
            wait(lambda: bool(runtime.ingest and runtime.ingest.stats.failures >= 2))
            (trouble,) = runtime.troubles()
            assert trouble.startswith("ingest waits since 20")
            assert trouble.endswith(": the store takes nothing for now")
            sink.refuses = False
            wait_for_totals(store, shop.sent)
            wait(lambda: not runtime.troubles())
            assert runtime.ingest is not None
            said = [r.getMessage() for r in caplog.records]
            assert sum("ingest waits" in line for line in said) == runtime.ingest.stats.failures
            assert sum("ingest goes on after" in line for line in said) == 1


# the log is away


@pytest.mark.kafka
@pytest.mark.slow
def test_kafka_stops_and_comes_back(kafka_broker, topics, store):
    shop = Shop(5)
    with closing(KafkaLog(kafka_broker.bootstrap, options=OPTIONS)) as log:
        log.ensure_topics(dict.fromkeys(topics, 2))
        with running(log, store, topics=topics) as member:
            send(log, topics[0], shop.send(10))
            wait_for_totals(store, shop.sent)
            kafka_broker.stop()
            try:
                wait(lambda: not member.consumer.up)
                said = {p.topic: p.read_until for p in store.progress()}
                polls = member.consumer.polls
                wait(lambda: member.consumer.polls > polls + 5)
            finally:
                kafka_broker.start()
            assert {p.topic: p.read_until for p in store.progress()} == said  # nobody knows
            send_again(log, topics[0], shop.send(10))
            wait_for_totals(store, shop.sent)


def send_again(log: Log, topic: str, events: list[Sent]) -> None:
    """As a producer does that is told to try again: repeats are harmless."""
    deadline = time.monotonic() + 40
    while True:
        try:
            send(log, topic, events)
            return
        except UnavailableError:
            if time.monotonic() > deadline:
                raise


def test_a_full_disk_refuses_and_what_was_accepted_is_counted(tmp_path, store):
    here, there = multiprocessing.get_context("forkserver").Pipe(duplex=False)
    child = multiprocessing.get_context("forkserver").Process(
        target=_fill_the_disk, args=(tmp_path, there)
    )
    child.start()
    there.close()
    accepted, refusals = here.recv()
    child.join(30)
    here.close()
    assert (child.exitcode, len(accepted), len(refusals)) == (0, 20, 2)
    assert all("is its disk full?" in said for said in refusals)
    log = EmbeddedPlace(tmp_path).open()
    with closing(log), running(log, store):
        wait_for_totals(store, accepted)


def _fill_the_disk(folder: Path, answer: Connection) -> None:
    """Send with room, without, and with room again. Alone: the engine needs the disk as well."""
    place, shop = EmbeddedPlace(folder), Shop(6)
    accepted: list[Sent] = []
    refusals: list[str] = []

    def send_all() -> None:
        new = shop.send(10)
        try:
            producer.send([event.message() for event in new])
            accepted.extend(new)
        except UnavailableError as error:
            refusals.append(str(error))

    with closing(place.open()) as log, closing(log.producer()) as producer:
        log.ensure_topics({BUSINESS: 2, SIGNALS: 2})
        send_all()
        with place.outage():
            send_all()
            send_all()
        send_all()
    answer.send((accepted, refusals))
