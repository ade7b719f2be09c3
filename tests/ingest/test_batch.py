"""Which minutes a batch touches, and what it tells about how events arrive."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.batch import HISTORY_HEADER, Channel, arrivals, merge_minutes, touched_minutes
from ingest.decode import decode
from ingest.log import Record
from ingest.records import Records
from ingest.sink import NO_DELAY, Arrival
from ingest.streams import IngestConfig
from tests.ingest.doubles import NOON, line, record

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
CONFIG = IngestConfig(salt=b"salt")


def arrive(
    records: Sequence[Record],
    received_at: datetime = NOON,
    newest: dict[Channel, int] | None = None,
) -> dict[str, Arrival]:
    """By stream."""
    columns = Records.of(records)
    events = decode(columns, CONFIG, received_at).events
    known = {} if newest is None else newest
    return {a.stream: a for a in arrivals(events, columns, received_at, known)}


def delay_s(records: Sequence[Record], received_at: datetime = NOON, stream: str = "payments"):
    delay = arrive(records, received_at)[stream].delay_ms
    return None if delay == NO_DELAY else delay / 1000


# minutes


def test_touched_minutes_are_unique_and_ascending_by_stream():
    lines = [
        line("a", NOON + 90 * SECOND),
        line("b", NOON),
        line("c", NOON + 61 * SECOND),
        line("d", NOON, stream="orders"),
    ]
    touched = touched_minutes(decode([record(b"\n".join(lines))], CONFIG, NOON).events)
    assert {stream: minutes.tolist() for stream, minutes in touched.items()} == {
        "payments": [naive(NOON), naive(NOON + 60 * SECOND)],
        "orders": [naive(NOON)],
    }


def test_nothing_touches_nothing():
    assert touched_minutes(decode([record(b"{")], CONFIG, NOON).events) == {}


_minutes = st.dictionaries(st.sampled_from("abc"), st.sets(st.integers(0, 20), min_size=1))


@given(_minutes, _minutes)
def test_merged_minutes_are_the_union(one, other):
    merged = merge_minutes(_arrays(one), _arrays(other))
    both = {name: one.get(name, set()) | other.get(name, set()) for name in one | other}
    assert {name: m.astype(int).tolist() for name, m in merged.items()} == {
        name: sorted(numbers) for name, numbers in both.items()
    }


def _arrays(sets):
    return {name: np.array(sorted(numbers), "datetime64[m]") for name, numbers in sets.items()}


def naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


# how events arrive


def test_the_delay_is_how_old_the_newest_event_was_when_the_log_got_it():
    value = b"\n".join([line("a", NOON - 9 * SECOND), line("b", NOON - 4 * SECOND)])
    (found,) = arrive([record(value, logged=NOON)], NOON + SECOND).values()
    assert (found.delay_ms, found.last_at) == (4000, NOON - 4 * SECOND)
    assert (found.last_received, found.received_minute) == (NOON + SECOND, NOON)


def test_a_backlog_of_ours_delays_no_source():
    records = [record(line("a", NOON - 2 * SECOND), logged=NOON)]
    assert delay_s(records, NOON + 5 * HOUR) == 2


def test_events_that_come_behind_newer_ones_are_late():
    late = [line("a", NOON), line("b", NOON - 30 * SECOND)]
    assert delay_s([record(value, n) for n, value in enumerate(late)]) == 30


def test_lateness_is_told_across_batches_and_within_a_partition():
    newest: dict[Channel, int] = {}
    arrive([record(line("a", NOON))], newest=newest)
    behind = line("b", NOON - 30 * SECOND)
    (other,) = arrive([record(behind, partition=1)], newest=newest).values()
    (same,) = arrive([record(behind, 1)], newest=newest).values()
    assert (other.delay_ms, same.delay_ms) == (30_000, 60_000)  # its age, and with its lateness


def test_history_by_its_header_tells_no_delay_and_spoils_none():
    old = record(line("a", NOON - 3 * HOUR, stream="orders"), 0, headers=(HISTORY_HEADER,))
    older = record(line("b", NOON - 9 * HOUR), 1, headers=(HISTORY_HEADER,))
    live = record(line("c", NOON - 2 * SECOND), 2)
    found = arrive([old, older, live])
    assert found["orders"].delay_ms == NO_DELAY
    assert found["payments"].delay_ms == 2000


def test_history_by_its_age_tells_no_delay():
    assert delay_s([record(line("a", NOON - 25 * HOUR))]) == 25 * 3600
    assert delay_s([record(line("a", NOON - 27 * HOUR))]) is None


def test_an_old_event_among_live_ones_tells_no_delay():
    """As when somebody repeats what failed a month ago: the rest still comes in time."""
    old = [line("a", NOON - 2 * SECOND), line("b", NOON - 30 * 24 * HOUR)]
    assert delay_s([record(value, n) for n, value in enumerate(old)]) == 2


def test_an_event_of_the_near_future_has_no_delay():
    assert delay_s([record(line("a", NOON + 10 * SECOND))]) == 0


@pytest.mark.parametrize("ms", [-1, 0, 10**16])
def test_a_record_whose_time_cannot_be_counts_as_logged_when_it_was_read(ms):
    odd = record(line("a", NOON - 3 * SECOND))._replace(timestamp_ms=ms)
    assert delay_s([odd]) == 3


def test_streams_and_topics_arrive_apart():
    both = b"\n".join([line("a", NOON), line("b", NOON - 5 * SECOND, stream="orders")])
    found = arrive([record(both)])
    assert (found["payments"].delay_ms, found["orders"].delay_ms) == (0, 5000)
