"""Opens the parts that the settings name, and closes them again. The only place that chooses."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from api.notify.subscribers import Subscriptions
from api.notify.subscriptions_file import read_subscriptions
from api.setup.mapfiles import LoadedMap, read_map
from api.setup.salt import company_salt, fingerprint
from api.setup.settings import Settings
from api.setup.streams_file import read_streams
from ingest.confluent import ConfluentLog
from ingest.embedded import EmbeddedLog
from ingest.errors import SettingsError
from ingest.kafka import KafkaLog
from ingest.log import Log
from ingest.streams import IngestConfig
from store.store import Store, open_store

logger = logging.getLogger(__name__)

EMBEDDED_REFUSAL = (
    "Parts apart (`ingest`, `assess`, `serve`) require Kafka and a ClickHouse server: "
    "set TOLL_KAFKA and TOLL_CLICKHOUSE, or use `toll run`, which is all of them in one process"
)


@dataclass(slots=True)
class Parts:
    """Everything that is open. Only the map and who is told change while it is.

    By `api.run.mapwatch` and `api.run.subscriptionswatch`, which put others in their place.
    """

    settings: Settings
    config: IngestConfig
    map: LoadedMap
    log: Log
    store: Store
    subscriptions: Subscriptions = field(default_factory=Subscriptions)


@contextmanager
def open_parts(settings: Settings) -> Iterator[Parts]:
    """The log, the store and the map of these settings; refuses a salt that has changed."""
    loaded = read_map(settings.map)
    salt = company_salt(settings.salt, settings.data)
    config = read_streams(settings.streams, salt=salt, retention=settings.retention_days)
    subscriptions = read_subscriptions(settings.subscriptions, loaded.map)
    with ExitStack() as stack:
        # First the log: where another process has the folder, it says which, and the engine prints
        # a line of its own before its error.
        log = open_log(settings)
        stack.callback(log.close)
        store = open_store(
            settings.clickhouse,
            settings.data,
            retention=settings.retention_days,
            streams=config.streams,
        )
        stack.callback(store.close)
        _same_salt(store, salt)
        log.ensure_topics(
            {
                settings.business_topic: settings.partitions,
                settings.signals_topic: settings.partitions,
                settings.counters_topic: settings.partitions,
                settings.assess_topic: 1,
                settings.impact_topic: 1,
            }
        )
        store.track_journeys(loaded.journeys)
        yield Parts(settings, config, loaded, log, store, subscriptions)


def open_log(settings: Settings) -> Log:
    """Kafka by the faster client that is installed, or the embedded log."""
    if settings.kafka is None:
        return EmbeddedLog(
            settings.data / "log.sqlite",
            partitions_default=settings.partitions,
            retention=settings.log_days,
            max_bytes=int(settings.log_gib * 2**30),
        )
    if settings.kafka_client == "kafka-python":
        return KafkaLog(settings.kafka)
    try:
        return ConfluentLog(settings.kafka)
    except SettingsError:
        if settings.kafka_client == "confluent":
            raise
        logger.info("reading Kafka with kafka-python; `pip install toll[fast]` doubles the speed")
        return KafkaLog(settings.kafka)


def require_servers(settings: Settings) -> None:
    """Refuse to run a part apart on something embedded: the other parts could not share it."""
    if settings.embedded:
        raise SettingsError(EMBEDDED_REFUSAL)


def _same_salt(store: Store, salt: bytes) -> None:
    kept = store.meta("salt") or ""
    mine = fingerprint(salt)
    if not kept:
        store.set_meta("salt", mine)
    elif kept != mine:
        raise SettingsError(
            "the salt is not the one this store was filled with, so keys would no longer join: "
            "give back the old TOLL_SALT or the old `salt` file of the data folder"
        )
