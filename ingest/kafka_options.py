"""How Toll talks to Kafka, and what it says of Kafka's errors, whichever client does it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ingest.errors import InputError, SettingsError, TollError, UnavailableError
from ingest.log import MAX_MESSAGE_BYTES

# What one record batch may take: the largest message, and room for its framing.
MAX_BATCH_BYTES = MAX_MESSAGE_BYTES + 64 * 1024

FETCH_BYTES = 4 * 1024 * 1024  # per partition; a larger record still comes, alone

# Topics that Toll creates. The time of a record is when the broker had it, which arrival delays
# and watermarks rest on; a topic of somebody else keeps whatever it says.
TOPIC_CONFIG = {
    "message.timestamp.type": "LogAppendTime",
    "max.message.bytes": str(MAX_BATCH_BYTES),
}


@dataclass(frozen=True, slots=True)
class KafkaOptions:
    """Limits and access of a Kafka log. The defaults suit a cluster on the same network."""

    partitions_default: int = 4
    replication_factor: int = -1  # -1: what the broker has as its default
    send_timeout_s: float = 15.0  # after that long without an acknowledgement, `send` gives up
    request_timeout_s: float = 10.0  # after that long without an answer, a broker counts as away
    max_poll_interval_s: float = 300.0  # a member that does not poll for that long is put out
    session_timeout_s: float = 45.0  # a member that is not heard of for that long is put out
    metadata_max_age_s: float = 30.0  # how soon new topics and partitions are noticed
    security_protocol: str = "PLAINTEXT"  # or SSL, SASL_PLAINTEXT, SASL_SSL
    sasl_mechanism: str | None = None  # PLAIN, SCRAM-SHA-256, SCRAM-SHA-512
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)
    ssl_cafile: str | None = None

    @property
    def heartbeat_s(self) -> float:
        """How often a member is heard of: thrice a session, so that two losses do no harm."""
        return min(3.0, self.session_timeout_s / 3)


def ms(seconds: float) -> int:
    """Whole milliseconds, as the settings of both clients want them."""
    return int(seconds * 1000)


def as_ours(error: object, bootstrap: str, *, refused: bool, too_large: bool) -> TollError:
    """An error of a client as one of ours; of which kind it is, the client's own words say."""
    if refused:
        return SettingsError(f"Kafka at {bootstrap} refuses us ({error}): check the access")
    if too_large:
        return InputError(
            f"the topic takes no record of this size ({error}): raise its max.message.bytes"
        )
    return UnavailableError(f"Kafka at {bootstrap} does not answer ({error})")
