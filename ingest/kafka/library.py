"""The library's errors as ours, and its clients made so that they leave nothing behind."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from kafka import errors  # type: ignore[import-untyped]
from kafka.net.compat import KafkaNetClient  # type: ignore[import-untyped]

from ingest.errors import InputError, SettingsError, TollError, UnavailableError

CLOSE_S = 2.0  # how long leaving may take; the group notices an absent member anyway

_REFUSED = (
    errors.AuthorizationError,
    errors.SaslAuthenticationFailedError,
    errors.UnsupportedSaslMechanismError,
    errors.KafkaConfigurationError,
)


def mapped(error: errors.KafkaError, bootstrap: str) -> TollError:
    """An error of the library as one of ours."""
    if isinstance(error, _REFUSED):
        return SettingsError(f"Kafka at {bootstrap} refuses us ({error}): check the access")
    if isinstance(error, errors.MessageSizeTooLargeError):
        return InputError(
            f"the topic takes no record of this size ({error}): raise its max.message.bytes"
        )
    return UnavailableError(f"Kafka at {bootstrap} does not answer ({error})")


def ms(seconds: float) -> int:
    """Whole milliseconds, as the library's settings want them."""
    return int(seconds * 1000)


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
