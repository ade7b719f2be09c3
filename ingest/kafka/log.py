"""The log itself: makes producers and consumers, creates topics, says how to reach the brokers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kafka import KafkaAdminClient, errors  # type: ignore[import-untyped]

from ingest.errors import TollError
from ingest.kafka.consumer import KafkaLogConsumer
from ingest.kafka.library import connected, mapped
from ingest.kafka.producer import KafkaLogProducer
from ingest.kafka_options import TOPIC_CONFIG, KafkaOptions, ms


class KafkaLog:
    """A log on Kafka. Makes producers and consumers, and creates topics."""

    def __init__(self, bootstrap: str, *, options: KafkaOptions | None = None) -> None:
        self.bootstrap, self.options = bootstrap, options or KafkaOptions()

    def producer(self) -> KafkaLogProducer:
        """A producer of this log."""
        return KafkaLogProducer(self)

    def consumer(self, group: str, topics: Iterable[str], /) -> KafkaLogConsumer:
        """A member of `group`; it joins with its first polls."""
        return KafkaLogConsumer(self, group, topics)

    def ensure_topics(self, topics: Mapping[str, int], /) -> None:
        """Create those topics that do not exist, with `TOPIC_CONFIG`."""
        with self.errors(), connected(KafkaAdminClient, **self.access()) as admin:
            missing = topics.keys() - set(admin.list_topics())
            if not missing:
                return
            wanted = {
                name: {
                    "num_partitions": topics[name],
                    "replication_factor": self.options.replication_factor,
                    "configs": TOPIC_CONFIG,
                }
                for name in missing
            }
            # One that somebody else has just created is as good.
            with contextlib.suppress(errors.TopicAlreadyExistsError):
                admin.create_topics(wanted)
            admin.wait_for_topics(list(missing))

    def close(self) -> None:
        """Nothing to give back: connections belong to producers and consumers."""

    def access(self) -> dict[str, Any]:
        """What every client is told: where the brokers are, who we are, how long to wait."""
        options = self.options
        return {
            "bootstrap_servers": self.bootstrap.split(","),
            "bootstrap_timeout_ms": ms(options.request_timeout_s),
            "request_timeout_ms": ms(options.request_timeout_s),
            "reconnect_backoff_max_ms": 1000,
            "metadata_max_age_ms": ms(options.metadata_max_age_s),
            "security_protocol": options.security_protocol,
            "sasl_mechanism": options.sasl_mechanism,
            "sasl_plain_username": options.sasl_username,
            "sasl_plain_password": options.sasl_password,
            "ssl_cafile": options.ssl_cafile,
        }

    def mapped(self, error: errors.KafkaError) -> TollError:
        """An error of the library as one of ours."""
        return mapped(error, self.bootstrap)

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Turn errors of the library into ours, for the length of a block."""
        try:
            yield
        except errors.KafkaError as error:
            raise self.mapped(error) from error
