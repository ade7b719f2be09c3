"""What happens to one batch on the workers: decode, insert, and what to do with a bad record.

A record that cannot be stored must not stop the others. The batch is halved until the record stands
alone; it becomes a dead letter, `refused`, with all of its bytes, so that it can be replayed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ingest.admit import settle_times, unsealed
from ingest.batch import Channel, arrivals, merge_minutes, touched_minutes
from ingest.dead_letters import DeadLetter, Fault
from ingest.decode import Decoded, decode
from ingest.errors import InputError, SettingsError, TollError
from ingest.events import Signal
from ingest.records import Records
from ingest.sink import Arrival, Minutes, Sink
from ingest.sources.wire import decode_signals
from ingest.streams import IngestConfig

logger = logging.getLogger(__name__)

Step = Callable[[str], None]


@dataclass(slots=True)
class Stored:
    """What became of a batch."""

    minutes: dict[str, Minutes] = field(default_factory=dict)
    arrivals: list[Arrival] = field(default_factory=list)
    events: int = 0
    signals: int = 0
    dead_letters: int = 0

    def add(self, other: Stored) -> None:
        """Take in what became of the batch after this one."""
        self.minutes = merge_minutes(self.minutes, other.minutes)
        self.arrivals += other.arrivals
        self.events += other.events
        self.signals += other.signals
        self.dead_letters += other.dead_letters


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a batch of records held; it waits to be stored."""

    decoded: Decoded
    signals: Sequence[Signal]
    bad_signals: Sequence[DeadLetter]


class BatchStore:
    """Prepares and stores batches. Every call may be repeated.

    Preparing touches nothing else, so that the next batch is prepared while one is stored.
    """

    def __init__(self, sink: Sink, config: IngestConfig, signals_topic: str, step: Step) -> None:
        self._sink, self._config, self._signals_topic = sink, config, signals_topic
        self._step = step

    def prepare(self, records: Records, now: datetime) -> Prepared | TollError:
        """Read all records; or the error that `store` is to deal with."""
        self._step("decode")
        signals = records.of_topics([self._signals_topic])
        try:
            decoded = decode(records.chosen(~signals), self._config, now)
            return Prepared(decoded, *decode_signals(records.chosen(signals), now))
        except TollError as error:
            return error
        except Exception as error:  # a mistake of ours in reading must not stop all other records
            if len(records) == 1:
                logger.exception("a record cannot be read")
            return InputError(f"cannot be read ({type(error).__name__}: {error})")

    def store(
        self,
        records: Records,
        prepared: Prepared | TollError,
        now: datetime,
        newest: dict[Channel, int],
    ) -> Stored:
        """Insert; `newest` (event time per channel) is brought up to date.

        Raises what another try or other settings may mend; nothing of the batch is lost then.
        """
        try:
            if isinstance(prepared, TollError):
                raise prepared
            return self._insert(records, prepared, now, newest)
        except TollError as error:
            if error.retriable or isinstance(error, SettingsError):
                raise  # the store's or the operator's trouble, not the record's
            if len(records) > 1:
                stored = Stored()
                middle = len(records) // 2
                for half in (records[:middle], records[middle:]):
                    stored.add(self.store(half, self.prepare(half, now), now, newest))
                return stored
            fault = Fault("refused", str(error))
            letters = [DeadLetter.of(r, 0, fault, r.value or b"", now) for r in records]
            self._sink.insert_dead_letters(letters)
            logger.warning("a record is refused and kept as a dead letter: %s", error)
            return Stored(dead_letters=len(letters))

    def _insert(
        self, records: Records, batch: Prepared, now: datetime, newest: dict[Channel, int]
    ) -> Stored:
        events = settle_times(batch.decoded.events, self._config, self._sink)
        events, sealed = unsealed(events, records, self._config, self._sink, now)
        letters = [*batch.decoded.dead, *batch.bad_signals, *sealed]
        self._step("insert")
        if events.num_rows:
            self._sink.insert_events(events)
        self._step("insert signals")
        if batch.signals:
            self._sink.insert_signals(batch.signals)
        if letters:
            self._sink.insert_dead_letters(letters)
        return Stored(
            touched_minutes(events),
            arrivals(events, records, now, newest),
            events.num_rows,
            len(batch.signals),
            len(letters),
        )
