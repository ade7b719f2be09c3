"""The ingester's loop, turn by turn, on a log of lists."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from ingest import consumer as module
from ingest.consumer import Ingester, topics_of
from ingest.decode import decode as decode_records
from ingest.errors import SettingsError, UnavailableError
from ingest.events import Signal
from ingest.rhythm import ConsumerConfig
from ingest.sources.wire import encode_signal
from ingest.streams import IngestConfig, StreamConfig, TopicMapping
from tests.ingest.doubles import (
    NOON,
    SIGNALS,
    TOPIC,
    Clock,
    ListSink,
    ScriptedConsumer,
    Worker,
    home,
    line,
)

RHYTHM = ConsumerConfig(recompute_every_s=2, recompute_idle_s=0.5, heartbeat_s=5, backoff_s=1)
MINUTE = NOON.strftime("%Y-%m-%dT%H:%M")
AWAY = UnavailableError("the store is away")


class Rig:
    """An ingester with everything around it."""

    def __init__(self, clock: Clock, rhythm: ConsumerConfig = RHYTHM, **config) -> None:
        self.clock, self.worker, self.journal = clock, Worker(), list[str]()
        self.log = ScriptedConsumer(0, journal=self.journal)
        self.sink = ListSink(self.journal)
        self.config = IngestConfig(**{"salt": b"salt", **config})
        self.ingester = Ingester(self.log, self.sink, self.worker, self.config, rhythm)
        self.stats = self.ingester.stats
        # The first word is that of the start, when nothing has been read yet.
        self.turn(3)
        self.journal.clear()
        self.sink.progress.clear()

    def turn(self, times: int = 1, after_s: float = 0) -> None:
        self.clock.advance(after_s)
        for _ in range(times):
            self.ingester.turn()

    def settle(self) -> None:
        """Turn until all is counted, committed and said."""
        for _ in range(9):
            self.turn(after_s=RHYTHM.recompute_every_s)


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def rig(clock) -> Rig:
    return Rig(clock)


def counted(rig: Rig) -> list[str]:
    return [str(minute) for touched in rig.sink.recomputed for minute in touched["payments"]]


# the order


def test_events_are_inserted_then_counted_then_committed_then_told_of(rig):
    rig.log.write(line("a"))
    rig.settle()
    assert rig.journal[:4] == ["insert_events", "recompute", "commit", "record_progress"]
    assert (rig.sink.ids(), counted(rig), rig.log.committed) == (["a"], [MINUTE], {home(): 1})


def test_each_step_is_announced_before_it_is_done(clock):
    journal: list[str] = []
    log, sink = ScriptedConsumer(0, journal=journal), ListSink(journal)
    ingester = Ingester(log, sink, Worker(), IngestConfig(salt=b"s"), RHYTHM, journal.append)
    log.write(line("a"))
    for _ in range(6):
        ingester.turn()
        clock.advance(1)
    assert journal == [
        "decode", "insert", "insert_events", "insert signals",
        "recompute", "recompute", "commit", "commit", "progress", "record_progress",
    ]  # fmt: skip


def test_signals_and_events_of_one_batch_go_their_own_ways(rig):
    signal = Signal("s1", "test", "alert", "firing", "major", {"a": "b"}, "boom", "f1", NOON)
    rig.log.write(encode_signal(signal), b"nonsense", topic=SIGNALS)
    rig.log.write(line("a"), None)
    rig.settle()
    assert ([s.id for s in rig.sink.signals], rig.sink.ids()) == (["s1"], ["a"])
    assert {(x.topic, x.offset, x.reason) for x in rig.sink.letters} == {
        (SIGNALS, 1, "not_json"),
        (TOPIC, 1, "empty"),
    }
    stats = rig.stats
    assert (stats.records, stats.events, stats.signals, stats.dead_letters) == (4, 1, 1, 2)
    assert rig.log.committed == {home(): 2, home(0, SIGNALS): 2}


def test_topics_are_tolls_own_and_the_mapped_ones():
    mapped = {name: TopicMapping(name, None) for name in ("shop", TOPIC)}
    topics = topics_of(IngestConfig(mappings=mapped), TOPIC, SIGNALS)
    assert list(topics) == [TOPIC, SIGNALS, "shop"]


# the rhythm


def test_behind_the_log_a_minute_is_counted_once_per_interval(clock):
    rig = Rig(clock, ConsumerConfig(max_records=1, patience_s=0))
    for n in range(40):  # ten seconds with a full batch in every turn
        rig.log.write(line(f"e{n}"))
        rig.turn(after_s=0.25)
    assert 2 <= len(rig.sink.recomputed) <= 5
    rig.turn(times=20)
    rig.settle()
    assert len(rig.sink.ids()) == 40


def test_keeping_up_a_minute_is_counted_as_soon_as_counting_allows(rig):
    for n in range(40):  # ten seconds with a record in every turn
        rig.log.write(line(f"e{n}"))
        rig.turn(after_s=0.25)
    assert len(rig.sink.recomputed) > 5
    rig.settle()
    assert len(rig.sink.ids()) == 40


def test_one_batch_that_is_ready_when_counting_is_due_is_counted_along(clock):
    rig = Rig(clock, ConsumerConfig(max_records=2, recompute_every_s=0, recompute_idle_s=0))
    rig.log.write(*(line(id) for id in "abcdef"))
    rig.turn(9)
    counts = [step for step in rig.journal if step in ("insert_events", "recompute")]
    assert counts == ["insert_events", "insert_events", "recompute", "insert_events", "recompute"]


def test_with_nothing_waiting_it_is_counted_soon(rig):
    rig.log.write(line("a"))
    rig.turn(2)
    assert rig.sink.ids() == ["a"] and not rig.sink.recomputed
    rig.turn(after_s=0.4)
    assert not rig.sink.recomputed
    rig.turn(after_s=0.2)
    assert counted(rig) == [MINUTE]


def test_polling_goes_on_while_the_worker_is_behind_and_stops_taking_when_full(clock):
    rig = Rig(clock, ConsumerConfig(max_records=3))
    rig.worker.held = True
    rig.log.write(*[line(f"e{n}") for n in range(9)])
    rig.turn()
    paused = [rig.log.paused]  # three are being read, and nothing waits
    rig.turn(3)
    assert [*paused, rig.log.paused] == [False, True]
    before = rig.log.polls
    rig.turn(5)
    assert (rig.log.polls - before, rig.log.paused) == (5, True)
    rig.worker.held = False
    rig.worker.work()
    rig.settle()
    assert (len(rig.sink.ids()), rig.log.paused) == (9, False)


def test_large_records_fill_a_batch_by_their_bytes(clock):
    rig = Rig(clock, ConsumerConfig(max_bytes=100))
    rig.worker.held = True
    for size in (1, 1, 101):  # two batches are being read, and one waits
        assert not rig.log.paused
        rig.log.write(b"x" * size)
        rig.turn()
    assert rig.log.paused


# trouble


def test_while_the_store_is_away_the_batch_is_kept_and_polling_goes_on_paused(rig, caplog):
    rig.sink.fails["insert_events"] = [AWAY] * 3
    rig.log.write(line("a"))
    with caplog.at_level(logging.WARNING, "ingest.consumer"):
        rig.turn(2)
        assert (rig.log.paused, rig.stats.failures) == (True, 1)
        rig.log.write(line("b"))
        for wait, failures in [(0.9, 1), (0.2, 2), (1.8, 2), (0.3, 3)]:  # after 1 s, after 2 s
            rig.turn(2, after_s=wait)
            assert (rig.log.paused, rig.stats.failures) == (True, failures)
    assert [r.message for r in caplog.records] == [
        f"ingest waits {s} s, nothing is lost: the store is away" for s in ("1.0", "2.0", "4.0")
    ]
    assert rig.stats.failing_since and rig.stats.last_error == "the store is away"
    assert (rig.sink.ids(), rig.log.committed) == ([], {})
    rig.settle()
    assert rig.sink.ids() == ["a", "b"]
    assert rig.stats.failing_since is None and rig.stats.last_error == ""
    assert (rig.log.committed, rig.log.paused, rig.stats.events) == ({home(): 2}, False, 2)


def test_a_log_that_is_away_is_told_once_and_that_it_is_back(rig, caplog):
    caplog.set_level(logging.INFO, "ingest.consumer")
    rig.log.answers = False
    rig.turn(2, after_s=4)
    rig.log.answers = True
    rig.turn()
    assert not caplog.records  # a moment is not worth a line
    rig.log.answers = False
    for _ in range(3):
        rig.turn(2, after_s=20)
    rig.log.answers = True
    rig.turn(2)
    assert [(r.levelname, r.message) for r in caplog.records] == [
        ("WARNING", "the log does not answer; ingest goes on by itself when it does"),
        ("INFO", "the log answers again after 60 s"),
    ]


@pytest.mark.parametrize("step", ["insert_dead_letters", "recompute", "record_progress"])
def test_a_step_that_fails_is_tried_again_and_counted_once(rig, step):
    rig.sink.fails[step] = [AWAY, AWAY]
    rig.log.write(line("a"), b"{")
    rig.settle()
    assert set(rig.sink.ids()) == {"a"}
    assert (rig.stats.events, rig.stats.dead_letters, rig.stats.failures) == (1, 1, 2)
    assert (rig.stats.commits, rig.log.committed) == (1, {home(): 2})


def test_a_commit_that_fails_is_tried_again(rig):
    rig.log.fails = [UnavailableError("no broker")]
    rig.log.write(line("a"))
    rig.settle()
    assert rig.log.committed == {home(): 1}
    assert rig.stats.failing_since is None


def test_a_batch_that_is_tried_again_is_not_late(rig):
    rig.sink.fails["insert_dead_letters"] = [AWAY]
    now = datetime.now(UTC).replace(microsecond=0)
    rig.log.write(line("a", now - timedelta(seconds=9)), line("b", now), b"{", logged=now)
    rig.settle()
    (arrival,) = rig.sink.arrivals
    assert arrival.delay_ms == 0


def test_waiting_is_bounded(clock):
    rig = Rig(clock, ConsumerConfig(backoff_s=1, backoff_max_s=4))
    rig.sink.fails["insert_events"] = [AWAY] * 9
    rig.log.write(line("a"))
    rig.turn(2)
    for _ in range(9):
        rig.turn(2, after_s=4)
    rig.settle()
    assert rig.sink.ids() == ["a"]


# records that the store refuses


def test_a_refused_record_becomes_a_dead_letter_and_the_others_are_stored(rig):
    rig.sink.refuses = lambda row: row["id"] == "bad"
    values = [line("a"), line("b"), line("bad"), line("c"), line("d"), b"{"]
    rig.log.write(*values)
    rig.settle()
    assert rig.sink.ids() == ["a", "b", "c", "d"]
    letters = {(x.offset, x.reason, x.raw) for x in rig.sink.letters}
    assert letters == {(2, "refused", values[2]), (5, "not_json", b"{")}
    assert "no such value" in {x.offset: x.detail for x in rig.sink.letters}[2]
    assert (rig.stats.events, rig.stats.dead_letters) == (4, 2)
    assert rig.log.committed == {home(): 6}
    assert counted(rig) == [MINUTE]


def test_wrong_credentials_refuse_no_record(rig):
    rig.sink.refuses, rig.sink.refusal = lambda _: True, lambda: SettingsError("wrong password")
    rig.log.write(line("a"), line("b"))
    with pytest.raises(SettingsError):
        rig.turn(2)
    assert (rig.sink.letters, rig.log.committed) == ([], {})


def test_a_record_that_trips_the_reader_stops_no_other(rig, monkeypatch, caplog):
    def decode(records, *others):
        if any(r.value == b"trip" for r in records):
            raise RecursionError("too deep")
        return real(records, *others)

    real = decode_records
    monkeypatch.setattr("ingest.storing.decode", decode)
    rig.log.write(line("a"), b"trip", line("b"))
    rig.settle()
    (letter,) = rig.sink.letters
    assert (letter.offset, letter.reason, letter.raw) == (1, "refused", b"trip")
    assert rig.sink.ids() == ["a", "b"]
    assert rig.log.committed == {home(): 3}


# after an unclean stop


def restarted(clock: Clock, log: ScriptedConsumer) -> Rig:
    """An ingester that is to read the last hour again, on a log that was read before."""
    rig = Rig(clock)
    rig.log = log
    rhythm = replace(RHYTHM, reread=timedelta(hours=1))
    rig.ingester = Ingester(log, rig.sink, rig.worker, rig.config, rhythm)
    rig.stats = rig.ingester.stats
    return rig


def read_before(*ages_min: int) -> ScriptedConsumer:
    """A log with records of these ages, e0, e1, ..., all of them committed."""
    log = ScriptedConsumer(0)
    now = datetime.now(UTC)
    for n, age in enumerate(ages_min):
        log.write(line(f"e{n}"), logged=now - timedelta(minutes=age))
    log.committed = {home(): len(ages_min)}
    log.assign(0)
    return log


def test_the_last_hour_is_read_again_once(clock, caplog):
    rig = restarted(clock, read_before(90, 61, 59, 1))
    with caplog.at_level(logging.WARNING, "ingest.reread"):
        rig.settle()
    assert "2 records since" in caplog.text and len(caplog.records) == 1
    assert (rig.sink.ids(), rig.log.committed[home()]) == (["e2", "e3"], 4)
    assert (rig.log.paused, rig.ingester.owes_reread) == (False, False)
    rig.log.assign(0)
    rig.settle()
    assert rig.sink.ids() == ["e2", "e3"]


def test_a_log_that_was_not_read_so_far_is_read_on_from_where_it_was(clock):
    log = read_before(300, 200, 1)
    log.committed = {home(): 1}
    log.assign(0)
    rig = restarted(clock, log)
    rig.settle()
    assert rig.sink.ids() == ["e1", "e2"]


def test_going_back_is_committed_before_anything_is_stored(clock):
    """So that whoever gets the partition next, or starts after another power cut, goes back too."""
    rig = restarted(clock, read_before(90, 30))
    rig.worker.held = True
    rig.turn(3)
    assert (rig.sink.ids(), rig.log.committed) == ([], {home(): 1})
    rig.log.assign()
    rig.log.assign(0)
    rig.worker.held = False
    rig.worker.work()
    rig.settle()
    assert set(rig.sink.ids()) == {"e1"} and rig.log.committed == {home(): 2}


def test_nothing_is_read_until_going_back_has_worked(clock):
    log = read_before(90, 30)
    log.write(line("new"), logged=datetime.now(UTC))
    log.assign()
    log.fails = [UnavailableError("no broker")]
    rig = restarted(clock, log)
    rig.turn(2)
    assert (rig.ingester.owes_reread, rig.stats.failures) == (True, 0)  # nothing is assigned
    log.assign(0)
    log.answers = False
    rig.turn(2)
    assert (rig.ingester.owes_reread, rig.stats.failures) == (True, 0)  # nobody answers
    log.answers = True
    rig.turn(2)
    assert (rig.ingester.owes_reread, rig.stats.failures) == (True, 1)
    assert (rig.sink.ids(), log.paused, rig.ingester.idle_since) == ([], True, None)
    rig.settle()
    assert rig.sink.ids() == ["e1", "new"] and rig.stats.failing_since is None


# partitions that come and go


@pytest.mark.parametrize("lost_while", ["pending", "stored", "failing", "counting"])
def test_what_is_at_hand_of_a_lost_partition_is_neither_stored_late_nor_committed(rig, lost_while):
    rig.log.assign(0, 1)
    rig.settle()
    if lost_while == "failing":
        rig.sink.fails["insert_events"] = [AWAY]
    if lost_while == "counting":
        rig.sink.fails["recompute"] = [AWAY]
    rig.log.write(line("mine"))
    rig.log.write(line("lost"), partition=1)
    rig.worker.held = lost_while == "pending"
    rig.turn()
    if lost_while == "counting":
        rig.turn(after_s=1)
    stored = rig.sink.ids().count("lost")
    rig.log.assign(0)
    rig.turn()
    rig.worker.held = False
    rig.worker.work()
    rig.settle()
    assert rig.sink.ids().count("lost") <= max(stored, 1 if lost_while == "pending" else 0)
    assert rig.log.committed == {home(): 1}
    assert "mine" in rig.sink.ids()
    assert rig.stats.failing_since is None and not rig.log.paused


def test_a_partition_that_comes_back_is_not_committed_backwards(rig):
    rig.log.write(*[line(f"e{n}") for n in range(3)])
    rig.turn()
    rig.log.assign()
    rig.turn()
    rig.log.committed[home()] = 3  # somebody else has done them
    rig.log.assign(0)
    rig.log.write(line("new"))
    rig.settle()
    assert rig.log.committed == {home(): 4}
    assert rig.sink.ids().count("e0") == 1


def test_work_dropped_after_a_rebalance_is_counted_after_all(rig):
    """What was stored but not counted is read again, so that its minute is counted."""
    rig.log.write(line("a"))
    rig.turn()
    assert rig.sink.ids() == ["a"] and not rig.sink.recomputed
    rig.log.assign(0, 1)
    rig.settle()
    assert counted(rig) == [MINUTE]
    assert rig.log.committed == {home(): 1}


# how far


def test_reading_has_come_to_now_only_where_nothing_is_left(clock):
    rig = Rig(clock, ConsumerConfig(max_records=2, recompute_every_s=0, recompute_idle_s=0))
    logged = datetime(2026, 11, 20, 12, 5, tzinfo=UTC)
    before = datetime.now(UTC)
    rig.log.write(*(line(id) for id in "abcde"), logged=logged)
    rig.turn(5)
    (first,) = [p for p in rig.sink.progress if p.topic == TOPIC]
    assert (first.read_until, first.next_offset) == (logged, 4)
    rig.turn(4)
    last = [p for p in rig.sink.progress if p.topic == TOPIC][-1]
    assert last.read_until >= before
    assert (last.next_offset, last.lag) == (5, 0)


def test_an_idle_ingester_says_so_now_and_then(rig):
    rig.turn(after_s=4.9)
    assert rig.sink.progress == []
    before = datetime.now(UTC)
    rig.turn(2, after_s=0.2)
    assert {(p.topic, p.next_offset, p.lag) for p in rig.sink.progress} == {
        (TOPIC, 0, 0),
        (SIGNALS, 0, 0),
    }
    assert all(p.read_until >= before for p in rig.sink.progress)
    rig.turn(3, after_s=1)
    assert len(rig.sink.progress) == 2


def test_after_a_start_the_idle_one_knows_where_it_stands(clock):
    rig = Rig(clock)
    rig.log.write(line("a"), line("b"))
    rig.log.committed = {home(): 2}  # by the process before this one
    rig.log.assign(0)
    rig.turn(4, after_s=6)
    assert [p.next_offset for p in rig.sink.progress if p.topic == TOPIC][-1] == 2


def test_a_log_that_does_not_answer_may_hold_anything(rig):
    rig.log.answers = False
    rig.turn(4, after_s=6)
    assert rig.sink.progress == []
    assert rig.ingester.idle_since is None


def test_one_partition_that_is_behind_keeps_no_other_from_being_said(rig):
    rig.log.assign(0, 1)
    rig.log.lag = lambda: {home(): 0, home(1): 1, home(0, SIGNALS): 0}
    rig.turn(4, after_s=6)
    assert {(p.topic, p.partition) for p in rig.sink.progress} == {(TOPIC, 0), (SIGNALS, 0)}
    assert rig.ingester.idle_since is None


@pytest.mark.parametrize("ms", [-1, 10**17])
def test_a_time_that_a_producer_made_up_stops_nothing(rig, ms):
    rig.log.write(line("a"))
    at = home()
    rig.log.log[at] = [rig.log.log[at][0]._replace(timestamp_ms=ms)]
    rig.log.lag = lambda: {at: 1}
    rig.settle()
    (said,) = [p for p in rig.sink.progress if p.topic == TOPIC]
    assert said.read_until <= datetime.now(UTC)


def test_idle_is_since_all_was_counted(rig):
    rig.turn()
    assert rig.ingester.idle_since == rig.clock.now
    rig.log.write(line("a"))
    rig.turn()
    assert rig.ingester.idle_since is None
    rig.turn(after_s=0.1)
    assert rig.ingester.idle_since is None  # stored, not counted
    rig.settle()
    assert rig.ingester.idle_since is not None


# admission


def test_restamped_ids_get_their_first_times(clock):
    taxis = {"taxis": StreamConfig("taxis", identity="id")}
    rig = Rig(clock, streams=taxis)
    rig.log.write(line("a", NOON, stream="taxis"))
    rig.settle()
    rig.log.write(line("a", NOON + timedelta(hours=1), stream="taxis"))
    rig.settle()
    assert [row["at"] for row in rig.sink.events] == [NOON, NOON]


def test_sealed_events_become_dead_letters_with_their_line(rig):
    old = datetime.now(UTC).replace(microsecond=0) - timedelta(days=95)
    rig.sink.sealed_minutes = [old.strftime("%Y-%m-%dT%H:%M")]
    value = line("new") + b"\n" + line("late", old)
    rig.log.write(value)
    rig.settle()
    (letter,) = rig.sink.letters
    assert (letter.reason, letter.line, letter.raw) == ("sealed", 1, value.split(b"\n")[1])
    assert rig.sink.ids() == ["new"]


# the end


def stopped_after(turns: Callable[[], None]) -> Event:
    class After(Event):
        def is_set(self) -> bool:
            if not super().is_set():
                turns()
                self.set()
                return False
            return True

    return After()


def test_a_stop_finishes_and_commits_what_was_begun(rig):
    rig.ingester.run(stopped_after(lambda: rig.log.write(line("a"))))
    assert rig.journal == ["insert_events", "recompute", "commit", "record_progress"]
    assert (rig.log.committed, rig.log.closed) == ({home(): 1}, True)


def test_a_stop_waits_for_the_job_at_work(rig):
    rig.worker.held = True
    rig.log.write(line("a"))
    rig.turn()
    rig.worker.held = False
    rig.worker.work()
    stop = Event()
    stop.set()
    rig.ingester.run(stop)
    assert rig.log.committed == {home(): 1}


def test_a_stop_with_the_store_away_commits_nothing_and_ends(rig):
    rig.sink.fails["recompute"] = [AWAY] * 9
    rig.ingester.run(stopped_after(lambda: rig.log.write(line("a"))))
    assert (rig.sink.ids(), rig.log.committed, rig.log.closed) == (["a"], {}, True)
