"""What is the embedded log's own: durability, one process, retention, a full disk, its speed."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.embedded import EmbeddedLog
from ingest.errors import BusyError, InputError, SettingsError, UnavailableError
from ingest.log import Consumer, Message, Record, TopicPartition

MIB = 1024 * 1024
DAY_S = 86400.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "toll.log"


@pytest.fixture
def log(path) -> Iterator[EmbeddedLog]:
    with closing(EmbeddedLog(path)) as log:
        yield log


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def send(log: EmbeddedLog, *values: bytes, topic: str = "t") -> None:
    log.producer().send([Message(topic, value, partition=0) for value in values])


def drain(consumer: Consumer) -> list[Record]:
    """All that can be read without waiting."""
    records: list[Record] = []
    while more := consumer.poll(0, 1000).records:
        records += more
    return records


def left(log: EmbeddedLog, topic: str = "t") -> list[int]:
    """Offsets that can still be read, by a group of its own."""
    with closing(log.consumer(f"look-{os.urandom(4).hex()}", [topic])) as consumer:
        return [record.offset for record in drain(consumer)]


# One process


def test_a_second_log_on_the_same_file_is_refused(log, path):
    with pytest.raises(BusyError, match=f"in use by process {os.getpid()}.*TOLL_URL"):
        EmbeddedLog(path)


def test_a_file_system_without_locks_is_no_other_process(path, monkeypatch):
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(SettingsError, match=os.strerror(errno.ENOLCK)):
        EmbeddedLog(path)


def test_a_closed_log_lets_go_of_the_file(path):
    EmbeddedLog(path).close()
    EmbeddedLog(path).close()


def test_a_file_that_is_no_log_is_refused(path):
    path.write_bytes(b"something else entirely " * 100)
    with pytest.raises(SettingsError, match="cannot be used as a log"):
        EmbeddedLog(path)
    path.unlink()
    EmbeddedLog(path).close()  # the refused one has let go of the lock


def test_a_closed_log_takes_nothing_and_wakes_up_who_waits(path):
    log = EmbeddedLog(path)
    send(log, b"x")
    consumer = log.consumer("g", ["t"])
    drain(consumer)
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(consumer.poll, 60, 1)  # longer than the test may take
        log.close()
        assert not waiting.result(30).records
    assert not consumer.healthy()
    with pytest.raises(UnavailableError):
        send(log, b"y")
    consumer.close()


# Durability

CRASHING = """
import sys
from pathlib import Path
from ingest.embedded import EmbeddedLog
from ingest.log import Message
producer = EmbeddedLog(Path(sys.argv[1])).producer()
for number in range(1_000_000):
    producer.send([Message("t", b"%d" % number, partition=0)])
    print(number, flush=True)
