"""The library's errors as ours, and its clients made so that they leave nothing behind."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from kafka import errors  # type: ignore[import-untyped]
from kafka.net.compat import KafkaNetClient  # type: ignore[import-untyped]

from ingest.errors import TollError
from ingest.kafka_options import as_ours

CLOSE_S = 2.0  # how long leaving may take; the group notices an absent member anyway

_REFUSED = (
    errors.AuthorizationError,
    errors.SaslAuthenticationFailedError,
    errors.UnsupportedSaslMechanismError,
    errors.KafkaConfigurationError,
)


def mapped(error: errors.KafkaError, bootstrap: str) -> TollError:
    """An error of the library as one of ours."""
    return as_ours(
        error,
        bootstrap,
        refused=isinstance(error, _REFUSED),
        too_large=isinstance(error, errors.MessageSizeTooLargeError),
    )


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
