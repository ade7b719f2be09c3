"""CloudEvents on both topics of a real broker, as other programs put them there."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from cloudevents.core.bindings import kafka as client
from cloudevents.core.v1.event import CloudEvent
from kafka import KafkaProducer  # type: ignore[import-untyped]

from ingest.consumer import Ingester
from ingest.kafka import KafkaLog
from ingest.rhythm import ConsumerConfig
from ingest.streams import IngestConfig

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.engine,
    pytest.mark.network,
    pytest.mark.slow,
]
WHEN = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)


def event(id_, data):
    attributes = {"id": id_, "source": "/till", "type": "t", "specversion": "1.0", "time": WHEN}
    return CloudEvent({**attributes, "datacontenttype": "application/json"}, data)


def test_headers_of_records_count_on_both_topics(kafka_broker, kafka_topic, store):
    business, signals = kafka_topic(), kafka_topic()
    sale = {"stream": "payments", "status": "ok"}
    alert = {"labels": {"service": "payment"}}
    raw = [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"raw"),
        ("ce_source", b"/till"),
        ("ce_type", b"t"),
    ]
    raw.append(("ce_time", WHEN.isoformat().encode()))
    log = KafkaLog(kafka_broker.bootstrap)
    log.ensure_topics({business: 1, signals: 1})
    producer = KafkaProducer(bootstrap_servers=kafka_broker.bootstrap, acks="all")
    for topic, data in ((business, sale), (signals, alert)):
        for message in (
            client.to_binary_event(event("binary", data)),
            client.to_structured_event(event("structured", data)),
        ):
            headers = list(message.headers.items())
            producer.send(topic, message.value, headers=headers).get(30)
        producer.send(topic, json.dumps(data).encode(), headers=raw).get(30)
    producer.send(signals, b"no json", headers=raw).get(30)
    producer.close()
    with ThreadPoolExecutor(3) as workers:
        consumer = log.consumer("cloudevents", [business, signals])
        rhythm = ConsumerConfig(signals_topic=signals)
        ingester = Ingester(consumer, store, workers, IngestConfig(salt=b"x" * 16), rhythm)
        deadline = datetime.now(UTC) + timedelta(seconds=60)
        while ingester.stats.records < 7 or ingester.idle_since is None:
            assert datetime.now(UTC) < deadline, ingester.stats
            ingester.turn()
        consumer.close()
    log.close()
    assert (ingester.stats.events, ingester.stats.dead_letters) == (3, 1)
    found = {(s.id, s.source, s.started_at) for s in store.signals.all()}
    assert found == {(id_, "/till", WHEN) for id_ in ("binary", "structured", "raw")}
    [stream] = store.coverage()
    assert (stream.stream, stream.first_minute) == ("payments", WHEN.replace(second=0))
