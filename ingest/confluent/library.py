"""The library, an optional extra, and its errors as ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.errors import TollError
from ingest.kafka_options import as_ours

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

__all__ = ["REFUSED", "AdminClient", "NewTopic", "confluent_kafka", "mapped"]

REFUSED = (
    "_AUTHENTICATION",
    "SASL_AUTHENTICATION_FAILED",
    "TOPIC_AUTHORIZATION_FAILED",
    "GROUP_AUTHORIZATION_FAILED",
    "CLUSTER_AUTHORIZATION_FAILED",
)


def mapped(error: confluent_kafka.KafkaError, bootstrap: str) -> TollError:
    """An error of the library as one of ours."""
    name = error.name()
    return as_ours(
        error, bootstrap, refused=name in REFUSED, too_large=name == "MSG_SIZE_TOO_LARGE"
    )
