from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterable
from typing import Any

import cramjam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.counters import (
    APART_MS,
    FORGOTTEN_MS,
    HANDOVER_MS,
    UNCHANGED,
    CounterReader,
    Counters,
    Sample,
    read_line,
    sample_line,
)
from ingest.errors import InputError
from ingest.remote_write import (
    REQUEST_V2,
    WRITE_REQUEST,
    Point,
    Series,
    read_v1,
    read_v2,
    unpack,
)
from ingest.streams import CounterMapping

MINUTE, T0 = 60_000, 1_795_342_440_000
PAYMENTS = CounterMapping(
    "payments_total",
    "payments",
    match={"env": "prod|live"},
    status_label="result",
    words={"success": "ok"},
    segment={"area": "region"},
)
LABELS = {"__name__": "payments_total", "env": "prod", "result": "success", "region": "north"}


def written_v1(*series: Series) -> bytes:
    request = WRITE_REQUEST()
    for one in series:
        added = request.timeseries.add()
        for name, value in one.labels.items():
            added.labels.add(name=name, value=value)
        for at, reached, _ in one.samples:
            added.samples.add(timestamp=at, value=reached)
    return bytes(request.SerializeToString())


def written_v2(*series: Series) -> bytes:
    request, symbols = REQUEST_V2(), [""]
    for one in series:
        added = request.timeseries.add()
        for text in (text for pair in one.labels.items() for text in pair):
            symbols.append(text)
            added.labels_refs.append(len(symbols) - 1)
        for at, reached, since in one.samples:
            added.samples.add(timestamp=at, value=reached, start_timestamp=since)
    request.symbols.extend(symbols)
    return bytes(request.SerializeToString())


def sample(
    at_ms: int, value: float, replica: str = "a", series: str = "s", since_ms: int | None = None
) -> Sample:
    since = 0 if since_ms is None else T0 + since_ms
    return Sample(series, replica, T0 + at_ms, value, "payments", "ok", {}, since)


def events(samples: Iterable[Sample]) -> dict[str, dict[str, Any]]:
    """What is counted in the end: each id once."""
    return {name: event for name, event in told(samples).items() if event["status"] != UNCHANGED}


def told(samples: Iterable[Sample]) -> dict[str, dict[str, Any]]:
    """The same, with what only says that nothing rose."""
    counters = Counters()
    return {name: json.loads(line) for one in samples for name, line in counters.events(one)}


def counts(*samples: Sample) -> list[int]:
    return [event["count"] for event in events(samples).values()]


# --- The protocol -----------------------------------------------------------------------------


@pytest.mark.parametrize(("write", "read"), [(written_v1, read_v1), (written_v2, read_v2)])
def test_what_is_written_is_read(write, read):
    points = Point(T0, 1.0), Point(T0 + 15_000, 3.5)
    series = (Series(LABELS, points), Series({"__name__": "up"}, ()))
    packed = bytes(cramjam.snappy.compress_raw(write(*series)))
    assert tuple(read(unpack(packed, 10_000))) == series


def test_since_when_a_counter_counts_is_said_of_each_sample_or_of_the_series():
    series = Series(LABELS, (Point(T0, 1.0, T0 - 500), Point(T0 + 15_000, 3.5)))
    assert tuple(read_v2(written_v2(series))) == (series,)
    older = REQUEST_V2.FromString(written_v2(series))
    older.timeseries[0].created_timestamp = T0 - 900
    [found] = read_v2(older.SerializeToString())
    assert [p.since_ms for p in found.samples] == [T0 - 500, T0 - 900]


def test_a_body_that_unpacks_to_too_much_is_refused_before_it_is_unpacked():
    packed = bytes(cramjam.snappy.compress_raw(b"\0" * 1_000_000))
    with pytest.raises(InputError, match="1,000,000 bytes"):
        unpack(packed, 1000)


