"""A Toll with subscribers, and a dispatcher that is driven by turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pytest

from api.notify.delivery import DeliveryError, Outgoing
from api.notify.dispatcher import Dispatcher
from api.notify.subscribers import Subscriber, Subscriptions
from store.records import Note
from tests.api.app import AtOnce, Toll
from tests.api.notify.notes import NOON, told
from tests.clickhouse_engine import ManualClock


class Wire:
    """A sender that keeps what it was given, or fails as it was told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Outgoing]] = []
        self.fails: list[DeliveryError] = []
        self.before: Callable[[], None] = lambda: None

    def send(self, outgoing: Outgoing, to: Subscriber, /) -> None:
        self.before()
        if self.fails:
            raise self.fails.pop(0)
        self.sent.append((to.name, outgoing))

    def expire(self) -> None: ...


class Post:
    """A dispatcher over a Toll, its clock, its wire, and the generation that is active."""

    def __init__(self, toll: Toll, subscribers: Sequence[Subscriber]) -> None:
        self.toll, self.wire, self.clock = toll, Wire(), ManualClock(NOON)
        toll.parts.subscriptions = Subscriptions(tuple(subscribers))
        self.outbox = toll.parts.store.outbox
        self.generation: int | None = toll.parts.store.incidents.take_generation("test")
        self.dispatcher = self.another()

    def another(self, **more: Any) -> Dispatcher:
        """A dispatcher as a process that has just started has it."""
        return Dispatcher(
            self.toll.parts,
            lambda: self.generation,
            more.pop("reports", _no_report),
            senders=dict.fromkeys(("mail", "slack", "teams", "webhook"), self.wire),
            now=self.clock,
            **more,
        )

    def queue(self, *rules: str, to: str = "sales", at: datetime = NOON) -> None:
        assert self.generation is not None
        self.outbox.queue(
            [Note("i1", rule, to, told().model_dump_json(), at, self.generation) for rule in rules]
        )

    def turn(self) -> None:
        self.dispatcher.turn(AtOnce())

    def states(self) -> dict[str, str]:
        notes = self.outbox.find("pending", "sending", "sent", "given_up")
        return {f"{n.subscriber} {n.rule}": n.state for n in notes}


def _no_report(*_: object) -> Any:
    raise AssertionError("nobody asked for a report")


@pytest.fixture
def make_post(toll: Toll):
    return lambda *subscribers: Post(toll, subscribers)
