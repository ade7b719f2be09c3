"""Clients of kafka-python that leave nothing behind when they cannot be made."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from kafka.net.compat import KafkaNetClient  # type: ignore[import-untyped]


@contextlib.contextmanager
def connected(kind: Any, **config: Any) -> Iterator[Any]:
    """A client of the library for the length of a block."""
    client = connect(kind, **config)
    try:
        yield client
    finally:
        client.close()


def connect(kind: Any, **config: Any) -> Any:
    """Make a client; where that fails, stop the network thread it had already started."""
    nets: list[KafkaNetClient] = []

    def remember(**net_config: Any) -> KafkaNetClient:
        nets.append(KafkaNetClient(**net_config))
        return nets[-1]

    try:
        return kind(kafka_client=remember, **config)
    except BaseException:
        for net in nets:
            net.close()
        raise
