"""The library, an optional extra, and its errors as ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.errors import InputError, SettingsError, TollError, UnavailableError

if TYPE_CHECKING:
    import confluent_kafka
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewTopic
else:
    try:
        import confluent_kafka
        from confluent_kafka.admin import AdminClient
        from confluent_kafka.cimpl import NewTopic
    except ImportError:
        confluent_kafka = AdminClient = NewTopic = None

__all__ = ["REFUSED", "AdminClient", "NewTopic", "confluent_kafka", "mapped", "ms"]

REFUSED = (
    "_AUTHENTICATION",
    "SASL_AUTHENTICATION_FAILED",
    "TOPIC_AUTHORIZATION_FAILED",
    "GROUP_AUTHORIZATION_FAILED",
    "CLUSTER_AUTHORIZATION_FAILED",
)


def mapped(error: confluent_kafka.KafkaError, bootstrap: str) -> TollError:
    """An error of the library as one of ours."""
    if error.name() in REFUSED:
        return SettingsError(f"Kafka at {bootstrap} refuses us ({error}): check the access")
    if error.name() == "MSG_SIZE_TOO_LARGE":
        return InputError(
            f"the topic takes no record of this size ({error}): raise its max.message.bytes"
        )
    return UnavailableError(f"Kafka at {bootstrap} does not answer ({error})")


def ms(seconds: float) -> int:
    """Whole milliseconds, as the library's settings want them."""
    return int(seconds * 1000)