@given(st.binary(max_size=80))
@settings(deadline=None, max_examples=300)
def test_any_bytes_are_series_or_an_input_error(body):
    with contextlib.suppress(InputError):
        unpack(body, 10_000)
    for read in (read_v1, read_v2):
        with contextlib.suppress(InputError):
            for found in CounterReader([PAYMENTS]).samples(read(body)):
                assert read_line(sample_line(found)) == found


@given(
    st.binary(max_size=60)
    | st.dictionaries(st.sampled_from(Sample._fields), st.text() | st.integers()).map(
        lambda d: json.dumps(d).encode()
    )
)
@settings(deadline=None)
def test_any_line_is_a_sample_or_none(line):
    found = read_line(line)
    assert found is None or Counters().events(found) == []


# --- Which series count -----------------------------------------------------------------------


def read(labels, *samples, mappings=(PAYMENTS,)):
    points = tuple(Point(*one) for one in samples or ((T0, 1.0),))
    return list(CounterReader(mappings).samples([Series(labels, points)]))


def test_a_series_says_stream_status_and_segment():
    [found] = read(LABELS)
    assert (found.stream, found.status, found.segment) == ("payments", "ok", {"area": "north"})
    [declined] = read({**LABELS, "result": "declined"})
    assert declined.status == "declined" and declined.series != found.series
    assert read({k: v for k, v in LABELS.items() if k != "result"})[0].status == "ok"


def test_other_series_and_what_is_no_number_are_passed_over():
    assert read({**LABELS, "env": "production"}) == []
    assert read({**LABELS, "__name__": "other"}) == []
    stale = (T0, math.nan), (T0, math.inf), (T0, -1.0), (-5, 1.0)
    assert read(LABELS, *stale) == []


def test_replicas_are_the_same_series():
    one, other = ({**LABELS, "prometheus_replica": name} for name in ("a", "b"))
    [first], [second] = read(one), read(other)
    assert first.series == second.series and first.replica != second.replica


# --- What a counter rose by -------------------------------------------------------------------


def test_the_first_sample_is_where_it_stands_and_then_it_rises():
    found = events([sample(0, 1000), sample(15_000, 1003), sample(30_000, 1003)])
    [event] = found.values()
    assert (event["count"], event["stream"], event["status"]) == (3, "payments", "ok")
    assert event["at"] == "2026-11-22T10:14:15.000+00:00"


def test_a_restarted_program_begins_at_zero():
    assert counts(sample(0, 100), sample(15_000, 4), sample(30_000, 6)) == [4, 2]


def test_what_is_known_or_late_adds_nothing():
    samples = [sample(0, 10), sample(30_000, 12), sample(30_000, 12), sample(15_000, 11)]
    assert counts(*samples, sample(45_000, 13)) == [2, 1]


def test_a_counter_that_does_not_rise_says_so_once_a_minute():
    quiet = [sample(seconds * 1000, 7) for seconds in range(0, 181, 15)]
    found = list(told(quiet).values())
    assert [(e["status"], e["count"], e["at"][11:19]) for e in found] == [
        (UNCHANGED, 1, "10:15:00"),
        (UNCHANGED, 1, "10:16:00"),
        (UNCHANGED, 1, "10:17:00"),
    ]


def test_parts_of_a_unit_add_up():
    assert counts(sample(0, 0.4), sample(1, 0.9), sample(2, 1.1), sample(3, 3.0)) == [1, 2]


def test_a_rise_that_nobody_saw_lies_evenly_over_its_minutes():
    found = list(events([sample(0, 0), sample(10 * MINUTE, 25)]).values())
    assert [e["count"] for e in found] == [2, 3] * 5
    assert found[0]["at"] == "2026-11-22T10:15:00.000+00:00"
    assert found[-1]["at"] == "2026-11-22T10:24:00.000+00:00"
    assert len(events([sample(0, 0), sample(APART_MS, 25)])) == 1


def test_a_counter_not_heard_of_for_a_day_begins_anew():
    assert counts(sample(0, 0), sample(FORGOTTEN_MS + 1, 25)) == []


