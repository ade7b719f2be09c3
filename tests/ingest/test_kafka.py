"""What the consumer makes of kafka-python's troubles that no broker can be made to show."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from kafka import errors  # type: ignore[import-untyped]

from ingest.errors import UnavailableError
from ingest.kafka import KafkaLog, KafkaLogConsumer


class Library:
    """A client of the library that meets one trouble in all that it fetches."""

    def __init__(self, trouble: errors.KafkaError) -> None:
        self._trouble = trouble
        self._coordinator = SimpleNamespace(rebalance_in_progress=lambda: False)

    def poll(self, timeout_ms: int, max_records: int) -> None:
        raise self._trouble


def consumer(trouble: errors.KafkaError) -> KafkaLogConsumer:
    made = KafkaLog("nowhere:9092").consumer("group", ["t"])
    made.client = Library(trouble)
    return made


@pytest.mark.parametrize("kind", [errors.CorruptRecordError, errors.UnsupportedCodecError])
def test_a_batch_that_cannot_be_read_is_said_and_its_client_done(kind):
    with pytest.raises(UnavailableError, match=r"nowhere:9092 is unreadable: .*at offset 7"):
        consumer(kind("at offset 7")).poll(0, 1)


def test_a_broker_that_is_away_is_no_error():
    assert consumer(errors.NodeNotReadyError()).poll(0, 1).records == ()
