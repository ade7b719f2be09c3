"""Fixtures that more than one room of the tests uses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

from tests.clickhouse_engine import engine, make_store, own_engine, store, store_clock
from tests.guards import engine_as_marked, sockets_as_marked
from tests.kafka_broker import kafka_broker, kafka_topic
from tests.senders import senders
from tests.shared_data import shared_data

# How long an example takes says how busy the machine is, and nothing else.
settings.register_profile("toll", deadline=None)
settings.load_profile("toll")

BROWSER = "tests/browser/"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first: no worker is to be left alone with one in the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """A worker takes whole files; all that look at pages, for their Toll with a story is dear."""
    return _ByFile(config, log)


class _ByFile(LoadFileScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return BROWSER if file.startswith(BROWSER) else file


__all__ = [
    "engine",
    "engine_as_marked",
    "kafka_broker",
    "kafka_topic",
    "make_store",
    "own_engine",
    "senders",
    "shared_data",
    "sockets_as_marked",
    "store",
    "store_clock",
]