def test_a_counter_that_says_since_when_it_counts_counts_from_its_first_sample_on():
    """A rare status is a series of its own that begins with its first event."""
    assert counts(sample(0, 1, since_ms=-5_000), sample(15_000, 1), sample(30_000, 2)) == [1, 1]
    spread = list(events([sample(0, 25, since_ms=-10 * MINUTE)]).values())
    assert [e["count"] for e in spread] == [2, 3] * 5
    assert counts(sample(0, 25, since_ms=-FORGOTTEN_MS - 1)) == [], "too long ago to say when"


def test_a_restart_is_seen_by_its_beginning_where_the_value_hides_it():
    walk = [
        sample(0, 10, since_ms=-FORGOTTEN_MS - 1),
        sample(15_000, 12, since_ms=-FORGOTTEN_MS - 1),
        sample(30_000, 14, since_ms=16_000),
        sample(45_000, 15, since_ms=16_000),
    ]
    assert counts(*walk) == [2, 14, 1]


@pytest.mark.parametrize("ahead", [1_000, 20_000, 10 * MINUTE])
def test_a_clock_that_is_ahead_makes_no_restart(ahead):
    walk = [sample(n * 15_000, 100 + n, since_ms=ahead) for n in range(60)]
    assert sum(counts(*walk)) == 59


def test_one_replica_is_heard_and_the_other_once_it_is_silent():
    mixed = [sample(0, 10, "a"), sample(5_000, 10, "b"), sample(15_000, 12, "a")]
    # the clock of b is behind: its sample looks later and says less, which is no restart
    mixed += [sample(16_000, 11, "b"), sample(30_000, 15, "a")]
    assert counts(*mixed) == [2, 3]
    taken_over = [*mixed, sample(30_000 + HANDOVER_MS + 1, 21, "b"), sample(45_000, 16, "a")]
    assert sum(counts(*taken_over)) == 11, "cumulative: nothing is lost"


rises = st.lists(
    st.tuples(
        st.integers(1, 10 * MINUTE),  # later by so much
        st.integers(0, 50),  # and higher
        st.booleans(),  # after a restart
    ),
    min_size=1,
    max_size=30,
)


@given(rises, st.data())
@settings(deadline=None)
def test_whatever_is_repeated_or_read_again_counts_once(walk, data):
    at = value = truth = 0
    samples = [sample(0, 0)]
    for later, higher, restarted in walk:
        value = higher if restarted and higher <= value else value + higher
        fell = value < samples[-1].value
        truth += value if fell else value - int(samples[-1].value)
        at += later
        samples.append(sample(at, value))
    assert sum(e["count"] for e in events(samples).values()) == truth
    # batches again, as a sender repeats them
    first = data.draw(st.integers(0, len(samples) - 1))
    last = data.draw(st.integers(first, len(samples)))
    repeated = [*samples[:last], *samples[first:]]
    assert told(repeated) == told(samples)
    # a reader that starts somewhere: of what it knows it says the same as the first
    for name, event in told(samples[first:]).items():
        assert told(samples)[name] == event


@given(rises, st.integers(0, 5 * MINUTE), st.data())
@settings(deadline=None)
def test_since_when_counters_count_is_read_the_same_from_a_day_back(walk, before, data):
    """Whoever starts in the middle knows the same after one sample, if the counter goes on."""
    at, value, since = 0, 3, -before - 1
    samples = [sample(0, value, since_ms=since)]
    truth = value
    for later, higher, restarted in walk:
        since, value = (at + 1, higher) if restarted and later > 1 else (since, value + higher)
        truth += higher
        at += later
        samples.append(sample(at, value, since_ms=since))
    assert sum(e["count"] for e in events(samples).values()) == truth
    first = data.draw(st.integers(0, len(samples) - 1))
    again, whole = Counters(), Counters()
    said = [whole.events(one) for one in samples]
    assert [again.events(one) for one in samples[first:]][1:] == said[first + 1 :]
