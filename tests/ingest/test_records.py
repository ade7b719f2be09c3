"""Records in columns are the same records."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest.log import Record, TopicPartition
from ingest.records import Records
from tests.ingest.doubles import SIGNALS, TOPIC, home, record

_bytes = st.none() | st.binary(max_size=3)
_headers = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.binary(max_size=2)), max_size=2)
_record = st.builds(
    Record,
    st.sampled_from([TOPIC, SIGNALS, "other"]),
    st.integers(0, 3),
    st.integers(0, 2**50),
    st.integers(-1, 2**50),
    _bytes,
    _bytes,
    _headers.map(tuple),
)
_records = st.lists(_record, max_size=12)


@given(_records)
def test_each_record_is_what_it_was(records: Sequence[Record]):
    columns = Records.of(records)
    assert list(columns) == records == [columns[at] for at in range(len(columns))]
    assert Records.of(columns) is columns


@given(st.lists(_records, min_size=1, max_size=4))
def test_joined_batches_keep_their_order(parts: list[list[Record]]):
    joined = Records.joined([Records.of(part) for part in parts])
    assert list(joined) == [record for part in parts for record in part]
    assert len(set(joined.places)) == len(joined.places)


@given(_records, st.integers(0, 12), st.integers(0, 12))
def test_a_slice_holds_what_a_list_would(records, start, stop):
    assert list(Records.of(records)[start:stop]) == records[start:stop]


@given(_records)
def test_topics_part_records_without_losing_any(records):
    columns = Records.of(records)
    signals = columns.of_topics([SIGNALS])
    assert list(columns.chosen(signals)) == [r for r in records if r.topic == SIGNALS]
    assert list(columns.chosen(~signals)) == [r for r in records if r.topic != SIGNALS]


@given(_records)
def test_the_last_record_of_a_partition_is_the_last_in_order(records):
    last = {TopicPartition(r.topic, r.partition): r for r in records}
    assert Records.of(records).last() == last


def test_only_partitions_with_records_have_a_last_one():
    columns = Records.of([record(b"a", 3), record(b"b", 7, partition=1)])
    assert columns.chosen(np.array([True, False])).last() == {home(): record(b"a", 3)}


def test_a_tombstone_has_no_bytes():
    assert Records.of([record(b"abc"), record(None), record(b"")]).sizes.tolist() == [3, 0, 0]
