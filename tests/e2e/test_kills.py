"""SIGKILL at any moment, on both logs: the totals are the oracle's, to the unit and the cent."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from itertools import product

import pytest

from ingest.events import Signal
from ingest.log import Message
from ingest.sources.wire import encode_signal
from tests.e2e.child import Death, Outcome, Place, ingest_to_the_end, ingest_until_killed
from tests.e2e.oracle import BUSINESS, SIGNALS, Shop, expected

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(400)]

KILLS, LONGEST_S = 20, 0.25
STEPS = ("decode", "insert", "insert signals", "recompute", "commit", "progress")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class World:
    """A log that keeps getting events, and children that read it."""

    def __init__(self, place: Place, seed: int) -> None:
        self.place, self.shop = place, Shop(seed)
        self.signals: list[str] = []
        self.bad: list[bytes] = []
        self._business, self._signals = place.topics

    def send(self, events: int = 14) -> None:
        """More events, some together in one record, a signal that is repeated, a bad line."""
        number = len(self.signals)
        signal = Signal(
            f"s{number}", "test", "alert", "firing", "major", {}, "boom", f"f{number}", NOW
        )
        self.signals.append(signal.id)
        self.bad.append(b"bad line %d" % number)
        new = self.shop.send(events)
        messages = [event.message(self._business) for event in new]
        messages += [Message(self._signals, encode_signal(signal))] * 2
        messages += [Message(self._business, self.bad[-1])]
        with closing(self.place.log()) as log, closing(log.producer()) as producer:
            producer.send(messages)

    def check(self, outcome: Outcome) -> None:
        assert outcome.totals == expected(self.shop.sent)
        assert sorted(outcome.signals) == sorted(self.signals)
        assert sorted(outcome.dead) == sorted(("not_json", raw) for raw in self.bad)


@pytest.fixture(
    params=["embedded", pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.network])]
)
def make_world(request, tmp_path, kafka_topic) -> Callable[[int], World]:
    kafka, topics = "", (BUSINESS, SIGNALS)
    if request.param == "kafka":
        topics = (kafka_topic(), kafka_topic())
        kafka = request.getfixturevalue("kafka_broker").bootstrap
    place = Place(tmp_path, topics, kafka)
    with closing(place.log()) as log:
        log.ensure_topics(dict.fromkeys(topics, 2))
    return lambda seed: World(place, seed)


def test_killed_at_random_moments_while_consuming(make_world):
    world, rng = make_world(7), random.Random(7)
    for _ in range(KILLS):
        world.send()
        ingest_until_killed(world.place, Death(after_s=rng.uniform(0, LONGEST_S)))
    world.check(ingest_to_the_end(world.place))


def test_killed_between_every_two_steps(make_world):
    world = make_world(8)
    for step, nth in product(STEPS, (1, 3)):
        world.send()
        ingest_until_killed(world.place, Death(step, nth))
    world.check(ingest_to_the_end(world.place))
