"""The log itself: makes producers and consumers, creates topics, says how to reach the brokers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ingest.confluent.consumer import ConfluentConsumer
from ingest.confluent.library import AdminClient, NewTopic, confluent_kafka, mapped
from ingest.confluent.producer import ConfluentProducer
from ingest.errors import SettingsError, TollError
from ingest.kafka_options import TOPIC_CONFIG, KafkaOptions, ms


class ConfluentLog:
    """A log on Kafka. Makes producers and consumers, and creates topics."""

    def __init__(self, bootstrap: str, *, options: KafkaOptions | None = None) -> None:
        if confluent_kafka is None:
            raise SettingsError("confluent-kafka is not installed: pip install toll[fast]")
        self.bootstrap, self.options = bootstrap, options or KafkaOptions()

    def producer(self) -> ConfluentProducer:
        """A producer of this log."""
        return ConfluentProducer(self)

    def consumer(self, group: str, topics: Iterable[str], /) -> ConfluentConsumer:
        """A member of `group`; it joins with its first polls."""
        return ConfluentConsumer(self, group, topics)

    def ensure_topics(self, topics: Mapping[str, int], /) -> None:
        """Create those topics that do not exist, with `TOPIC_CONFIG`."""
        admin = AdminClient(self.access())
        timeout_s = self.options.request_timeout_s
        try:
            missing = topics.keys() - admin.list_topics(timeout=timeout_s).topics.keys()
            if not missing:
                return
            made = admin.create_topics(
                [
                    NewTopic(
                        name,
                        num_partitions=topics[name],
                        replication_factor=self.options.replication_factor,
                        config=TOPIC_CONFIG,
                    )
                    for name in sorted(missing)
                ],
                operation_timeout=timeout_s,
                request_timeout=timeout_s,
            )
            failures = [future.exception() for future in made.values()]
        except confluent_kafka.KafkaException as error:
            raise self.mapped(error.args[0]) from error
        for failure in failures:
            # A topic that somebody else has just created is as good as one of our own.
            if failure is not None and failure.args[0].name() != "TOPIC_ALREADY_EXISTS":
                raise self.mapped(failure.args[0]) from failure

    def close(self) -> None:
        """Nothing to give back: connections belong to producers and consumers."""

    def access(self) -> dict[str, Any]:
        """What every client is told: where the brokers are, who we are, how long to wait."""
        options = self.options
        access = {
            "bootstrap.servers": self.bootstrap,
            "socket.timeout.ms": ms(options.request_timeout_s),
            "reconnect.backoff.max.ms": 1000,
            "topic.metadata.refresh.interval.ms": ms(options.metadata_max_age_s),
            "allow.auto.create.topics": False,
            "log_level": 2,  # trouble is told by errors and by `healthy`, not on stderr
            "security.protocol": options.security_protocol,
            "sasl.mechanism": options.sasl_mechanism,
            "sasl.username": options.sasl_username,
            "sasl.password": options.sasl_password,
            "ssl.ca.location": options.ssl_cafile,
        }
        return {name: value for name, value in access.items() if value is not None}

    def mapped(self, error: confluent_kafka.KafkaError) -> TollError:
        """An error of the library as one of ours."""
        return mapped(error, self.bootstrap)
