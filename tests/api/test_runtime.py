"""What an ingester does after one that did not stop cleanly."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.run.runtime import IngestTask
from api.run.wiring import Parts
from ingest.embedded import EmbeddedLog
from ingest.log import Consumer, Log, Message, TopicPartition
from ingest.sink import Progress
from ingest.streams import IngestConfig, TopicMapping
from tests.api.app import opened
from tests.e2e.oracle import Sent

pytestmark = pytest.mark.engine

OFF = timedelta(days=2)  # how long the machine was without power


class NoAnswer:
    """A log whose consumers know nothing."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def consumer(self, group: str, topics: list[str], /) -> Consumer:
        consumer = self._log.consumer(group, topics)
        consumer.offsets_at = _nothing_known  # type: ignore[method-assign]
        return consumer


def _nothing_known(moment_ms: int, /) -> Mapping[TopicPartition, int]:
    return {}


@pytest.fixture
def parts(tmp_path, store) -> Iterator[Parts]:
    """Three events, read long ago to the end of the log, of which the store has none."""
    then = datetime.now(UTC) - OFF
    clock = [0.0]
    with (
        opened(tmp_path, store) as toll,
        closing(EmbeddedLog(tmp_path / "then.sqlite", clock=lambda: clock[0])) as log,
    ):
        topics = [toll.parts.settings.business_topic, toll.parts.settings.signals_topic]
        log.ensure_topics(dict.fromkeys(topics, 1))
        with closing(log.producer()) as producer:
            for number, minutes in enumerate((90, 59, 1)):
                clock[0] = (then - timedelta(minutes=minutes)).timestamp()
                producer.send([Message(topics[0], Sent(f"e{number}", at=then).line())])
        with closing(log.consumer(toll.parts.settings.group("ingest"), topics)) as consumer:
            consumer.commit({TopicPartition(topics[0], 0): 3})
        store.record_progress([Progress(topic, 0, 3, then, 0) for topic in topics], [])
        yield replace(toll.parts, log=log)


def ingest(task: IngestTask, turns_s: float = 60) -> None:
    """Run a task until it has read all, or for so long."""
    stop = threading.Event()
    thread = threading.Thread(target=task, args=(stop,))
    thread.start()
    for _ in range(int(turns_s / 0.05)):
        if task.idle_since() is not None or not thread.is_alive():
            break
        thread.join(0.05)
    stop.set()
    thread.join()


def counted(parts: Parts) -> float:
    now = datetime.now(UTC)
    found = parts.store.volumes("payments", ["ok"], now - timedelta(days=9), now)
    return float(found.count.sum())


def left_behind(parts: Parts) -> Path:
    """The mark of an ingester that died."""
    mark = parts.settings.data / "ingest-1-ab.running"
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    return mark


def test_the_last_hour_before_the_power_went_is_read_again(parts):
    mark = left_behind(parts)
    ingest(IngestTask(parts))
    assert counted(parts) == 2
    assert not mark.exists()


def test_after_a_clean_stop_the_log_is_read_on(parts):
    ingest(IngestTask(parts))
    assert counted(parts) == 0
    assert list(parts.settings.data.glob("*.running")) == []


def test_as_long_as_the_log_does_not_answer_it_is_still_to_be_done(parts):
    mark = left_behind(parts)
    ingest(IngestTask(replace(parts, log=NoAnswer(parts.log))), turns_s=0.5)
    assert counted(parts) == 0 and mark.exists()
    ingest(IngestTask(parts))
    assert counted(parts) == 2
    assert list(parts.settings.data.glob("*.running")) == []


def test_two_tolls_on_one_log_both_read_all_of_a_shared_topic(tmp_path, store):
    config = IngestConfig(salt=b"salt", mappings={"shop": TopicMapping("shop", "payments")})
    with (
        opened(tmp_path / "one", store, config=config) as one,
        opened(tmp_path / "other", store, config=config, topic_prefix="other.") as other,
    ):
        log = one.parts.log
        log.ensure_topics({"other.business": 1, "other.signals": 1})
        with closing(log.producer()) as producer:
            producer.send([Message("shop", Sent(f"e{n}").line()) for n in range(6)])
        for parts in (one.parts, replace(other.parts, log=log)):
            task = IngestTask(parts)
            ingest(task)
            assert task.stats.events == 6
