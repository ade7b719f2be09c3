"""The assessor in its group: who holds the partition ticks, the others stand by and say why."""

from __future__ import annotations

import logging
from threading import Event
from types import SimpleNamespace

import pytest

from api.assess.assessor import Assessor
from tests.api.app import Toll

pytestmark = pytest.mark.engine


class Member:
    """A member of the group that loses its partition after the first tick, and then is stopped."""

    def __init__(self, stop: Event, *, healthy: bool) -> None:
        self._stop, self._healthy, self._polls = stop, healthy, 0

    def poll(self, *_: object) -> None:
        self._polls += 1
        if self._polls > 2:
            self._stop.set()

    def assigned(self) -> bool:
        return self._polls == 1

    def healthy(self) -> bool:
        return self._healthy

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("healthy", "why"),
    [
        (True, "another assessor is active now; this one stands by"),
        (False, "the log does not answer, which says who assesses; this one stands by"),
    ],
)
def test_who_loses_the_partition_says_why(toll: Toll, caplog, monkeypatch, healthy, why):
    stop = Event()
    log = SimpleNamespace(consumer=lambda *_: Member(stop, healthy=healthy))
    monkeypatch.setattr(toll.parts, "log", log)
    with caplog.at_level(logging.INFO, "api.assess.assessor"):
        Assessor(toll.parts).run(stop)
    assert [r.message for r in caplog.records][-1] == why