"""


def test_what_was_acknowledged_survives_sigkill(path):
    child = subprocess.Popen(
        [sys.executable, "-c", CRASHING, path],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdout is not None
    for _ in range(50):
        child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    acknowledged = 50 + len(child.stdout.read().split())
    child.stdout.close()
    child.wait()
    with closing(EmbeddedLog(path)) as log, closing(log.consumer("g", ["t"])) as consumer:
        values = [record.value for record in drain(consumer)]
        # One more may have been written and not yet told.
        assert values[:acknowledged] == [b"%d" % number for number in range(acknowledged)]
        assert len(values) <= acknowledged + 1
        send(log, b"next")
        assert drain(consumer)[0].offset == len(values)


def test_an_offset_is_never_used_twice(path):
    clock = Clock()
    with closing(EmbeddedLog(path, clock=clock)) as log:
        send(log, b"a", b"b", b"c")
        clock.now += 8 * DAY_S
        send(log, b"d")
        clock.now += 8 * DAY_S
        log.file.trim()
        assert left(log) == []
    with closing(EmbeddedLog(path, clock=clock)) as log:
        send(log, b"e")
        assert left(log) == [4]


def test_a_send_is_all_or_nothing(log):
    with pytest.raises(InputError):
        log.producer().send([Message("t", b"a", partition=0), Message("t", b"b", partition=99)])
    log.ensure_topics({"t": 4})
    assert left(log) == []


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.binary(max_size=40),
            st.none() | st.binary(max_size=8),
            st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=5)), max_size=2),
        ),
        max_size=20,
    )
)
def test_every_message_comes_back_once_and_in_order(tmp_path_factory, sent):
    path = tmp_path_factory.mktemp("log") / "toll.log"
    with closing(EmbeddedLog(path, partitions_default=3)) as log:
        log.producer().send(
            [Message("t", value, key, tuple(headers), p) for p, value, key, headers in sent]
        )
    with closing(EmbeddedLog(path)) as log, closing(log.consumer("g", ["t"])) as consumer:
        records = drain(consumer)
        assert sum(consumer.lag().values()) == 0
    for partition in range(3):
        got = [r for r in records if r.partition == partition]
        assert [r.offset for r in got] == list(range(len(got)))
        assert [(r.value, r.key, list(r.headers)) for r in got] == [
            (value, key, headers) for p, value, key, headers in sent if p == partition
        ]


def test_many_senders_share_their_fsyncs(log, monkeypatch):
    log.ensure_topics({"t": 4})
    transactions = []
    writer = log.file._writer
    transaction = writer.transaction
    held = threading.Event()

    def counted(jobs) -> None:
        held.wait(30)
        jobs = list(jobs)
        transactions.append(len(jobs))
        transaction(jobs)

    monkeypatch.setattr(writer, "transaction", counted)
    with ThreadPoolExecutor(16) as threads:
        sends = [threads.submit(send, log, b"x") for _ in range(16)]
        while len(writer._queue) < 15:  # the first leads, the others queue up behind it
            held.wait(0.01)
        held.set()
        for sent in sends:
            sent.result(30)
    assert sorted(transactions) == [1, 15]
    assert left(log) == list(range(16))


# Retention


def test_old_records_go_whether_they_were_read_or_not(path):
    clock = Clock()
    with closing(EmbeddedLog(path, retention=timedelta(days=2), clock=clock)) as log:
        reader = log.consumer("g", ["t"])
        send(log, b"old", b"old")
        clock.now += 1.5 * DAY_S
        send(log, b"young")
        clock.now += 1 * DAY_S
        log.file.trim()
        assert left(log) == [2]
        assert [record.offset for record in drain(reader)] == [2]


def test_a_waiting_poll_looks_after_retention(path):
    clock = Clock()
    with closing(EmbeddedLog(path, retention=timedelta(days=2), clock=clock)) as log:
        send(log, b"old")
        with closing(log.consumer("g", ["t"])) as consumer:
            consumer.commit({TopicPartition("t", 0): 1})
            clock.now += 3 * DAY_S
            consumer.rewind({TopicPartition("t", 0): 1})
            consumer.poll(1.5, 1)
        assert left(log) == []


def test_a_file_that_fails_while_it_looks_after_retention_is_unavailable(path):
    clock = Clock()
    log = EmbeddedLog(path, clock=clock)
    send(log, b"x")
    log.close()
    clock.now += DAY_S  # retention is due
    log.file.trim()
    with pytest.raises(UnavailableError, match="does not answer"):
        send(log, b"y")


def test_above_its_size_it_drops_the_oldest_that_was_read(path):
    with closing(EmbeddedLog(path, max_bytes=4 * MIB)) as log:
        with closing(log.consumer("g", ["t"])) as consumer:
            for _ in range(12):
                send(log, bytes(MIB))
                consumer.commit({TopicPartition("t", 0): drain(consumer)[-1].offset + 1})
        kept = left(log)
    assert kept == list(range(kept[0], 12))
    assert 2 <= len(kept) <= 5


def test_what_nobody_reads_goes_for_room(path):
    with closing(EmbeddedLog(path, max_bytes=4 * MIB)) as log:
        for _ in range(12):
            send(log, bytes(MIB))
        assert 2 <= len(left(log)) <= 5


def test_it_refuses_more_rather_than_drop_what_is_unread(path):
    said = r"full.*still to be read.*slow in t"
    with (
        closing(EmbeddedLog(path, max_bytes=4 * MIB)) as log,
        closing(log.consumer("slow", ["t"])) as slow,
    ):
        with pytest.raises(UnavailableError, match=said):
            for _ in range(12):
                send(log, bytes(MIB))
        records = drain(slow)
        assert [record.offset for record in records] == list(range(len(records)))
        slow.commit({TopicPartition("t", 0): len(records)})  # reading makes room
        send(log, b"again")
        assert drain(slow)[0].value == b"again"


def test_one_who_reads_what_is_gone_goes_on_with_what_is_there(path):
    clock = Clock()
    with closing(EmbeddedLog(path, retention=timedelta(days=2), clock=clock)) as log:
        send(log, b"a", b"b")
        with closing(log.consumer("g", ["t"])) as consumer:
            clock.now += 3 * DAY_S
            log.file.trim()
            assert drain(consumer) == []
            assert sum(consumer.lag().values()) == 0
            send(log, b"c")
            assert [record.offset for record in drain(consumer)] == [2]


# Groups


def test_one_member_more_than_partitions_waits_for_its_turn(log):
    log.ensure_topics({"t": 1})
    first, second = (log.consumer("g", ["t"]) for _ in range(2))
    assert (len(first.assigned()), len(second.assigned())) == (1, 0)
    first.close()
    assert second.assigned() == {TopicPartition("t", 0)}
    second.close()


def test_members_read_only_their_own_topics(log):
    log.ensure_topics({"a": 2, "b": 2})
    one, both = log.consumer("g", ["a"]), log.consumer("g", ["a", "b"])
    assert {at.topic for at in one.assigned()} == {"a"}
    assert {at for at in both.assigned() if at.topic == "b"} == {
        TopicPartition("b", 0),
        TopicPartition("b", 1),
    }
    assert len(one.assigned() | both.assigned()) == 4


def test_a_busy_partition_starves_no_other(log):
    log.ensure_topics({"t": 2})
    producer = log.producer()
    producer.send([Message("t", b"busy", partition=0)] * 100)
    producer.send([Message("t", b"quiet", partition=1)])
    with closing(log.consumer("g", ["t"])) as consumer:
        seen = {record.partition for _ in range(2) for record in consumer.poll(0, 10).records}
    assert seen == {0, 1}


def test_a_poll_brings_a_bounded_number_of_bytes(log):
    for _ in range(8):
        send(log, bytes(10 * MIB))
    with closing(log.consumer("g", ["t"])) as consumer:
        assert len(consumer.poll(0, 1000).records) == 4  # the one that fills 32 MiB comes along


def test_a_late_commit_does_not_undo_the_heirs(log):
    """Between the check and the write a partition may be lost: then the write is not done."""
    send(log, b"a", b"b")
    at, valid = TopicPartition("t", 0), iter([True, False])
    check: Callable[[], bool] = lambda: next(valid)  # noqa: E731
    log.file.commit("g", {at: 2}, check)
    log.file.commit("g", {at: 1}, check)
    assert log.file.committed("g", at) == 2
