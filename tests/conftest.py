"""Fixtures that more than one room of the tests uses."""

from __future__ import annotations

from tests.clickhouse_engine import engine, make_store, own_engine, store, store_clock
from tests.kafka_broker import kafka_broker, kafka_topic
from tests.shared_data import shared_data

__all__ = [
    "engine",
    "kafka_broker",
    "kafka_topic",
    "make_store",
    "own_engine",
    "shared_data",
    "store",
    "store_clock",
]
