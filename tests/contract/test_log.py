"""What every log does, on each of them: the embedded one, and Kafka through both clients."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from ingest.confluent import ConfluentLog
from ingest.errors import InputError, UnavailableError
from ingest.kafka import KafkaLog
from ingest.log import MAX_MESSAGE_BYTES, Log, Message, TopicPartition, partition_for
from tests.contract.logs import (
    EmbeddedPlace,
    KafkaPlace,
    Place,
    after,
    at,
    read,
    run,
    values,
    write,
)

# kafka-python leaves sockets of refused connections to the garbage collector.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

LOGS = [
    "embedded",
    pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.network]),
    pytest.param("confluent", marks=[pytest.mark.kafka, pytest.mark.network]),
]


@pytest.fixture(params=LOGS)
def place(request, tmp_path) -> Iterator[Place]:
    if request.param == "embedded":
        yield EmbeddedPlace(tmp_path)
        return
    client = KafkaLog if request.param == "kafka" else ConfluentLog
    yield KafkaPlace(request.getfixturevalue("kafka_broker"), client)
    gc.collect()  # while the warning above is ignored


@pytest.fixture
def log(place) -> Iterator[Log]:
    with closing(place.open()) as log:
        yield log


@pytest.fixture
def topic(log, kafka_topic) -> str:
    name: str = kafka_topic()
    log.ensure_topics({name: 4})
    return name


@pytest.fixture
def cannot(request, place) -> Callable[[type[Place], str], None]:
    """Mark the running test as one that this log is known to fail."""

    def mark(kind: type[Place], reason: str) -> None:
        if isinstance(place, kind):
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))

    return mark


# Writing and reading


def test_a_record_comes_back_as_it_was_sent(log, topic):
    before_ms = int(time.time() * 1000) - 1000
    headers = (("ce_id", b"7"), ("ce_id", b"8"), ("raw", bytes(range(256))))
    with closing(log.producer()) as producer:
        producer.send([Message(topic, b'{"id": 1}\n{"id": 2}', b"\x00key", headers, 3)])
    with closing(log.consumer(topic, [topic])) as consumer:
        (record,) = read(consumer, 1)
    assert record[:3] == (topic, 3, 0)
    assert (record.key, record.headers) == (b"\x00key", headers)
    assert record.value == b'{"id": 1}\n{"id": 2}'
    assert before_ms <= record.timestamp_ms <= time.time() * 1000 + 1000


def test_records_of_one_key_stay_in_order(log, topic):
    keys = [b"%d" % (number % 5) for number in range(100)]
    with closing(log.producer()) as producer:
        for start in range(0, 100, 10):
            producer.send([Message(topic, b"%d" % n, keys[n]) for n in range(start, start + 10)])
    with closing(log.consumer(topic, [topic])) as consumer:
        records = read(consumer, 100)
    for key in set(keys):
        mine = [record for record in records if record.key == key]
        assert {record.partition for record in mine} == {partition_for(key, 4)}
        assert values(mine) == [b"%d" % n for n in range(100) if keys[n] == key]


def test_records_without_a_key_spread(log, topic):
    write(log, topic, *[b"x"] * 40)
    with closing(log.consumer(topic, [topic])) as consumer:
        spread = Counter(record.partition for record in read(consumer, 40))
    assert len(spread) == 4


def test_many_threads_send_at_once(log, topic):
    with closing(log.producer()) as producer, ThreadPoolExecutor(8) as threads:

        def sender(name: int) -> None:
            for number in range(20):
                producer.send([Message(topic, b"%d.%d" % (name, number), b"%d" % name)])

        list(threads.map(sender, range(8)))
    with closing(log.consumer(topic, [topic])) as consumer:
        records = read(consumer, 160)
    assert len({(*at(record), record.offset) for record in records}) == 160
    for name in range(8):
        mine = [record for record in records if record.key == b"%d" % name]
        assert values(mine) == [b"%d.%d" % (name, number) for number in range(20)]


def test_the_largest_message_is_taken_and_a_larger_one_refused(log, topic):
    with closing(log.producer()) as producer:
        with pytest.raises(InputError, match="larger than the log takes"):
            producer.send([Message(topic, b"small"), Message(topic, bytes(MAX_MESSAGE_BYTES + 1))])
        producer.send([Message(topic, bytes(MAX_MESSAGE_BYTES))])
    with closing(log.consumer(topic, [topic])) as consumer:
        (record,) = read(consumer, 1)  # nothing of the refused send
    assert record.value == bytes(MAX_MESSAGE_BYTES)


def test_a_partition_that_does_not_exist_is_refused(log, topic):
    with closing(log.producer()) as producer, pytest.raises(InputError, match="no partition 4"):
        producer.send([Message(topic, b"x", partition=4)])


def test_a_tombstone_comes_without_a_value(log, topic, place, cannot):
    cannot(EmbeddedPlace, "nobody but Toll writes to the embedded log")
    place.tombstone(topic, b"gone")
    with closing(log.consumer(topic, [topic])) as consumer:
        (record,) = read(consumer, 1)
    assert (record.key, record.value) == (b"gone", None)


# Topics


def test_topics_are_created_once_and_left_as_they_are(log, kafka_topic):
    name = kafka_topic()
    with closing(log.producer()) as producer:
        log.ensure_topics({name: 3})
        log.ensure_topics({name: 5})
        assert producer.partitions(name) == 3


def test_sending_creates_the_topic(log, kafka_topic):
    name = kafka_topic()
    with closing(log.producer()) as producer:
        producer.send([Message(name, b"x")])
        assert producer.partitions(name) == 4


def test_a_consumer_finds_a_topic_that_is_created_later(log, kafka_topic):
    name = kafka_topic()
    with closing(log.consumer(name, [name])) as consumer:
        assert not consumer.poll(0.1, 10).records
        write(log, name, b"x")
        assert values(read(consumer, 1)) == [b"x"]


# Offsets


def test_a_group_goes_on_from_its_committed_offset(log, topic):
    write(log, topic, *[b"%d" % n for n in range(10)], key=b"k")
    with closing(log.consumer(topic, [topic])) as consumer:
        records = read(consumer, 10)
        consumer.commit(after(records[:4]))
    with closing(log.consumer(topic, [topic])) as consumer:
        assert values(read(consumer, 6)) == [b"%d" % n for n in range(4, 10)]


def test_closing_commits_nothing(log, topic):
    write(log, topic, b"a", b"b", key=b"k")
    for _ in range(2):
        with closing(log.consumer(topic, [topic])) as consumer:
            assert values(read(consumer, 2)) == [b"a", b"b"]


def test_groups_do_not_know_of_each_other(log, topic):
    write(log, topic, b"a", b"b", key=b"k")
    with closing(log.consumer(f"{topic}.1", [topic])) as one:
        one.commit(after(read(one, 2)))
        with closing(log.consumer(f"{topic}.2", [topic])) as two:
            assert values(read(two, 2)) == [b"a", b"b"]
        write(log, topic, b"c", key=b"k")
        assert values(read(one, 1)) == [b"c"]


def test_a_rewound_partition_is_read_again(log, topic):
    write(log, topic, b"a", b"b", b"c", key=b"k")
    with closing(log.consumer(topic, [topic])) as consumer:
        records = read(consumer, 3)
        consumer.rewind({at(records[1]): records[1].offset, TopicPartition(topic, 9): 0})
        assert values(read(consumer, 2)) == [b"b", b"c"]


def test_poll_brings_no_more_than_it_is_asked_for(log, topic):
    write(log, topic, *[b"x"] * 20)
    with closing(log.consumer(topic, [topic])) as consumer:
        seen = 0
        while seen < 20:
            records = consumer.poll(1, 7).records
            assert len(records) <= 7
            seen += len(records)


def test_poll_wakes_up_for_a_record(log, topic):
    with closing(log.consumer(topic, [topic])) as consumer, ThreadPoolExecutor(1) as other:
        run(consumer, until=lambda _: bool(consumer.assigned()))
        waiting = other.submit(consumer.poll, 60, 10)  # longer than the test may take
        write(log, topic, b"x")
        assert values(list(waiting.result(30).records)) == [b"x"]


def test_lag_is_what_is_still_to_be_read(log, topic):
    write(log, topic, *[b"x"] * 3, key=b"k")
    home = TopicPartition(topic, partition_for(b"k", 4))
    with closing(log.consumer(topic, [topic])) as consumer:
        records = read(consumer, 3)
        assert (consumer.lag()[home], consumer.positions()[home]) == (0, 3)
        consumer.pause()
        write(log, topic, *[b"x"] * 2, key=b"k")
        assert consumer.lag()[home] == 2
        consumer.resume()
        consumer.rewind({home: records[0].offset})
        read(consumer, 5)
        assert sum(consumer.lag().values()) == 0


def test_the_mark_of_a_transaction_is_not_waited_for(log, topic, place, cannot):
    cannot(EmbeddedPlace, "nobody but Toll writes to the embedded log")
    home = TopicPartition(topic, partition_for(b"k", 4))
    with closing(log.consumer(topic, [topic])) as consumer:
        for number in (1, 2):
            place.transaction(topic, b"x", b"k")
            read(consumer, 1)
            run(consumer, until=lambda _: consumer.lag().get(home) == 0)
            assert consumer.positions()[home] == 2 * number


def test_what_a_transaction_took_back_is_not_read(log, topic, place, cannot):
    cannot(EmbeddedPlace, "nobody but Toll writes to the embedded log")
    home = TopicPartition(topic, partition_for(b"k", 4))
    for value, commit in [(b"a", True), (b"taken back", False), (b"b", True)]:
        place.transaction(topic, value, b"k", commit=commit)
    with closing(log.consumer(topic, [topic])) as consumer:
        assert values(read(consumer, 2)) == [b"a", b"b"]
        run(consumer, until=lambda _: consumer.lag().get(home) == 0)


def test_packed_records_are_read(log, topic, place, cannot):
    cannot(EmbeddedPlace, "nobody but Toll writes to the embedded log")
    codecs = ("gzip", "snappy", "lz4", "zstd")
    sent = {codec: [b"%s %d" % (codec.encode(), n) for n in range(50)] for codec in codecs}
    for codec in codecs:
        place.packed(topic, codec, *sent[codec])
    with closing(log.consumer(topic, [topic])) as consumer:
        assert values(read(consumer, 200)) == [value for codec in codecs for value in sent[codec]]


def test_what_was_packed_small_holds_up_nothing_by_its_size(log, topic, place, cannot):
    cannot(EmbeddedPlace, "nobody but Toll writes to the embedded log")
    sizes = (1, 101 * 2**20, 1)
    place.packed(topic, "zstd", *map(bytes, sizes))
    with closing(log.consumer(topic, [topic])) as consumer:
        assert tuple(len(value or b"") for value in values(read(consumer, 3))) == sizes


def test_offsets_are_found_by_the_time_of_their_records(log, topic):
    write(log, topic, b"a", b"b", key=b"k")
    time.sleep(0.01)  # so that the next is a millisecond younger, at least
    write(log, topic, b"c", key=b"k")
    home = TopicPartition(topic, partition_for(b"k", 4))
    with closing(log.consumer(topic, [topic])) as consumer:
        first, _, last = read(consumer, 3)
        others = dict.fromkeys(consumer.assigned() - {home}, 0)
        for moment_ms, offset in [(0, 0), (first.timestamp_ms, 0), (last.timestamp_ms, 2)]:
            assert consumer.offsets_at(moment_ms) == {home: offset, **others}
        assert consumer.offsets_at(last.timestamp_ms + 1) == {home: 3, **others}


def test_a_consumer_that_was_paused_from_the_start_can_be_sent_back(log, topic):
    write(log, topic, b"a", b"b", b"c", key=b"k")
    home = TopicPartition(topic, partition_for(b"k", 4))
    with closing(log.consumer(topic, [topic])) as consumer:
        consumer.commit(after(read(consumer, 3)))
    with closing(log.consumer(topic, [topic])) as consumer:
        consumer.pause()
        (seen,) = run(consumer, until=lambda _: bool(consumer.assigned()))
        assert (seen, consumer.positions()[home]) == ([], 3)
        consumer.commit({home: 1})
        consumer.rewind({home: 1})
        consumer.resume()
        assert values(read(consumer, 2)) == [b"b", b"c"]
    with closing(log.consumer(topic, [topic])) as consumer:
        assert values(read(consumer, 2)) == [b"b", b"c"]  # committed backwards


def test_a_paused_consumer_stays_a_member_past_the_poll_limit(place, kafka_topic):
    log, limit_s = place.impatient()
    topic = kafka_topic()
    with closing(log):
        write(log, topic, b"a", key=b"k")
        with closing(log.consumer(topic, [topic])) as consumer:
            read(consumer, 1)
            consumer.pause()
            write(log, topic, b"b", key=b"k")
            assignment, end = consumer.poll(0.1, 10).assignment, time.monotonic() + limit_s * 1.3
            while time.monotonic() < end:
                polled = consumer.poll(0.3, 10)
                assert (len(polled.records), polled.assignment) == (0, assignment)
            consumer.resume()
            assert values(read(consumer, 1)) == [b"b"]
            assert consumer.poll(0, 1).assignment == assignment


# Groups of more than one


def test_members_share_the_partitions_and_miss_nothing(log, topic):
    everything = {b"%d" % n for n in range(60)}

    def seen_all(records) -> bool:
        return {record.value for record in records} == everything

    with closing(log.consumer(topic, [topic])) as one, closing(log.consumer(topic, [topic])) as two:
        write(log, topic, *sorted(everything)[:30])
        run(one, two, until=lambda _: len(one.assigned()) == len(two.assigned()) == 2)
        assert not one.assigned() & two.assigned()
        shared = one.poll(0, 1).assignment
        two.close()  # has committed nothing
        write(log, topic, *sorted(everything)[30:])
        (records,) = run(one, until=seen_all)
        assert len(one.assigned()) == 4
        assert one.poll(0, 1).assignment != shared
        assert {record.partition for record in records} == {0, 1, 2, 3}


def test_a_kept_partition_starts_again_at_its_committed_offset(log, topic):
    for number in range(4):
        with closing(log.producer()) as producer:
            producer.send([Message(topic, b"%d" % n, partition=number) for n in range(3)])
    with closing(log.consumer(topic, [topic])) as one:
        records = read(one, 12)
        one.commit({TopicPartition(topic, number): 1 for number in range(4)})
        with closing(log.consumer(topic, [topic])) as two:
            again, others = run(one, two, until=lambda seen: len(seen) >= 8)
    assert Counter(values(again + others)) == {b"1": 4, b"2": 4}
    assert len(records) == 12


def test_a_commit_for_a_lost_partition_is_no_error_and_changes_nothing(log, topic):
    write(log, topic, *[b"x"] * 40)
    with closing(log.consumer(topic, [topic])) as one:
        records = read(one, 40)
        with closing(log.consumer(topic, [topic])) as two:
            run(one, two, until=lambda _: len(one.assigned()) == len(two.assigned()) == 2)
            lost = two.assigned()
            one.commit(after(records))
    with closing(log.consumer(topic, [topic])) as heir:
        left = read(heir, 20)
    assert {at(record) for record in left} == lost


# Trouble


def test_a_restart_loses_nothing(log, topic, place):
    write(log, topic, b"a", b"b", key=b"k")
    with closing(log.consumer(f"{topic}.witness", [topic])) as witness:
        witness.commit(after(read(witness, 2)))
        with closing(log.consumer(topic, [topic])) as consumer:
            consumer.commit(after(read(consumer, 2)[:1]))
        with closing(place.restart(log)) as again:
            write(again, topic, b"c", key=b"k")
            with closing(again.consumer(topic, [topic])) as consumer:
                records = read(consumer, 2)
            if place.consumers_outlive_it:
                assert values(read(witness, 1)) == [b"c"]
            assert witness.healthy() == place.consumers_outlive_it
    assert values(records) == [b"b", b"c"]
    assert [record.offset for record in records] == [1, 2]


def test_sending_fails_while_the_log_is_away_and_works_again_afterwards(log, topic, place):
    with closing(log.producer()) as producer:
        producer.send([Message(topic, b"a", b"k")])
        with place.outage(), pytest.raises(UnavailableError):
            producer.send([Message(topic, b"perhaps", b"k")])
        for _ in range(20):  # a broker that comes back may need a moment
            try:
                producer.send([Message(topic, b"b", b"k")])
                break
            except UnavailableError:
                continue
        producer.send([Message(topic, b"c", b"k")])
    with closing(log.consumer(topic, [topic])) as consumer:
        (records,) = run(consumer, until=lambda seen: b"c" in values(seen))
    sure = [value for value in values(records) if value != b"perhaps"]
    assert (sure[0], sure[-1], set(sure)) == (b"a", b"c", {b"a", b"b", b"c"})


def test_a_consumer_says_that_the_log_is_away_and_goes_on_afterwards(log, topic, place, cannot):
    cannot(EmbeddedPlace, "a full disk can still be read")
    with closing(log.consumer(topic, [topic])) as consumer:
        run(consumer, until=lambda _: bool(consumer.assigned()) and consumer.healthy())
        with place.outage():
            run(consumer, until=lambda _: not consumer.healthy(), patience_s=place.patience_s)
            assert not consumer.poll(0.1, 10).records
        write(log, topic, b"x")
        run(consumer, until=lambda seen: b"x" in values(seen) and consumer.healthy())
